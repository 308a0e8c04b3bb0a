//! Mazes and sliding puzzles as cases, wherever they come from.

use super::exclusion::{Exclusion, ExclusionReason};
use super::puzzle_case::{Candidate, PuzzleCase, answer_nothing};
use super::scores::{CaseScore, TaskScores};
use super::source::{CaseLine, Lines, Source};
use super::{Scoring, official};
use crate::failure::Failure;
use rayon::prelude::*;
use retally_metrics::unified::answers::PythonValue;
use retally_metrics::unified::{Column, Protocol, Task};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What comes of one case.
#[derive(Debug, Default)]
pub(super) struct CaseOutcome {
    pub(super) scores: Vec<CaseScore>,
    pub(super) exclusions: Vec<Exclusion>,
    pub(super) notes: Vec<String>,
}

impl CaseOutcome {
    /// A case that `columns` leave out.
    pub(super) fn excluded(
        case: &PuzzleCase,
        reason: ExclusionReason,
        columns: Vec<Column>,
        detail: &str,
    ) -> Self {
        let mut outcome = Self::default();
        outcome.exclude(case, reason, columns, detail);
        outcome
    }

    /// A case whose every candidate has nothing right in the columns of its task, because of `problem`.
    pub(super) fn all_wrong(case: &PuzzleCase, task: Task, problem: &str) -> Self {
        let wrong = |index: usize| {
            let mut score = CaseScore::new(&case.id, index + 1);
            for column in columns(task) {
                score.set_right(column, false);
            }
            score.tell("problem", problem);
            score
        };
        Self { scores: (0..case.candidates.len()).map(wrong).collect(), ..Self::default() }
    }

    /// Notes that `columns` leave the case out.
    pub(super) fn exclude(
        &mut self,
        case: &PuzzleCase,
        reason: ExclusionReason,
        columns: Vec<Column>,
        detail: &str,
    ) {
        let (case, detail) = (case.id.clone(), detail.to_owned());
        self.exclusions.push(Exclusion { case, reason, columns, detail });
    }
}

/// The columns of a task.
pub(super) fn columns(task: Task) -> Vec<Column> {
    Column::ALL.into_iter().filter(|column| column.task() == task).collect()
}

/// Scores all cases of a task, each on any thread, in the order of the source.
///
/// # Errors
/// Of several cases that cannot be scored that of the first.
pub(super) fn score_all(
    task: Task,
    scoring: &Scoring<'_>,
    score: impl Fn(&PuzzleCase) -> Result<CaseOutcome, Failure> + Sync,
) -> Result<(TaskScores, Vec<CaseOutcome>), Failure> {
    let cases = match scoring.source {
        Source::Folders(folders) => match official::puzzles(task, folders, scoring.protocol)? {
            Ok(cases) => cases,
            Err(reason) => {
                return Ok((TaskScores::not_run(task, scoring.protocol, &reason), Vec::new()));
            }
        },
        Source::Lines(lines) => lines
            .of(task)
            .map(|case| of_line(lines, case, scoring.protocol))
            .collect::<Result<_, _>>()?,
    };
    if cases.is_empty() {
        let reason = format!("not run: the answers hold no case of {}", task.as_str());
        return Ok((TaskScores::not_run(task, scoring.protocol, &reason), Vec::new()));
    }
    let title = format!("{}, {}", task.as_str(), scoring.protocol.as_str());
    let job = Mutex::new(scoring.progress.job(title, cases.len() as u64, "cases"));
    let outcomes: Vec<Result<CaseOutcome, Failure>> = scoring.threads.install(|| {
        cases
            .par_iter()
            .with_max_len(1)
            .map(|case| {
                let outcome = score(case)
                    .map_err(|failure| failure.within(format_args!("case `{}`", case.id)));
                job.lock().unwrap_or_else(PoisonError::into_inner).advance(1);
                outcome
            })
            .collect()
    });
    job.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let cases = outcomes.iter().flat_map(|outcome| outcome.scores.iter().cloned()).collect();
    let exclusions =
        outcomes.iter().flat_map(|outcome| outcome.exclusions.iter().cloned()).collect();
    let mut scores = TaskScores::of(task, scoring.protocol, cases, exclusions);
    for note in outcomes.iter().flat_map(|outcome| &outcome.notes) {
        scores.note(note);
    }
    Ok((scores, outcomes))
}

/// The ground truth of a maze or sliding puzzle in a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PuzzleTruth {
    /// The picture before the first move.
    initial: PathBuf,
    /// The right moves.
    moves: Vec<String>,
    /// Pictures after each move: of sliding puzzles.
    #[serde(default)]
    frames: Vec<PathBuf>,
}

fn of_line(lines: &Lines, case: &CaseLine, protocol: Protocol) -> Result<PuzzleCase, Failure> {
    let truth: PuzzleTruth = serde_json::from_value(case.ground_truth.clone().into())
        .map_err(|error| {
            let expected = "expected ground_truth with `initial` (a picture), `moves` (words) and, for sliding, `frames`";
            lines.refuse(case, format_args!("{error}; {expected}"))
        })?;
    let mut candidates: Vec<Candidate> = (0..case.texts.len().max(case.images.len()))
        .map(|index| Candidate {
            text: case.texts.get(index).cloned().unwrap_or_default(),
            frames: case.images.get(index).map_or_else(Vec::new, |paths| {
                paths.iter().map(|path| lines.path_of(path)).collect()
            }),
        })
        .collect();
    answer_nothing(&mut candidates, protocol);
    Ok(PuzzleCase {
        id: case.id.clone(),
        first: Some(lines.path_of(&truth.initial)),
        moves: truth.moves.into_iter().map(PythonValue::Text).collect(),
        frames: truth.frames.iter().map(|path| lines.path_of(path)).collect(),
        candidates,
    })
}
