//! What the tests of papers' suites share.

#![expect(clippy::unwrap_used, reason = "a helper of a test stops where its subject is missing")]

use retally_manifests::Digest;
use retally_suites::Suite;
use retally_suites::evaluation::{
    EvaluatedCell, EvaluatedDerivedClaim, EvaluatedSuite, EvaluatedTable, ReportedValue, Verdict,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What `tests/parity/suites_reference.py` recorded of a paper.
pub(crate) fn reference(paper: &str) -> Value {
    let recorded = include_str!("../../../tests/parity/suites_reference.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    recorded["papers"][paper].clone()
}

/// Fails unless the suite has each row of the reference files, byte for byte, and shows each cell in exactly one place.
pub(crate) fn check_complete<const N: usize>(
    suite: &Suite,
    evaluated: &EvaluatedSuite,
    files: [(&str, &str); N],
) {
    let reference = reference(suite.id());
    for (name, text) in files {
        let digest = Digest::of_bytes(text.as_bytes()).to_string();
        assert_eq!(reference["sha256"][name], digest, "{name}");
    }
    let mut tables: BTreeMap<&str, usize> = BTreeMap::new();
    let mut provenances: BTreeMap<String, usize> = BTreeMap::new();
    for cell in suite.cells() {
        *tables.entry(&cell.table).or_default() += 1;
        let word = serde_json::to_value(cell.provenance).unwrap();
        *provenances.entry(word.as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(serde_json::to_value(tables).unwrap(), reference["tables"]);
    assert_eq!(serde_json::to_value(provenances).unwrap(), reference["provenance"]);
    assert_eq!(suite.cells().len() as u64, reference["cells"].as_u64().unwrap());
    assert_eq!(suite.correlations().len() as u64, reference["correlations"].as_u64().unwrap());
    for printed in suite.cells() {
        let reported = printed.reported();
        let is_it = |value: &ReportedValue| {
            ReportedValue { basis: None, reach: None, ..value.clone() } == reported
        };
        let own = evaluated.tables.iter().flat_map(|table| &table.rows).filter(|r| !r.is_reference);
        let mut shown = own.flat_map(|row| row.cells.iter().flatten()).filter(|cell| {
            let versions = cell.versions.iter().map(|versioned| &versioned.value);
            cell.reported.iter().chain(&cell.also_reported).chain(versions).any(is_it)
        });
        assert!(shown.next().is_some(), "{printed:?}");
    }
}

/// All cells of all tables.
pub(crate) fn cells(suite: &EvaluatedSuite) -> impl Iterator<Item = &EvaluatedCell> {
    suite.tables.iter().flat_map(|table| &table.rows).flat_map(|row| row.cells.iter().flatten())
}

/// A table by its id.
pub(crate) fn table<'a>(suite: &'a EvaluatedSuite, id: &str) -> &'a EvaluatedTable {
    suite.tables.iter().find(|table| table.id == id).unwrap()
}

/// A cell by its table and keys.
pub(crate) fn cell<'a>(
    suite: &'a EvaluatedSuite,
    id: &str,
    row: &str,
    column: &str,
) -> &'a EvaluatedCell {
    let table = table(suite, id);
    let column = table.columns.iter().position(|candidate| candidate.key == column).unwrap();
    let row = table.rows.iter().find(|candidate| candidate.key == row).unwrap();
    row.cells[column].as_ref().unwrap()
}

/// The derived claims of a group.
pub(crate) fn derived<'a>(suite: &'a EvaluatedSuite, group: &str) -> &'a [EvaluatedDerivedClaim] {
    &suite.derived.iter().find(|candidate| candidate.id == group).unwrap().claims
}

/// Fails unless every derived claim is confirmed digit for digit or, where that is said, cannot be recomputed.
#[allow(dead_code, reason = "the suite of curves has claims that are confirmed within rounding")]
pub(crate) fn check_derived(suite: &EvaluatedSuite, recomputed: usize, impossible: usize) {
    let claims: Vec<_> = suite.derived.iter().flat_map(|group| &group.claims).collect();
    let count = |verdict| claims.iter().filter(|claim| claim.verdict == verdict).count();
    assert_eq!(count(Verdict::Identical), recomputed);
    assert_eq!(count(Verdict::NotRun), impossible);
    assert_eq!(claims.len(), recomputed + impossible);
    for claim in claims {
        assert_eq!(claim.recomputed.is_some(), claim.verdict == Verdict::Identical, "{claim:?}");
        assert_eq!(claim.difference.is_some(), claim.recomputed.is_some());
        assert!(!claim.explanation.is_empty());
    }
}

/// Fails unless anchors are unique and fit for file names.
pub(crate) fn check_anchors(suite: &EvaluatedSuite) {
    let mut seen = BTreeSet::new();
    for cell in cells(suite) {
        assert!(seen.insert(&cell.id), "{}", cell.id);
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(cell.id.bytes().all(is_plain), "{}", cell.id);
    }
}

/// Fails where an unknown cell has any number.
pub(crate) fn check_unknown(suite: &EvaluatedSuite) {
    for cell in cells(suite).filter(|cell| cell.unknown.is_some()) {
        assert!(cell.reported.is_none() && cell.measured.is_none(), "{}", cell.id);
        assert!(cell.verdict.is_none() && cell.band.is_none() && cell.difference.is_none());
        assert!(cell.also_reported.is_empty());
        assert!(cell.explanation.starts_with("The printed number is not known. "), "{}", cell.id);
    }
}
