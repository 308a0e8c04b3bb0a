//! Starts the binary and reads what it says.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The binary beside this test binary: `cargo test --workspace` has just built it.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let path = folder.join(format!("retally{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo test --release --workspace`, which builds it",
        path.display()
    );
    path
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program must exit, not be killed"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::new(command.output().unwrap())
    }

    /// The one JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document ({error}): {self:?}"))
    }
}

/// A command that never uses the network, so that no test can.
pub(crate) fn retally(arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.arg("--offline").args(arguments).env("NO_COLOR", "1").env("COLUMNS", "400");
    // The tests may run in a job of an engine themselves.
    for variable in ENGINE_VARIABLES {
        command.env_remove(variable);
    }
    command
}

/// By these a process learns that it is one of several.
const ENGINE_VARIABLES: [&str; 8] = [
    "SLURM_ARRAY_TASK_ID",
    "SLURM_STEP_ID",
    "JOB_COMPLETION_INDEX",
    "SKYPILOT_JOB_RANK",
    "RANK",
    "CI_NODE_INDEX",
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "RETALLY_SHARDS",
];

/// Runs to the end.
pub(crate) fn run(arguments: &[&str]) -> Finished {
    Finished::of(&mut retally(arguments))
}

/// Runs with `--json` and expects this exit code.
pub(crate) fn json(arguments: &[&str], code: i32) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let finished = run(&all);
    assert_eq!(finished.code, code, "{finished:?}");
    finished.json()
}

/// The library of the default store, found without touching the network.
pub(crate) fn library() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let report = json(&["doctor"], 0);
        report["onnxruntime"]["path"].as_str().unwrap().to_owned()
    })
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Writes a float32 `.npy` file.
pub(crate) fn write_f32(path: &Path, shape: &[u64], values: &[f32]) {
    write(path, shape, values);
}

/// Writes an int64 `.npy` file.
pub(crate) fn write_i64(path: &Path, values: &[i64]) {
    write(path, &[values.len() as u64], values);
}

fn write<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], values: &[T]) {
    use npyz::WriterBuilder;
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd().unwrap();
    writer.extend(values.iter().copied()).unwrap();
    writer.finish().unwrap();
}
