//! Job files for the engines that people have: a run cut into shards, and the job that merges what they leave.
//!
//! | engine | file | written by |
//! |---|---|---|
//! | Slurm | one script: it submits an array of itself, and a merge that depends on it | `slurm.rs` |
//! | Kubernetes | an Indexed Job, and a suspended Job that merges | `kubernetes.rs` |
//! | SkyPilot | one task, launched as many jobs and once more to merge | `skypilot.rs` |
//! | GitHub Actions | a workflow: build, a matrix of shards, merge | `github.rs` |
//!
//! A file is a template (`templates/`) whose gaps are filled. What a user wrote enters a file as a [`Word`] alone, which
//! knows how to stand in a shell and in YAML. Nothing is guessed: an image, an account or a GPU that nobody named is asked
//! for, or left to the engine with a line that says so. The same request gives the same bytes.

mod github;
mod kubernetes;
mod program;
mod skypilot;
mod slurm;
mod task_time;
mod template;
#[cfg(test)]
mod testing;
mod units;
mod word;

pub use github::{GitHubJob, InvalidRevision, Revision};
pub use kubernetes::KubernetesJob;
pub use program::Program;
pub use skypilot::SkyPilotJob;
pub use slurm::SlurmJob;
pub use task_time::{Basis, ModelSeconds, TaskTime};
pub use units::{Gpu, GpuName, Memory, parse_time_limit};
pub use word::Word;

use crate::failure::Failure;
use std::num::{NonZeroU32, NonZeroUsize};

/// Where the shared volume is mounted in containers and on rented machines.
pub const VOLUME_FOLDER: &str = "/retally";

/// What every engine is asked for: one run of a suite in shards.
#[derive(Clone, Debug)]
pub struct JobPlan {
    /// Id of the suite.
    pub suite: Word,
    /// How many shards, and so tasks.
    pub shards: NonZeroU32,
    /// How many tasks run at once; the engine decides if nobody says.
    pub at_once: Option<NonZeroU32>,
    /// How retally is called.
    pub program: Program,
    /// The run's folder.
    pub out: Word,
    /// What one task needs.
    pub task: Task,
    /// How the user will name the file.
    pub file: Word,
}

/// What one task of the run needs.
#[derive(Clone, Debug)]
pub struct Task {
    /// Cores; the same number goes to `run --threads`.
    pub threads: NonZeroUsize,
    /// Memory; the engine's default if nobody says.
    pub memory: Option<Memory>,
    /// A GPU for each task.
    pub gpu: Option<Gpu>,
    /// How long it may take.
    pub time: TaskTime,
}

/// A job file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Its text.
    pub text: String,
    /// What the user does with it: commands, in order.
    pub commands: Vec<String>,
}

impl JobPlan {
    /// What jobs are called: suite ids are words of lower-case letters, digits and hyphens.
    fn name(&self) -> String {
        format!("retally-{}", self.suite.as_str())
    }
}

/// Commands in the head of a file.
fn as_comment(commands: &[String]) -> Vec<String> {
    commands.iter().map(|command| format!("#   {command}")).collect()
}

/// Refuses a folder that is lost with its container.
fn within_volume(what: &str, folder: &Word) -> Result<(), Failure> {
    let path = std::path::Path::new(folder.as_str());
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    if path.starts_with(VOLUME_FOLDER) && !climbs {
        return Ok(());
    }
    Err(Failure::invalid(format_args!(
        "{what} `{folder}` is not on the shared volume, which is mounted at `{VOLUME_FOLDER}`: what is written elsewhere \
         is lost with the machine; write a folder such as `{VOLUME_FOLDER}/{suite}`",
        suite = path.file_name().and_then(|name| name.to_str()).unwrap_or("run"),
    )))
}
