//! One row of a table (a model), and every submission that measured it.

use super::family::PairedScores;
use super::rank::{Candidate, Standing, standings_in};
use super::representative::representative;
use super::samples::SampleSets;
use crate::collection::Submission;
use crate::error::LeaderboardError;
use retally_metrics::statistics::PairedTestsMemory;
use retally_submissions::EntryCell;
use retally_suites::evaluation::Column;

/// A row and its entries.
#[derive(Debug)]
pub struct RowBoard<'a> {
    /// Key in the suite.
    pub key: &'a str,
    /// Heading.
    pub label: &'a str,
    /// Who measured it: the oldest run first.
    pub entries: Vec<RowEntry<'a>>,
    /// Which of them stands for the row beside other rows.
    pub representative: usize,
    /// How many different results there are.
    pub results: usize,
}

/// One submission's numbers of a row.
#[derive(Debug)]
pub struct RowEntry<'a> {
    /// The submission.
    pub submission: &'a Submission,
    /// Which table and row of its entry.
    pub place: Place,
    /// One a column of the table's board.
    pub cells: Vec<Option<&'a EntryCell>>,
    /// Of each cell with a value.
    pub standings: Vec<Option<Standing>>,
}

/// Where a row stands in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the table.
    pub table: usize,
    /// Number of the row.
    pub row: usize,
}

/// The scores of the samples of each cell of a row, as they are in the file; `None` where there are none.
pub(super) type CellScores = Vec<Option<Vec<f64>>>;

/// The scores of each cell of a row, where they can be paired.
pub(super) type RowScores = Vec<Option<PairedScores>>;

impl<'a> RowBoard<'a> {
    /// Puts entries into order and ranks them. The second part of the result is the representative's scores.
    pub(super) fn of(
        (key, label): (&'a str, &'a str),
        mut entries: Vec<RowEntry<'a>>,
        columns: &[&Column],
        memory: &mut PairedTestsMemory,
    ) -> Result<(Self, CellScores), LeaderboardError> {
        entries.sort_by_key(|entry| (entry.submission.entry.ended, entry.submission.entry.id));
        let (representative, results) = representative(&entries);
        let mut scores =
            entries.iter().map(RowEntry::read_scores).collect::<Result<Vec<_>, _>>()?;
        let kept = scores.get(representative).cloned().unwrap_or_default();
        let mut sets = SampleSets::default();
        let paired: Vec<RowScores> = entries
            .iter()
            .zip(&mut scores)
            .map(|(entry, scores)| entry.paired(std::mem::take(scores), &mut sets))
            .collect();
        let shown: Vec<&RowEntry<'_>> = entries.iter().collect();
        let ranked = rank_columns((&shown, &paired), columns, memory)?;
        for (entry, standings) in entries.iter_mut().zip(ranked) {
            entry.standings = standings;
        }
        Ok((Self { key, label, entries, representative, results }, kept))
    }

    /// The entry that stands for the row; a row has one.
    #[must_use]
    pub fn shown(&self) -> Option<&RowEntry<'a>> {
        self.entries.get(self.representative)
    }
}

impl<'a> RowEntry<'a> {
    /// Every cell's scores as they are in the file.
    pub(super) fn read_scores(&self) -> Result<CellScores, LeaderboardError> {
        let Some(scores) = &self.submission.scores else {
            return Ok(vec![None; self.cells.len()]);
        };
        let names = self.cells.iter().map(|cell| match cell {
            Some(cell) if cell.has_scores => cell.id.as_str(),
            _ => "",
        });
        scores.read(names).map_err(|error| {
            LeaderboardError::file("read the scores in", &self.submission.folder, error)
        })
    }

    pub(super) fn paired(&self, scores: CellScores, sets: &mut SampleSets<'a>) -> RowScores {
        let digest = self.submission.scores.as_ref().map_or("", |scores| scores.samples());
        let paired = |scores: Option<Vec<f64>>| scores.map(|values| sets.paired(digest, values));
        scores.into_iter().map(paired).collect()
    }

    pub(super) fn candidate<'s>(
        &'s self,
        column: usize,
        scores: &'s RowScores,
    ) -> Option<Candidate<'s>> {
        let measured = &self.cells.get(column).copied().flatten()?.measured;
        Some(Candidate {
            value: measured.value()?,
            interval: measured.interval(),
            scores: scores.get(column)?.as_ref(),
        })
    }
}

/// The standings of some entries in every column: one list an entry.
pub(super) fn rank_columns(
    (entries, scores): (&[&RowEntry<'_>], &[RowScores]),
    columns: &[&Column],
    memory: &mut PairedTestsMemory,
) -> Result<Vec<Vec<Option<Standing>>>, LeaderboardError> {
    let mut all = vec![Vec::with_capacity(columns.len()); entries.len()];
    for (number, column) in columns.iter().enumerate() {
        let candidates: Vec<Option<Candidate<'_>>> = entries
            .iter()
            .zip(scores)
            .map(|(entry, scores)| entry.candidate(number, scores))
            .collect();
        let found = standings_in(memory, &candidates, column.direction).map_err(|absence| {
            LeaderboardError::Scores { column: column.key.clone(), detail: absence.detail }
        })?;
        all.iter_mut().zip(found).for_each(|(list, standing)| list.push(standing));
    }
    Ok(all)
}
