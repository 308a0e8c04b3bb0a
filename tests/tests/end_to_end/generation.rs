//! Generated images against a reference: every protocol against the Python tools' own parts, stored features, statistics
//! files and their provenance, and the metrics on feature files.
//!
//! The network is the tiny random one of `tests/golden/random-inception-tiny`; ONNX Runtime comes from the store
//! (`cargo run --release -- fetch starter` brings it).

use crate::program::{Finished, json, library, repository, retally, run, text, write_f32};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use tempfile::TempDir;

/// Two folders of emoji, split as `tests/parity/generation_tiny.py` splits them, and a store of its own for features.
struct Workbench {
    folder: TempDir,
}

impl Workbench {
    /// The first `most` images of both sides.
    fn new(most: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, images) in ["reference", "samples"].iter().zip(emoji()) {
            let side = folder.path().join(name);
            fs::create_dir(&side).unwrap();
            for (key, bytes) in images.iter().take(most) {
                fs::write(side.join(format!("{key}.png")), bytes).unwrap();
            }
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Finished {
        let mut command = retally(&["--onnxruntime", library()]);
        command.args(arguments).env("RETALLY_HOME", self.folder.path().join("home"));
        command.current_dir(self.folder.path());
        Finished::of(&mut command)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.command(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    }

    fn refused(&self, arguments: &[&str], code: i32, part: &str) {
        let finished = self.command(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, code, "{finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

/// Keys and bytes of the reference and of the samples, in the order of the archive.
fn emoji() -> [Vec<(String, Vec<u8>)>; 2] {
    let file = fs::File::open(repository().join("suites/starter/noto-emoji.tar")).unwrap();
    let mut images = Vec::new();
    let mut classes = BTreeMap::new();
    for entry in tar::Archive::new(file).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let (key, ending) = name.rsplit_once('.').unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        match ending {
            "png" => images.push((key.to_owned(), bytes)),
            _ => drop(classes.insert(key.to_owned(), String::from_utf8(bytes).unwrap())),
        }
    }
    let mut names: Vec<&String> = classes.values().collect();
    names.sort();
    names.dedup();
    let is_sample =
        |key: &String| names.iter().position(|name| **name == classes[key]).unwrap() % 2 == 1;
    let (samples, reference) = images.into_iter().partition(|(key, _)| is_sample(key));
    [reference, samples]
}

fn network() -> String {
    let path = "tests/golden/random-inception-tiny/random-inception-tiny.onnx";
    text(&repository().join(path)).to_owned()
}

fn measurement<'a>(document: &'a Value, metric: &str) -> &'a Value {
    let measurements = document["measurements"].as_array().unwrap();
    measurements
        .iter()
        .find(|measurement| measurement["metric"] == metric)
        .unwrap_or_else(|| panic!("no `{metric}` in {document}"))
}

fn value(document: &Value, metric: &str) -> f64 {
    measurement(document, metric)["value"].as_f64().unwrap()
}

fn assert_near(found: f64, expected: f64, relative: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs();
    assert!(error <= relative, "{what}: {found}, expected {expected}, relative error {error:e}");
}

/// The recorded numbers come from the tools' own resizes and scores. On the processor of the record they are equal to 4e-13;
/// on another one ONNX Runtime sums in another order, features differ by some 1e-6, and a distance of 0.1 between sums of
/// 2 keeps four digits.
#[test]
fn every_protocol_gives_what_its_tool_gives() {
    let recorded = repository().join("tests/parity/generation_tiny.json");
    let recorded: Value = serde_json::from_str(&fs::read_to_string(recorded).unwrap()).unwrap();
    let bench = Workbench::new(usize::MAX);
    let model = network();
    for (protocol, expected) in recorded["protocols"].as_object().unwrap() {
        let mut arguments = vec![
            "score",
            "generation",
            "reference",
            "samples",
            "--protocol",
            protocol,
            "--model",
            &model,
        ];
        if protocol == "torch-fidelity" {
            arguments.extend(["--output", "vgg16_fc2=pool3"]);
        }
        let document = bench.json(&arguments);
        for (metric, expected) in expected.as_object().unwrap() {
            let found = value(&document, metric);
            assert_near(found, expected.as_f64().unwrap(), 1e-4, &format!("{protocol}, {metric}"));
        }
        assert_eq!(document["record"]["protocol"], format!("{protocol}/1"));
        assert_eq!(document["record"]["reference"]["count"], recorded["images"]["reference"]);
        assert_eq!(document["record"]["samples"]["count"], recorded["images"]["samples"]);
        // The network is random, and says so.
        assert_eq!(document["record"]["network"]["published_weights"], false);
        assert!(document["record"]["notes"].to_string().contains("random, not trained"));
        let interval = &measurement(&document, "FID")["interval"];
        assert!(interval["low"].as_f64().unwrap() < value(&document, "FID"), "{interval}");
    }
}

#[test]
fn features_are_stored_by_content_and_change_no_number() {
    let bench = Workbench::new(20);
    let model = network();
    let arguments =
        ["score", "fid", "reference", "samples", "--protocol", "adm", "--model", &model];
    let first = bench.json(&arguments);
    assert_eq!(first["record"]["network"]["sessions"].as_array().unwrap().len(), 2);
    // Stored features need no session; another folder name and another number of threads are the same content.
    fs::rename(bench.path("samples"), bench.path("renamed")).unwrap();
    let again = bench.json(&[
        "score",
        "fid",
        "reference",
        "renamed",
        "--protocol",
        "adm",
        "--model",
        &model,
        "--threads",
        "1",
    ]);
    assert_eq!(again["record"]["network"]["sessions"].as_array().unwrap().len(), 0);
    assert_eq!(first["measurements"], again["measurements"]);
    // A damaged file is noticed and computed again.
    let home = bench.folder.path().join("home/features");
    let stored: Vec<PathBuf> =
        fs::read_dir(&home).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(stored.len(), 2);
    let mut bytes = fs::read(&stored[0]).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&stored[0], bytes).unwrap();
    let finished = bench.command(&[
        "score",
        "fid",
        "reference",
        "renamed",
        "--protocol",
        "adm",
        "--model",
        &model,
    ]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stderr.contains("is damaged"), "{finished:?}");
    // The same set on both sides is at distance 0.
    let same = bench.json(&[
        "score",
        "fid",
        "reference",
        "reference",
        "--protocol",
        "adm",
        "--model",
        &model,
        "--quick",
    ]);
    assert!(value(&same, "FID").abs() < 1e-9, "{same}");
}

#[test]
fn statistics_take_the_place_of_their_images_and_know_where_they_come_from() {
    let bench = Workbench::new(160);
    let model = network();
    let written = bench.json(&[
        "stats",
        "reference",
        "--protocol",
        "adm",
        "--model",
        &model,
        "--out",
        "ref.npz",
        "--keep-images",
        "40",
    ]);
    assert_eq!(written["dimensions"], 128);
    assert_eq!(written["spatial_dimensions"], 2023);
    assert_eq!(written["kept_images"], 40);
    let images = bench.json(&[
        "score",
        "generation",
        "reference",
        "samples",
        "--protocol",
        "adm",
        "--model",
        &model,
        "--quick",
    ]);
    let statistics = bench.json(&[
        "score",
        "generation",
        "ref.npz",
        "samples",
        "--protocol",
        "adm",
        "--model",
        &model,
        "--quick",
    ]);
    // 160 rows, 128 dimensions: both ways to the trace; sFID's statistics are of low rank.
    assert_near(value(&statistics, "FID"), value(&images, "FID"), 1e-9, "FID");
    assert_near(value(&statistics, "sFID"), value(&images, "sFID"), 1e-7, "sFID");
    assert_eq!(statistics["record"]["reference"]["made_by"], "adm/1");
    // As ADM does, the images beside the statistics are the reference of recall.
    assert_eq!(measurement(&statistics, "recall")["n"], 40);
    assert_eq!(measurement(&images, "recall")["n"], 160);

    let other = [
        "score",
        "fid",
        "ref.npz",
        "samples",
        "--protocol",
        "pytorch-fid",
        "--model",
        &model,
        "--quick",
    ];
    bench.refused(&other, 2, "not comparable");
    let forced = bench.json(&[&other[..], &["--force"]].concat());
    assert_eq!(forced["record"]["comparable"], false);
    assert!(!forced["record"]["differences"].as_array().unwrap().is_empty());
    let shown = bench.command(&[&other[..], &["--force"]].concat());
    assert!(shown.stdout.contains("NOT COMPARABLE"), "{shown:?}");

    // Without the file beside them, their origin is unknown, and said to be.
    fs::remove_file(bench.path("ref.npz.json")).unwrap();
    let unknown = bench.json(&[
        "score",
        "fid",
        "ref.npz",
        "samples",
        "--protocol",
        "adm",
        "--model",
        &model,
        "--quick",
    ]);
    let notes = unknown["record"]["notes"].to_string();
    assert!(notes.contains("nothing says by which protocol"), "{notes}");
    assert!(unknown["record"]["comparable"].is_null());
    assert_eq!(statistics["record"]["comparable"], true);
}

#[test]
fn what_cannot_be_scored_is_refused_with_advice() {
    let bench = Workbench::new(4);
    let model = network();
    let fid = |further: &[&'static str]| {
        let mut arguments = vec!["score", "fid", "reference", "samples"];
        arguments.extend(further);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |arguments: &[String], part: &str| {
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--model", &model]);
        bench.refused(&arguments, 2, part);
    };
    refused(&fid(&["--protocol", "fid"]), "adm, clean-fid");
    refused(&fid(&["--protocol", "encoder"]), "manifest");
    refused(&fid(&["--protocol", "adm", "--output", "pool=x"]), "has no part `pool`");
    refused(&fid(&["--protocol", "adm", "--output", "pool3=x"]), "has no tensor `x`");
    refused(&fid(&["--protocol", "adm", "--tap", "x"]), "--tap is for --protocol encoder");
    bench.refused(
        &["score", "fid", "reference", "samples", "--protocol", "adm"],
        2,
        "say with --model",
    );
    bench.refused(
        &["score", "fid", "reference", "nowhere", "--protocol", "adm", "--model", &model],
        2,
        "nowhere",
    );
    bench.refused(
        &["stats", "reference", "--protocol", "adm", "--model", &model, "--out", "ref.txt"],
        2,
        ".npz",
    );
    bench.refused(
        &["stats", "reference", "--protocol", "adm", "--model", &model, "--out", "no/ref.npz"],
        2,
        "no folder",
    );
    refused(&fid(&["--protocol", "adm", "--batch", "257"]), "a batch of 257 images");
    refused(
        &fid(&["--protocol", "adm", "--output", "pool3=pool3", "--output", "pool3=logits"]),
        "given twice",
    );
    // An output that is no row of features.
    let map =
        ["score", "fid", "reference", "samples", "--protocol", "clean-fid", "--model", &model];
    bench.refused(&[&map[..], &["--output", "pool3=Mixed_7c"]].concat(), 2, "one row of features");
    // Images of two sizes do not go into one file, which is found out before any is computed.
    fs::create_dir(bench.path("mixed")).unwrap();
    for (name, side) in [("a.png", 8), ("b.png", 9)] {
        let image = image::RgbImage::new(side, side);
        image.save(bench.folder.path().join("mixed").join(name)).unwrap();
    }
    bench.refused(
        &[
            "stats",
            "mixed",
            "--protocol",
            "adm",
            "--model",
            &model,
            "--out",
            "m.npz",
            "--keep-images",
            "2",
        ],
        2,
        "must have one size",
    );
    // A broken image is named.
    fs::write(bench.folder.path().join("samples/zzz.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
    bench.refused(&map, 2, "zzz.png");
}

/// Words that would be ignored are mistakes, and statistics of another protocol do not pass under this one's name.
#[test]
fn statistics_alone_need_no_network_and_take_none() {
    let bench = Workbench::new(40);
    let model = network();
    for (side, out) in [("reference", "a.npz"), ("samples", "b.npz")] {
        bench.json(&["stats", side, "--protocol", "pytorch-fid", "--model", &model, "--out", out]);
    }
    let scored = bench.json(&["score", "fid", "a.npz", "b.npz", "--protocol", "pytorch-fid"]);
    let notes = scored["record"]["notes"].to_string();
    assert!(notes.contains("without the published weights"), "{notes}");
    assert_eq!(measurement(&scored, "FID")["n"], 40);
    let direct = bench.json(&["score", "frechet", "--reference", "a.npz", "--samples", "b.npz"]);
    assert_eq!(value(&direct, "FD"), value(&scored, "FID"));
    assert_eq!(measurement(&direct, "FD")["n"], 40);
    bench.refused(&["score", "fid", "a.npz", "b.npz", "--protocol", "adm"], 2, "not comparable");
    bench.refused(
        &["score", "fid", "a.npz", "b.npz", "--protocol", "pytorch-fid", "--model", &model],
        2,
        "leave --model out",
    );
    bench.json(&["stats", "samples", "--protocol", "adm", "--model", &model, "--out", "c.npz"]);
    let mixed = ["score", "frechet", "--reference", "a.npz", "--samples", "c.npz"];
    bench.refused(&mixed, 2, "not comparable");
    let forced = bench.json(&[&mixed[..], &["--force"]].concat());
    assert!(forced["notes"].to_string().contains("NOT COMPARABLE"), "{forced}");
}

/// Any encoder of a manifest, by its own preprocessing: the starter's MobileNetV2, which `fetch starter` brings.
#[test]
fn an_encoder_of_a_manifest_is_scored_by_its_own_preprocessing() {
    let bench = Workbench::new(12);
    let score = |further: &[&str]| {
        let mut arguments = vec!["score", "generation", "reference", "samples"];
        arguments.extend(["--protocol", "encoder", "--model", "mobilenetv2", "--json"]);
        arguments.extend(further);
        // The model is in the default store, so features go there, too.
        let mut command = retally(&arguments);
        Finished::of(command.current_dir(bench.folder.path()))
    };
    let last = score(&[]);
    assert_eq!(last.code, 0, "{last:?}");
    let document = last.json();
    assert!(value(&document, "FD") > 0.0);
    assert!(document["record"]["network"]["preprocessing"].as_str().unwrap().contains("bicubic"));
    assert_eq!(measurement(&document, "KID")["absence"]["reason"], "too-few-samples");
    let named = score(&["--tap", "block-13"]).json();
    assert_eq!(value(&named, "FD"), value(&document, "FD"), "the last tap is the default");
    let other = score(&["--tap", "block-07"]).json();
    assert_ne!(value(&other, "FD"), value(&document, "FD"));
    assert_eq!(score(&["--tap", "block-99"]).code, 2);
    assert_eq!(score(&["--output", "features=x"]).code, 2);
}

/// Killed in the middle: what is stored is not computed again, and the numbers are the same.
#[test]
fn a_killed_score_goes_on_where_it_was() {
    let bench = Workbench::new(usize::MAX);
    let model = network();
    let arguments = [
        "score",
        "fid",
        "reference",
        "samples",
        "--protocol",
        "clean-fid",
        "--model",
        &model,
        "--quick",
    ];
    let mut command = retally(&["--onnxruntime", library()]);
    command.args(arguments).env("RETALLY_HOME", bench.folder.path().join("home"));
    let mut child = command.current_dir(bench.folder.path()).spawn().unwrap();
    let features = bench.folder.path().join("home/features");
    let stored = || {
        let entries = fs::read_dir(&features).into_iter().flatten();
        entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some()).count()
    };
    while stored() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(stored() > 0);
    let resumed = bench.json(&arguments);
    let fresh = Workbench::new(usize::MAX).json(&arguments);
    assert_eq!(resumed["measurements"], fresh["measurements"]);
}

/// An image that changes while the command runs does not enter the store under the old one's name.
#[test]
fn an_image_that_changes_in_between_is_noticed() {
    let bench = Workbench::new(usize::MAX);
    let model = network();
    let mut command = retally(&["--onnxruntime", library()]);
    command.args(["score", "fid", "reference", "samples", "--protocol", "adm", "--model", &model]);
    command.args(["--json", "--threads", "1"]).stdout(std::process::Stdio::piped());
    command.env("RETALLY_HOME", bench.folder.path().join("home")).current_dir(bench.folder.path());
    let mut child = command.spawn().unwrap();
    // The last image is encoded long after all digests were taken: the first chunk is stored before.
    let features = bench.folder.path().join("home/features");
    while !features.exists() || fs::read_dir(&features).unwrap().next().is_none() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it stored anything");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let side = bench.folder.path().join("samples");
    let mut names: Vec<PathBuf> =
        fs::read_dir(side).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    fs::copy(&names[0], names.last().unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{document}");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains("has changed since the command began"), "{message}");
}

/// Rows of a simple formula, as portable as floating point is.
fn rows(count: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    (0..count * width).map(|_| next() + next() - next()).collect()
}

#[test]
fn feature_files_are_scored_without_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(format!("{name}.npy")));
    for (path, seed) in paths.iter().zip([1, 2]) {
        write_f32(path, &[1200, 6], &rows(1200, 6, seed));
    }
    let pair = ["--reference", text(&paths[0]), "--samples", text(&paths[1])];
    let score = |metric: &str, further: &[&str]| {
        json(&[&["score", metric], &pair[..], further].concat(), 0)
    };
    let frechet = score("frechet", &["--infinity", "--seed", "3"]);
    assert!(value(&frechet, "FD") > 0.0);
    assert!(
        measurement(&frechet, "FD")["interval"]["method"].as_str().unwrap().contains("jackknife")
    );
    for metric in ["FD bias (small sample)", "FD (bias-corrected)", "FD-infinity"] {
        assert!(measurement(&frechet, metric)["value"].is_f64(), "{frechet}");
    }
    assert_eq!(score("frechet", &["--quick"])["measurements"].as_array().unwrap().len(), 1);
    let kid = score("kid", &["--subsets", "10", "--subset-size", "20"]);
    assert!(value(&kid, "KID").abs() < 0.1 && value(&kid, "KID spread over subsets") > 0.0);
    assert!(measurement(&kid, "KID (all rows)")["interval"].is_object());
    let manifold = score("precision-recall", &["--k", "3"]);
    for metric in ["precision", "recall", "coverage"] {
        assert!((0.0..=1.0).contains(&value(&manifold, metric)), "{manifold}");
        assert_eq!(measurement(&manifold, metric)["unit"], "fraction");
    }
    assert!(value(&score("cmmd", &[]), "CMMD") >= 0.0);
    assert!(value(&score("mind", &["--directions", "32"]), "MIND") >= 0.0);
    let inception = |further: &[&str]| {
        json(&[&["score", "inception", "--logits", text(&paths[0])], further].concat(), 0)
    };
    let shuffled = inception(&["--splits", "10", "--order", "seeded:2020"]);
    assert!((1.0..=6.0).contains(&value(&shuffled, "IS")), "{shuffled}");
    assert!(value(&shuffled, "IS spread over splits") > 0.0);
    assert!(value(&inception(&["--split-size", "20"]), "IS") > 1.0);
    // Threads change no bit; 1,200 rows are several blocks and tiles.
    for metric in ["frechet", "kid", "precision-recall", "cmmd"] {
        let further: &[&str] = if metric == "kid" { &["--subset-size", "20"] } else { &[] };
        let one = score(metric, &[further, &["--threads", "1"]].concat());
        assert_eq!(one, score(metric, &[further, &["--threads", "2"]].concat()));
    }
}

#[test]
fn misfitting_feature_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write_f32(&path("six.npy"), &[9, 6], &rows(9, 6, 1));
    write_f32(&path("five.npy"), &[9, 5], &rows(9, 5, 1));
    write_f32(&path("one.npy"), &[1, 6], &rows(1, 6, 1));
    write_f32(&path("flat.npy"), &[6], &rows(1, 6, 1));
    write_f32(&path("nan.npy"), &[9, 6], &[f32::NAN; 54]);
    fs::write(path("cut.npz"), b"PK\x03\x04").unwrap();
    let refused = |metric: &str, samples: &str, further: &[&str], part: &str| {
        let (reference, samples) = (path("six.npy"), path(samples));
        let pair = ["--reference", text(&reference), "--samples", text(&samples), "--json"];
        let finished = run(&[&["score", metric], &pair[..], further].concat());
        assert_eq!(finished.code, 2, "{finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{metric} {samples:?}: `{part}` is not in: {message}");
    };
    for metric in ["frechet", "kid", "precision-recall", "cmmd", "mind"] {
        let further: &[&str] = if metric == "kid" { &["--subset-size", "2"] } else { &[] };
        refused(metric, "five.npy", further, "dimensions");
        refused(metric, "flat.npy", further, "one row a sample");
        refused(metric, "nan.npy", further, "NaN");
        refused(metric, "cut.npz", further, "cut.npz");
    }
    refused("frechet", "one.npy", &[], "at least 2");
    refused("kid", "six.npy", &[], "at least 1000");
    refused("precision-recall", "six.npy", &["--k", "0"], "k is 0");
}
