//! A scorer that is itself measured: answers with planted mistakes score what arithmetic on the list of mistakes says, in
//! every programmatic column of both protocols.

use crate::program::{json, text};
use serde_json::Value;

/// The measurement of a column, or of what stands beside the columns.
fn measured<'a>(document: &'a Value, protocol: &str, name: &str) -> &'a Value {
    let tasks = document["scores"].as_array().unwrap().iter();
    let of_protocol = tasks.filter(|scores| scores["protocol"] == protocol);
    of_protocol
        .flat_map(|scores| ["measurements", "diagnostics"].map(|list| &scores[list]))
        .flat_map(|list| list.as_array().unwrap())
        .find(|measured| measured["metric"] == name)
        .unwrap_or_else(|| panic!("{name} of {protocol} is missing"))
}

#[test]
fn planted_answers_score_what_arithmetic_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let data = path("data");
    json(&["instances", "uni-mmmu", "--seed", "2", "--count", "20", "--out", text(&data)], 0);
    for (p, seed) in [("0", "10"), ("0.1", "11"), ("0.5", "12")] {
        let out = path(&format!("answers-{p}"));
        let words = ["instances", "answers", text(&data), "--oracle", text(&out)];
        let report = json(&[&words[..], &["--corrupt", p, "--seed", seed]].concat(), 0);
        let scores = json(&["score", "uni-mmmu", text(&out), "--data", text(&data)], 0);
        let expected = report["expected"].as_array().unwrap();
        assert_eq!(expected.len(), 11);
        let mut between = 0;
        for row in expected {
            let column = row["column"].as_str().unwrap();
            // Words of sliding puzzles are scored as stored, and beside that after what moves.
            let names = match row["directions"].as_str() {
                Some("tile") => vec![column.replace('|', " tile|")],
                Some(_) => vec![column.to_owned(), column.replace('|', " empty|")],
                None => vec![column.to_owned()],
            };
            let percent = row["percent"].as_f64().unwrap();
            between += usize::from(percent > 0.0 && percent < 100.0);
            if p == "0" {
                assert_eq!(percent, if row["directions"] == "tile" { 0.0 } else { 100.0 });
            }
            for protocol in ["official", "fixed"] {
                for name in &names {
                    let measured = measured(&scores, protocol, name);
                    let value = measured["value"].as_f64().unwrap();
                    assert!(
                        (value - percent).abs() < 1e-9,
                        "{name}, {protocol}, p = {p}: {value}, and {percent} was planted"
                    );
                    assert_eq!(measured["n"], row["n"], "{name}, {protocol}, p = {p}");
                }
            }
        }
        // The planted values must be able to show a fault.
        assert!(p == "0" || between >= 8, "p = {p}: {expected:?}");
        for protocol in ["official", "fixed"] {
            let image = measured(&scores, protocol, "Jigsaw-I");
            assert!(image["value"].is_null() && image["absence"]["detail"].is_string());
        }
    }
}
