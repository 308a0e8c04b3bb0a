//! The patch PCA tokenizer through the real program: a basis of the shipped 32-pixel emoji, its errors, its pictures, and the
//! tokenizer as an encoder of a suite.

use crate::program::{json, repository, retally, run, text};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

/// 1,045 images of 32 x 32 pixels.
fn images() -> PathBuf {
    repository().join("suites/starter/noto-emoji-32.npz")
}

/// A basis of patches of 4 x 4 pixels: 48 numbers.
fn fit(out: &Path, more: &[&str]) -> Value {
    let images = images();
    let mut arguments =
        vec!["tokenizer", "fit", text(&images), "--size", "32", "--patch", "4", "--out", text(out)];
    arguments.extend(more);
    json(&arguments, 0)
}

fn fitted() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pca.npz");
    let report = fit(&path, &[]);
    assert_eq!((&report["dimensions"], &report["patches"]), (&48.into(), &(1045 * 64).into()));
    (folder, path)
}

#[test]
fn threads_change_no_byte_of_a_basis() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        fit(&path, more);
        (fs::read(&path).unwrap(), fs::read(folder.path().join(format!("{name}.json"))).unwrap())
    };
    for more in [&["--patches", "all"][..], &["--patches", "5000", "--seed", "3"]] {
        let one = bytes("one.npz", &[more, &["--threads", "1"]].concat());
        assert_eq!(bytes("two.npz", &[more, &["--threads", "2"]].concat()), one);
    }
    let seed = |seed| bytes("seed.npz", &["--patches", "5000", "--seed", seed]).0;
    assert_ne!(seed("3"), seed("4"));
}

#[test]
fn errors_of_the_fitted_images_are_the_eigenvalues_left_out() {
    let (_folder, path) = fitted();
    let images = images();
    let report =
        json(&["tokenizer", "sweep", text(&path), text(&images), "--dims", "1,8,32,48"], 0);
    let rows = report["rows"].as_array().unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    for row in rows {
        let (error, fitted) = (number(&row["error"]["value"]), number(&row["fitted_error"]));
        assert!((error - fitted).abs() <= 1e-13, "{row}");
        let interval = &row["error"]["interval"];
        assert!(number(&interval["low"]) <= error && error <= number(&interval["high"]));
    }
    let errors: Vec<f64> = rows.iter().map(|row| number(&row["error"]["value"])).collect();
    assert!(errors.is_sorted_by(|a, b| a > b) && errors[3] == 0.0, "{errors:?}");
    assert_eq!(rows[3]["kept"], 100.0);
}

#[test]
fn the_exported_tokenizer_is_an_encoder() {
    let (folder, path) = fitted();
    let model = folder.path().join("pca-8.onnx");
    let exported =
        json(&["tokenizer", "export", text(&path), "--dim", "8", "--out", text(&model)], 0);
    assert_eq!(exported["grid"], serde_json::json!([8, 8]));
    let out = folder.path().join("run");
    let manifest = exported["manifest"].as_str().unwrap();
    let arguments = [
        "--manifest",
        manifest,
        "run",
        "starter",
        "--model",
        "patch-pca-8",
        "--limit",
        "96",
        "--out",
        text(&out),
    ];
    let finished = run(&arguments);
    assert!(finished.code == 0 || finished.code == 1, "{finished:?}");
    let measurements: Value =
        serde_json::from_slice(&fs::read(out.join("measurements.json")).unwrap()).unwrap();
    let model = &measurements["datasets"][0]["models"][0];
    assert_eq!(model["label"], "Patch PCA, 8 dimensions");
    let metrics = model["measurements"].as_array().unwrap();
    let accuracy = metrics.iter().find(|one| one["metric"] == "accuracy").unwrap();
    assert!(accuracy["value"].as_f64().is_some(), "{accuracy}");
}

#[test]
fn pictures_are_pngs_of_the_same_bytes() {
    let (folder, path) = fitted();
    let image = folder.path().join("image.npy");
    let red: Vec<u8> = (0..32 * 32).flat_map(|pixel| [255, (pixel % 32) as u8 * 8, 0]).collect();
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(b"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 32, 32, 3), }");
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    bytes.extend(red);
    fs::write(&image, bytes).unwrap();
    let draw = |arguments: &[&str], name: &str| {
        let out = folder.path().join(name);
        let all = [&["tokenizer"], arguments, &["--out", text(&out)]].concat();
        let finished = run(&all);
        assert_eq!(finished.code, 0, "{finished:?}");
        fs::read(out).unwrap()
    };
    let filters = ["filters", text(&path), "--dim", "12"];
    let noise = ["noise", text(&path), text(&image), "--dim", "8", "--sigma", "0.2,0.6"];
    for arguments in [&filters[..], &noise[..]] {
        let first = draw(arguments, "first.png");
        assert!(first.starts_with(b"\x89PNG"));
        assert_eq!(draw(arguments, "second.png"), first);
    }
}

