//! Scores of a model's answers to Uni-MMMU: from files to measurements. The rules are in `retally_metrics::unified`; here is what
//! reads folders and pictures.
//!
//! ```text
//! Source (official folders, or one line a case) → cases of a task → TaskScores → columns, side by side in both protocols
//! ```
//!
//! A task is scored by one function, `fn(&Scoring) -> Result<TaskScores, Failure>`; `score` calls the one of each task asked for.

mod cases_file;
mod comparison;
mod dreamsim;
mod exclusion;
mod files;
mod jigsaw;
mod judged;
mod maze;
mod official;
mod pictures;
mod puzzle_case;
mod puzzles;
mod scores;
mod sliding;
mod source;
#[cfg(test)]
mod tests;

use crate::failure::Failure;
use crate::judge::Judging;
use crate::progress::Progress;
use crate::threads::Threads;
pub(crate) use cases_file::write_cases;
pub(crate) use comparison::{Difference, differences, plain_mean};
pub(crate) use dreamsim::{DreamSim, DreamSimRecord};
use retally_metrics::unified::sliding::SlidingConvention;
use retally_metrics::unified::{Protocol, Task};
pub(crate) use scores::{Quantity, TaskScores};
pub(crate) use source::Source;
use std::sync::Mutex;

/// What decides the scores of a task, and what computes them.
#[derive(Clone, Copy)]
pub(crate) struct Scoring<'a> {
    /// Where answers and ground truth are.
    pub(crate) source: &'a Source,
    /// Whose rules.
    pub(crate) protocol: Protocol,
    /// What the words of a sliding puzzle's moves name; the official protocol always takes them as they are stored.
    pub(crate) convention: SlidingConvention,
    /// The perceptual distance of the jigsaw task, if the user has one.
    pub(crate) dreamsim: Option<&'a Mutex<DreamSim>>,
    /// Who judges geometry, science and code.
    pub(crate) judging: &'a Judging,
    /// Who computes. Their number changes no score.
    pub(crate) threads: &'a Threads,
    /// Where progress goes.
    pub(crate) progress: &'a Progress,
}

/// Scores one task by one protocol.
///
/// # Errors
/// If a file that the protocol needs cannot be read or is not what it should be; the message names it.
pub(crate) fn score(task: Task, scoring: &Scoring<'_>) -> Result<TaskScores, Failure> {
    match task {
        Task::Jigsaw => jigsaw::score(scoring),
        Task::Maze => maze::score(scoring),
        Task::Sliding => sliding::score(scoring),
        Task::Geometry | Task::Science | Task::Code => judged::score(task, scoring),
    }
}
