//! `retally run SUITE --generator ID`: samples that are scored and forgotten, and the row of a table that they fill.
//!
//! The generators are the tiny random ones of `tests/golden/tiny-generators`, the network that scores them is the tiny
//! random one of `tests/golden/random-inception-tiny`; ONNX Runtime comes from the store (`cargo run --release -- fetch starter`
//! brings it).

use crate::program::{repository, text};
use crate::workbench::Workbench;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// How the tests score: the words after the suite.
const SCORED: [&str; 6] =
    ["--generator", "tiny-flow", "--protocol", "torch-fidelity", "--samples", "20"];

fn bench() -> Workbench {
    Workbench::with("tiny-generators/generators.toml")
}

impl Workbench {
    /// A run of the starter with the tiny network.
    fn run(&self, more: &[&str]) -> Value {
        let network = network();
        self.json(&[&["run", "starter", "--network", text(&network)], &SCORED[..], more].concat())
    }

    fn measurements(&self, run: &str) -> String {
        self.read(&format!("{run}/measurements.json"))
    }

    /// Files of stored samples by their extension.
    fn stored(&self, extension: &str) -> usize {
        let runs = fs::read_dir(self.path("home/samples")).unwrap();
        let files = runs.flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap());
        files
            .filter(|file| {
                file.as_ref().unwrap().path().extension().is_some_and(|e| e == extension)
            })
            .count()
    }
}

fn network() -> PathBuf {
    repository().join("tests/golden/random-inception-tiny/random-inception-tiny.onnx")
}

fn value(measurements: &Value, metric: &str) -> f64 {
    let all = measurements.as_array().unwrap();
    let found = all.iter().find(|measured| measured["metric"] == metric);
    found.unwrap_or_else(|| panic!("no {metric} in {measurements}"))["value"].as_f64().unwrap()
}

#[test]
fn a_run_measures_what_sampling_and_scoring_measure() {
    let bench = bench();
    let run = bench.run(&["--out", "run"]);
    let datasets = run["measurements"]["datasets"].as_array().unwrap();
    assert_eq!(datasets.len(), 1, "the starter's encoders are not run");
    assert_eq!(datasets[0]["dataset"], "noto-emoji-32");
    let model = &datasets[0]["models"][0];
    assert_eq!(
        (model["key"].as_str(), model["label"].as_str()),
        (Some("tiny-flow"), Some("tiny random flow"))
    );
    // The weights are random, so that nothing published compares, and the method says so.
    let method = datasets[0]["methods"]["gFID"].as_str().unwrap();
    assert_eq!(method, "torch-fidelity/1 without the published weights");
    // The images are gone, their digests are not.
    assert_eq!((bench.stored("safetensors"), bench.stored("digests")), (0, 1));

    bench.json(&["sample", "tiny-flow", "--count", "20", "--seed", "0", "--out", "samples.npz"]);
    let reference = repository().join("suites/starter/noto-emoji-32.npz");
    let network = network();
    let scored = bench.json(&[
        "score",
        "generation",
        text(&reference),
        "samples.npz",
        "--protocol",
        "torch-fidelity",
        "--model",
        text(&network),
    ]);
    for (of_run, of_score) in [("gFID", "FID"), ("IS", "IS")] {
        let (own, other) =
            (value(&model["measurements"], of_run), value(&scored["measurements"], of_score));
        assert_eq!(own, other, "{of_run}");
    }
}

#[test]
fn started_again_a_run_samples_nothing_and_measures_the_same_bytes() {
    let bench = bench();
    bench.run(&["--out", "first"]);
    // Without the tiny generator's file nothing could be sampled any more; the second run does not need to.
    let again = bench.run(&["--out", "second", "--threads", "1"]);
    assert_eq!(bench.measurements("first"), bench.measurements("second"));
    let record: Value =
        serde_json::from_slice(&fs::read(bench.path("second/run.json")).unwrap()).unwrap();
    assert_eq!(record["generators"][0]["sampled"], 0);
    assert!(again["report"].as_str().unwrap().ends_with("report.html"));
    let page = fs::read_to_string(bench.path("second/report.html")).unwrap();
    assert!(page.contains("tiny random flow"), "the generator's row is not in the report");
    // Another seed is another set of samples.
    bench.run(&["--out", "third", "--seed", "1"]);
    assert_ne!(bench.measurements("first"), bench.measurements("third"));
}

#[test]
fn images_are_kept_when_asked_for() {
    let bench = bench();
    bench.run(&["--out", "run", "--keep-images"]);
    assert_eq!(bench.stored("safetensors"), 3, "chunks of 8, 8 and 4 images");
    bench.json(&["sample", "tiny-flow", "--count", "20", "--seed", "0", "--out", "samples.npz"]);
    let kept = fs::read(bench.path("run/tiny-flow.npz")).unwrap();
    assert_eq!(kept, fs::read(bench.path("samples.npz")).unwrap());
    assert!(bench.path("run/tiny-flow.png").exists());
}

#[test]
fn a_dry_run_says_what_would_be_sampled() {
    let bench = bench();
    let plan = bench.run(&["--dry-run"]);
    assert_eq!(plan["generators"], serde_json::json!([["tiny-flow", 20]]));
    assert!(!bench.path("home/samples").exists());
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let bench = bench();
    let network = network();
    let network = text(&network);
    let cases: [(&[&str], i32, &str); 8] = [
        (&["run", "starter", "--generator", "tiny-flwo"], 2, "did you mean `tiny-flow`"),
        (&["run", "starter", "--samples", "5"], 2, "--samples is about generators"),
        (&["run", "starter", "--network", network], 2, "--network is about generators"),
        (
            &["run", "starter", "--generator", "tiny-flow", "--generator", "tiny-flow"],
            2,
            "given twice",
        ),
        (
            &["run", "starter", "--generator", "tiny-flow", "--protocol", "adm"],
            2,
            "say with --network which one",
        ),
        (
            &["run", "starter", "--generator", "tiny-flow", "--data", "mnist"],
            2,
            "--data is the images of encoders",
        ),
        (
            &["run", "starter", "--generator", "tiny-flow", "--reference", "nothing"],
            2,
            "there is no dataset `nothing`",
        ),
        (&["run", "irepa", "--generator", "tiny-flow", "--network", network], 2, "imagenet-256"),
    ];
    for (arguments, code, part) in cases {
        bench.refused(arguments, code, part);
    }
}
