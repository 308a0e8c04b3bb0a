//! `retally sample` through the real program: the same bytes however the work is divided and interrupted, and what it
//! refuses.
//!
//! The generators are the tiny random ones of `tests/golden/tiny-generators` (`zoo/make_tiny_generators.py` made them); ONNX
//! Runtime comes from the store (`cargo run --release -- fetch starter` brings it).

use crate::program::{Finished, library, repository, retally, text};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A folder for outputs, and a store of its own.
struct Workbench {
    folder: TempDir,
    manifest: PathBuf,
}

impl Workbench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), manifest: golden().join("generators.toml") }
    }

    /// With a manifest in which some text is replaced; `model` changes the bytes of `flow.onnx`, whose digest then follows.
    fn changed(replacements: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(golden()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let manifest = folder.path().join("generators.toml");
        let mut content = fs::read_to_string(&manifest).unwrap();
        for (from, to) in replacements {
            assert!(content.contains(from), "`{from}` is not in the manifest");
            content = content.replacen(from, to, 1);
        }
        fs::write(&manifest, content).unwrap();
        Self { folder, manifest }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command =
            retally(&["--onnxruntime", library(), "--manifest", text(&self.manifest)]);
        command.arg("sample").args(arguments);
        command.env("RETALLY_HOME", self.path("home")).current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let finished = Finished::of(&mut self.command(arguments));
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
        finished
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    }

    fn refused(&self, arguments: &[&str], code: i32, parts: &[&str]) {
        let finished = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        for part in parts {
            assert!(message.contains(part), "{arguments:?}: `{part}` is not in: {message}");
        }
    }

    /// The bytes of a file of samples made with these words in a new store.
    fn bytes(arguments: &[&str]) -> Vec<u8> {
        let bench = Self::new();
        bench.json(&[arguments, &["--out", "samples.npz"]].concat());
        fs::read(bench.path("samples.npz")).unwrap()
    }

    /// Stored chunks.
    fn chunks(&self) -> Vec<PathBuf> {
        let Ok(runs) = fs::read_dir(self.path("home/samples")) else { return Vec::new() };
        let mut chunks: Vec<PathBuf> = runs
            .flat_map(|run| fs::read_dir(run.unwrap().path()).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
            .collect();
        chunks.sort();
        chunks
    }
}

fn golden() -> PathBuf {
    repository().join("tests/golden/tiny-generators")
}

const GENERATORS: [&str; 3] = ["tiny-flow", "tiny-diffusion", "tiny-gan"];

#[test]
fn batches_and_threads_change_no_byte() {
    for generator in GENERATORS {
        let words = [generator, "--count", "20", "--seed", "5"];
        let first = Workbench::bytes(&words);
        for further in [["--batch", "7"], ["--batch", "64"], ["--threads", "1"], ["--threads", "4"]]
        {
            let other = Workbench::bytes(&[&words[..], &further].concat());
            assert!(first == other, "{generator}: {further:?} gives other bytes");
        }
        let other = Workbench::bytes(&[generator, "--count", "20", "--seed", "6"]);
        assert!(first != other, "{generator}: another seed gives the same bytes");
    }
}

/// Networks of more than 2 GiB keep their weights in other files.
#[test]
fn weights_in_a_file_of_their_own_change_no_byte() {
    let words = ["--count", "5", "--seed", "5"];
    let one = Workbench::bytes(&[&["tiny-flow"], &words[..]].concat());
    let two = Workbench::bytes(&[&["tiny-flow-in-two-files"], &words[..]].concat());
    assert!(one == two, "the same weights in two files give other bytes");
    let bench = Workbench::new();
    let words = ["tiny-flow-in-two-files", "--count", "5", "--out", "samples.npz"];
    let report = bench.json(&words);
    let files = report["settings"]["files"].as_array().unwrap();
    let files: Vec<_> = files.iter().map(|file| file["id"].as_str().unwrap()).collect();
    assert_eq!(files, ["tiny-flow-in-two-files.onnx", "tiny-flow.weights", "tiny-decoder.onnx"]);
    // A manifest that does not say all of it.
    let words = &words[..];
    let data = "data = [{ name = \"flow.weights\", artifact = \"tiny-flow.weights\" }]";
    let refused = |name: &str, parts: &[&str]| {
        let changed = data.replace("flow.weights\", a", &format!("{name}\", a"));
        Workbench::changed(&[(data, &changed)]).refused(words, 2, parts);
    };
    refused("other.weights", &["tiny-flow-in-two-files.onnx", "flow.weights", "under `data`"]);
    refused("../flow.weights", &["../flow.weights", "no name of a file beside the network"]);
    refused("network.onnx", &["network.onnx"]);
    Workbench::changed(&[(data, "")]).refused(words, 2, &["flow.weights", "under `data`"]);
}

/// Four shards, in any order; the last one finds all chunks there and writes.
#[test]
fn shards_change_no_byte() {
    for generator in GENERATORS {
        let words = [generator, "--count", "42", "--seed", "5"];
        let whole = Workbench::bytes(&words);
        let bench = Workbench::new();
        for (done, shard) in ["2/4", "4/4", "1/4", "3/4"].into_iter().enumerate() {
            let further = ["--shard", shard, "--out", "shards.npz"];
            let report = bench.json(&[&words[..], &further].concat());
            assert_eq!(report["complete"], done == 3, "{report}");
            assert_eq!(report["output"].is_null(), done < 3, "{report}");
        }
        assert!(whole == fs::read(bench.path("shards.npz")).unwrap(), "{generator}");
        // Merging is the same command without --shard.
        let report = bench.json(&[&words[..], &["--out", "merged.npz"]].concat());
        assert_eq!((&report["made"], &report["reused"]), (&0.into(), &42.into()));
        assert!(whole == fs::read(bench.path("merged.npz")).unwrap(), "{generator}");
    }
}

const LONG: [&str; 9] =
    ["tiny-flow", "--count", "160", "--steps", "300", "--threads", "1", "--out", "samples.npz"];

fn spawned(bench: &Workbench) -> std::process::Child {
    let mut command = bench.command(&LONG);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_killed_command_goes_on_and_ends_with_the_same_bytes() {
    let bench = Workbench::new();
    let mut child = spawned(&bench);
    while bench.chunks().len() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::yield_now();
    }
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!bench.path("samples.npz").exists());
    let report = bench.json(&LONG);
    let reused = report["reused"].as_u64().unwrap();
    assert!((16..160).contains(&reused) && reused.is_multiple_of(8), "{report}");
    let killed = fs::read(bench.path("samples.npz")).unwrap();
    assert!(killed == Workbench::bytes(&LONG[..7]));
}

