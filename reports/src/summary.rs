//! The suite in a few numbers, as text for a terminal and as JSON for programs.

use crate::number::{fixed, range, signed, typographic};
use crate::table::terminal::{aligned, printable, terminal};
use crate::words;
use retally_suites::evaluation::{
    EvaluatedCell, EvaluatedCorrelation, EvaluatedDerivedClaim, EvaluatedReachability,
    EvaluatedSuite, EvaluatedTable, Panel, PrintedReach, Provenance, ReachFinding, Verdict,
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
    // Cells of reference rows are counted in their own tables.
    table.rows.iter().filter(|row| !row.is_reference).flat_map(|row| row.cells.iter().flatten())
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
    suite.figures.iter().flat_map(|figure| figure.panels())
}

/// How the verdicts on derived numbers are spread.
pub(crate) fn derived_verdicts(suite: &EvaluatedSuite) -> Vec<VerdictCount> {
    count(derived_claims(suite).map(|claim| claim.verdict))
}

fn derived_claims(suite: &EvaluatedSuite) -> impl Iterator<Item = &EvaluatedDerivedClaim> {
    suite.derived.iter().flat_map(|group| &group.claims)
}

/// How many printed values came to us in each way, in the order of the legend; only ways that occur.
pub(crate) fn provenances(suite: &EvaluatedSuite) -> Vec<(Provenance, usize)> {
    let found: Vec<_> =
        cells(suite).filter_map(|cell| Some(cell.reported.as_ref()?.provenance)).collect();
    words::PROVENANCES
        .into_iter()
        .map(|wanted| (wanted, found.iter().filter(|&&provenance| provenance == wanted).count()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// How many shares came out how: `27 of 46 printed numbers are counts of 150 pairs, rounded; 2 only cut off; 17 not at all.`
pub(crate) fn reach_counts(check: &EvaluatedReachability) -> String {
    let (unreachable, all) = (check.unreachable(), check.rounded + check.findings.len());
    let cut = check.findings.len() - unreachable;
    format!(
        "{} of {all} printed numbers are counts of {} {}, rounded; {cut} only cut off; {unreachable} not at all.",
        check.rounded, check.items, check.of
    )
}

/// Why a share was found.
pub(crate) fn reach_sentence(finding: &ReachFinding) -> String {
    finding.stated.reach.as_ref().map(PrintedReach::sentence).unwrap_or_default()
}

/// A warning where printed values were not read in the paper; `None` where none is secondary.
pub(crate) fn secondary_sentence(suite: &EvaluatedSuite) -> Option<String> {
    let found = provenances(suite);
    let all: usize = found.iter().map(|(_, count)| count).sum();
    let (_, secondary) = found.into_iter().find(|(p, _)| *p == Provenance::Secondary)?;
    Some(format!(
        "{secondary} of {all} printed values come from public summaries and were not checked against the paper. Each is \
         marked †, and so is each number derived from them."
    ))
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

/// Why a picture of the suite is not there.
pub(crate) fn missing_picture(suite: &EvaluatedSuite) -> &'static str {
    if suite.measured.is_empty() {
        "A run makes this picture; no run stands behind this report."
    } else {
        "This run made no such picture."
    }
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
    blocks.extend(derived_table(suite));
    blocks.extend(verdict_line("cells", &cell_verdicts(suite)));
    blocks.extend(verdict_line("correlations", &correlation_verdicts(suite)));
    blocks.extend(verdict_line("derived numbers", &derived_verdicts(suite)));
    for check in &suite.reachability {
        let line = format!("{}: {}", check.label, reach_counts(check));
        blocks.push(format!("{}\n", printable(&line)));
    }
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
    let mut head = format!("{}\n{}\n", printable(&title), measured_sentence(suite));
    for paper in &suite.further_papers {
        let line = format!("also shown: {} ({})", paper.title, paper.identifier);
        head.push_str(&format!("{}\n", printable(&line)));
    }
    if let Some(sentence) = secondary_sentence(suite) {
        head.push_str(&format!("{sentence}\n"));
    }
    let origins = provenances(suite).into_iter().map(|(provenance, count)| {
        format!("{count} {}{}", words::provenance_word(provenance), words::mark(provenance))
    });
    let origins = origins.collect::<Vec<_>>().join(", ");
    let unknown = cells(suite).filter(|cell| cell.unknown.is_some()).count();
    if !origins.is_empty() {
        head.push_str(&format!("printed values: {origins}"));
        if unknown > 0 {
            head.push_str(&format!("; {} unknown", counted(unknown, "cell")));
        }
        head.push('\n');
    }
    head
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
            format!("{figure}{} against {}", key_words(&claim.y), key_words(&claim.x)),
            known_points(claim),
            coefficient(claim),
            ends(claim.interval),
            ends(claim.leave_one_out),
            printed_coefficient(claim),
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

/// A key as words: `accuracy|linear` becomes `accuracy, linear`.
pub(crate) fn key_words(key: &str) -> String {
    key.replace('|', ", ")
}

/// The number of points; `3 known` where these are not all of the paper's.
pub(crate) fn known_points(claim: &EvaluatedCorrelation) -> String {
    match claim.incomplete {
        Some(_) => format!("{} known", claim.n),
        None => claim.n.to_string(),
    }
}

/// The recomputed r with four decimals, or why there is none.
pub(crate) fn coefficient(claim: &EvaluatedCorrelation) -> String {
    match (claim.pearson, &claim.incomplete) {
        (Some(r), _) => fixed(r, 4),
        (None, Some(_)) => "not recomputed".to_owned(),
        (None, None) => "undefined".to_owned(),
    }
}

/// The printed r with its mark; empty if none is printed.
pub(crate) fn printed_coefficient(claim: &EvaluatedCorrelation) -> String {
    let mark = claim.reported_provenance.map(words::mark).unwrap_or_default();
    claim.reported_text.as_ref().map(|text| format!("{text}{mark}")).unwrap_or_default()
}

/// Derived numbers that are not simply confirmed: those that cannot be recomputed or come out otherwise. The others are
/// counted.
fn derived_table(suite: &EvaluatedSuite) -> Option<String> {
    let is_plain = |claim: &EvaluatedDerivedClaim| claim.verdict == Verdict::Identical;
    let mut lines =
        vec![["derived number", "stated", "recomputed", "verdict"].map(str::to_owned).to_vec()];
    for group in &suite.derived {
        for claim in group.claims.iter().filter(|claim| !is_plain(claim)) {
            let recomputed = claim.recomputed.map(|value| fixed(value, claim.decimals));
            let line = [
                format!("{}: {}", group.label, claim.subject),
                format!("{}{}", words::reported_text(&claim.stated), words::marks(&claim.stated)),
                recomputed.unwrap_or_default(),
                words::verdict_word(claim.verdict).to_owned(),
            ];
            lines.push(line.map(|field| typographic(&field)).to_vec());
        }
    }
    (lines.len() > 1).then(|| aligned(&lines))
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
/// The document is `{"suite", "correlations", "derived", "reachability", "tables", "identity_checks"}`:
///
/// - a correlation is `{"figure", "x", "y", "n", "incomplete", "pearson", "spearman", "reported", "reported_provenance",
///   "difference", "interval", "bootstrap_interval", "leave_one_out", "influence", "line", "fisher_p", "provenance",
///   "verdict", "explanation"}`; `incomplete` says why r is not recomputed where the points are not all known;
/// - a derived number is `{"subject", "cell", "stated", "provenance", "formula", "recomputed", "difference", "verdict",
///   "explanation"}`;
/// - a reachability check is `{"id", "label", "items", "of", "rounding", "truncation", "unreachable"}`, the last two lists
///   of `{"subject", "cell", "stated", "explanation"}`;
/// - a table is `{"id", "label", "cells", "unknown", "versions", "constants", "measured", "verdicts"}` with counts;
/// - the identity checks are `{"made", "broken"}`.
///
/// What is not known is `null`.
#[must_use]
pub fn correlations_json(suite: &EvaluatedSuite) -> Value {
    let tables: Vec<_> = suite.tables.iter().map(table_json).collect();
    json!({
        "suite": {"id": suite.id, "version": suite.version, "content_sha256": suite.content_sha256},
        "correlations": claims(suite).map(claim_json).collect::<Vec<_>>(),
        "derived": suite.derived.iter().flat_map(|group| &group.claims).map(derived_json).collect::<Vec<_>>(),
        "reachability": suite.reachability.iter().map(reachability_json).collect::<Vec<_>>(),
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
        "incomplete": claim.incomplete,
        "pearson": claim.pearson,
        "spearman": claim.spearman,
        "reported": claim.reported,
        "reported_provenance": claim.reported_provenance.map(words::provenance_word),
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

fn derived_json(claim: &EvaluatedDerivedClaim) -> Value {
    json!({
        "subject": claim.subject,
        "cell": claim.cell,
        "stated": claim.stated.value,
        "provenance": words::provenance_word(claim.stated.provenance),
        "formula": claim.formula,
        "recomputed": claim.recomputed,
        "difference": claim.difference,
        "verdict": words::verdict_word(claim.verdict),
        "explanation": claim.explanation,
    })
}

fn reachability_json(check: &EvaluatedReachability) -> Value {
    let list = |is_unreachable: bool| {
        let own = check.findings.iter().filter(|found| found.is_unreachable() == is_unreachable);
        own.map(|finding| {
            json!({
                "subject": finding.subject,
                "cell": finding.cell,
                "stated": finding.stated.text,
                "explanation": reach_sentence(finding),
            })
        })
        .collect::<Vec<_>>()
    };
    json!({
        "id": check.id,
        "label": check.label,
        "items": check.items,
        "of": check.of,
        "rounding": check.rounded,
        "truncation": list(false),
        "unreachable": list(true),
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
        "unknown": table_cells(table).filter(|cell| cell.unknown.is_some()).count(),
        "versions": table_cells(table).filter(|cell| !cell.versions.is_empty()).count(),
        "constants": table_cells(table).filter(|cell| cell.constant.is_some()).count(),
        "measured": table_cells(table).filter(|cell| cell.measured.is_some()).count(),
        "verdicts": verdicts,
    })
}
