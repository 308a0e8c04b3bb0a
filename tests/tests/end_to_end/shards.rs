//! Runs that are cut into shards: the same measurements however they are cut, killed, cut anew and merged.

use crate::emoji_workspace::{Workspace, chunks, measurements};
use crate::program::{Finished, json, retally, run, text};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Two encoders over 96 emoji: 12 chunks.
struct ShardedRun {
    workspace: Workspace,
}

impl ShardedRun {
    fn new() -> Self {
        Self { workspace: Workspace::new() }
    }

    fn out(&self, name: &str) -> PathBuf {
        self.workspace.out(name)
    }

    fn words<'a>(&'a self, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = self.workspace.arguments(out, "1");
        words.extend(["--model", "efficientnet-lite0"]);
        words.extend(more);
        words
    }

    /// The whole run in one process.
    fn whole(&self) -> PathBuf {
        let out = self.out("whole");
        let finished = run(&self.words(&out, &[]));
        assert_eq!(finished.code, 0, "{finished:?}");
        out
    }

    fn shard(&self, out: &Path, shard: &str) -> Value {
        json(&self.words(out, &["--shard", shard]), 0)
    }
}

fn refused(words: &[&str], code: i32, parts: &[&str]) {
    let message = json(words, code)["error"]["message"].to_string();
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

fn same_results(left: &Path, right: &Path) {
    assert!(measurements(left) == measurements(right), "measurements differ");
    let rows = |out: &Path| fs::read(out.join("samples.parquet")).unwrap();
    assert!(rows(left) == rows(right), "rows of samples differ");
}

#[test]
fn any_number_of_shards_gives_the_same_bytes() {
    let sharded = ShardedRun::new();
    let whole = sharded.whole();
    for count in [2, 3, 8] {
        let out = sharded.out(&format!("of-{count}"));
        let mut own = 0;
        // Backwards: no order is needed.
        for index in (1..=count).rev() {
            let done = sharded.shard(&out, &format!("{index}/{count}"));
            assert_eq!(done["shard"]["source"], "option");
            assert_eq!(done["chunks"]["computed"], done["chunks"]["own"]);
            own += done["chunks"]["own"].as_u64().unwrap();
            assert!(!out.join("measurements.json").exists());
        }
        assert_eq!(own, 12);
        assert_eq!(json(&["status", text(&out)], 0)["chunks"]["missing"], 0);
        let merged = run(&["merge", text(&out)]);
        assert_eq!(merged.code, 0, "{merged:?}");
        same_results(&whole, &out);
        assert!(out.join("report.html").exists());
        let record: Value =
            serde_json::from_slice(&fs::read(out.join("run.json")).unwrap()).unwrap();
        assert_eq!(record["shards"].as_array().unwrap().len(), count);
        assert!(record["models"][0]["session"].is_object(), "{record}");
        assert_eq!(run(&["check", text(&out)]).code, 0);
    }
}

/// A store that has nothing: merging needs neither images nor models nor ONNX Runtime.
#[test]
fn folders_of_their_own_are_merged_without_images_and_models() {
    let sharded = ShardedRun::new();
    let whole = sharded.whole();
    let [first, second, merged] = ["first", "second", "merged"].map(|name| sharded.out(name));
    sharded.shard(&first, "1/2");
    let merge = |words: &[&str]| {
        let mut command = retally(&[&["merge"], words].concat());
        Finished::of(command.env("RETALLY_HOME", sharded.out("nothing")))
    };
    refused(&["merge", text(&first), "--out", text(&merged)], 4, &["6 of 12", "shards 2 of 2"]);
    assert_eq!(chunks(&merged).len(), 0, "nothing is brought before everything is there");
    sharded.shard(&second, "2/2");
    let both = [text(&first), text(&second)];
    let finished = merge(&both);
    assert!(finished.code == 2 && finished.stderr.contains("--out"), "{finished:?}");
    let finished = merge(&[both[0], both[1], "--out", text(&merged)]);
    assert_eq!(finished.code, 0, "{finished:?}");
    same_results(&whole, &merged);
    // The same again, from the merged folder alone.
    assert_eq!(merge(&[text(&merged)]).code, 0);
    same_results(&whole, &merged);
    refused(&["merge", both[0], both[0], "--out", text(&merged)], 2, &["given twice"]);

    let third = sharded.out("third");
    sharded.shard(&third, "2/2");
    let all = [both[0], both[1], text(&third)];
    let other = sharded.out("other");
    let words = |more: &[&'static str]| {
        let mut words = vec!["merge", all[0], all[1], all[2], "--out", text(&other)];
        words.extend(more);
        words
    };
    refused(&words(&[]), 2, &["6 chunks are in more than one folder", "--allow-doubled"]);
    assert_eq!(run(&words(&["--allow-doubled"])).code, 0);
    same_results(&whole, &other);
    flip_a_bit(&chunks(&third)[0]);
    refused(&words(&["--allow-doubled"]), 2, &["different bytes", "--verify"]);
}

fn flip_a_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() - 100;
    bytes[middle] ^= 1;
    // A new file: the old one may have a second name in a merged folder.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_missing_is_said_in_ranges_and_the_work_can_be_cut_anew() {
    let sharded = ShardedRun::new();
    let whole = sharded.whole();
    let out = sharded.out("run");
    refused(&["status", text(&out)], 2, &["work.jsonl"]);
    for shard in ["2/6", "5/6"] {
        sharded.shard(&out, shard);
    }
    let status = json(&["status", text(&out)], 4);
    assert_eq!(status["chunks"], serde_json::json!({"total": 12, "done": 4, "missing": 8}));
    assert_eq!(status["shards"]["count"], 6);
    assert_eq!(status["shards"]["missing"], "1,3-4,6");
    assert_eq!(status["shards"]["indices"], serde_json::json!([1, 3, 4, 6]));
    let finished = run(&["status", text(&out)]);
    assert!(finished.stdout.contains("sbatch --array=1,3-4,6"), "{finished:?}");
    let status = json(&["status", text(&out), "--shards", "2"], 4);
    assert_eq!(status["shards"]["missing"], "1-2");
    refused(&["merge", text(&out)], 4, &["8 of 12", "1,3-4,6 of 6"]);
    // Another count: what is there is kept.
    let done = sharded.shard(&out, "1/2");
    assert_eq!(done["chunks"], serde_json::json!({"own": 6, "computed": 4, "stored": 2}));
    assert_eq!(json(&["status", text(&out)], 4)["shards"]["missing"], "2");
    // A run without a shard does the rest and measures.
    let finished = run(&sharded.words(&out, &[]));
    assert_eq!(finished.code, 0, "{finished:?}");
    same_results(&whole, &out);
}