/// Ctrl-C ends what is in flight, keeps it, exits with 4, and the same command continues.
#[cfg(unix)]
#[test]
fn an_interrupted_command_says_so_and_goes_on() {
    let bench = Workbench::new();
    let child = spawned(&bench);
    while bench.chunks().is_empty() {
        std::thread::yield_now();
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success(), "it ended before it could be interrupted");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("stopped before the end"), "{stderr}");
    assert!(!bench.path("samples.npz").exists());
    let report = bench.json(&LONG);
    assert!(report["reused"].as_u64().unwrap() >= 8, "{report}");
    assert!(fs::read(bench.path("samples.npz")).unwrap() == Workbench::bytes(&LONG[..7]));
}

#[test]
fn a_larger_count_uses_what_is_there() {
    for generator in GENERATORS {
        let bench = Workbench::new();
        for (count, made, reused) in [("10", 10, 0), ("20", 10, 10), ("13", 0, 13), ("20", 0, 20)] {
            let out = format!("{count}-{made}.npz");
            let report = bench.json(&[generator, "--count", count, "--out", &out]);
            assert_eq!((&report["made"], &report["reused"]), (&made.into(), &reused.into()));
            assert!(
                fs::read(bench.path(&out)).unwrap()
                    == Workbench::bytes(&[generator, "--count", count])
            );
        }
    }
}

#[test]
fn damaged_samples_are_made_again() {
    let bench = Workbench::new();
    let words = ["tiny-gan", "--count", "20", "--out", "samples.npz"];
    bench.json(&words);
    let first = fs::read(bench.path("samples.npz")).unwrap();
    let chunk = &bench.chunks()[1];
    let mut bytes = fs::read(chunk).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(chunk, bytes).unwrap();
    let finished = bench.run(&words);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(finished.stderr.contains("are damaged"), "{finished:?}");
    assert!(finished.stdout.contains("8 made, 12 stored before"), "{finished:?}");
    assert!(first == fs::read(bench.path("samples.npz")).unwrap());
}

