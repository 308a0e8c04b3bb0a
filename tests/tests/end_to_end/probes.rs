//! Probe protocols on a user's own files.

use crate::program::{json, run, text, write_f32, write_i64};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// 60 samples of three classes, each with columns of its own that are 1, in `shape` further axes.
fn write_data(folder: &Path, shape: &[u64]) -> [String; 4] {
    let names = ["x", "y", "xt", "yt"].map(|name| folder.join(format!("{name}.npy")));
    let row: usize = shape.iter().map(|&length| length as usize).product();
    let value = |sample: usize, column: usize| {
        if column % 4 == sample % 3 {
            return 1.0;
        }
        (sample * 7 % 11) as f32 * 0.01 + column as f32 * 0.001
    };
    let features: Vec<f32> =
        (0..60).flat_map(|sample| (0..row).map(move |column| value(sample, column))).collect();
    let labels: Vec<i64> = (0..60).map(|sample| 10 * (sample % 3)).collect();
    let shape: Vec<u64> = std::iter::once(60).chain(shape.iter().copied()).collect();
    write_f32(&names[0], &shape, &features);
    write_i64(&names[1], &labels);
    write_f32(&names[2], &shape, &features);
    write_i64(&names[3], &labels);
    names.map(|path| text(&path).to_owned())
}

fn arguments<'a>(files: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
    let [x, y, xt, yt] = files;
    let files = ["--train", x, "--train-labels", y, "--test", xt, "--test-labels", yt];
    ["score", "probe"].into_iter().chain(files).chain(more.iter().copied()).collect()
}

fn value(document: &Value, metric: &str) -> f64 {
    let measurements = document["measurements"].as_array().unwrap();
    let found = measurements.iter().find(|measurement| measurement["metric"] == metric);
    found.unwrap()["value"].as_f64().unwrap()
}

fn message(arguments: &[&str], code: i32) -> String {
    let finished = run(arguments);
    assert_eq!(finished.code, code, "{finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    let words = finished.stderr.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_protocol_separates_what_is_separable_and_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_data(folder.path(), &[4]);
    for (protocol, changes) in [
        ("mae-lars", &["--batch", "20", "--epochs", "40", "--base-rate", "200"][..]),
        ("ldae-lars", &["--batch", "20", "--epochs", "40", "--base-rate", "200"]),
        ("moco-v3-sgd", &["--batch", "20", "--epochs", "20"]),
        ("dinov2-linear", &["--batch", "20", "--epochs", "1"]),
        ("dinov2-logreg", &[]),
    ] {
        let more = [&["--protocol", protocol], changes].concat();
        let document = json(&arguments(&files, &more), 0);
        assert_eq!(value(&document, "accuracy"), 100.0, "{protocol}: {document}");
        let record = &document["probe"];
        assert_eq!(record["protocol"], format!("{protocol}/1"));
        assert_eq!(record["changed"].as_array().unwrap().len(), changes.len() / 2);
        let method = document["measurements"][0]["method"].as_str().unwrap();
        assert!(method.starts_with(&format!("{protocol}/1: ")), "{method}");
        assert!(!method.contains("TEST SET"), "{method}");
    }
    let document = json(&arguments(&files, &["--protocol", "knn"]), 0);
    assert_eq!(value(&document, "accuracy (k = 10)"), 100.0);
    let measurements = document["measurements"].as_array().unwrap();
    let absent: Vec<_> = measurements.iter().filter(|m| m["value"].is_null()).collect();
    assert!(absent.iter().any(|m| m["metric"] == "accuracy (k = 200)"), "{document}");
}

#[test]
fn threads_change_no_bit_and_the_original_choice_is_marked() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_data(folder.path(), &[4]);
    let protocol =
        ["--protocol", "mae-lars", "--batch", "16", "--epochs", "12", "--base-rate", "200"];
    let with = |more: &[&str]| {
        let mut document = json(&arguments(&files, &[&protocol, more].concat()), 0);
        document.as_object_mut().unwrap().remove("notes");
        document
    };
    let one = with(&["--threads", "1"]);
    assert_eq!(one, with(&["--threads", "3"]));
    let original = with(&["--as-original"]);
    let method = original["measurements"][0]["method"].as_str().unwrap();
    assert!(method.contains("THE BEST EPOCH ON THE TEST SET ITSELF"), "{method}");
    assert!(value(&original, "epoch") >= 1.0);
    assert!(value(&original, "accuracy") >= value(&one, "accuracy"));
}

