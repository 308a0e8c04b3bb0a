//! The answer of `retally check`: what moved, and whether everything is as claimed.

use crate::evaluation::{
    EvaluatedCell, EvaluatedCorrelation, EvaluatedDerivedClaim, EvaluatedSuite, IdentityCheck,
    Verdict,
};
use retally_metrics::Measurement;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Whether what was measured is as claimed. What was not run decides nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// Every judged cell and coefficient is inside its band, every identity holds: exit code 0.
    AllAsClaimed,
    /// Something is outside its band (on either side) or invalid: exit code 1.
    Outside,
}

impl CheckOutcome {
    /// The documented exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::AllAsClaimed => 0,
            Self::Outside => 1,
        }
    }
}

/// What `retally check` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckReport {
    /// Suite id.
    pub suite: String,
    /// Suite version.
    pub version: u32,
    /// The result.
    pub outcome: CheckOutcome,
    /// Number of cells, coefficients and derived numbers with each verdict.
    pub counts: BTreeMap<Verdict, usize>,
    /// Cells that are outside their band or invalid, in table order.
    pub cells: Vec<CheckedCell>,
    /// Every judged coefficient.
    pub correlations: Vec<EvaluatedCorrelation>,
    /// Derived numbers that do not follow from the numbers they are said to follow from.
    pub derived: Vec<EvaluatedDerivedClaim>,
    /// Identity checks that fail.
    pub identity_failures: Vec<IdentityCheck>,
}

/// A cell that is not as claimed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckedCell {
    /// Its anchor in the report.
    pub id: String,
    /// Table heading.
    pub table: String,
    /// Row heading.
    pub row: String,
    /// Column heading.
    pub column: String,
    /// Exactly as printed; `None` for a cell that only retally measured.
    pub expected: Option<String>,
    /// What was measured; `None` if there is no value.
    pub measured: Option<f64>,
    /// measured - printed.
    pub difference: Option<f64>,
    /// Sum of the band's parts.
    pub band: Option<f64>,
    /// Unit.
    pub unit: String,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub explanation: String,
}

impl Verdict {
    /// Whether a check fails on it.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::OutsideBetter | Self::OutsideWorse | Self::Invalid)
    }

    /// Whether a measured value was compared with a printed one.
    #[must_use]
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::NotRun | Self::NotComparable)
    }

    /// The word used everywhere: `within-numeric`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::WithinNumeric => "within-numeric",
            Self::WithinSampling => "within-sampling",
            Self::OutsideBetter => "outside-better",
            Self::OutsideWorse => "outside-worse",
            Self::NotComparable => "not-comparable",
            Self::NotRun => "not-run",
            Self::Invalid => "invalid",
        }
    }
}

/// Checks an evaluated suite.
#[must_use]
pub fn check(suite: &EvaluatedSuite) -> CheckReport {
    let correlations =
        suite.figures.iter().flat_map(|figure| figure.panels()).map(|panel| &panel.correlation);
    let claims = || suite.derived.iter().flat_map(|group| &group.claims);
    let correlations: Vec<_> =
        correlations.filter(|correlation| correlation.verdict.is_some()).cloned().collect();
    let identity_failures: Vec<_> =
        suite.identity_checks.iter().filter(|check| !check.holds).cloned().collect();
    let mut counts = BTreeMap::new();
    let verdicts = all_cells(suite).filter_map(|(_, cell)| cell.verdict);
    let verdicts = verdicts
        .chain(correlations.iter().filter_map(|correlation| correlation.verdict))
        .chain(claims().map(|claim| claim.verdict));
    for verdict in verdicts {
        *counts.entry(verdict).or_insert(0) += 1;
    }
    let fails = counts.keys().any(|verdict| verdict.is_failure()) || !identity_failures.is_empty();
    let outcome = if fails { CheckOutcome::Outside } else { CheckOutcome::AllAsClaimed };
    let cells = all_cells(suite).filter_map(|(place, cell)| checked_cell(place, cell)).collect();
    let derived = claims().filter(|claim| claim.verdict.is_failure()).cloned().collect();
    let (id, version) = (suite.id.clone(), suite.version);
    CheckReport {
        suite: id,
        version,
        outcome,
        counts,
        cells,
        correlations,
        derived,
        identity_failures,
    }
}

