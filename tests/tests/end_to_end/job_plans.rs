//! `retally plan`: files against the published schemas of those who read them, refusals that say what to do, and a script
//! that goes from submission to a merged report on a cluster of stand-ins.

use crate::emoji_workspace::{Workspace, chunks};
use crate::program::{Finished, binary, json, repository, retally, run, text};
use retally_manifests::Digest;
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;
use std::process::Command;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const IMAGE: [&str; 4] = ["--image", "registry.example/retally:1", "--volume", "shared"];

/// The words of a plan in 8 shards.
fn words<'a>(format: &'a str, further: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["plan", "starter", "--format", format, "--shards", "8"];
    words.extend(further);
    words
}

/// What is printed.
fn plan(format: &str, further: &[&str]) -> String {
    let finished = run(&words(format, further));
    assert_eq!(finished.code, 0, "{finished:?}");
    finished.stdout
}

/// What a refusal says.
fn refusal(format: &str, further: &[&str]) -> String {
    json(&words(format, further), 2)["error"]["message"].as_str().unwrap().to_owned()
}

/// YAML as JSON, as far as job files go.
fn value(node: &Yaml<'_>) -> Value {
    if let Some(fields) = node.as_mapping() {
        let fields = fields.iter().map(|(key, one)| (key.as_str().unwrap().to_owned(), value(one)));
        return Value::Object(Map::from_iter(fields));
    }
    if let Some(items) = node.as_vec() {
        return items.iter().map(value).collect();
    }
    let bare = node.as_bool().map(Value::from).or_else(|| node.as_integer().map(Value::from));
    bare.or_else(|| node.as_str().map(Value::from)).unwrap_or(Value::Null)
}

/// Every document of a YAML file, each valid by a schema of `tests/schemas/jobs`.
fn valid(source: &str, schema: &str) -> Vec<Value> {
    let schema = repository().join("tests/schemas/jobs").join(schema);
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let documents = Yaml::load_from_str(source).unwrap();
    let documents: Vec<Value> = documents.iter().map(value).collect();
    for document in &documents {
        let errors: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    // A validator that accepts everything proves nothing.
    let mut wrong = documents[0].clone();
    wrong.as_object_mut().unwrap().insert("noSuchField".into(), Value::Null);
    assert!(!validator.is_valid(&wrong), "the schema accepts anything");
    documents
}

const FULL: [&str; 8] =
    ["--threads", "8", "--limit", "96", "--model", "mobilenetv2", "--device", "cuda:0"];

fn with_full<'a>(further: &[&'a str]) -> Vec<&'a str> {
    FULL.iter().chain(further).copied().collect()
}

#[test]
fn kubernetes_jobs_are_valid_by_the_published_schema() {
    let least = plan("kubernetes", &IMAGE);
    let most = with_full(&[
        "--memory",
        "16G",
        "--notice",
        "600",
        "--at-once",
        "3",
        "--store",
        "/retally/a store",
    ]);
    let most = plan("kubernetes", &[&most[..], &IMAGE[..]].concat());
    for source in [least, most] {
        let documents = valid(&source, "kubernetes-job.json");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0]["spec"]["completions"], 8);
    }
}

#[test]
fn a_skypilot_task_is_valid_by_the_published_schema() {
    let least = plan("skypilot", &IMAGE);
    let most =
        with_full(&["--memory", "16G", "--gpu", "A100", "--image", "x", "--volume", "s3://bucket"]);
    for source in [least, plan("skypilot", &most)] {
        let documents = valid(&source, "skypilot-task.json");
        assert_eq!(documents[0]["envs"]["RETALLY_STEP"], "shard");
    }
}

