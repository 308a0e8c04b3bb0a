//! The suite in a few numbers, as text for a terminal and as JSON for programs.

use crate::number::{fixed, range, signed, typographic};
use crate::table::terminal::{aligned, printable, terminal};
use crate::words;
use retally_suites::evaluation::{
    EvaluatedCell, EvaluatedCorrelation, EvaluatedSuite, EvaluatedTable, Panel, Verdict,
};
use serde_json::{Value, json};

/// Tables with measured values that the terminal shows in full; longer ones are in the report's files.
const MOST_ROWS: usize = 40;

/// How often a verdict was given.
pub(crate) struct VerdictCount {
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// Never 0.
    pub(crate) count: usize,
}

/// All cells of all tables.
pub(crate) fn cells(suite: &EvaluatedSuite) -> impl Iterator<Item = &EvaluatedCell> {
    suite.tables.iter().flat_map(table_cells)
}

fn table_cells(table: &EvaluatedTable) -> impl Iterator<Item = &EvaluatedCell> {
    table.rows.iter().flat_map(|row| row.cells.iter().flatten())
}

/// How the verdicts on cells are spread.
pub(crate) fn cell_verdicts(suite: &EvaluatedSuite) -> Vec<VerdictCount> {
    count(cells(suite).filter_map(|cell| cell.verdict))
}

/// How the verdicts on correlations are spread.
pub(crate) fn correlation_verdicts(suite: &EvaluatedSuite) -> Vec<VerdictCount> {
    count(claims(suite).filter_map(|claim| claim.verdict))
}

fn claims(suite: &EvaluatedSuite) -> impl Iterator<Item = &EvaluatedCorrelation> {
    panels(suite).map(|panel| &panel.correlation)
}

fn panels(suite: &EvaluatedSuite) -> impl Iterator<Item = &Panel> {
    suite.figures.iter().flat_map(|figure| &figure.panels)
}

fn count(verdicts: impl Iterator<Item = Verdict>) -> Vec<VerdictCount> {
    let verdicts: Vec<_> = verdicts.collect();
    words::VERDICTS
        .into_iter()
        .map(|verdict| VerdictCount {
            verdict,
            count: verdicts.iter().filter(|&&v| v == verdict).count(),
        })
        .filter(|entry| entry.count > 0)
        .collect()
}

/// Recomputed minus printed r.
pub(crate) fn difference(claim: &EvaluatedCorrelation) -> Option<f64> {
    Some(claim.pearson? - claim.reported?)
}

