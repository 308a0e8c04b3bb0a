//! The site as data: what there is (`data/leaderboard.json`), and each suite's ranks and history (`board.json`).

use super::names;
use crate::board::{Board, Lead, RowBoard, Standing, SuiteBoard, TableBoard};
use crate::collection::{BUNDLE_FILE, Submission};
use crate::time::timestamp;
use retally_manifests::Digest;
use retally_submissions::{KeyFingerprint, SuiteIdentity};
use retally_suites::evaluation::Column;
use serde::Serialize;

/// Version of both documents.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Index<'a> {
    schema: u32,
    title: &'a str,
    newest_run: Option<String>,
    suites: Vec<SuiteLine<'a>>,
}

#[derive(Serialize)]
struct SuiteLine<'a> {
    #[serde(flatten)]
    identity: &'a SuiteIdentity,
    page: String,
    board: String,
    cells: String,
    submissions: Vec<SubmissionLine<'a>>,
}

#[derive(Serialize)]
struct SubmissionLine<'a> {
    id: Digest,
    name: &'a str,
    key: KeyFingerprint,
    ended: String,
    bundle_sha256: Digest,
    page: String,
    entry: String,
    verification: String,
    bundle: String,
}

/// `data/leaderboard.json`. Addresses in it are relative to the site's root.
pub(super) fn index(board: &Board<'_>, title: &str) -> Result<Vec<u8>, serde_json::Error> {
    let suites = board.suites.iter().map(|suite| {
        let folder = names::suite_folder(suite);
        SuiteLine {
            identity: suite.identity,
            page: names::suite_page(suite),
            board: format!("{folder}/board.json"),
            cells: format!("{folder}/cells.csv"),
            submissions: suite.submissions.iter().map(|own| submission_line(own)).collect(),
        }
    });
    let suites: Vec<_> = suites.collect();
    let newest_run = (!suites.is_empty()).then(|| timestamp(board.newest()));
    written(&Index { schema: SCHEMA, title, newest_run, suites })
}

fn submission_line(submission: &Submission) -> SubmissionLine<'_> {
    let entry = &submission.entry;
    let folder = names::submission_folder(&entry.id);
    SubmissionLine {
        id: entry.id,
        name: &entry.name,
        key: entry.key,
        ended: timestamp(entry.ended),
        bundle_sha256: submission.verification.bundle_sha256,
        page: names::submission_page(&entry.id),
        entry: format!("{folder}/entry.json"),
        verification: format!("{folder}/verification.json"),
        bundle: format!("{folder}/{BUNDLE_FILE}"),
    }
}

#[derive(Serialize)]
struct SuiteDocument<'a> {
    schema: u32,
    suite: &'a SuiteIdentity,
    level: f64,
    tables: Vec<TableDocument<'a>>,
}

#[derive(Serialize)]
struct TableDocument<'a> {
    id: &'a str,
    label: &'a str,
    title: &'a str,
    columns: &'a [&'a Column],
    rows: Vec<RowDocument<'a>>,
    history: Vec<LeadDocument<'a>>,
}

#[derive(Serialize)]
struct RowDocument<'a> {
    key: &'a str,
    label: &'a str,
    results: usize,
    representative: Option<Digest>,
    standings_among_rows: &'a [Option<Standing>],
    entries: Vec<EntryDocument<'a>>,
}

#[derive(Serialize)]
struct EntryDocument<'a> {
    submission: Digest,
    values: Vec<Option<f64>>,
    standings: &'a [Option<Standing>],
}

#[derive(Serialize)]
struct LeadDocument<'a> {
    since: String,
    column: Option<&'a str>,
    row: Option<&'a str>,
    submission: Digest,
    value: Option<f64>,
    reason: crate::board::LeadReason,
}

/// `board.json` of a suite.
pub(super) fn suite(suite: &SuiteBoard<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let tables = suite.tables.iter().map(table_document).collect();
    written(&SuiteDocument {
        schema: SCHEMA,
        suite: suite.identity,
        level: crate::board::LEVEL,
        tables,
    })
}

fn table_document<'a>(table: &'a TableBoard<'_>) -> TableDocument<'a> {
    let rows = table.rows.iter().zip(&table.standings);
    TableDocument {
        id: table.id,
        label: table.label,
        title: table.title,
        columns: &table.columns,
        rows: rows.map(|(row, standings)| row_document(row, standings)).collect(),
        history: table.history.iter().map(|lead| lead_document(table, lead)).collect(),
    }
}

fn row_document<'a>(row: &'a RowBoard<'_>, standings: &'a [Option<Standing>]) -> RowDocument<'a> {
    let entries = row.entries.iter().map(|entry| EntryDocument {
        submission: entry.submission.entry.id,
        values: entry
            .cells
            .iter()
            .map(|cell| cell.and_then(|cell| cell.measured.value()))
            .collect(),
        standings: &entry.standings,
    });
    RowDocument {
        key: row.key,
        label: row.label,
        results: row.results,
        representative: row.shown().map(|entry| entry.submission.entry.id),
        standings_among_rows: standings,
        entries: entries.collect(),
    }
}

fn lead_document<'a>(table: &'a TableBoard<'_>, lead: &Lead<'_>) -> LeadDocument<'a> {
    LeadDocument {
        since: timestamp(lead.since),
        column: table.columns.get(lead.column).map(|column| column.key.as_str()),
        row: table.rows.get(lead.row).map(|row| row.key),
        submission: lead.submission.entry.id,
        value: lead.cell.measured.value(),
        reason: lead.reason,
    }
}

/// A document on one line: these files are for programs.
pub(super) fn written(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(document)?;
    bytes.push(b'\n');
    Ok(bytes)
}
