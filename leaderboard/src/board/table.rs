//! One table of a suite: its rows beside each other, each with the result that stands for it.

use super::history::{Lead, history};
use super::rank::Standing;
use super::row::{CellScores, Place, RowBoard, RowEntry, RowScores, rank_columns};
use super::samples::SampleSets;
use crate::collection::Submission;
use crate::error::LeaderboardError;
use rayon::prelude::*;
use retally_metrics::statistics::PairedTestsMemory;
use retally_submissions::{EntryRow, EntryTable};
use retally_suites::evaluation::Column;
use std::collections::HashMap;

/// A table and everything that was submitted for it.
#[derive(Debug)]
pub struct TableBoard<'a> {
    /// Id in the suite.
    pub id: &'a str,
    /// `Table 2`.
    pub label: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// Its columns. Columns that differ in anything are different columns.
    pub columns: Vec<&'a Column>,
    /// Its rows, in the order in which submissions have them.
    pub rows: Vec<RowBoard<'a>>,
    /// Where each row's representative stands among those of all rows, column by column.
    pub standings: Vec<Vec<Option<Standing>>>,
    /// Who led, the newest first.
    pub history: Vec<Lead<'a>>,
}

/// A row before it is ranked.
struct Gathered<'a> {
    key: &'a str,
    label: &'a str,
    entries: Vec<RowEntry<'a>>,
}

impl<'a> TableBoard<'a> {
    /// The board of the tables with this id. `submissions` are in the order of their runs.
    pub(super) fn of(
        id: &'a str,
        submissions: &[&'a Submission],
        progress: &(dyn Fn() + Sync),
    ) -> Result<Option<Self>, LeaderboardError> {
        let tables: Vec<(&'a Submission, usize, &'a EntryTable)> = submissions
            .iter()
            .flat_map(|submission| {
                let tables = submission.entry.tables.iter().enumerate();
                tables.map(|(number, table)| (*submission, number, table))
            })
            .filter(|(_, _, table)| table.id == id)
            .collect();
        let Some((_, _, first)) = tables.first().copied() else { return Ok(None) };
        let columns = columns(tables.iter().map(|(_, _, table)| *table));
        let ranked = gather(&tables, &columns)
            .into_par_iter()
            .map_init(PairedTestsMemory::default, |memory, row| {
                let ranked = RowBoard::of((row.key, row.label), row.entries, &columns, memory);
                progress();
                ranked
            })
            .collect::<Result<Vec<_>, _>>()?;
        let (rows, kept): (Vec<RowBoard<'a>>, Vec<_>) = ranked.into_iter().unzip();
        let standings = beside_each_other(&rows, kept, &columns)?;
        let history = history(&rows, &columns)?;
        let EntryTable { label, title, .. } = first;
        Ok(Some(Self { id, label, title, columns, rows, standings, history }))
    }
}

fn columns<'a>(tables: impl Iterator<Item = &'a EntryTable>) -> Vec<&'a Column> {
    let mut columns: Vec<&Column> = Vec::new();
    for column in tables.flat_map(|table| &table.columns) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

fn gather<'a>(
    tables: &[(&'a Submission, usize, &'a EntryTable)],
    columns: &[&'a Column],
) -> Vec<Gathered<'a>> {
    let mut rows: Vec<Gathered<'a>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for &(submission, table_number, table) in tables {
        let positions: Vec<Option<usize>> = columns
            .iter()
            .map(|column| table.columns.iter().position(|own| own == *column))
            .collect();
        for (row_number, row) in table.rows.iter().enumerate() {
            let place = Place { table: table_number, row: row_number };
            let entry = RowEntry {
                submission,
                place,
                cells: positions.iter().map(|&position| cell(row, position)).collect(),
                standings: Vec::new(),
            };
            let index = *places.entry(&row.key).or_insert_with(|| {
                rows.push(Gathered { key: &row.key, label: &row.label, entries: Vec::new() });
                rows.len() - 1
            });
            if let Some(row) = rows.get_mut(index) {
                row.entries.push(entry);
            }
        }
    }
    rows
}

fn cell(row: &EntryRow, position: Option<usize>) -> Option<&retally_submissions::EntryCell> {
    row.cells.get(position?)?.as_ref()
}

fn beside_each_other(
    rows: &[RowBoard<'_>],
    kept: Vec<CellScores>,
    columns: &[&Column],
) -> Result<Vec<Vec<Option<Standing>>>, LeaderboardError> {
    let mut sets = SampleSets::default();
    let mut shown = Vec::with_capacity(rows.len());
    let mut scores: Vec<RowScores> = Vec::with_capacity(rows.len());
    for (row, own) in rows.iter().zip(kept) {
        if let Some(entry) = row.shown() {
            scores.push(entry.paired(own, &mut sets));
            shown.push(entry);
        }
    }
    rank_columns((&shown, &scores), columns, &mut PairedTestsMemory::default())
}