#[test]
fn bad_input_gets_its_message() {
    let (folder, path) = fitted();
    let (images, out) = (images(), folder.path().join("out.npz"));
    let (onnx, png) = (folder.path().join("out.onnx"), folder.path().join("out.png"));
    let (images, out, onnx, png, basis) =
        (text(&images), text(&out), text(&onnx), text(&png), text(&path));
    let cases: [(&[&str], &str); 11] = [
        (&["fit", images, "--size", "30", "--patch", "4", "--out", out], "multiples of 4"),
        (
            &["fit", images, "--size", "32", "--patch", "0", "--out", out],
            "a side is 1 to 32 pixels",
        ),
        (
            &["fit", images, "--size", "64", "--patch", "64", "--out", out],
            "a side is 1 to 32 pixels",
        ),
        (&["fit", "gone", "--out", out], "gone"),
        (&["fit", images, "--out", png], "must end in .npz"),
        (&["sweep", basis, images, "--dims", "8,49"], "1 to 48 dimensions"),
        (&["sweep", images, images], "does not say how"),
        (&["export", basis, "--dim", "49", "--out", onnx], "1 to 48"),
        (&["export", basis, "--dim", "8", "--sigma", "0", "--out", onnx], "above 0"),
        (&["noise", basis, images, "--dim", "8", "--out", png], "give one image"),
        (&["filters", basis, "--dim", "0", "--out", png], "1 to 48 filters"),
    ];
    for (arguments, expected) in cases {
        let finished = run(&[&["tokenizer"], arguments].concat());
        let message: Vec<&str> =
            finished.stderr.split_whitespace().filter(|word| *word != "│").collect();
        let message = message.join(" ");
        assert_eq!(finished.code, 2, "{arguments:?}: {finished:?}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(finished.stdout.is_empty() && !message.contains("panicked"));
    }
}

/// 64 emoji: two chunks.
fn miniature(out: &Path, threads: &str) -> Vec<String> {
    let words =
        ["run", "ldae", "--miniature", "--limit", "64", "--threads", threads, "--out", text(out)];
    words.map(str::to_owned).to_vec()
}

fn run_miniature(out: &Path, threads: &str) {
    let arguments = miniature(out, threads);
    let finished = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(finished.code, 0, "{finished:?}");
}

#[test]
fn a_killed_miniature_goes_on_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
    run_miniature(&whole, "1");
    let arguments = miniature(&killed, "2");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child =
        retally(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let has_chunk = || {
        let chunks = fs::read_dir(killed.join("chunks")).into_iter().flatten().flatten();
        chunks
            .map(|entry| entry.file_name())
            .any(|name| name.to_string_lossy().ends_with(".safetensors"))
    };
    while !has_chunk() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("measurements.json").exists());
    run_miniature(&killed, "2");
    for name in
        ["measurements.json", "pca.npz", "pictures/pca-filters.png", "pictures/pca-noise.png"]
    {
        let bytes = |out: &Path| fs::read(out.join(name)).unwrap();
        assert!(bytes(&whole) == bytes(&killed), "{name} differs");
    }
    let measured: Value =
        serde_json::from_slice(&fs::read(whole.join("measurements.json")).unwrap()).unwrap();
    let rows = measured["datasets"][0]["models"].as_array().unwrap();
    // Five numbers of dimensions and the pixels, at four levels.
    assert_eq!(rows.len(), 24);
    let value = |row: &Value, metric: &str| {
        let all = row["measurements"].as_array().unwrap();
        all.iter().find(|one| one["metric"] == metric).and_then(|one| one["value"].as_f64())
    };
    // Without noise, what is lost falls with every dimension, and pixels lose nothing.
    let clean: Vec<f64> =
        rows[..6].iter().filter_map(|row| value(row, "reconstruction error")).collect();
    assert!(clean.is_sorted_by(|a, b| a > b) && clean[5] == 0.0, "{clean:?}");
    // Noise on pixels is what its name says: the error of the last row is σ² = 2.
    let noisy = value(&rows[23], "reconstruction error").unwrap();
    assert!((noisy - 2.0).abs() < 0.01, "{noisy}");
    assert!(rows.iter().all(|row| value(row, "image accuracy").is_some()));
    assert_eq!(rows.iter().filter(|row| value(row, "token accuracy").is_some()).count(), 20);
}
