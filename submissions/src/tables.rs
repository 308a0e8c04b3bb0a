//! From an evaluated suite to the tables that a leaderboard shows.

use crate::entry::{EntryCell, EntryRow, EntryTable};
use retally_suites::EvaluatedSuite;
use retally_suites::evaluation::{EvaluatedCell, EvaluatedRow, EvaluatedTable};

/// Tables in which something was measured, with the rows that were. `has_scores` says whether there is a score of each sample
/// for the cell with this id.
#[must_use]
pub fn entry_tables(suite: &EvaluatedSuite, has_scores: impl Fn(&str) -> bool) -> Vec<EntryTable> {
    let tables = suite.tables.iter().map(|table| entry_table(table, &has_scores));
    tables.filter(|table| !table.rows.is_empty()).collect()
}

fn entry_table(table: &EvaluatedTable, has_scores: &impl Fn(&str) -> bool) -> EntryTable {
    let rows = table.rows.iter().map(|row| entry_row(row, has_scores));
    EntryTable {
        id: table.id.clone(),
        label: table.label.clone(),
        title: table.title.clone(),
        columns: table.columns.clone(),
        rows: rows.filter(|row| row.cells.iter().any(Option::is_some)).collect(),
    }
}

fn entry_row(row: &EvaluatedRow, has_scores: &impl Fn(&str) -> bool) -> EntryRow {
    let cells = row.cells.iter().map(|cell| entry_cell(cell.as_ref()?, has_scores));
    EntryRow { key: row.key.clone(), label: row.label.clone(), cells: cells.collect() }
}

fn entry_cell(cell: &EvaluatedCell, has_scores: &impl Fn(&str) -> bool) -> Option<EntryCell> {
    Some(EntryCell {
        id: cell.id.clone(),
        measured: cell.measured.clone()?,
        reported: cell.reported.as_ref().map(|reported| reported.text.clone()),
        verdict: cell.verdict,
        has_scores: has_scores(&cell.id),
    })
}