#[test]
fn a_github_workflow_is_valid_by_the_published_schema() {
    let least = plan("github", &["--revision", COMMIT]);
    let most =
        with_full(&["--revision", COMMIT, "--runner", "gpu", "--time", "90", "--at-once", "3"]);
    for source in [least, plan("github", &most)] {
        let documents = valid(&source, "github-workflow.json");
        assert_eq!(documents[0]["jobs"]["merge"]["needs"], "shard");
        // Actions are pinned by commit, as in docs/ci.
        let uses: Vec<_> = source.lines().filter_map(|line| line.split_once("uses: ")).collect();
        assert!(uses.len() > 5);
        for (_, action) in uses {
            let (_, version) = action.split_once('@').unwrap();
            assert!(
                version.len() > 40 && version[..40].bytes().all(|b| b.is_ascii_hexdigit()),
                "{action}"
            );
        }
    }
}

#[test]
fn the_document_holds_the_file_and_what_was_computed() {
    let document = json(&words("slurm", &["--time", "90", "--memory", "2G"]), 0);
    assert_eq!(document["format"], "slurm");
    assert_eq!(document["shards"], 8);
    assert_eq!(document["out_dir"], "retally-out/starter");
    let time = &document["task"]["time"];
    assert_eq!((&time["limit_seconds"], &time["limit_basis"]), (&5400.into(), &"given".into()));
    assert_eq!((&time["notice_seconds"], &time["notice_basis"]), (&300.into(), &"assumed".into()));
    assert_eq!(document["task"]["memory_mib"], 2048);
    assert_eq!(document["file"]["path"], Value::Null);
    assert_eq!(document["commands"][0], "bash retally-starter.sh");
    let printed = plan("slurm", &["--time", "90", "--memory", "2G"]);
    assert_eq!(document["file"]["text"], printed);
}

#[test]
fn a_file_that_somebody_edited_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a job.sh");
    let out = ["--out", text(&path)];
    for _ in 0..2 {
        let printed = plan("slurm", &out);
        assert!(
            printed.contains("next:") && printed.contains(&format!("bash '{}'", text(&path))),
            "{printed}"
        );
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("#!/usr/bin/env bash\n"));
    fs::write(&path, format!("{written}# mine\n")).unwrap();
    assert!(refusal("slurm", &out).contains("says something else"));
    assert!(fs::read_to_string(&path).unwrap().ends_with("# mine\n"));
    assert!(refusal("slurm", &["--out", text(folder.path())]).contains("--out-dir"));
}

#[test]
fn refusals_say_what_is_missing_or_has_no_place() {
    for (format, further, expected) in [
        ("kubernetes", &["--volume", "x"][..], "--image IMAGE is missing"),
        ("kubernetes", &["--image", "x"], "--volume NAME is missing"),
        ("skypilot", &["--volume", "x"], "--image IMAGE is missing"),
        ("github", &[], "--revision COMMIT is missing"),
        ("github", &["--revision", "main"], "no whole commit"),
        ("github", &["--revision", COMMIT, "--account", "x"], "it goes with --format slurm"),
        ("kubernetes", &["--time", "90"], "it goes with --format slurm|github"),
        ("slurm", &["--image", "x"], "it goes with --format kubernetes|skypilot"),
        ("slurm", &["--gpu", "a100"], "--device cuda:0"),
        ("slurm", &["--device", "cuda:1"], "number 0"),
        ("slurm", &["--account", "a\nb"], "U+000A"),
        ("slurm", &["--time", "4h"], "no time limit"),
        ("slurm", &["--time", "5"], "--notice shorter"),
        ("slurm", &["--memory", "16"], "no amount of memory"),
        ("slurm", &["--model", "mobilenetv3"], "did you mean `mobilenetv2`"),
        ("slurm", &["--out-dir", r"a\b"], "backslash"),
    ] {
        let said = refusal(format, further);
        assert!(said.contains(expected), "{format} {further:?}: {said}");
    }
    let finished = run(&["plan", "starter", "--format", "slurm"]);
    assert_eq!(finished.code, 2);
    assert!(finished.stderr.contains("--shards"), "{finished:?}");
}

