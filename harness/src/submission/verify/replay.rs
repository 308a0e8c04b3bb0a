//! Whether a submission is already known, under this or another name.

use super::concern::{Concern, skipped};
use crate::failure::Failure;
use retally_submissions::archive::ArchiveReader;
use retally_submissions::dsse::Envelope;
use retally_submissions::statement::Statement;
use retally_submissions::{Check, CheckKind, files};
use std::path::{Path, PathBuf};

/// Folders below each other that are looked into: suite, submission.
const DEPTH: usize = 3;
/// What a bundle in a folder of submissions is called.
const BUNDLE: &str = "submission.retally";

pub(super) fn check(
    statement: Option<&Statement>,
    payload: Option<&[u8]>,
    known: Option<&Path>,
) -> Result<Check, Failure> {
    let Some(folder) = known else {
        return Ok(skipped(
            CheckKind::Replay,
            "no folder of known submissions was given (--known)",
        ));
    };
    let (Some(statement), Some(payload)) = (statement, payload) else {
        return Ok(skipped(CheckKind::Replay, "the statement cannot be read"));
    };
    let (id, content) = (Statement::id(payload), statement.content());
    let mut concern = Concern::new(CheckKind::Replay);
    let bundles = bundles(folder)?;
    for path in &bundles {
        let (other_payload, other) = read(path)?;
        let other_id = Statement::id(&other_payload);
        let predicate = &other.predicate;
        if other_id == id {
            concern.fail(format!(
                "it is known: it is submission {other_id}, {:?}",
                predicate.name.as_str()
            ));
        } else if other.content() == content {
            concern.fail(format!(
                "it has the measurements of submission {other_id}, {:?} signed by key {}, to the last bit",
                predicate.name.as_str(),
                predicate.key
            ));
        }
    }
    Ok(concern.finish(format!("compared with {} known submissions", bundles.len())))
}

/// The statement of a submission that was accepted before.
fn read(path: &Path) -> Result<(Vec<u8>, Statement), Failure> {
    let failed = |reason: String| {
        Failure::invalid(format_args!(
            "`{}`, a known submission, cannot be read: {reason}; repair it or take it away",
            path.display()
        ))
    };
    let bytes = ArchiveReader::read_one(path, files::STATEMENT)
        .map_err(|error| failed(error.to_string()))?;
    let envelope: Envelope =
        serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    let payload = envelope.payload().map_err(|error| failed(error.to_string()))?;
    let statement = serde_json::from_slice(&payload).map_err(|error| failed(error.to_string()))?;
    Ok((payload, statement))
}

/// The bundles below a folder, in the order of their names.
fn bundles(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let failed = |error| Failure::file("read the folder of known submissions", &folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            // A hidden folder is no submission yet: a server checks one there, and it would be found to be known.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() && depth < DEPTH {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() && entry.file_name() == BUNDLE {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
