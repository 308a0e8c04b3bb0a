//! Whole runs: the same measurements for every thread count, after every interruption, and from a damaged cache; and a
//! user's own folder of images.
//!
//! A small part of the starter (one encoder, 96 emoji in chunks of 16) through the real program. The artifacts must be in the
//! store: `cargo run --release -- fetch starter` brings them.

use crate::emoji_workspace::{MANIFEST, Workspace, chunks, measurements};
use crate::program::{json, retally, run};
use std::fs;
use std::process::{Command, Stdio};

#[test]
fn thread_counts_and_repetition_change_no_byte() {
    let workspace = Workspace::new();
    let [one, two] = ["one", "two"].map(|name| workspace.out(name));
    workspace.run(&one, "1");
    workspace.run(&two, "2");
    let first = measurements(&one);
    assert!(first == measurements(&two), "1 and 2 threads differ");
    assert_eq!(chunks(&one).len(), 6);
    for (a, b) in chunks(&one).iter().zip(chunks(&two)) {
        assert!(fs::read(a).unwrap() == fs::read(b).unwrap(), "chunks differ: {}", a.display());
    }
    workspace.run(&one, "2");
    assert!(first == measurements(&one), "a second run differs");
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let workspace = Workspace::new();
    let [whole, killed] = ["whole", "killed"].map(|name| workspace.out(name));
    workspace.run(&whole, "2");
    let mut child = retally(&workspace.arguments(&killed, "1"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while chunks(&killed).len() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::yield_now();
    }
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("measurements.json").exists());
    workspace.run(&killed, "2");
    assert!(measurements(&whole) == measurements(&killed));
}

/// Ctrl-C ends the chunk in flight, exits with 4, and the same command continues.
#[cfg(unix)]
#[test]
fn an_interrupted_run_says_so_and_goes_on() {
    let workspace = Workspace::new();
    let [whole, stopped] = ["whole", "stopped"].map(|name| workspace.out(name));
    workspace.run(&whole, "2");
    let child = retally(&workspace.arguments(&stopped, "1"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while chunks(&stopped).is_empty() {
        std::thread::yield_now();
    }
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success(), "it ended before it could be interrupted");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("stopped before the end"), "{stderr}");
    assert!(!stopped.join("measurements.json").exists());
    workspace.run(&stopped, "2");
    assert!(measurements(&whole) == measurements(&stopped));
}

#[test]
fn a_damaged_chunk_is_computed_again() {
    let workspace = Workspace::new();
    let out = workspace.out("run");
    workspace.run(&out, "2");
    let first = measurements(&out);
    let chunk = &chunks(&out)[3];
    let whole = fs::read(chunk).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() - 100;
    flipped[middle] ^= 1;
    for damage in [flipped, whole[..whole.len() / 2].to_vec(), Vec::new()] {
        fs::write(chunk, damage).unwrap();
        let finished = workspace.run(&out, "2");
        assert!(finished.stderr.contains("computed again"), "{finished:?}");
        assert!(fs::read(chunk).unwrap() == whole);
        assert!(first == measurements(&out));
    }
}

#[test]
fn two_processes_cannot_run_in_one_folder() {
    let workspace = Workspace::new();
    let out = workspace.out("run");
    fs::create_dir_all(&out).unwrap();
    let lock = fs::File::create(out.join(".lock")).unwrap();
    lock.lock().unwrap();
    let finished = run(&workspace.arguments(&out, "1"));
    assert_eq!(finished.code, 3, "{finished:?}");
    assert!(finished.stderr.contains("another process"), "{finished:?}");
}

#[test]
fn what_ran_is_recorded() {
    let workspace = Workspace::new();
    let out = workspace.out("run");
    let document = json(&workspace.arguments(&out, "2"), 0);
    assert!(document["report"].as_str().unwrap().ends_with("report.html"));
    let record: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["suite"]["id"], "starter");
    assert!(record["onnxruntime"]["version"].as_str().unwrap().starts_with("1."));
    let bytes = measurements(&out);
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains(out.to_str().unwrap()), "a path is in measurements.json");
    assert!(out.join("samples.parquet").exists());
    let checked = run(&["check", crate::program::text(&out)]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

/// A folder of images is a data set too: classes are its subfolders.
#[test]
fn a_folder_of_images_can_be_measured() {
    let workspace = Workspace::new();
    let folder = workspace.out("pictures");
    for (class, colour) in [("dark", 40_u8), ("light", 200)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for index in 0..6_u8 {
            let picture = image::RgbImage::from_fn(20, 14, |x, y| {
                image::Rgb([colour, colour.wrapping_add(x as u8 * index), y as u8 * 9])
            });
            picture.save(folder.join(class).join(format!("{index}.png"))).unwrap();
        }
    }
    let manifest = "[[dataset]]\nid = \"pictures\"\nname = \"Pictures\"\nformat = \"folder\"\nfolder = \"pictures\"\n\
                    split = { kind = \"hashed-per-class\", seed = 0, test_percent = 50 }\n";
    fs::write(&workspace.manifest, manifest).unwrap();
    let out = workspace.out("run");
    let mut arguments = workspace.arguments(&out, "2");
    let data = arguments.iter().position(|argument| *argument == "emoji-in-small-chunks").unwrap();
    arguments[data] = "pictures";
    let document = json(&arguments, 0);
    let dataset = &document["measurements"]["datasets"][0];
    assert_eq!(dataset["samples"], 12);
    let measured = dataset["models"][0]["measurements"].as_array().unwrap();
    let find = |name: &str| measured.iter().find(|m| m["metric"] == name).unwrap();
    assert_eq!(find("LDS")["n"], 12);
    assert_eq!(find("SRSS")["absence"]["reason"], "missing-input");
    assert_eq!(find("accuracy")["n"], 6);
}

/// A row of a paper's table is filled by a model of exactly its name with one tap; on other images than the paper's the
/// verdict says so. (The network here is not the one that it is called after: only the matching of names is tested.)
#[test]
fn a_row_of_a_paper_is_filled_by_its_encoder() {
    let workspace = Workspace::new();
    let model = r#"
[[model]]
id = "named-like-the-row"
name = "WebSSL-1B"
family = "test"
artifact = "mobilenetv2.onnx"
[model.input]
tensor = "image"
layout = "nchw"
batch = 8
resize = { mode = "stretch", width = 256, height = 256, filter = "bicubic" }
normalise = { mode = "mean-std", mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }
[[model.tap]]
id = "block-13"
label = "block 13"
tensor = "block_13/output"
layout = { kind = "map" }
grid = [16, 16]
channels = 96
"#;
    fs::write(&workspace.manifest, format!("{MANIFEST}{model}")).unwrap();
    let out = workspace.out("run");
    let mut arguments = workspace.arguments(&out, "2");
    let place =
        |arguments: &[&str], word| arguments.iter().position(|argument| *argument == word).unwrap();
    let suite = place(&arguments, "starter");
    arguments[suite] = "irepa";
    let chosen = place(&arguments, "mobilenetv2");
    arguments[chosen] = "named-like-the-row";
    let document = json(&arguments, 0);
    let counts = &document["check"]["counts"];
    assert!(counts["not-comparable"].as_u64().unwrap() > 0, "{counts}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("emoji-in-small-chunks"), "the report does not say on which images");
}
