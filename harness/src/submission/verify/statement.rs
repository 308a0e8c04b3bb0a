//! The signed statement, and whether the files are those that it names.

use super::concern::{Concern, skipped};
use retally_submissions::archive::ArchiveReader;
use retally_submissions::documents::{expect_bytes, to_bytes};
use retally_submissions::statement::{PREDICATE_SCHEMA, PREDICATE_TYPE, STATEMENT_TYPE, Statement};
use retally_submissions::{Check, CheckKind, files};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The parts of a statement that say how the rest is to be read.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Version,
}

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Reads the statement; else what is wrong with its form.
pub(super) fn read(payload: Option<&[u8]>) -> (Option<Statement>, Vec<String>) {
    let Some(payload) = payload else { return (None, Vec::new()) };
    match parse(payload) {
        Ok(statement) => (Some(statement), Vec::new()),
        Err(reason) => (None, vec![format!("the statement: {reason}")]),
    }
}

fn parse(payload: &[u8]) -> Result<Statement, String> {
    let text = |error: serde_json::Error| error.to_string();
    let found: Kind = serde_json::from_slice(payload).map_err(text)?;
    if found.kind != STATEMENT_TYPE {
        return Err(format!("its type is {:?}, expected `{STATEMENT_TYPE}`", found.kind));
    }
    if found.predicate_type != PREDICATE_TYPE {
        return Err(format!(
            "its predicate is {:?}, expected `{PREDICATE_TYPE}`",
            found.predicate_type
        ));
    }
    if found.predicate.schema != PREDICATE_SCHEMA {
        return Err(format!(
            "its predicate has schema {}, this retally reads {PREDICATE_SCHEMA}",
            found.predicate.schema
        ));
    }
    let statement: Statement = serde_json::from_slice(payload).map_err(text)?;
    expect_bytes(payload, &to_bytes(&statement).map_err(text)?)
        .map_err(|error| error.to_string())?;
    Ok(statement)
}

/// Compares every file with the digest that the statement gives it.
pub(super) fn digests(archive: &ArchiveReader, statement: Option<&Statement>) -> Check {
    let Some(statement) = statement else {
        return skipped(CheckKind::Digests, "the statement cannot be read");
    };
    let mut concern = Concern::new(CheckKind::Digests);
    let names = || statement.subject.iter().map(|subject| subject.name.as_str());
    if !names().is_sorted_by(|left, right| left < right) {
        concern.fail("the statement does not list every file once, by rising name");
    }
    let subjects: BTreeMap<&str, _> = statement
        .subject
        .iter()
        .map(|subject| (subject.name.as_str(), subject.digest.sha256))
        .collect();
    for (name, expected) in &subjects {
        match archive.files().get(*name) {
            None => concern
                .fail(format!("`{name}` is missing; the statement gives its digest as {expected}")),
            Some(file) if file.sha256 != *expected => concern.fail(format!(
                "`{name}` has SHA-256 {}, the statement says {expected}",
                file.sha256
            )),
            Some(_) => {}
        }
    }
    let others = archive.files().keys().filter(|name| name.as_str() != files::STATEMENT);
    for name in others.filter(|name| !subjects.contains_key(name.as_str())) {
        concern.fail(format!("`{name}` is in the bundle, but the statement does not know it"));
    }
    for name in files::DOCUMENTS.iter().filter(|name| !subjects.contains_key(*name)) {
        concern.fail(format!("the statement does not name `{name}`, which every bundle has"));
    }
    for name in names().filter(|name| !is_known(name)) {
        concern.fail(format!("`{name}` is no file of a bundle"));
    }
    concern.finish(format!("{} files compared with the signed digests", subjects.len()))
}

fn is_known(name: &str) -> bool {
    files::DOCUMENTS.contains(&name) || files::chunk_key(name).is_some()
}
