//! One checked submission.

use super::hashed_file::HashedFile;
use super::left_out::{LeftOutReason, RefusalReason};
use super::{BUNDLE_FILE, ENTRY_FILE, SCORES_FILE, Scores, VERIFICATION_FILE};
use retally_submissions::{ENTRY_SCHEMA, Entry, EntryTable, Verification};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A larger document is refused before it is parsed. An entry of 10,000 cells has about 5 MB.
const LARGEST_DOCUMENT: u64 = 64 << 20;
/// The longest id of a suite.
const LONGEST_SUITE_ID: usize = 64;

/// A submission that can be shown.
#[derive(Debug)]
pub struct Submission {
    /// Its folder.
    pub folder: PathBuf,
    /// What was in its bundle.
    pub entry: Entry,
    /// What was checked.
    pub verification: Verification,
    /// The bundle when its digest was taken.
    pub bundle: HashedFile,
    /// Scores of single samples; `None` if no cell has any.
    pub scores: Option<Scores>,
}

impl Submission {
    /// Reads a folder, and makes sure that the verification is about the bundle that is there.
    pub(crate) fn read(folder: &Path) -> Result<Self, LeftOutReason> {
        let verification_path = folder.join(VERIFICATION_FILE);
        if !verification_path.exists() {
            return Err(LeftOutReason::Unverified);
        }
        let verification: Verification = document(&verification_path)?;
        let bundle = hashed(folder.join(BUNDLE_FILE))?;
        if bundle.digest() != verification.bundle_sha256 {
            return Err(LeftOutReason::damaged(format!(
                "`{VERIFICATION_FILE}` is about a file with the SHA-256 {}, and `{BUNDLE_FILE}` has {}: verify it again",
                verification.bundle_sha256,
                bundle.digest()
            )));
        }
        if !verification.is_valid() {
            let reasons = verification.reasons();
            let reasons = reasons
                .map(|(check, reason)| RefusalReason { check, reason: reason.to_owned() })
                .collect();
            return Err(LeftOutReason::Refused { reasons });
        }
        let entry: Entry = document(&folder.join(ENTRY_FILE))?;
        check_entry(&entry).map_err(|what| {
            LeftOutReason::damaged(format!("`{ENTRY_FILE}`: {what}: verify the bundle again"))
        })?;
        let scores = scores_of(folder, &entry)?;
        Ok(Self { folder: folder.to_owned(), entry, verification, bundle, scores })
    }
}

fn scores_of(folder: &Path, entry: &Entry) -> Result<Option<Scores>, LeftOutReason> {
    let path = folder.join(SCORES_FILE);
    let mut with_scores = entry.cells().filter(|(.., cell)| cell.has_scores).peekable();
    if with_scores.peek().is_none() {
        return Ok(None);
    }
    let scores = Scores::open(&path).map_err(LeftOutReason::damaged)?;
    match with_scores.find(|(.., cell)| !scores.has(&cell.id)) {
        None => Ok(Some(scores)),
        Some((.., cell)) => Err(LeftOutReason::damaged(format!(
            "`{SCORES_FILE}` has no scores of the cell `{}`, which `{ENTRY_FILE}` promises: verify the bundle again",
            cell.id
        ))),
    }
}

fn document<T: DeserializeOwned>(path: &Path) -> Result<T, LeftOutReason> {
    let failed = |error: std::io::Error| {
        LeftOutReason::damaged(format!("cannot read `{}`: {error}", path.display()))
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_DOCUMENT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST_DOCUMENT {
        return Err(LeftOutReason::damaged(format!(
            "`{}` is larger than {} MiB, which no such file is",
            path.display(),
            LARGEST_DOCUMENT >> 20
        )));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| LeftOutReason::damaged(format!("`{}`: {error}", path.display())))
}

fn hashed(path: PathBuf) -> Result<HashedFile, LeftOutReason> {
    let wrong = format!("cannot read `{}`", path.display());
    HashedFile::read(path).map_err(|error| LeftOutReason::damaged(format!("{wrong}: {error}")))
}

/// What pages and ranks rely on. The checker has looked at all of it; the file may have been changed since.
fn check_entry(entry: &Entry) -> Result<(), String> {
    if entry.schema != ENTRY_SCHEMA {
        return Err(format!("schema {} instead of {ENTRY_SCHEMA}", entry.schema));
    }
    if entry.ended > crate::time::LAST_SECOND {
        return Err(format!("the run ended after the year 9999 ({})", entry.ended));
    }
    let suite = &entry.suite.id;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if suite.is_empty() || suite.len() > LONGEST_SUITE_ID || !suite.bytes().all(is_name) {
        return Err(format!("`{suite}` is no id of a suite (a-z, 0-9 and -)"));
    }
    let tables = entry.tables.iter().map(|table| table.id.as_str());
    all_different("table", tables)?;
    entry.tables.iter().try_for_each(check_table)?;
    all_different("cell", entry.cells().map(|(.., cell)| cell.id.as_str()))
}

fn check_table(table: &EntryTable) -> Result<(), String> {
    all_different("column", table.columns.iter().map(|column| column.key.as_str()))?;
    all_different("row", table.rows.iter().map(|row| row.key.as_str()))?;
    match table.rows.iter().find(|row| row.cells.len() != table.columns.len()) {
        None => Ok(()),
        Some(row) => Err(format!(
            "row `{}` of table `{}` has {} cells, the table {} columns",
            row.key,
            table.id,
            row.cells.len(),
            table.columns.len()
        )),
    }
}

fn all_different<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("two of the name `{name}` ({what})"));
        }
    }
    Ok(())
}
