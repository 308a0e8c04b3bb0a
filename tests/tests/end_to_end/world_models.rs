//! `retally run iwm --world-model ID` and `--miniature`: a user's world models as the suite measures its own.
//!
//! The world models are the tiny ones of `tests/golden/tiny-world-models`, whose scores are known; ONNX Runtime comes from the
//! store (`cargo run --release -- fetch starter` brings it).

use crate::workbench::Workbench;
use serde_json::Value;
use std::fs;

const ORACLE: [&str; 2] = ["--world-model", "tiny-oracle"];
const IGNORANT: [&str; 2] = ["--world-model", "tiny-ignorant"];
const IMAGES: [&str; 4] = ["--data", "noto-emoji-32", "--limit", "3"];

fn bench() -> Workbench {
    Workbench::with("tiny-world-models/world-models.toml")
}

fn measurement<'a>(model: &'a Value, metric: &str) -> &'a Value {
    let all = model["measurements"].as_array().unwrap();
    all.iter().find(|measured| measured["metric"] == metric).unwrap()
}

fn value(model: &Value, metric: &str) -> f64 {
    measurement(model, metric)["value"].as_f64().unwrap()
}

#[test]
fn an_action_that_is_applied_is_told_from_one_that_is_ignored() {
    let bench = bench();
    let words = [&["run", "iwm", "--out", "run"], &ORACLE[..], &IGNORANT, &IMAGES].concat();
    let run = bench.json(&words);
    let dataset = &run["measurements"]["datasets"][0];
    assert_eq!(dataset["dataset"], "noto-emoji-32");
    assert_eq!(dataset["methods"]["MRR"], "retally-world-model-retrieval/1");
    let (oracle, ignorant) = (&dataset["models"][0], &dataset["models"][1]);
    assert_eq!(oracle["label"], "Tiny oracle of brightness");
    let chance = value(ignorant, "chance MRR");
    assert!((chance - 0.023_923_222_511_005).abs() < 1e-12);
    let (low, high) = {
        let interval = &measurement(ignorant, "MRR")["interval"];
        (interval["low"].as_f64().unwrap(), interval["high"].as_f64().unwrap())
    };
    assert!(low - 1e-12 <= chance && chance <= high + 1e-12, "[{low}, {high}]");
    assert!((value(ignorant, "MRR") - chance).abs() < 1e-12, "no views of these emoji are equal");
    assert!(value(oracle, "MRR") > 3.0 * chance, "{oracle}");
    assert_eq!(measurement(oracle, "MRR")["n"], 3 * 256);
    // Everything that decides the ranks is recorded.
    let record: Value = serde_json::from_str(&bench.read("run/run.json")).unwrap();
    assert_eq!(record["options"]["miniature"], true);
    let recorded = &record["world_models"][0];
    assert_eq!(recorded["retrieval"]["bank"], 256);
    assert_eq!(recorded["retrieval"]["ties"], "mid-rank");
    assert_eq!(recorded["augmentation"]["jitter"]["probability"], 1.0);
    assert_eq!(recorded["results"].as_array().unwrap().len(), 3);
    // The picture is a PNG file.
    let picture = fs::read(bench.path("run/pictures/retrieval-gallery.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
}

#[test]
fn a_run_measures_the_same_bytes_again() {
    let bench = bench();
    let words = [&["run", "iwm"], &ORACLE[..], &IMAGES].concat();
    bench.json(&[&words[..], &["--out", "first", "--threads", "1"]].concat());
    bench.json(&[&words[..], &["--out", "second", "--threads", "2"]].concat());
    assert_eq!(bench.read("first/measurements.json"), bench.read("second/measurements.json"));
    let picture = |run: &str| fs::read(bench.path(run).join("pictures/retrieval-gallery.png"));
    assert_eq!(picture("first").unwrap(), picture("second").unwrap());
    // What is there is not measured again.
    bench.json(&[&words[..], &["--out", "first"]].concat());
    let record: Value = serde_json::from_str(&bench.read("first/run.json")).unwrap();
    assert_eq!(record["world_models"][0]["sessions"], serde_json::json!([]));
    assert_eq!(bench.read("first/measurements.json"), bench.read("second/measurements.json"));
}

#[test]
fn options_of_the_retrieval_are_taken_and_told() {
    let bench = bench();
    let options = ["--retrieval", "bank=16", "--retrieval", "queries=4", "--images", "2"];
    let run =
        bench.json(&[&["run", "iwm", "--out", "run"], &ORACLE[..], &IMAGES, &options].concat());
    let dataset = &run["measurements"]["datasets"][0];
    assert_eq!(dataset["methods"]["MRR"], "retally-world-model-retrieval/1 with other options");
    let mrr = measurement(&dataset["models"][0], "MRR");
    assert_eq!(mrr["n"], 2 * 4);
    assert!(mrr["method"].as_str().unwrap().contains("the first 4 members queries, bank of 16"));
    let record: Value = serde_json::from_str(&bench.read("run/run.json")).unwrap();
    assert_eq!(record["world_models"][0]["retrieval"]["queries"]["first"], 4);
}

#[test]
fn a_dry_run_says_what_would_be_measured() {
    let bench = bench();
    let plan = bench.json(&[&["run", "iwm", "--dry-run"], &ORACLE[..], &IMAGES].concat());
    assert_eq!(plan["parts"][0]["dataset"], "noto-emoji-32");
    let work = plan["parts"][0]["work"][0].as_str().unwrap();
    assert!(work.contains("tiny-oracle") && work.contains("256 views"), "{work}");
    assert!(!bench.path("retally-out").exists());
}

#[test]
fn world_models_are_listed() {
    let bench = bench();
    let list = bench.json(&["list", "world-models"]);
    let all = list["world_models"].as_array().unwrap();
    let oracle = all.iter().find(|model| model["id"] == "tiny-oracle").unwrap();
    assert_eq!(oracle["conditioning"], "feature");
    assert_eq!(oracle["tokens"], 16);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let bench = bench();
    let cases: [(&[&str], &str); 9] = [
        (&["run", "starter", "--miniature"], "suite `starter` has no miniature"),
        (&["run", "iwm", "--world-model", "tiny-oracel"], "did you mean `tiny-oracle`"),
        (&["run", "iwm", "--miniature", "--data", "mnist"], "--data goes with --world-model"),
        (&["run", "iwm", "--world-model", "tiny-oracle", "--data", "none"], "there is no dataset"),
        (
            &["run", "iwm", "--world-model", "tiny-oracle", "--data", "a", "--data", "b"],
            "give --data once",
        ),
        (&["run", "iwm", "--miniature", "--retrieval", "distance=l1"], "expected `l2` or `cosine`"),
        (&["run", "iwm", "--miniature", "--retrieval", "bank=1"], "a bank of 1 ranks nothing"),
        (&["run", "starter", "--images", "3"], "add --miniature or --world-model ID"),
        (&["run", "iwm", "--miniature", "--generator", "noto-flow"], "cannot be used with"),
    ];
    for (arguments, part) in cases {
        bench.refused(arguments, 2, part);
    }
}