/// What was measured, in one sentence.
pub(crate) fn measured_sentence(suite: &EvaluatedSuite) -> String {
    let measured = cells(suite).filter(|cell| cell.measured.is_some()).count();
    if suite.measured.is_empty() && measured == 0 {
        return "No run stands behind this report: it shows printed values and recomputes what follows from \
                them."
            .to_owned();
    }
    let models = counted(suite.measured.len(), "model");
    format!("A run measured {models} and filled {}.", counted(measured, "cell"))
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The report in a form for the terminal: what was measured, the tables that a run filled, the correlations, verdicts.
///
/// Control characters of the suite's text are replaced by spaces. Lines end with `\n`.
#[must_use]
pub fn terminal_summary(suite: &EvaluatedSuite) -> String {
    let mut blocks = vec![head(suite)];
    let measured = |table: &&EvaluatedTable| table_cells(table).any(|cell| cell.measured.is_some());
    for table in suite.tables.iter().filter(measured) {
        blocks.push(match table.rows.len() {
            rows if rows <= MOST_ROWS => terminal(table),
            rows => format!("{}: {rows} rows, see the report\n", printable(&table.label)),
        });
    }
    if claims(suite).any(says_something) {
        blocks.push(correlation_table(suite));
    }
    blocks.extend(verdict_line("cells", &cell_verdicts(suite)));
    blocks.extend(verdict_line("correlations", &correlation_verdicts(suite)));
    let broken: Vec<_> = suite.identity_checks.iter().filter(|check| !check.holds).collect();
    if !suite.identity_checks.is_empty() {
        let mut block = format!(
            "identity checks: {} made, {} broken\n",
            suite.identity_checks.len(),
            broken.len()
        );
        for check in broken {
            block.push_str(&printable(&format!(
                "  broken: {} ({}): {}",
                check.law, check.subject, check.detail
            )));
            block.push('\n');
        }
        blocks.push(block);
    }
    blocks.join("\n")
}

fn head(suite: &EvaluatedSuite) -> String {
    let paper =
        suite.paper.as_ref().map(|paper| format!(" · {} ({})", paper.title, paper.identifier));
    let title = format!("{} v{}{}", suite.name, suite.version, paper.unwrap_or_default());
    format!("{}\n{}\n", printable(&title), measured_sentence(suite))
}

/// Without points and without a printed coefficient there is nothing to show: the run was of something else.
fn says_something(claim: &EvaluatedCorrelation) -> bool {
    claim.n > 0 || claim.reported.is_some()
}

fn correlation_table(suite: &EvaluatedSuite) -> String {
    let titles =
        ["correlation", "n", "r", "95 %", "leave one out", "printed r", "difference", "verdict"];
    let mut lines = vec![titles.map(str::to_owned).to_vec()];
    let several = suite.figures.len() > 1;
    for claim in claims(suite).filter(|claim| says_something(claim)) {
        let figure = if several { format!("{}: ", claim.figure) } else { String::new() };
        let ends = |ends: Option<[f64; 2]>| ends.map(|ends| range(ends, 3)).unwrap_or_default();
        let line = [
            format!("{figure}{} against {}", claim.y, claim.x),
            claim.n.to_string(),
            claim.pearson.map_or_else(|| "undefined".to_owned(), |r| fixed(r, 4)),
            ends(claim.interval),
            ends(claim.leave_one_out),
            claim.reported_text.clone().unwrap_or_default(),
            difference(claim).map(|difference| signed(difference, 4)).unwrap_or_default(),
            claim.verdict.map(words::verdict_word).unwrap_or_default().to_owned(),
        ];
        lines.push(line.map(|field| typographic(&field)).to_vec());
    }
    // Columns in which no claim has anything are left out, such as the printed r of a suite without a paper.
    let used: Vec<bool> = (0..titles.len())
        .map(|column| {
            lines.iter().skip(1).any(|line| line.get(column).is_some_and(|f| !f.is_empty()))
        })
        .collect();
    for line in &mut lines {
        let mut keep = used.iter();
        line.retain(|_| keep.next().is_some_and(|&used| used));
    }
    aligned(&lines)
}

fn verdict_line(things: &str, counts: &[VerdictCount]) -> Option<String> {
    let parts: Vec<_> = counts
        .iter()
        .map(|entry| format!("{} {}", entry.count, words::verdict_word(entry.verdict)))
        .collect();
    (!parts.is_empty()).then(|| format!("{things}: {}\n", parts.join(", ")))
}

/// Correlations in full precision, verdict counts per table, identity checks.
///
/// The document is `{"suite", "correlations", "tables", "identity_checks"}`:
///
/// - a correlation is `{"figure", "x", "y", "n", "pearson", "spearman", "reported", "difference", "interval",
///   "bootstrap_interval", "leave_one_out", "influence", "line", "fisher_p", "provenance", "verdict", "explanation"}`;
/// - a table is `{"id", "label", "cells", "measured", "verdicts"}` with counts;
/// - the identity checks are `{"made", "broken"}`.
///
/// What is not known is `null`.
#[must_use]
pub fn correlations_json(suite: &EvaluatedSuite) -> Value {
    let tables: Vec<_> = suite.tables.iter().map(table_json).collect();
    json!({
        "suite": {"id": suite.id, "version": suite.version, "content_sha256": suite.content_sha256},
        "correlations": claims(suite).map(claim_json).collect::<Vec<_>>(),
        "tables": tables,
        "identity_checks": {
            "made": suite.identity_checks.len(),
            "broken": suite.identity_checks.iter().filter(|check| !check.holds).count(),
        },
    })
}

fn claim_json(claim: &EvaluatedCorrelation) -> Value {
    let influence: Vec<_> = claim
        .influence
        .iter()
        .map(|(point, without)| json!({"point": point, "without": without}))
        .collect();
    json!({
        "figure": claim.figure,
        "x": claim.x,
        "y": claim.y,
        "n": claim.n,
        "pearson": claim.pearson,
        "spearman": claim.spearman,
        "reported": claim.reported,
        "difference": difference(claim),
        "interval": claim.interval,
        "bootstrap_interval": claim.bootstrap_interval,
        "leave_one_out": claim.leave_one_out,
        "influence": influence,
        "line": claim.line,
        "fisher_p": claim.fisher_p,
        "provenance": claim.provenance.map(words::provenance_word),
        "verdict": claim.verdict.map(words::verdict_word),
        "explanation": claim.explanation,
    })
}

fn table_json(table: &EvaluatedTable) -> Value {
    let verdicts: serde_json::Map<_, _> = count(table_cells(table).filter_map(|cell| cell.verdict))
        .into_iter()
        .map(|entry| (words::verdict_word(entry.verdict).to_owned(), Value::from(entry.count)))
        .collect();
    json!({
        "id": table.id,
        "label": table.label,
        "cells": table_cells(table).count(),
        "measured": table_cells(table).filter(|cell| cell.measured.is_some()).count(),
        "verdicts": verdicts,
    })
}
