//! The judged tasks: geometry, science and code. Each reads its cases, prepares a question of each, and turns what the judge said into
//! values; a [`Judge`](crate::judge::Judge) asks, `retally_metrics::unified::judged` holds the rules.

mod code;
mod geometry;
mod picture;
mod science;
mod sheet;
#[cfg(test)]
mod tests;

use super::Scoring;
use super::scores::TaskScores;
use super::source::{CaseLine, Lines};
use crate::failure::Failure;
use crate::judge::{Judging, Unasked};
use retally_metrics::unified::{Protocol, Task};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Scores a judged task, or says why nobody judges it.
///
/// # Errors
/// If a file that is needed cannot be used, or the judge gives no reply.
pub(super) fn score(task: Task, scoring: &Scoring<'_>) -> Result<TaskScores, Failure> {
    let judge = match scoring.judging {
        Judging::Ready(judge) => judge,
        Judging::NotRun(reason) => return Ok(TaskScores::not_run(task, scoring.protocol, reason)),
    };
    let scores = match task {
        Task::Geometry => geometry::score(scoring, judge),
        Task::Science => science::score(scoring, judge),
        _ => code::score(scoring, judge),
    };
    match scores {
        Ok(scores) => Ok(scores),
        Err(Stop::NotRun(reason)) => Ok(TaskScores::not_run(task, scoring.protocol, &reason)),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// Why a task has no scores.
#[derive(Debug)]
enum Stop {
    /// There is nothing to judge, or nobody who does.
    NotRun(String),
    /// An error, which ends the command.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unasked> for Stop {
    fn from(unasked: Unasked) -> Self {
        match unasked {
            Unasked::NotRecorded(missing, cases) => Self::NotRun(format!(
                "not run: the record has no reply to {missing} of {cases} judgements, and nobody may be asked"
            )),
            Unasked::Failed(failure) => Self::Failed(failure),
        }
    }
}

/// How often a judge is asked until it answers clearly. Officially geometry asks twice and code once; science would ask three times, but every reply
/// is clear to it. Fixed, three times.
fn tries(task: Task, protocol: Protocol) -> u32 {
    match (protocol, task) {
        (Protocol::Official, Task::Geometry) => 2,
        (Protocol::Official, Task::Code) => 1,
        _ => 3,
    }
}

/// The title of a job.
fn title(what: &str, scoring: &Scoring<'_>) -> String {
    format!("{what}, {}", scoring.protocol.as_str())
}

/// The ground truth of a line.
fn truth_of<Truth: DeserializeOwned>(
    lines: &Lines,
    case: &CaseLine,
    expected: &str,
) -> Result<Truth, Failure> {
    serde_json::from_value(case.ground_truth.clone().into()).map_err(|error| {
        lines.refuse(case, format_args!("{error}; expected ground_truth with {expected}"))
    })
}

/// What a candidate of a judged task gave.
#[derive(Clone, Debug, Default)]
struct Given {
    /// The text; `None` if there is no file.
    text: Option<String>,
    /// The pictures, in their order.
    images: Vec<PathBuf>,
}

impl Given {
    /// The candidates of a line; one that gave nothing if it has none.
    fn of_line(lines: &Lines, case: &CaseLine) -> Vec<Self> {
        let count = case.texts.len().max(case.images.len()).max(1);
        (0..count)
            .map(|index| Self {
                text: case.texts.get(index).cloned(),
                images: case.images.get(index).map_or_else(Vec::new, |paths| {
                    paths.iter().map(|path| lines.path_of(path)).collect()
                }),
            })
            .collect()
    }

    /// The answer in a case's folder.
    fn of_folder(folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            text: super::files::read_text_if_there(&folder.join("model_text.txt"))?,
            images: super::official::model_images(folder)?,
        })
    }

    /// The text that is judged: officially that of any file, fixed one that says something.
    fn text(&self, protocol: Protocol) -> Option<&str> {
        let text = self.text.as_deref();
        match protocol {
            Protocol::Official => text,
            Protocol::Fixed => text.filter(|text| !text.trim().is_empty()),
        }
    }
}