#[test]
fn a_damaged_chunk_is_found_and_computed_again_by_its_shard() {
    let sharded = ShardedRun::new();
    let out = sharded.out("run");
    for shard in ["1/2", "2/2"] {
        sharded.shard(&out, shard);
    }
    let chunk = chunks(&out)[5].clone();
    let whole = fs::read(&chunk).unwrap();
    flip_a_bit(&chunk);
    assert_eq!(json(&["status", text(&out)], 0)["damaged"], serde_json::json!([]));
    let status = json(&["status", text(&out), "--verify"], 4);
    assert_eq!(status["damaged"], serde_json::json!([text(&chunk)]));
    assert_eq!(status["chunks"]["missing"], 1);
    let shard = format!("{}/2", status["shards"]["missing"].as_str().unwrap());
    refused(&["merge", text(&out)], 4, &["damaged", text(&chunk)]);
    let finished = run(&sharded.words(&out, &["--shard", &shard]));
    assert!(finished.stderr.contains("computed again"), "{finished:?}");
    assert!(fs::read(&chunk).unwrap() == whole);
    assert_eq!(run(&["merge", text(&out)]).code, 0);
}

#[test]
fn engines_say_which_shard_it_is() {
    let sharded = ShardedRun::new();
    let out = sharded.out("run");
    let words = sharded.words(&out, &["--json"]);
    let start =
        |variables: &[(&str, &str)]| Finished::of(retally(&words).envs(variables.iter().copied()));
    let array = |count: &'static str| {
        let name = |part: &str| format!("SLURM_ARRAY_TASK_{part}");
        [("ID", "3"), ("COUNT", count), ("MIN", "1"), ("MAX", "3"), ("STEP", "1")]
            .map(|(part, value)| (name(part), value))
    };
    let slurm = |count| {
        let variables = array(count);
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        start(&variables)
    };
    let finished = slurm("3");
    assert_eq!(finished.code, 0, "{finished:?}");
    let shard = serde_json::json!({"index": 3, "count": 3, "source": "slurm-array"});
    assert_eq!(finished.json()["shard"], shard);
    let gaps = slurm("2");
    assert!(gaps.code == 2 && gaps.stdout.contains("gaps"), "{gaps:?}");
    let pod = start(&[("JOB_COMPLETION_INDEX", "0")]);
    assert!(pod.code == 2 && pod.stdout.contains("--shards N"), "{pod:?}");
    let pod = start(&[("JOB_COMPLETION_INDEX", "0"), ("RETALLY_SHARDS", "3")]);
    assert_eq!(pod.json()["shard"]["source"], "kubernetes-indexed-job");
    let worker = start(&[("RANK", "1"), ("WORLD_SIZE", "3"), ("LOCAL_RANK", "1")]);
    assert_eq!(worker.json()["shard"]["index"], 2);
    assert_eq!(run(&["merge", text(&out)]).code, 0);
}