/// The same images in a folder, their classes, a contact sheet, and what is said of them.
#[test]
fn folders_hold_the_same_images() {
    let bench = Workbench::new();
    let words = ["tiny-flow", "--count", "11", "--seed", "3", "--labels", "2,0"];
    bench.json(&[&words[..], &["--out", "samples.npz"]].concat());
    let more = ["--out", "samples", "--grid", "grid.png"];
    let report = bench.json(&[&words[..], &more].concat());
    assert_eq!((&report["made"], &report["complete"]), (&0.into(), &true.into()));
    let (images, labels) = archive(&bench.path("samples.npz"));
    let mut listed = String::from("file,class,name\n");
    for (index, image) in images.chunks_exact(16 * 16 * 3).enumerate() {
        let name = format!("{index:06}.png");
        let png = image::open(bench.path("samples").join(&name)).unwrap().into_rgb8();
        assert_eq!(png.dimensions(), (16, 16));
        assert!(png.into_raw() == image, "{name} is another image than in the .npz");
        let class = [2, 0][index % 2];
        assert_eq!(labels[index], class);
        listed.push_str(&format!("{name},{class},{}\n", ["north", "", "south"][class as usize]));
    }
    assert_eq!(fs::read_to_string(bench.path("samples/labels.csv")).unwrap(), listed);
    // 11 samples in 4 columns and 3 rows, 2 pixels between.
    let grid = image::open(bench.path("grid.png")).unwrap().into_rgb8();
    assert_eq!(grid.dimensions(), (4 * 18 + 2, 3 * 18 + 2));
    // Sorted by class: the first is sample 1, of class 0.
    let first: Vec<u8> = (0..16).flat_map(|x| grid.get_pixel(2 + x, 2).0).collect();
    assert!(first == images[16 * 16 * 3..][..16 * 3]);
    let record: Value =
        serde_json::from_slice(&fs::read(bench.path("samples.json")).unwrap()).unwrap();
    assert_eq!(record["samples_sha256"], report["samples_sha256"]);
    assert_eq!((&record["complete"], &record["count"]), (&true.into(), &11.into()));
    assert_eq!(record["settings"]["labels"], "2,0");
    assert_eq!(record["output"]["sha256"], report["output"]["sha256"]);
    // A larger count goes on in the folder, a smaller one would leave strange files in it.
    bench.json(&[
        "tiny-flow",
        "--count",
        "12",
        "--seed",
        "3",
        "--labels",
        "2,0",
        "--out",
        "samples",
    ]);
    bench.refused(&[&words[..], &more].concat(), 2, &["more than 11 samples"]);
    bench.refused(
        &["tiny-flow", "--count", "12", "--seed", "4", "--out", "samples"],
        2,
        &["samples.json", "another --out"],
    );
}

/// `arr_0` and `arr_1` of a file of samples.
fn archive(path: &Path) -> (Vec<u8>, Vec<i64>) {
    let mut archive = npyz::npz::NpzArchive::open(path).unwrap();
    let images = archive.by_name("arr_0").unwrap().unwrap().into_vec().unwrap();
    let labels = archive.by_name("arr_1").unwrap().unwrap().into_vec().unwrap();
    (images, labels)
}

#[test]
fn the_document_says_what_was_done_and_where_the_time_went() {
    let bench = Workbench::new();
    let words = ["tiny-diffusion", "--count", "9", "--out", "samples.npz", "--seed", "17"];
    let report = bench.json(&words);
    let settings = &report["settings"];
    assert_eq!(settings["generator"]["id"], "tiny-diffusion");
    assert_eq!((&settings["seed"], &settings["calls"]), (&17.into(), &10.into()));
    assert_eq!((&settings["labels"], &settings["noise"]), (&"uniform".into(), &"counter".into()));
    assert_eq!(settings["files"].as_array().unwrap().len(), 2);
    assert_eq!(settings["provider"], "CPUExecutionProvider");
    let seconds = |key: &str| report["seconds"][key].as_f64().unwrap();
    let all = seconds("sampling") * seconds("threads");
    let known = seconds("network") + seconds("decoder") + seconds("update");
    assert!(known > 0.0 && known <= all, "{report}");
    assert!((known + seconds("idle") - all).abs() < 1e-9, "{report}");
    let share = seconds("share_in_onnxruntime");
    assert!((share - (seconds("network") + seconds("decoder")) / all).abs() < 1e-9, "{report}");
    assert!(report["images_per_second"].as_f64().unwrap() > 0.0);
    let path = bench.path("samples.npz");
    assert_eq!(report["output"]["path"], "samples.npz");
    assert_eq!(report["output"]["record"], "samples.npz.json");
    assert_eq!(archive(&path).0.len(), 9 * 16 * 16 * 3);
    // Nothing to do, nothing measured.
    let again = bench.json(&words);
    assert!(again["images_per_second"].is_null() && again["seconds"]["threads"] == 0, "{again}");
    assert_eq!(again["output"]["sha256"], report["output"]["sha256"]);
}

