//! `retally features`: what an encoder makes of images and of their augmented views, and that `score probe` reads it.
//!
//! The encoder is the tiny one of `tests/golden/tiny-world-models`: each of its 16 tokens is the mean colour of a patch.

use crate::program::{Finished, library, repository, retally, text};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
#[cfg(unix)]
use std::{process::Stdio, time::Duration};
use tempfile::TempDir;

/// An encoder that resizes images in this way.
fn model(id: &str, resize: &str) -> String {
    format!(
        r#"
[[model]]
id = "{id}"
name = "Tiny encoder ({id})"
family = "tests"
artifact = "tiny-encoder.onnx"
[model.input]
tensor = "image"
layout = "nchw"
batch = 5
resize = {{ width = 16, height = 16, {resize} }}
normalise = {{ mode = "offset-divisor", offset = 0.0, divisor = 255.0 }}
[[model.tap]]
id = "last"
label = "last"
tensor = "tokens"
layout = {{ kind = "tokens", skip = 1 }}
grid = [4, 4]
channels = 3
"#
    )
}

/// An encoder of 8-bit images, and one of float images.
fn models() -> String {
    model("tiny", r#"mode = "stretch", filter = "bilinear""#)
        + &model("tiny-float", r#"mode = "float-stretch", kernel = "torch-bilinear""#)
}

struct Workbench {
    folder: TempDir,
}

impl Workbench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(bench.path("models.toml"), models()).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let artifacts = repository().join("tests/golden/tiny-world-models/world-models.toml");
        let models = self.path("models.toml");
        let mut command = retally(&["--onnxruntime", library()]);
        command.args(["--manifest", text(&artifacts), "--manifest", text(&models)]);
        command.args(arguments).arg("--json").env("RETALLY_HOME", self.path("home"));
        command.current_dir(self.folder.path());
        command
    }

    fn finished(&self, arguments: &[&str]) -> Finished {
        let finished = Finished::of(&mut self.command(arguments));
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
        finished
    }

    fn features(&self, images: &str, out: &str, more: &[&str]) -> Value {
        let words = ["features", images, "--model", "tiny", "--out", out];
        let finished = self.finished(&[&words[..], more].concat());
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    }

    fn f32(&self, name: &str) -> Vec<f32> {
        let bytes = fs::read(self.path(name)).unwrap();
        bytes[128..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    }

    fn labels(&self, name: &str) -> Vec<i64> {
        let bytes = fs::read(self.path(name)).unwrap();
        bytes[128..].chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// Three classes of plain colours as folders, eight images of 20 x 24 pixels each; two halves of slightly different
    /// colour.
    fn colours(&self, name: &str) -> String {
        for (class, channel) in [("blue", 2), ("green", 1), ("red", 0)] {
            fs::create_dir_all(self.path(name).join(class)).unwrap();
            for number in 0..8_u8 {
                let path = self.path(name).join(class).join(format!("{number}.png"));
                write_png(&path, (20, 24), |column| {
                    let mut pixel = [10; 3];
                    pixel[channel] = 150 + 10 * number + if column < 10 { 0 } else { 20 };
                    pixel
                });
            }
        }
        name.to_owned()
    }
}

/// A PNG of stored (not compressed) rows.
fn write_png(path: &Path, (width, height): (u32, u32), pixel: impl Fn(u32) -> [u8; 3]) {
    let row: Vec<u8> = std::iter::once(0).chain((0..width).flat_map(pixel)).collect();
    let raw = row.repeat(height as usize);
    let length = raw.len() as u16;
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend(&raw);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    data.extend((b << 16 | a).to_be_bytes());
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        bytes.extend((content.len() as u32).to_be_bytes());
        let named = [&kind[..], &content].concat();
        bytes.extend(&named);
        bytes.extend(crc32(&named).to_be_bytes());
    }
    fs::write(path, bytes).unwrap();
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[test]
fn mean_tokens_are_means_of_tokens_and_labels_are_classes() {
    let bench = Workbench::new();
    let colours = bench.colours("colours");
    let mean = bench.features(&colours, "mean.npy", &[]);
    assert_eq!((&mean["shape"], &mean["axes"]), (&json!([24, 3]), &json!(["sample", "channel"])));
    let tokens = bench.features(&colours, "tokens.npy", &["--tokens"]);
    assert_eq!(tokens["shape"], json!([24, 16, 3]));
    let (mean, tokens) = (bench.f32("mean.npy"), bench.f32("tokens.npy"));
    assert_eq!((mean.len(), tokens.len()), (24 * 3, 24 * 16 * 3));
    for (sample, mean) in mean.chunks_exact(3).enumerate() {
        for (channel, mean) in mean.iter().enumerate() {
            let of_token = |token| f64::from(tokens[(sample * 16 + token) * 3 + channel]);
            let expected = (0..16).map(of_token).sum::<f64>() / 16.0;
            assert_eq!(*mean, expected as f32, "sample {sample}, channel {channel}");
        }
    }
    // Folders in the order of their names; class `blue` shines in channel 2.
    let labels = bench.labels("mean.labels.npy");
    assert_eq!(labels, [[0; 8], [1; 8], [2; 8]].concat());
    for (label, mean) in labels.iter().zip(mean.chunks_exact(3)) {
        let brightest = (0..3).max_by(|&a, &b| mean[a].total_cmp(&mean[b])).unwrap();
        assert_eq!(brightest as i64, 2 - label);
    }
    let record: Value =
        serde_json::from_slice(&fs::read(bench.path("mean.npy.json")).unwrap()).unwrap();
    assert_eq!(record["labels"]["classes"], json!(["blue", "green", "red"]));
    assert_eq!(record["model"]["tap"], "last");
    assert_eq!(record["augmentation"], Value::Null);
    assert_eq!(record["images"]["count"], 24);
    // The chunks have given their room back.
    assert_eq!(fs::read_dir(bench.path("home/features")).unwrap().count(), 0);
}

#[test]
fn threads_change_no_bit_of_views() {
    let bench = Workbench::new();
    let dataset = ["--split", "train", "--limit", "60", "--views", "3", "--seed", "7"];
    let bytes = |out: &str, more: &[&str]| {
        let report = bench.features("noto-emoji", out, &[&dataset, more].concat());
        assert_eq!(report["shape"], json!([60, 3, 3]));
        let sha256 = report["features_sha256"].as_str().unwrap().to_owned();
        (fs::read(bench.path(out)).unwrap(), sha256)
    };
    let one = bytes("one.npy", &["--threads", "1"]);
    assert_eq!(one, bytes("three.npy", &["--threads", "3"]));
    let labels = bench.labels("one.labels.npy");
    assert_eq!(labels.len(), 60);
    bench.features("noto-emoji", "limited.npy", &["--split", "test", "--limit", "60"]);
    // Train and test are the whole, and --limit takes the first of a part.
    let part = |split: &str| {
        let out = format!("{split}.npy");
        bench.features("noto-emoji", &out, &["--split", split]);
        bench.f32(&out)
    };
    let (train, test, limited) = (part("train"), part("test"), bench.f32("limited.npy"));
    assert_eq!(train.len() + test.len(), 1045 * 3);
    assert_eq!(limited, test[..60 * 3]);
}

#[test]
fn views_differ_and_depend_on_seed_and_key_alone() {
    let bench = Workbench::new();
    let colours = bench.colours("colours");
    let views = |out: &str, more: &[&str]| {
        bench.features(&colours, out, more);
        bench.f32(out)
    };
    let four = views("four.npy", &["--views", "4", "--tokens"]);
    let shape = bench.features(&colours, "v.npy", &["--views", "4", "--tokens"])["shape"].clone();
    assert_eq!(shape, json!([24, 4, 16, 3]));
    // View v of sample n is the same whatever number of views is made: the second axis is that of views.
    let two = views("two.npy", &["--views", "2", "--tokens"]);
    let view = 16 * 3;
    let mut different = 0;
    for sample in 0..24 {
        let of = |all: &[f32], views: usize, v: usize| {
            all[(sample * views + v) * view..][..view].to_vec()
        };
        assert_eq!(of(&four, 4, 0), of(&two, 2, 0), "sample {sample}");
        assert_eq!(of(&four, 4, 1), of(&two, 2, 1), "sample {sample}");
        different += usize::from(of(&four, 4, 0) != of(&four, 4, 1));
    }
    // Crops that lie within one half alone look alike.
    assert!(different > 12, "{different} of 24");
    assert_ne!(two, views("seed.npy", &["--views", "2", "--tokens", "--seed", "1"]));
    // Colours of a view are colours of the image: the two of its halves, or between.
    let clean = views("clean.npy", &["--tokens"]);
    for (number, value) in four.iter().enumerate() {
        let (sample, channel) = (number / (4 * view), number % 3);
        let of_clean = clean[sample * view..][..view].iter().skip(channel).step_by(3);
        let (low, high) =
            of_clean.fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
        assert!((low - 0.01..=high + 0.01).contains(value), "{value} not in {low}..{high}");
    }
    // Without one of the images the others have the views that they had.
    fs::remove_file(bench.path("colours/blue/0.png")).unwrap();
    let fewer = views("fewer.npy", &["--views", "2", "--tokens"]);
    assert_eq!(fewer, two[2 * view..]);
}

#[test]
fn a_probe_reads_what_was_written() {
    let bench = Workbench::new();
    let (train, test) = (bench.colours("train"), bench.colours("test"));
    bench.features(&train, "train.npy", &["--views", "3"]);
    bench.features(&test, "test.npy", &[]);
    let files = ["--train", "train.npy", "--train-labels", "train.labels.npy"];
    let probe = ["score", "probe", "--protocol", "mae-lars", "--batch", "12", "--epochs", "100"];
    let more = ["--base-rate", "100"];
    let finished = bench.finished(&[&probe[..], &files, &test_words(), &more].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
    let document = finished.json();
    let mut measurements = document["measurements"].as_array().unwrap().iter();
    let accuracy = measurements.rfind(|one| one["metric"] == "accuracy").unwrap();
    assert_eq!(accuracy["value"], 100.0, "{document}");
    // Tokens with views go to the attentive probe.
    bench.features(&train, "train.npy", &["--views", "2", "--tokens"]);
    bench.features("test", "test.npy", &["--tokens"]);
    let probe = ["score", "probe", "--protocol", "attentive", "--batch", "12", "--epochs", "1"];
    let heads = ["--attention-heads", "1"];
    let finished = bench.finished(&[&probe[..], &files, &test_words(), &heads].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
}

fn test_words() -> [&'static str; 4] {
    ["--test", "test.npy", "--test-labels", "test.labels.npy"]
}

#[cfg(unix)]
#[test]
fn an_interrupted_extraction_goes_on_and_ends_with_the_same_bytes() {
    let bench = Workbench::new();
    let words =
        ["features", "noto-emoji", "--model", "tiny", "--views", "60", "--out", "views.npy"];
    let mut child = bench.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let stored = || {
        let entries = fs::read_dir(bench.path("home/features")).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some()).count()
    };
    while stored() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it stored anything");
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{document}");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains("the same command continues"), "{message}");
    assert!(stored() > 0 && !bench.path("views.npy").exists());
    let resumed = bench.features("noto-emoji", "views.npy", &["--views", "60"]);
    assert_eq!(stored(), 0);
    let whole = Workbench::new().features("noto-emoji", "views.npy", &["--views", "60"]);
    assert_eq!(resumed["features_sha256"], whole["features_sha256"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_advice() {
    let bench = Workbench::new();
    let colours = bench.colours("colours");
    write_png(&bench.path("plain.png"), (8, 8), |_| [1, 2, 3]);
    fs::write(bench.path("old.labels.npy"), b"labels of something else").unwrap();
    let words = |images, model, out| ["features", images, "--model", model, "--out", out];
    let cases: [([&str; 6], &[&str], &str); 11] = [
        (words(&colours, "tiny-float", "x.npy"), &["--views", "2"], "leave --views out"),
        (words(&colours, "tiny", "x.npy"), &["--split", "train"], "--split is for data sets"),
        (words("noto-emoji-32", "tiny", "x.npy"), &["--split", "test"], "is not split"),
        (words(&colours, "tiny", "x.npy"), &["--tap", "first"], "its taps are last"),
        (words(&colours, "tinny", "x.npy"), &[], "did you mean `tiny`"),
        (words(&colours, "tiny", "x.npz"), &[], "must end in .npy"),
        (words(&colours, "tiny", "gone/x.npy"), &[], "make `gone` first"),
        (words("noto-emoij", "tiny", "x.npy"), &[], "there is no file `noto-emoij`"),
        (words("plain.png", "tiny", "old.npy"), &[], "old.labels.npy` is there already"),
        (words(&colours, "tiny", "x.npy"), &["--views", "0"], "1..=1000"),
        (words(&colours, "tiny", "x.npy"), &["--seed", "1"], "--views"),
    ];
    for (words, more, part) in cases {
        let finished = bench.finished(&[&words[..], more].concat());
        assert_eq!(finished.code, 2, "{words:?} {more:?}: {finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{words:?} {more:?}: `{part}` is not in: {message}");
    }
    assert!(!bench.path("x.npy").exists());
    // Images without classes have features without labels.
    assert_eq!(bench.features("plain.png", "plain.npy", &[])["labels"], Value::Null);
    assert!(!bench.path("plain.labels.npy").exists());
    let float = ["features", &colours, "--model", "tiny-float", "--out", "float.npy"];
    assert_eq!(bench.finished(&float).code, 0);
}
