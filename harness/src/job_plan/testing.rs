//! Plans for tests, hostile texts, and programs that stand in for those of a cluster.

use super::units::Gpu;
use super::{JobPlan, Program, Task, TaskTime, Word};
use proptest::prelude::*;
use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Texts that a job file can hold: many characters that mean something to shells, YAML, Slurm, Kubernetes and GitHub.
pub(super) fn printable() -> impl Strategy<Value = String> {
    let marks: Vec<char> = "'\"\\$(){}[]`;&|<>*?!~#%:@=,- \u{e9}\u{1f600}".chars().collect();
    let one = prop_oneof![
        3 => proptest::sample::select(marks),
        1 => proptest::char::range('a', 'z'),
        1 => any::<char>(),
    ];
    proptest::collection::vec(one, 1..14)
        .prop_map(String::from_iter)
        .prop_filter("not printed", |text| Word::new("x", text.as_str()).is_ok())
}

/// Names of files or folders below the current one.
pub(super) fn file_name() -> impl Strategy<Value = String> {
    printable().prop_map(|text| format!("o{}", text.replace(['/', '\\'], "_")))
}

pub(super) fn word(text: &str) -> Word {
    Word::new("a word", text).unwrap()
}

/// A plan of 8 shards whose texts are the caller's.
pub(super) fn plan(out: &str, manifest: &str, model: &str) -> JobPlan {
    JobPlan {
        suite: word("starter"),
        shards: NonZeroU32::new(8).unwrap(),
        at_once: None,
        program: Program {
            name: word("retally"),
            everywhere: vec![word("--offline"), Word::option("manifest", &word(manifest))],
            run: vec![word("--device=cpu"), Word::option("model", &word(model))],
            fetch: vec![word("onnxruntime"), word(model)],
            store: None,
        },
        out: word(out),
        task: Task {
            threads: NonZeroUsize::new(4).unwrap(),
            memory: None,
            gpu: None,
            time: TaskTime::assumed(),
        },
        file: word("job file.sh"),
    }
}

/// The same with everything that may be asked for.
pub(super) fn full_plan(out: &str) -> JobPlan {
    let mut plan = plan(out, "my own.toml", "x");
    plan.at_once = NonZeroU32::new(3);
    plan.task.memory = Some("1500M".parse().unwrap());
    plan.task.gpu = Some(Gpu::Named("A100".parse().unwrap()));
    plan.task.time = TaskTime::assumed()
        .with_limit(Some(Duration::from_secs(100_000)))
        .with_notice(Some(Duration::from_secs(77)));
    plan
}

/// A folder in which programs stand in for those of a cluster and write down how they are called.
pub(super) struct Cluster {
    folder: TempDir,
}

impl Cluster {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder }
    }

    /// Where scripts run.
    pub(super) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Puts a program on the path that records its arguments and then does this.
    pub(super) fn program(&self, name: &str, then: &str) {
        self.program_at(&self.folder.path().join("bin").join(name), then);
    }

    /// The same at another place.
    pub(super) fn program_at(&self, path: &Path, then: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let name = path.file_name().unwrap().to_str().unwrap();
        let record = self.folder.path().join(format!("{name}.calls"));
        let script = format!(
            "#!/bin/bash\n{{ printf '%s\\0' \"$@\"; printf '\\1\\0'; }} >> '{}'\n{then}\n",
            record.display()
        );
        fs::write(path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How a program was called: the words of each call.
    pub(super) fn calls(&self, name: &str) -> Vec<Vec<String>> {
        let bytes = fs::read(self.folder.path().join(format!("{name}.calls"))).unwrap_or_default();
        let text = String::from_utf8(bytes).unwrap();
        let mut calls = vec![Vec::new()];
        for word in text.split_terminator('\0') {
            if word == "\u{1}" {
                calls.push(Vec::new());
            } else {
                calls.last_mut().unwrap().push(word.to_owned());
            }
        }
        calls.pop();
        calls
    }

    fn bash(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new("bash");
        let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
        command.args(arguments).current_dir(self.work()).env_clear().env("PATH", path);
        command.envs(environment.iter().copied());
        command
    }

    /// Runs bash to its end.
    pub(super) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        self.bash(arguments, environment).output().unwrap()
    }

    /// Starts bash, and waits until a program that stands in has made the file `started`.
    pub(super) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        let mut command = self.bash(arguments, environment);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !self.work().join("started").exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing has started");
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }
}

/// Sends a signal to one process.
pub(super) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

pub(super) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}
