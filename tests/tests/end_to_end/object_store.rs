//! Runs in an object store: the same commands, the same bytes.

use crate::emoji_workspace::{Workspace, chunks, measurements};
use crate::program::{Finished, retally, text};
use crate::s3_server::S3Server;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One encoder over 96 emoji, 6 chunks, into an object store.
struct RemoteRun {
    workspace: Workspace,
    server: S3Server,
    address: PathBuf,
    home: PathBuf,
}

impl RemoteRun {
    fn new() -> Self {
        let address = PathBuf::from("s3://bucket/runs/a run");
        let workspace = Workspace::new();
        let home = machine(&workspace.out("machines"), "own");
        Self { workspace, server: S3Server::start(), address, home }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = retally(words);
        command.envs(self.server.variables()).env("RETALLY_HOME", &self.home);
        command
    }

    fn json(&self, words: &[&str], code: i32) -> Value {
        let finished = Finished::of(&mut self.command(&[&["--json"], words].concat()));
        assert_eq!(finished.code, code, "{finished:?}");
        finished.json()
    }

    fn run(&self, more: &[&str], code: i32) -> Value {
        let words = [self.workspace.arguments(&self.address, "1"), more.to_vec()].concat();
        self.json(&words, code)
    }

    fn refused(&self, words: &[&str], code: i32, parts: &[&str]) {
        let message = self.json(words, code)["error"]["message"].to_string();
        for part in parts {
            assert!(message.contains(part), "no {part:?} in {message}");
        }
    }

    fn stored(&self, folder: &str) -> Vec<String> {
        self.server.objects(&format!("bucket/runs/a run/{folder}")).into_keys().collect()
    }

    fn measurements(&self) -> Vec<u8> {
        self.server.objects("bucket/runs/a run/")["measurements.json"].clone()
    }

    /// The run in a folder, to compare with.
    fn whole(&self) -> PathBuf {
        let out = self.workspace.out("whole");
        self.workspace.run(&out, "1");
        out
    }
}

/// A home of one's own, as every machine has one, with the artifacts of the machine that runs the tests.
fn machine(folder: &Path, name: &str) -> PathBuf {
    let home = folder.join(name);
    let store = Finished::of(&mut retally(&["--json", "doctor"])).json()["store"].clone();
    let store = PathBuf::from(store.as_str().unwrap());
    std::fs::create_dir_all(&home).unwrap();
    std::os::unix::fs::symlink(store.join("objects"), home.join("objects")).unwrap();
    home
}

#[test]
fn shards_on_machines_of_their_own_give_the_same_bytes() {
    let remote = RemoteRun::new();
    let whole = remote.whole();
    let folder = tempfile::tempdir().unwrap();
    let address = text(&remote.address);
    for (index, name) in [(2, "first"), (3, "second")] {
        let words = remote.workspace.arguments(&remote.address, "1");
        let shard = format!("{index}/3");
        let mut command = remote.command(&[words.as_slice(), &["--shard", &shard]].concat());
        let finished = Finished::of(command.env("RETALLY_HOME", machine(folder.path(), name)));
        assert_eq!(finished.code, 0, "{finished:?}");
    }
    assert_eq!(remote.stored("chunks/").len(), 4);
    assert_eq!(remote.stored("shards/"), ["2-of-3.json", "3-of-3.json"]);
    // Another machine, which has nothing of the run, sees how far it is.
    let status = remote.json(&["status", address], 4);
    assert_eq!(
        (&status["chunks"]["missing"], &status["shards"]["missing"]),
        (&2.into(), &"1".into())
    );
    assert_eq!(status["out"], address);
    remote.refused(&["merge", address], 4, &["2 of 6 chunks are missing", "of shards 1 of 3"]);
    let done = remote.run(&["--shard", "1/3"], 0);
    assert_eq!(done["chunks"]["computed"], 2);
    assert_eq!(remote.json(&["status", address, "--verify"], 0)["chunks"]["done"], 6);
    let finished = remote.json(&["merge", address], 0);
    assert_eq!(finished["report"], format!("{address}/report.html"));
    assert!(remote.measurements() == measurements(&whole), "measurements differ");
    for name in ["run.json", "report.html", "report.md", "samples.parquet"] {
        assert!(remote.stored("").iter().any(|stored| stored == name), "{name} is not stored");
    }
    // To a folder, on a machine that has nothing.
    let out = folder.path().join("merged");
    let mut command = remote.command(&["merge", address, "--out", text(&out)]);
    let finished = Finished::of(command.env("RETALLY_HOME", folder.path().join("third")));
    assert_eq!(finished.code, 0, "{finished:?}");
    assert!(measurements(&out) == measurements(&whole), "measurements differ");
    assert_eq!(chunks(&out).len(), 6);
}