#[test]
fn other_work_does_not_join_a_run() {
    let sharded = ShardedRun::new();
    let out = sharded.out("run");
    sharded.shard(&out, "1/3");
    refused(
        &sharded.words(&out, &["--shard", "2/3", "--fast"]),
        2,
        &["begun with other work", "--fast", "another --out"],
    );
    let mut fewer = sharded.words(&out, &["--shard", "2/3"]);
    let limit = fewer.iter().position(|word| *word == "96").unwrap();
    fewer[limit] = "90";
    refused(&fewer, 2, &["--limit 96", "--limit 90"]);
    let other = sharded.out("other");
    let mut words = sharded.workspace.arguments(&other, "1");
    words.extend(["--shard", "2/3"]);
    assert_eq!(run(&words).code, 0);
    let merged = sharded.out("merged");
    let words = ["merge", text(&out), text(&other), "--out", text(&merged)];
    refused(&words, 2, &["different runs", "models"]);
    for other in [["--dry-run"].as_slice(), &["--generator", "noto-flow", "--samples", "2"]] {
        let more = [&["--shard", "1/2"], other].concat();
        refused(&sharded.words(&out, &more), 2, &["shard"]);
    }
    refused(&sharded.words(&out, &["--shard", "1/2", "--shards", "3"]), 2, &["contradict"]);
}

#[test]
fn a_shard_that_is_killed_or_fails_is_told() {
    let sharded = ShardedRun::new();
    let out = sharded.out("run");
    let words = sharded.words(&out, &["--shard", "1/2"]);
    let quiet = || {
        let mut command = retally(&words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut child = quiet().spawn().unwrap();
    while chunks(&out).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::yield_now();
    }
    let status = json(&["status", text(&out)], 4);
    assert_eq!(status["shards"]["running"][0]["holds_lock"], true);
    refused(&words, 3, &["shard 1/2"]);
    refused(&["merge", text(&out)], 3, &["another process"]);
    child.kill().unwrap();
    child.wait().unwrap();
    let status = json(&["status", text(&out)], 4);
    assert_eq!(status["shards"]["running"], serde_json::json!([{"index": 1, "holds_lock": false}]));
    assert_eq!(status["shards"]["missing"], "1-2");
    let done = json(&words, 0);
    assert!(done["chunks"]["stored"].as_u64().unwrap() >= 1, "{done}");

    // The second shard cannot write where a folder stands in a chunk's place.
    let list = fs::read_to_string(out.join("work.jsonl")).unwrap();
    let list: Value = serde_json::from_str(list.lines().nth(1).unwrap()).unwrap();
    let key = list["datasets"][0]["models"][1]["chunks"][5].as_str().unwrap();
    let place = out.join("chunks").join(format!("{key}.safetensors"));
    fs::create_dir_all(&place).unwrap();
    let second = run(&sharded.words(&out, &["--shard", "2/2"]));
    assert_ne!(second.code, 0, "{second:?}");
    fs::remove_dir(&place).unwrap();
    let status = json(&["status", text(&out), "--verify"], 4);
    assert_eq!(status["shards"]["failed"][0]["index"], 2, "{status}");
    assert_eq!(status["shards"]["failed"][0]["exit_code"], second.code);
}

#[test]
fn a_changed_measurement_is_measured_again() {
    let sharded = ShardedRun::new();
    let out = sharded.whole();
    let first = measurements(&out);
    let measured: Vec<PathBuf> =
        fs::read_dir(out.join("measured")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let bytes = fs::read_to_string(&measured[0]).unwrap();
    let place = bytes.find("\"value\":0.").unwrap() + "\"value\":0.".len();
    let digit = if bytes.as_bytes()[place] == b'7' { "8" } else { "7" };
    let mut changed = bytes.clone();
    changed.replace_range(place..=place, digit);
    for damage in [changed.as_str(), &bytes[..bytes.len() / 2], ""] {
        fs::write(&measured[0], damage).unwrap();
        let finished = run(&sharded.words(&out, &[]));
        assert_eq!(finished.code, 0, "{finished:?}");
        assert!(finished.stderr.contains("measured again"), "{finished:?}");
        assert!(first == measurements(&out));
        assert_eq!(fs::read_to_string(&measured[0]).unwrap(), bytes);
    }
}
