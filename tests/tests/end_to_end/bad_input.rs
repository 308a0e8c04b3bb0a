//! Twenty-four kinds of bad input: each gets its message and its exit code.

use crate::program::{json, repository, run, text, write_f32, write_i64};
use std::fs;
use std::path::{Path, PathBuf};

/// Runs in a fresh folder; the message must hold every one of `expected`.
fn refuse(code: i32, expected: &[&str], arguments: impl Fn(&Path) -> Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(folder.path());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let finished = run(&arguments);
    assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
    assert!(
        finished.stdout.is_empty(),
        "a failure must print nothing on standard output: {finished:?}"
    );
    assert!(!finished.stderr.contains("panicked"), "{finished:?}");
    // The terminal's line breaks and their marks are not part of a message.
    let words = finished.stderr.split_whitespace().filter(|word| *word != "│");
    let message = words.collect::<Vec<_>>().join(" ");
    for part in expected {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

fn strings(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    text(&path).to_owned()
}

fn spatial(features: &str) -> Vec<String> {
    strings(&["score", "spatial", "--features", features, "--grid", "8x8"])
}

fn manifest_run(folder: &Path, manifest: &str) -> Vec<String> {
    let manifest = file(folder, "mine.toml", manifest);
    strings(&["--manifest", &manifest, "list", "models"])
}

#[test]
fn unknown_command() {
    refuse(2, &["unrecognized subcommand", "reproduce"], |_| strings(&["reproduce"]));
}

#[test]
fn unknown_suite() {
    refuse(2, &["irpea", "irepa"], |folder| {
        strings(&["report", "irpea", "--out", text(&folder.join("out"))])
    });
}

#[test]
fn unknown_model() {
    refuse(2, &["dinov2-b"], |folder| {
        strings(&["run", "starter", "--model", "dinov2-b", "--out", text(&folder.join("out"))])
    });
}

#[test]
fn unknown_artifact() {
    refuse(2, &["nosuchartifact"], |_| strings(&["fetch", "nosuchartifact"]));
}

#[test]
fn a_suite_that_names_no_encoders_cannot_run() {
    refuse(2, &["irepa"], |folder| strings(&["run", "irepa", "--out", text(&folder.join("out"))]));
}

#[test]
fn manifest_that_is_not_there() {
    refuse(2, &["gone.toml"], |_| strings(&["--manifest", "gone.toml", "list", "models"]));
}

#[test]
fn manifest_with_an_unknown_key() {
    refuse(2, &["unknown field", "colour"], |folder| {
        manifest_run(folder, "[[artifact]]\nid = \"a\"\ncolour = \"red\"\n")
    });
}

#[test]
fn manifest_with_a_short_digest() {
    refuse(2, &["sha256", "64"], |folder| {
        manifest_run(
            folder,
            "[[artifact]]\nid = \"a\"\nkind = \"model\"\nsha256 = \"abc123\"\nbytes = 1\nlicence = \"MIT\"\n\
             provenance = \"test\"\nsources = [\"file:a\"]\n",
        )
    });
}

#[test]
fn manifest_whose_file_has_another_digest() {
    refuse(2, &["SHA-256", "the manifest says"], |folder| {
        file(folder, "model.onnx", "not what was promised");
        let manifest = file(
            folder,
            "mine.toml",
            format!(
                "[[artifact]]\nid = \"mine\"\nkind = \"model\"\nsha256 = \"{}\"\nbytes = 21\nlicence = \"MIT\"\n\
                 provenance = \"test\"\nsources = [\"file:model.onnx\"]\n",
                "0".repeat(64)
            ),
        );
        strings(&["--manifest", &manifest, "fetch", "mine"])
    });
}

#[test]
fn artifact_that_only_the_network_has_while_offline() {
    refuse(2, &["network is forbidden", "retally fetch mine"], |folder| {
        let manifest = file(
            folder,
            "mine.toml",
            format!(
                "[[artifact]]\nid = \"mine\"\nkind = \"model\"\nsha256 = \"{}\"\nbytes = 21\nlicence = \"MIT\"\n\
                 provenance = \"test\"\nsources = [\"https://example.invalid/model.onnx\"]\n",
                "1".repeat(64)
            ),
        );
        strings(&["--manifest", &manifest, "fetch", "mine"])
    });
}

#[test]
fn library_that_is_not_there() {
    refuse(2, &["libnothing.so"], |folder| {
        let path = folder.join("libnothing.so");
        let out = folder.join("out");
        strings(&["--onnxruntime", text(&path), "run", "starter", "--out", text(&out)])
    });
}

#[test]
fn library_that_is_no_library() {
    refuse(2, &["libonnxruntime.so"], |folder| {
        let path = file(folder, "libonnxruntime.so", "no library");
        let out = folder.join("out");
        strings(&["--onnxruntime", &path, "run", "starter", "--out", text(&out)])
    });
}

#[test]
fn cuda_without_cuda_is_an_error_not_a_cpu_run() {
    refuse(2, &["cuda"], |folder| {
        strings(&[
            "run",
            "starter",
            "--model",
            "mobilenetv2",
            "--limit",
            "96",
            "--device",
            "cuda:0",
            "--out",
            text(&folder.join("out")),
        ])
    });
}

#[test]
fn device_that_does_not_exist() {
    refuse(2, &["tpu:0"], |_| strings(&["run", "starter", "--device", "tpu:0"]));
}

#[test]
fn features_that_are_not_there() {
    refuse(2, &["gone.npy"], |_| spatial("gone.npy"));
}

#[test]
fn features_that_are_no_npy_file() {
    refuse(2, &["tokens.npy"], |folder| spatial(&file(folder, "tokens.npy", "PNG, surely")));
}

#[test]
fn features_that_are_cut_off() {
    refuse(2, &["tokens.npy", "bytes"], |folder| {
        let path = folder.join("tokens.npy");
        write_f32(&path, &[2, 64, 3], &[1.0; 384]);
        let bytes = fs::read(&path).unwrap();
        spatial(&file(folder, "tokens.npy", &bytes[..bytes.len() - 40]))
    });
}

#[test]
fn features_whose_header_promises_more_than_the_file_holds() {
    refuse(2, &["tokens.npy"], |folder| {
        let path = folder.join("tokens.npy");
        write_f32(&path, &[2, 64, 3], &[1.0; 384]);
        let bytes = fs::read(&path).unwrap();
        let header = String::from_utf8_lossy(&bytes[..128]).into_owned();
        assert!(header.contains("(2, 64, 3"), "{header}");
        let at = bytes.windows(9).position(|window| window == b"(2, 64, 3").unwrap();
        let mut forged = bytes.clone();
        forged[at..at + 9].copy_from_slice(b"(9,9999,9");
        spatial(&file(folder, "tokens.npy", forged))
    });
}

#[test]
fn features_that_do_not_fit_the_grid() {
    refuse(2, &["tokens.npy", "[1, 9, 3]", "8x8"], |folder| {
        let path = folder.join("tokens.npy");
        write_f32(&path, &[1, 9, 3], &[1.0; 27]);
        spatial(text(&path))
    });
}

#[test]
fn features_with_a_nan() {
    refuse(2, &["token 2", "NaN"], |folder| {
        let path = folder.join("tokens.npy");
        let mut values = [1.0; 192];
        values[7] = f32::NAN;
        write_f32(&path, &[1, 64, 3], &values);
        spatial(text(&path))
    });
}

#[test]
fn labels_of_another_length() {
    refuse(2, &["4 feature rows but 3 labels"], |folder| {
        let [x, y] = ["x.npy", "y.npy"].map(|name| folder.join(name));
        write_f32(&x, &[4, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.5]);
        write_i64(&y, &[0, 1, 0]);
        let [x, y] = [&x, &y].map(|path| text(path));
        strings(&[
            "score",
            "probe",
            "--train",
            x,
            "--train-labels",
            y,
            "--test",
            x,
            "--test-labels",
            y,
        ])
    });
}

#[test]
fn csv_without_the_column() {
    refuse(2, &["`z`", "x, y"], |folder| {
        let csv = file(folder, "points.csv", "x,y\n1,2\n2,3\n3,5\n");
        strings(&["score", "correlation", "--csv", &csv, "--x", "x", "--y", "z"])
    });
}

#[test]
fn csv_with_a_word_for_a_number() {
    refuse(2, &["line 3", "many"], |folder| {
        let csv = file(folder, "points.csv", "x,y\n1,2\nmany,3\n3,5\n");
        strings(&["score", "correlation", "--csv", &csv, "--x", "x", "--y", "y"])
    });
}

#[test]
fn image_that_is_cut_off() {
    refuse(2, &["cut.png"], |folder| {
        let images = folder.join("images");
        fs::create_dir(&images).unwrap();
        let whole = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([x as u8, y as u8, 7]));
        whole.save(images.join("cut.png")).unwrap();
        let bytes = fs::read(images.join("cut.png")).unwrap();
        fs::write(images.join("cut.png"), &bytes[..bytes.len() / 2]).unwrap();
        preprocess(&images, &folder.join("batch.npy"))
    });
}

#[test]
fn image_that_is_text() {
    refuse(2, &["page.png"], |folder| {
        let images = folder.join("images");
        fs::create_dir(&images).unwrap();
        file(&images, "page.png", "<html>not found</html>");
        preprocess(&images, &folder.join("batch.npy"))
    });
}

#[test]
fn folder_without_images() {
    refuse(2, &["no image"], |folder| {
        let images = folder.join("images");
        fs::create_dir(&images).unwrap();
        preprocess(&images, &folder.join("batch.npy"))
    });
}

#[test]
fn run_directory_that_is_no_run() {
    refuse(2, &["measurements.json"], |folder| strings(&["check", text(folder)]));
}

#[test]
fn measurements_of_another_suite_version_or_damaged() {
    refuse(2, &["measurements.json"], |folder| {
        file(folder, "measurements.json", "{\"schema\": 99}");
        strings(&["check", text(folder)])
    });
}

#[test]
fn output_folder_that_is_a_file() {
    refuse(2, &["taken"], |folder| {
        let taken = file(folder, "taken", "");
        strings(&["report", "irepa", "--out", &taken])
    });
}

#[test]
fn a_refused_input_leaves_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let images: PathBuf = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    fs::write(images.join("a.png"), "nothing").unwrap();
    let batch = folder.path().join("batch.npy");
    let arguments = preprocess(&images, &batch);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(run(&arguments).code, 2);
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["images"], "a failed command left something behind");
    assert!(repository().join("Cargo.toml").exists());
}

fn preprocess(images: &Path, out: &Path) -> Vec<String> {
    strings(&[
        "preprocess",
        text(images),
        "--resize",
        "16x16",
        "--filter",
        "bicubic",
        "--out",
        text(out),
    ])
}

#[test]
fn a_suite_without_encoders_says_what_can_be_done_with_it() {
    for (suite, way) in [
        ("aia", "`retally run aia --endpoint URL --model NAME --data DIR` drives a model"),
        ("iwm", "`retally run iwm --miniature` measures its miniature"),
    ] {
        let message = json(&["run", suite], 2)["error"]["message"].to_string();
        assert!(message.contains(way) && message.contains("retally report"), "{message}");
    }
}
