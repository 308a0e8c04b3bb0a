//! The reachability checks of a suite, with their cells found.

use crate::cells::Cell;
use crate::evaluation::PrintedReach;
use crate::reachability::{Reach, Scale, reach};
use crate::schema::{CellSet, Definition, DefinitionError, DefinitionText, Reachability};
use std::collections::BTreeSet;
use toml::Spanned;

/// A check: each of its cells and what came out.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedLint {
    findings: Vec<(usize, Reach)>,
}

impl ResolvedLint {
    /// Positions in the suite's cells and what came out, in file order.
    pub(crate) fn findings(&self) -> &[(usize, Reach)] {
        &self.findings
    }

    /// What came out for this cell.
    pub(crate) fn finding(&self, cell: usize) -> Option<Reach> {
        self.findings.iter().find(|(own, _)| *own == cell).map(|(_, reach)| *reach)
    }
}

/// Finds the cells of every check.
pub(crate) fn resolve(
    place: DefinitionText<'_>,
    definition: &Definition,
    cells: &[Cell],
) -> Result<Vec<ResolvedLint>, Box<DefinitionError>> {
    let mut seen = BTreeSet::new();
    let mut lints = Vec::new();
    for lint in &definition.reachability {
        let mut findings = Vec::new();
        for set in &lint.cells {
            findings.extend(of_set(place, lint, set, cells)?);
            if let Some((twice, _)) = findings.iter().find(|(cell, _)| seen.contains(cell)) {
                let Cell { table, row, column, .. } = &cells[*twice];
                let problem = format!("another check has `{table} / {row} / {column}` too");
                return Err(place.error(set.span(), problem));
            }
        }
        findings.sort_unstable_by_key(|(cell, _)| *cell);
        let before = findings.len();
        findings.dedup_by_key(|(cell, _)| *cell);
        if findings.len() != before || findings.is_empty() {
            let problem = "a check needs `cells`, each of them once";
            return Err(place.error(lint.id.span(), problem));
        }
        seen.extend(findings.iter().map(|(cell, _)| *cell));
        lints.push(ResolvedLint { findings });
    }
    Ok(lints)
}

fn of_set(
    place: DefinitionText<'_>,
    lint: &Reachability,
    set: &Spanned<CellSet>,
    cells: &[Cell],
) -> Result<Vec<(usize, Reach)>, Box<DefinitionError>> {
    let refuse = |problem: String| place.error(set.span(), problem);
    let mut findings = Vec::new();
    for (index, cell) in cells.iter().enumerate().filter(|(_, cell)| set.get_ref().holds(cell)) {
        let scale = Scale::of_unit(&cell.unit).ok_or_else(|| {
            refuse(format!(
                "`{} / {}` is in {}; only percentages and fractions are shares",
                cell.row, cell.column, cell.unit
            ))
        })?;
        let found = reach(&cell.number, scale, *lint.items.get_ref()).ok_or_else(|| {
            refuse(format!("`{}` cannot be a share of {} items", cell.number, lint.items.get_ref()))
        })?;
        findings.push((index, found));
    }
    if findings.is_empty() { Err(refuse("no cell stands there".to_owned())) } else { Ok(findings) }
}

/// What is said beside a printed number.
pub(crate) fn printed(lint: &Reachability, found: Reach) -> PrintedReach {
    PrintedReach { found, items: *lint.items.get_ref(), of: lint.of.clone() }
}
