//! Who led a column, and since when.

use super::rank::{Candidate, standings};
use super::row::{RowBoard, RowEntry};
use super::samples::SampleSets;
use crate::collection::Submission;
use crate::error::LeaderboardError;
use retally_submissions::EntryCell;
use retally_suites::evaluation::{Column, Direction};
use serde::Serialize;

/// Somebody took the lead.
#[derive(Clone, Debug)]
pub struct Lead<'a> {
    /// When the run ended, as the submitter says.
    pub since: u64,
    /// Number of the column.
    pub column: usize,
    /// Number of the row.
    pub row: usize,
    /// Whose.
    pub submission: &'a Submission,
    /// The number.
    pub cell: &'a EntryCell,
    /// Why it leads.
    pub reason: LeadReason,
}

/// Why an entry took the lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeadReason {
    /// It was the first.
    First,
    /// Significantly better than the one that led, by a paired test.
    PairedTest,
    /// Better than the one that led, and their intervals do not overlap.
    Intervals,
}

/// One entry on its way through time.
#[derive(Clone, Copy)]
struct Contender<'b, 'a> {
    row: usize,
    entry: &'b RowEntry<'a>,
    cell: &'a EntryCell,
    value: f64,
}

/// Changes of the lead of every column, the newest first.
///
/// Runs are taken in the order in which they ended. Whoever leads keeps the lead until an entry is significantly better: a tie does not take
/// it. Each of these comparisons stands alone, at the level of a single test.
pub(super) fn history<'a>(
    rows: &[RowBoard<'a>],
    columns: &[&Column],
) -> Result<Vec<Lead<'a>>, LeaderboardError> {
    let mut leads = Vec::new();
    for (number, column) in columns.iter().enumerate() {
        if column.direction != Direction::Neutral {
            leads.extend(column_history(rows, number, column)?);
        }
    }
    leads.sort_by_key(|lead| (std::cmp::Reverse(lead.since), lead.column));
    Ok(leads)
}

fn column_history<'a>(
    rows: &[RowBoard<'a>],
    number: usize,
    column: &Column,
) -> Result<Vec<Lead<'a>>, LeaderboardError> {
    let is_better = |a: f64, b: f64| match column.direction {
        Direction::LowerIsBetter => a < b,
        _ => a > b,
    };
    let mut leads: Vec<Lead<'a>> = Vec::new();
    let mut leader: Option<Contender<'_, 'a>> = None;
    for contender in contenders(rows, number, &is_better) {
        let reason = match leader {
            None => Some(LeadReason::First),
            Some(leader) if is_better(contender.value, leader.value) => {
                beats(contender, leader, number, column)?
            }
            Some(_) => None,
        };
        if let Some(reason) = reason {
            let Contender { row, entry, cell, .. } = contender;
            let submission = entry.submission;
            let since = submission.entry.ended;
            leads.push(Lead { since, column: number, row, submission, cell, reason });
            leader = Some(contender);
        }
    }
    Ok(leads)
}

/// The best number of each submission, the oldest run first.
fn contenders<'b, 'a>(
    rows: &'b [RowBoard<'a>],
    column: usize,
    is_better: &dyn Fn(f64, f64) -> bool,
) -> Vec<Contender<'b, 'a>> {
    let mut all: Vec<Contender<'b, 'a>> = rows
        .iter()
        .enumerate()
        .flat_map(|(row, board)| board.entries.iter().map(move |entry| (row, entry)))
        .filter_map(|(row, entry)| {
            let cell = entry.cells.get(column).copied().flatten()?;
            Some(Contender { row, entry, cell, value: cell.measured.value()? })
        })
        .collect();
    let key = |contender: &Contender<'_, '_>| {
        (contender.entry.submission.entry.ended, contender.entry.submission.entry.id)
    };
    all.sort_by_key(|contender| (key(contender), contender.row));
    all.chunk_by(|a, b| key(a) == key(b))
        .filter_map(|own| {
            let better = |best: Contender<'b, 'a>, next: &Contender<'b, 'a>| {
                if is_better(next.value, best.value) { *next } else { best }
            };
            let (first, rest) = own.split_first()?;
            Some(rest.iter().fold(*first, better))
        })
        .collect()
}

/// How a contender with the better number is significantly better than the leader; `None` if it is not.
fn beats(
    contender: Contender<'_, '_>,
    leader: Contender<'_, '_>,
    number: usize,
    column: &Column,
) -> Result<Option<LeadReason>, LeaderboardError> {
    let mut sets = SampleSets::default();
    let scores = [
        contender.entry.paired(contender.entry.read_scores()?, &mut sets),
        leader.entry.paired(leader.entry.read_scores()?, &mut sets),
    ];
    let [own, other] = &scores;
    let pair: [Option<Candidate<'_>>; 2] =
        [contender.entry.candidate(number, own), leader.entry.candidate(number, other)];
    let found = standings(&pair, column.direction).map_err(|absence| LeaderboardError::Scores {
        column: column.key.clone(),
        detail: absence.detail,
    })?;
    Ok(match found.as_slice() {
        [_, Some(leader)] if leader.rank == Some(2) => {
            Some(if leader.paired > 0 { LeadReason::PairedTest } else { LeadReason::Intervals })
        }
        _ => None,
    })
}
