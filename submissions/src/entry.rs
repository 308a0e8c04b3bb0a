//! What a leaderboard knows of one submission after its bundle was read and checked: `entry.json`.
//!
//! Texts in it come from the submitter. They are within limits (see the bundle's reader) but they are not safe to put
//! into a page without escaping.

use retally_manifests::Digest;
use retally_metrics::Measurement;
use retally_suites::evaluation::{Column, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of `entry.json`.
pub const ENTRY_SCHEMA: u32 = 1;

/// One submission. A pure function of its bundle: no time of checking, no path, no host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of this format: [`ENTRY_SCHEMA`].
    pub schema: u32,
    /// SHA-256 of the signed statement: the submission's identity, and the name of its folder.
    pub id: Digest,
    /// What the submitter calls it.
    pub name: String,
    /// Who signed it.
    pub key: KeyFingerprint,
    /// The suite that was run.
    pub suite: SuiteIdentity,
    /// When the run ended, in seconds since 1970, as the submitter's clock said.
    pub ended: u64,
    /// On what it was run, as the submitter says.
    pub environment: Environment,
    /// Tables of the suite in which something was measured, with these rows alone.
    pub tables: Vec<EntryTable>,
}

/// SHA-256 of a public ed25519 key: the name of a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyFingerprint(pub Digest);

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A suite, exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteIdentity {
    /// Its id.
    pub id: String,
    /// Its name for readers.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Its locked content.
    pub content_sha256: Digest,
}

/// What measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of retally.
    pub retally: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// As `--device` was given: `cpu`, `cuda:0`.
    pub device: String,
    /// The processor's name.
    pub processor: String,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryTable {
    /// `table-2`.
    pub id: String,
    /// `Table 2`.
    pub label: String,
    /// What it shows.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The rows that were measured.
    pub rows: Vec<EntryRow>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryRow {
    /// Key in the suite: `DINOv2-B|+iREPA`, or that of a tap of a model.
    pub key: String,
    /// Heading.
    pub label: String,
    /// One entry a column; `None` where nothing was measured.
    pub cells: Vec<Option<EntryCell>>,
}

/// One number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryCell {
    /// Stable id, unique in the suite: names its scores in `scores.safetensors`.
    pub id: String,
    /// What was measured, computed again by the checker.
    pub measured: Measurement,
    /// The printed number, as printed.
    pub reported: Option<String>,
    /// The suite's verdict.
    pub verdict: Option<Verdict>,
    /// Whether the submission has the score of each sample, so that a paired test with another one is possible.
    pub has_scores: bool,
}

impl Entry {
    /// Every cell with the table, row and column that it stands in.
    pub fn cells(&self) -> impl Iterator<Item = (&EntryTable, &EntryRow, &Column, &EntryCell)> {
        self.tables.iter().flat_map(|table| {
            table.rows.iter().flat_map(move |row| {
                let cells = table.columns.iter().zip(&row.cells);
                cells.filter_map(move |(column, cell)| Some((table, row, column, cell.as_ref()?)))
            })
        })
    }
}