/// Headings of table, row and column, and the unit.
type Headings<'a> = [&'a str; 4];

fn all_cells(suite: &EvaluatedSuite) -> impl Iterator<Item = (Headings<'_>, &EvaluatedCell)> {
    suite.tables.iter().flat_map(|table| {
        table.rows.iter().flat_map(move |row| {
            let cells = table.columns.iter().zip(&row.cells);
            cells.filter_map(move |(column, cell)| {
                Some((
                    [table.label.as_str(), row.label.as_str(), &column.label, &column.unit],
                    cell.as_ref()?,
                ))
            })
        })
    })
}

fn checked_cell(
    [table, row, column, unit]: Headings<'_>,
    cell: &EvaluatedCell,
) -> Option<CheckedCell> {
    let verdict = cell.verdict.filter(|verdict| verdict.is_failure())?;
    Some(CheckedCell {
        id: cell.id.clone(),
        table: table.to_owned(),
        row: row.to_owned(),
        column: column.to_owned(),
        expected: cell.reported.as_ref().map(|reported| reported.text.clone()),
        measured: cell.measured.as_ref().and_then(Measurement::value),
        difference: cell.difference,
        band: cell
            .band
            .as_ref()
            .map(|band| band.print_rounding + band.numeric + band.sampling.unwrap_or(0.0)),
        unit: unit.to_owned(),
        verdict,
        explanation: cell.explanation.clone(),
    })
}

impl CheckReport {
    /// For a person at a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let answer = match self.outcome {
            CheckOutcome::AllAsClaimed
                if self.counts.keys().all(|verdict| !verdict.is_judged()) =>
            {
                "nothing was judged"
            }
            CheckOutcome::AllAsClaimed => "nothing that was measured contradicts the claims",
            CheckOutcome::Outside => "not as claimed",
        };
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{} (version {}): {answer}", self.suite, self.version);
        let counts: Vec<String> =
            self.counts.iter().map(|(verdict, n)| format!("{n} {}", verdict.as_str())).collect();
        if !counts.is_empty() {
            let _ = writeln!(text, "  {}", counts.join(", "));
        }
        for correlation in &self.correlations {
            let verdict = correlation.verdict.map_or("", Verdict::as_str);
            let (figure, x, y, n) =
                (&correlation.figure, &correlation.x, &correlation.y, correlation.n);
            let _ = writeln!(
                text,
                "  {figure} {x}, {y} (n = {n}): {verdict}. {}",
                correlation.explanation
            );
        }
        for claim in &self.derived {
            let _ = writeln!(
                text,
                "  {}: {}; stated {}, from {}. {}",
                claim.subject,
                claim.verdict.as_str(),
                claim.stated.text,
                claim.formula,
                claim.explanation
            );
        }
        for cell in &self.cells {
            let _ = writeln!(text, "  {}", cell.to_text());
        }
        for failure in &self.identity_failures {
            let _ = writeln!(
                text,
                "  identity: {} ({}): {}",
                failure.law, failure.subject, failure.detail
            );
        }
        text
    }
}

impl CheckedCell {
    fn to_text(&self) -> String {
        let number = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.6}"))
        };
        format!(
            "{}, {}, {}: {}; expected {}, measured {}, difference {}, band {}. {}",
            self.table,
            self.row,
            self.column,
            self.verdict.as_str(),
            self.expected.as_deref().unwrap_or("-"),
            number(self.measured),
            number(self.difference),
            number(self.band),
            self.explanation,
        )
    }
}