#[test]
fn tokens_go_to_the_attentive_probe_and_views_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = write_data(folder.path(), &[3, 64]);
    let attentive = ["--protocol", "attentive", "--batch", "20", "--epochs", "15"];
    let document = json(&arguments(&tokens, &attentive), 0);
    assert_eq!(value(&document, "accuracy"), 100.0, "{document}");
    let refused = message(&arguments(&tokens, &["--protocol", "mae-lars", "--batch", "20"]), 2);
    assert!(refused.contains("3 views of each sample; a test set is one view"), "{refused}");

    // The same numbers as an axis of views and as rows.
    let axis = write_data(folder.path(), &[2, 4]);
    let protocol = ["--protocol", "moco-v3-sgd", "--batch", "20", "--epochs", "3"];
    fs::copy(&axis[0], folder.path().join("views.npy")).unwrap();
    let mut plain = write_data(folder.path(), &[4]);
    plain[0] = text(&folder.path().join("views.npy")).to_owned();
    let by_axis = json(&arguments(&plain, &protocol), 0);
    let rows: Vec<f32> = fs::read(&plain[0]).unwrap()[128..]
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    write_f32(Path::new(&plain[0]), &[120, 4], &rows);
    let by_rows = json(&arguments(&plain, &[&protocol[..], &["--views", "2"]].concat()), 0);
    assert_eq!(by_axis["measurements"], by_rows["measurements"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let files = write_data(folder.path(), &[4]);
    for (more, expected) in [
        (&["--protocol", "mae"][..], "there is no protocol `mae`; the protocols are: attentive,"),
        (
            &["--protocol", "mae-lars"],
            "batches of 16384 samples need at least as many train samples",
        ),
        (&["--protocol", "mae-lars", "--epochs", "5"], "the warm-up is 10, but must be shorter"),
        (&["--protocol", "knn", "--epochs", "5"], "--epochs 5 means nothing to protocol knn"),
        (
            &["--protocol", "moco-v3-sgd", "--attention-heads", "2"],
            "--attention-heads means nothing",
        ),
        (&["--protocol", "attentive", "--as-original"], "--as-original means nothing"),
        (&["--protocol", "attentive"], "[N, T, D]: T tokens a sample"),
        (&["--protocol", "moco-v3-sgd", "--views", "7"], "a multiple of 7 rows"),
        (&["--protocol", "mae-lars", "--kind", "knn"], "cannot be used with"),
        (&["--protocol", "knn", "--tolerance", "1"], "cannot be used with '--tolerance"),
        (&["--kind", "knn", "--tolerance", "1"], "--tolerance means nothing to --kind knn"),
        (&["--c", "1", "--tolerance", "0"], "the tolerance"),
        (&["--epochs", "5"], "--protocol"),
        (&["--protocol", "moco-v3-sgd", "--base-rate=-1"], "the rate is -1, but must be finite"),
    ] {
        let message = message(&arguments(&files, more), 2);
        assert!(message.contains(expected), "`{expected}` is not in: {message}");
    }
    let document =
        json(&arguments(&files, &["--protocol", "moco-v3-sgd", "--base-rate", "1e39"]), 0);
    let absence = &document["measurements"][0]["absence"];
    assert_eq!(absence["reason"], "diverged", "{document}");
}
