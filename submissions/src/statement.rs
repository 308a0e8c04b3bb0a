//! The signed statement: an in-toto Statement v1 whose subjects are the other files of the bundle and whose predicate says what
//! was measured.

use crate::entry::{Environment, KeyFingerprint, SuiteIdentity};
use crate::label::Label;
use retally_manifests::Digest;
use retally_metrics::Measurement;
use retally_suites::EvaluatedSuite;
use retally_suites::evaluation::{Band, EvaluatedCell, Provenance, Verdict};
use serde::{Deserialize, Serialize};

/// `_type` of a statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `predicateType` of a submission: a name, not a page.
pub const PREDICATE_TYPE: &str = "https://github.com/retally/retally/predicates/submission/v1";
/// Version of the predicate.
pub const PREDICATE_SCHEMA: u32 = 1;

/// The statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`STATEMENT_TYPE`]
    #[serde(rename = "_type")]
    pub kind: String,
    /// Every other file of the bundle, by name.
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`]
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What was measured.
    pub predicate: Predicate,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name in the bundle.
    pub name: String,
    /// Its digests.
    pub digest: SubjectDigest,
}

/// The digest of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// SHA-256.
    pub sha256: Digest,
}

/// What a submission says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// [`PREDICATE_SCHEMA`]
    pub schema: u32,
    /// What the submitter calls it.
    pub name: Label,
    /// Who signs.
    pub key: KeyFingerprint,
    /// The suite.
    pub suite: SuiteIdentity,
    /// When the run ended, in seconds since 1970, as the submitter's clock said.
    pub ended: u64,
    /// On what.
    pub environment: Environment,
    /// ONNX Runtime's name of the execution provider.
    pub provider: String,
    /// One entry a measured cell, in the order of the suite's tables.
    pub results: Vec<CellResult>,
}

/// A measured cell of a suite's table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellResult {
    /// Its id, unique in the suite.
    pub id: String,
    /// Id of the table.
    pub table: String,
    /// Key of the row.
    pub row: String,
    /// Key of the column.
    pub column: String,
    /// Value, unit, count, interval and method, or why there is no value.
    pub measured: Measurement,
    /// The printed or recorded number.
    pub expected: Option<Expected>,
    /// How far both may be apart.
    pub tolerance: Option<Band>,
    /// What the suite says of it.
    pub verdict: Option<Verdict>,
}

/// The number that a measured one is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// As printed.
    pub text: String,
    /// As a number.
    pub value: f64,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl Statement {
    /// The statement about some files.
    #[must_use]
    pub fn new(subject: Vec<Subject>, predicate: Predicate) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate,
        }
    }

    /// SHA-256 of the signed bytes: the submission's identity.
    #[must_use]
    pub fn id(payload: &[u8]) -> Digest {
        Digest::of_bytes(payload)
    }

    /// One digest of the measured numbers, to the last bit, without the names of submission, models and taps. Two submissions that
    /// have it in common report the same measurements, whatever things are called and whoever signs.
    #[must_use]
    pub fn content(&self) -> Digest {
        let line = |result: &CellResult| {
            let CellResult { table, column, measured, .. } = result;
            let bits = measured.value().map(f64::to_bits);
            format!("{table}\t{column}\t{}\t{bits:?}\t{}\n", measured.metric, measured.n)
        };
        let mut lines: Vec<String> = self.predicate.results.iter().map(line).collect();
        if lines.is_empty() {
            // No table of the suite has a row for what was measured.
            let measured = |subject: &&Subject| subject.name == crate::files::MEASUREMENTS;
            let subject = self.subject.iter().find(measured);
            lines.extend(subject.map(|subject| subject.digest.sha256.to_string()));
        }
        lines.sort_unstable();
        Digest::of_bytes(lines.concat().as_bytes())
    }
}

/// The cells of an evaluated suite in which something was measured.
#[must_use]
pub fn results(suite: &EvaluatedSuite) -> Vec<CellResult> {
    let mut results = Vec::new();
    for table in &suite.tables {
        for row in &table.rows {
            for (column, cell) in table.columns.iter().zip(&row.cells) {
                let Some(cell) = cell else { continue };
                let Some(measured) = &cell.measured else { continue };
                results.push(CellResult {
                    id: cell.id.clone(),
                    table: table.id.clone(),
                    row: row.key.clone(),
                    column: column.key.clone(),
                    measured: measured.clone(),
                    expected: expected(cell),
                    tolerance: cell.band.clone(),
                    verdict: cell.verdict,
                });
            }
        }
    }
    results
}

fn expected(cell: &EvaluatedCell) -> Option<Expected> {
    cell.reported.as_ref().map(|reported| Expected {
        text: reported.text.clone(),
        value: reported.value,
        provenance: reported.provenance,
    })
}