#[test]
fn a_whole_run_goes_on_where_another_machine_stopped() {
    let remote = RemoteRun::new();
    let folder = tempfile::tempdir().unwrap();
    remote.run(&["--shard", "1/2"], 0);
    let writes = remote.server.requests("PUT", "chunks/");
    assert_eq!(writes, 3);
    let words = remote.workspace.arguments(&remote.address, "1");
    let mut command = remote.command(&words);
    let finished = Finished::of(command.env("RETALLY_HOME", machine(folder.path(), "other")));
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(remote.server.requests("PUT", "chunks/"), 6, "what was there is not computed again");
    assert!(remote.measurements() == measurements(&remote.whole()), "measurements differ");
    // Nothing changes when it is run again.
    let before = remote.server.objects("bucket/");
    remote.run(&[], 0);
    let after = remote.server.objects("bucket/");
    for (name, bytes) in &before {
        let is_dated =
            ["run.json", "report.html", "1-of-1.json"].iter().any(|dated| name.ends_with(dated));
        assert!(is_dated || after.get(name) == Some(bytes), "{name} has changed");
    }
    assert_eq!(before.len(), after.len());
}

#[test]
fn damage_and_other_work_are_found() {
    let remote = RemoteRun::new();
    let address = text(&remote.address);
    remote.run(&["--shard", "1/2"], 0);
    remote.run(&["--shard", "2/2"], 0);
    remote.refused(
        &[
            &remote.workspace.arguments(&remote.address, "1")[..],
            &["--model", "efficientnet-lite0", "--shard", "1/2"],
        ]
        .concat(),
        2,
        &["was begun with other work"],
    );
    let name = remote.stored("chunks/")[0].clone();
    let name = format!("bucket/runs/a run/chunks/{name}");
    remote.server.change(&name, |bytes| *bytes.last_mut().unwrap() ^= 1);
    // On a machine that has no copy of its own.
    let folder = tempfile::tempdir().unwrap();
    let home = machine(folder.path(), "other");
    let at_home = |words: &[&str]| Finished::of(remote.command(words).env("RETALLY_HOME", &home));
    let status = at_home(&["--json", "status", address, "--verify"]);
    assert_eq!(
        (status.code, status.json()["chunks"]["missing"].as_u64()),
        (4, Some(1)),
        "{status:?}"
    );
    let words = remote.workspace.arguments(&remote.address, "1");
    let finished = at_home(&words);
    assert!(finished.code == 0 && finished.stderr.contains("it is computed again"), "{finished:?}");
    assert!(remote.measurements() == measurements(&remote.whole()), "measurements differ");
    let repaired = at_home(&["--json", "status", address, "--verify"]);
    assert_eq!(repaired.code, 0, "{repaired:?}");
}

#[test]
fn a_busy_store_is_asked_again_and_a_closed_one_is_told() {
    let remote = RemoteRun::new();
    let address = text(&remote.address);
    remote.server.be_busy(3);
    remote.run(&["--shard", "1/2"], 0);
    remote.refused(&["status", "s3://bucket/nowhere"], 2, &["has no work.jsonl"]);
    remote.server.close();
    remote.refused(&["status", address], 2, &["s3://bucket/runs/a run", "AWS_ACCESS_KEY_ID"]);
}

#[test]
fn what_has_no_place_in_an_object_store_is_refused() {
    let remote = RemoteRun::new();
    remote.refused(&["status", "s3://bucket"], 2, &["s3://BUCKET/FOLDER"]);
    let words = ["run", "iwm", "--miniature", "--out", "s3://bucket/run"];
    remote.refused(&words, 2, &["a miniature cannot be kept in an object store"]);
    let words =
        ["plan", "starter", "--format", "slurm", "--shards", "2", "--out-dir", "s3://bucket/run"];
    remote.refused(&words, 2, &["a folder that tasks share"]);
}