#[test]
fn options_decide_the_images() {
    let of =
        |further: &[&str]| Workbench::bytes(&[&["tiny-flow", "--count", "4"], further].concat());
    let plain = of(&[]);
    for further in [
        &["--steps", "7"][..],
        &["--cfg", "1"],
        &["--cfg", "3.5"],
        &["--cfg-interval", "0,1"],
        &["--sampler", "flow-euler"],
        &["--sampler", "flow-heun"],
        &["--labels", "balanced"],
        &["--labels", "3"],
        &["--noise", "torch", "--noise-batch", "4"],
        &["--noise", "torch-repa", "--noise-batch", "4"],
        &["--noise", "torch-repa", "--noise-batch", "2"],
    ] {
        assert!(plain != of(further), "{further:?} changes nothing");
    }
    // What the manifest says anyway changes nothing.
    for further in [&["--steps", "6"][..], &["--cfg", "2"], &["--cfg-interval", "0,0.7"]] {
        assert!(plain == of(further), "{further:?}");
    }
    let torch = ["--noise", "torch-repa", "--noise-batch", "4"];
    assert!(of(&torch) == of(&[&torch[..], &["--batch", "3", "--threads", "2"]].concat()));
}

#[test]
fn generators_are_listed() {
    let mut command = retally(&["--manifest", text(&golden().join("generators.toml"))]);
    let finished = Finished::of(command.args(["list", "generators", "--json"]));
    assert_eq!(finished.code, 0, "{finished:?}");
    let document = finished.json();
    let generators = document["generators"].as_array().unwrap();
    let flow = generators.iter().find(|generator| generator["id"] == "tiny-flow").unwrap();
    assert_eq!((&flow["sampler"], &flow["classes"]), (&"flow-sde".into(), &4.into()));
    assert_eq!((&flow["width"], &flow["height"]), (&16.into(), &16.into()));
    // Six steps; at the times up to 0.7 the network is called twice.
    assert!((7..12).contains(&flow["calls"].as_u64().unwrap()), "{flow}");
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let bench = Workbench::new();
    let flow = |further: &[&'static str]| [&["tiny-flow", "--out", "o.npz"][..], further].concat();
    let counted = |further: &[&'static str]| flow(&[&["--count", "4"][..], further].concat());
    bench.refused(&["tiny-flaw", "--count", "4", "--out", "o.npz"], 2, &["tiny-flow"]);
    bench.refused(&flow(&["--count", "0"]), 2, &["--count"]);
    bench.refused(&flow(&["--count", "99999999999"]), 2, &["--count"]);
    bench.refused(&flow(&[]), 2, &["--count"]);
    bench.refused(&["tiny-flow", "--count", "4"], 2, &["--out"]);
    bench.refused(&counted(&["--labels", "1,4"]), 2, &["no class 4", "0 to 3"]);
    bench.refused(&counted(&["--labels", "cat"]), 2, &["uniform, balanced"]);
    bench.refused(&counted(&["--steps", "0"]), 2, &["steps"]);
    bench.refused(&counted(&["--steps", "1000000"]), 2, &["steps"]);
    bench.refused(&counted(&["--cfg", "nan"]), 2, &["--cfg"]);
    bench.refused(&counted(&["--cfg-interval", "0.9,0.1"]), 2, &["--cfg-interval"]);
    bench.refused(&counted(&["--sampler", "ddim"]), 2, &["flow-sde"]);
    bench.refused(&counted(&["--sampler", "euler"]), 2, &["flow-euler"]);
    bench.refused(&counted(&["--shard", "5/4"]), 2, &["i from 1 to n"]);
    bench.refused(&counted(&["--noise", "torch"]), 2, &["--noise-batch"]);
    bench.refused(&counted(&["--noise-batch", "4"]), 2, &["--noise torch"]);
    let long = ["--noise", "torch", "--noise-batch", "4", "--seed", "4294967296"];
    bench.refused(&counted(&long), 2, &["32 bits"]);
    bench.refused(&counted(&["--grid", "grid.jpg"]), 2, &[".png"]);
    bench.refused(
        &["tiny-gan", "--count", "4", "--out", "o.npz", "--steps", "3"],
        2,
        &["no steps"],
    );
    bench.refused(&["tiny-gan", "--count", "4", "--out", "o.npz", "--cfg", "2"], 2, &["none"]);
    bench.refused(&["tiny-flow", "--count", "4", "--out", "no/o.npz"], 2, &["create it first"]);
    bench.refused(&["tiny-flow", "--count", "4", "--out", "o.tar"], 2, &[".npz"]);
    fs::write(bench.path("mine.npz"), "mine").unwrap();
    bench.refused(&["tiny-flow", "--count", "4", "--out", "mine.npz"], 2, &["the file exists"]);
    bench.refused(&["tiny-flow", "--count", "4", "--out", "mine.npz/o"], 2, &["create it first"]);
    fs::create_dir(bench.path("mine")).unwrap();
    fs::write(bench.path("mine/notes.txt"), "mine").unwrap();
    bench.refused(&["tiny-flow", "--count", "4", "--out", "mine"], 2, &["not empty"]);
    assert_eq!(fs::read(bench.path("mine.npz")).unwrap(), b"mine");
    assert_eq!(bench.chunks(), [] as [PathBuf; 0], "something was computed");
    assert!(!bench.path("o.npz").exists());
}

/// A store that cannot be written to: its folder for samples is a file.
#[test]
fn a_store_without_room_is_an_error_before_any_sampling() {
    let bench = Workbench::new();
    bench.json(&["tiny-gan", "--count", "1", "--out", "first.npz"]);
    fs::remove_dir_all(bench.path("home/samples")).unwrap();
    fs::write(bench.path("home/samples"), "").unwrap();
    let finished = bench.run(&["tiny-gan", "--count", "1", "--out", "second.npz"]);
    assert!([2, 3].contains(&finished.code), "{finished:?}");
    assert!(finished.stderr.contains("samples"), "{finished:?}");
    assert!(!bench.path("second.npz").exists());
}

#[test]
fn networks_that_do_not_fit_their_manifest_are_refused() {
    let refused = |replacements: &[(&str, &str)], parts: &[&str]| {
        let bench = Workbench::changed(replacements);
        bench.refused(&["tiny-flow", "--count", "2", "--out", "o.npz"], 2, parts);
        assert!(!bench.path("o.npz").exists());
    };
    refused(&[("state = \"x\"", "state = \"z\"")], &["tiny-flow.onnx", "no input `z`", "`x`"]);
    refused(
        &[("output = \"prediction\"", "output = \"predicted\"")],
        &["no tensor `predicted`", "`prediction`"],
    );
    refused(&[("time = { tensor = \"t\" }\n", "")], &["needs an input `time`"]);
    refused(
        &[("time = { tensor = \"t\" }", "time = { tensor = \"t\", element = \"int64\" }")],
        &["`element` must be `float32`"],
    );
    refused(&[("tensor = \"y\"", "tensor = \"label\"")], &["no input `label`", "`y` of int64"]);
    refused(&[("shape = [2, 8, 8]", "shape = [2, 4, 16]")], &["`x` of float32 [any, 2, 8, 8]"]);
    refused(&[("input = \"latent\"", "input = \"latents\"")], &["tiny-decoder.onnx", "`latent`"]);
    refused(
        &[("width = 16, height = 16", "width = 32, height = 8")],
        &["tiny-decoder.onnx", "`image` of float32"],
    );
    refused(
        &[
            ("count = 4\nnames = [\"north\", \"east\", \"south\", \"west\"]\n", "count = 4\n"),
            ("none = 4\n", ""),
        ],
        &["none"],
    );
    // A class that the network's table does not have.
    refused(&[("none = 4", "none = 9")], &["tiny-flow"]);
}

/// A network whose output overflows: its guidance is far too strong.
#[test]
fn samples_that_are_no_numbers_are_an_error_that_names_them() {
    let bench = Workbench::new();
    let words = ["tiny-flow", "--count", "3", "--out", "o.npz", "--cfg", "1e300"];
    bench.refused(&words, 2, &["sample 0", "step", "infinite or NaN"]);
    assert!(!bench.path("o.npz").exists());
    assert_eq!(bench.chunks(), [] as [PathBuf; 0]);
}

/// A file that was cut off is noticed by its size or digest, before ONNX Runtime sees it.
#[test]
fn a_truncated_model_is_refused() {
    let bench = Workbench::changed(&[]);
    let path = bench.path("flow.onnx");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    bench.refused(&["tiny-flow", "--count", "2", "--out", "o.npz"], 2, &["tiny-flow.onnx"]);
}