/// A program on the path of a script.
fn program(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("bin").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The real program plans and fetches; Slurm is a stand-in that takes what it is given.
#[test]
fn the_script_fetches_with_the_real_program_and_submits_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    program(folder, "retally", &format!("exec '{}' \"$@\"", text(&binary())));
    program(folder, "sbatch", "printf '%s\\n' \"$@\" -- >> calls; echo 7");
    let planned = Finished::of(
        retally(&words("slurm", &["--out", "job.sh", "--model", "mobilenetv2"]))
            .current_dir(folder),
    );
    assert_eq!(planned.code, 0, "{planned:?}");
    let mut script = Command::new("bash");
    let path = format!("{}:/usr/bin:/bin", text(&folder.join("bin")));
    let submitted = Finished::of(script.arg("job.sh").current_dir(folder).env("PATH", path));
    assert_eq!(submitted.code, 0, "{submitted:?}");
    // Two data sets of the starter may share artifacts; the model and the library are there in any case.
    assert!(submitted.stdout.contains("artifacts verified"), "{submitted:?}");
    assert!(submitted.stdout.contains("the merge as job 7"), "{submitted:?}");
    let calls = fs::read_to_string(folder.join("calls")).unwrap();
    assert_eq!(calls.matches("--\n").count(), 2);
    assert!(calls.contains("--dependency=afterok:7\n"), "{calls}");
}

/// One chunk of each model is computed in the run's folder, kept, and tells how long a task may take.
#[test]
fn a_probe_measures_and_loses_nothing() {
    let workspace = Workspace::new();
    let out = workspace.out("run");
    let run_words = workspace.arguments(&out, "1");
    let mut words = vec!["plan", "starter", "--format", "slurm", "--shards", "2", "--probe"];
    words.extend(["--manifest", text(&workspace.manifest), "--model", "mobilenetv2"]);
    words.extend(["--data", "emoji-in-small-chunks", "--limit", "96", "--threads", "1"]);
    words.extend(["--out-dir", text(&out)]);
    let plan = json(&words, 0);
    let time = &plan["task"]["time"];
    assert_eq!(
        (&time["limit_basis"], &time["notice_basis"]),
        (&"measured".into(), &"measured".into())
    );
    // Ten minutes to begin with, a minute of notice, and a few seconds of work.
    assert_eq!((&time["limit_seconds"], &time["notice_seconds"]), (&900.into(), &60.into()));
    assert!(plan["file"]["text"].as_str().unwrap().contains("--time=00:15:00"), "{plan}");
    assert_eq!(chunks(&out).len(), 1);
    let mut shard = run_words.clone();
    shard.extend(["--shard", "1/2"]);
    let done = json(&shard, 0);
    assert_eq!(done["chunks"], serde_json::json!({"own": 3, "computed": 2, "stored": 1}));
    // The user's word comes before a measurement.
    words.extend(["--time", "4:00:00"]);
    assert_eq!(json(&words, 0)["task"]["time"]["limit_basis"], "given");
}

/// `tests/parity/job_files.py` asked shellcheck, kubernetes-validate and SkyPilot's own reader: about these very bytes.
#[test]
fn what_other_readers_said_is_about_these_files() {
    let path = repository().join("tests/parity/job_files.json");
    let record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let plans = record["plans"].as_object().unwrap();
    assert_eq!(plans.len(), 8);
    for (name, said) in plans {
        let further: Vec<_> =
            said["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let (format, _) = name.split_once('-').unwrap_or((name, ""));
        let digest = Digest::of_bytes(plan(format, &further).as_bytes()).to_string();
        assert_eq!(
            said["sha256"],
            digest.as_str(),
            "{name} has changed: ask the other readers again"
        );
        let findings = said.get("shellcheck").and_then(Value::as_array);
        assert!(findings.is_none_or(Vec::is_empty), "{name}: {findings:?}");
        let reader = match format {
            "slurm" => "shellcheck",
            "kubernetes" => "kubernetes_validate",
            "skypilot" => "sky.Task",
            _ => "jsonschema",
        };
        assert!(said.get(reader).is_some(), "{name} was not shown to {reader}");
    }
}
