//! Scores of answers that the tests make: pictures drawn, folders and lines written.

mod drawing;
mod folders;
mod jigsaw;
mod lines;
mod maze_pictures;
mod recorded;
mod sliding_pictures;

use super::{Scoring, Source, TaskScores, score};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::threads::Threads;
use retally_metrics::unified::sliding::SlidingConvention;
use retally_metrics::unified::{Protocol, Task};
use std::num::NonZeroUsize;

/// The scores of a task as stored words, on two threads.
fn scores(source: &Source, task: Task, protocol: Protocol) -> Result<TaskScores, Failure> {
    scores_with(source, task, protocol, SlidingConvention::AsStored, 2)
}

fn scores_with(
    source: &Source,
    task: Task,
    protocol: Protocol,
    convention: SlidingConvention,
    threads: usize,
) -> Result<TaskScores, Failure> {
    let threads = Threads::new(NonZeroUsize::new(threads)).unwrap();
    let scoring = Scoring {
        source,
        protocol,
        convention,
        dreamsim: None,
        judging: &crate::judge::Judging::NotRun("not run: no judge endpoint".to_owned()),
        threads: &threads,
        progress: &Progress::new(true),
    };
    score(task, &scoring)
}

/// The value of a column or diagnostic.
fn value(scores: &TaskScores, name: &str) -> Option<f64> {
    let mut all = scores.measurements.iter().chain(&scores.diagnostics);
    all.find(|measured| measured.metric == name).and_then(|measured| measured.value())
}

/// Over how many candidates it was measured.
fn count(scores: &TaskScores, name: &str) -> u64 {
    let mut all = scores.measurements.iter().chain(&scores.diagnostics);
    all.find(|measured| measured.metric == name).map(|measured| measured.n).unwrap()
}
