//! New recorded values for a suite, from a run: its cells, its version and its entry in the lock, as texts.
//!
//! Only values that were recorded from an earlier run of retally may change; a paper's printed numbers never do.

use crate::cells::{CELL_HEADER, Cell};
use crate::evaluation::{EvaluatedSuite, Provenance, Verdict};
use crate::lock::{Lock, LockEntry, LockedKind};
use crate::suite::{Suite, SuiteError};
use crate::texts::SuiteTexts;
use retally_manifests::Digest;
use retally_metrics::Measurement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Columns of `updates.csv`, the history of recorded values.
pub const HISTORY_HEADER: [&str; 9] =
    ["version", "date", "reason", "run_sha256", "table", "row", "column", "old", "new"];

/// Longest reason.
const LONGEST_REASON: usize = 1000;

/// Why, when and from what values are recorded again.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// Why the values moved and why the new ones are right.
    pub reason: Reason,
    /// Day of the run: `2026-11-27`.
    pub date: String,
    /// What measured: becomes the source of every changed cell.
    pub source: String,
    /// Digest of the run's `measurements.json`.
    pub run: Digest,
}

/// A reason that says something: on one line, not blank, of at most 1,000 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Takes a reason.
    ///
    /// # Errors
    /// [`RelockError::Reason`].
    pub fn new(text: &str) -> Result<Self, RelockError> {
        let text = text.trim();
        let is_usable = !text.is_empty()
            && !text.chars().any(char::is_control)
            && text.chars().count() <= LONGEST_REASON;
        if is_usable { Ok(Self(text.to_owned())) } else { Err(RelockError::Reason) }
    }
}

/// A recorded value that moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangedValue {
    /// Table of the data file.
    pub table: String,
    /// Row key.
    pub row: String,
    /// Column key.
    pub column: String,
    /// The digits that were recorded.
    pub old: String,
    /// The digits that are.
    pub new: String,
}

/// The new texts.
#[derive(Clone, Debug)]
pub struct Relocked {
    /// The suite's files.
    pub texts: SuiteTexts,
    /// `lock.toml` with one more entry.
    pub lock: String,
    /// `updates.csv` with one more line for each value that moved.
    pub history: String,
    /// The suite's new version.
    pub version: u32,
    /// The suite's new content.
    pub content: Digest,
    /// What moved.
    pub changes: Vec<ChangedValue>,
}

/// Why values cannot be recorded again.
#[derive(Debug, thiserror::Error)]
pub enum RelockError {
    /// No usable reason.
    #[error(
        "the reason is blank, longer than {LONGEST_REASON} characters or has more than one line: say in one sentence why \
         the recorded values move and why the new ones are right"
    )]
    Reason,
    /// The suite has none.
    #[error(
        "suite `{0}` has no recorded values: its numbers are a paper's, and a run never changes what a paper prints"
    )]
    NothingRecorded(String),
    /// The run judged none of them.
    #[error(
        "the run measured no recorded value of suite `{suite}` in a way that can be compared; the first says: {example}"
    )]
    NothingMeasured {
        /// Suite id.
        suite: String,
        /// Why the first recorded cell was not judged.
        example: String,
    },
    /// A broken law.
    #[error(
        "the run breaks a law that numbers obey by definition, so nothing of it is recorded: {0}"
    )]
    BrokenIdentity(String),
    /// A file that does not have the form that is edited.
    #[error("{file} cannot be edited: {problem}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// The edited suite is wrong, which is a fault of this program or of the files.
    #[error("the suite with new values would be wrong: {0}")]
    Suite(#[from] Box<SuiteError>),
}

impl From<SuiteError> for RelockError {
    fn from(error: SuiteError) -> Self {
        Self::Suite(Box::new(error))
    }
}

/// The three texts that are edited together.
#[derive(Clone, Copy, Debug)]
pub struct LockedTexts<'a> {
    /// The suite's files.
    pub suite: &'a SuiteTexts,
    /// `lock.toml`.
    pub lock: &'a str,
    /// `updates.csv`, if there is one.
    pub history: Option<&'a str>,
}

/// Records the values of an evaluated run; `None` where every recorded value already shows the measured digits.
///
/// # Errors
/// [`RelockError`]. Nothing is written here: the caller writes all texts or none.
pub fn relock(
    texts: LockedTexts<'_>,
    evaluated: &EvaluatedSuite,
    occasion: &Occasion,
) -> Result<Option<Relocked>, RelockError> {
    if let Some(broken) = evaluated.identity_checks.iter().find(|check| !check.holds) {
        let found = format!("{} ({}): {}", broken.law, broken.subject, broken.detail);
        return Err(RelockError::BrokenIdentity(found));
    }
    let suite = texts.suite.suite()?;
    let moved = moved_values(&suite, evaluated)?;
    if moved.is_empty() {
        return Ok(None);
    }
    let mut new = texts.suite.clone();
    edit_cells(&mut new, &moved, occasion)?;
    let lock = parse_lock(texts.lock)?;
    let version = next_version(&lock, &suite);
    new.definition = with_version(&new.definition, version)?;
    let edited = new.suite()?;
    let content = *edited.content_digest();
    let entry = LockEntry { id: suite.id().to_owned(), version, content };
    let lock_text = with_entry(texts.lock, &lock, &entry)?;
    let changes: Vec<ChangedValue> = moved.iter().map(MovedValue::change).collect();
    let history = with_history(texts.history, version, occasion, &changes)?;
    Ok(Some(Relocked { texts: new, lock: lock_text, history, version, content, changes }))
}

/// A recorded cell and the digits that replace its own.
struct MovedValue<'a> {
    cell: &'a Cell,
    new: String,
}

impl MovedValue<'_> {
    fn change(&self) -> ChangedValue {
        ChangedValue {
            table: self.cell.table.clone(),
            row: self.cell.row.clone(),
            column: self.cell.column.clone(),
            old: self.cell.number.text().to_owned(),
            new: self.new.clone(),
        }
    }
}

fn moved_values<'a>(
    suite: &'a Suite,
    evaluated: &EvaluatedSuite,
) -> Result<Vec<MovedValue<'a>>, RelockError> {
    let anchored = suite.anchored_cells();
    let is_recorded = |cell: &&Cell| cell.provenance == Provenance::Recorded;
    if !anchored.values().copied().any(|cell| is_recorded(&cell)) {
        return Err(RelockError::NothingRecorded(suite.id().to_owned()));
    }
    let shown = evaluated.tables.iter().flat_map(|table| &table.rows);
    let (mut moved, mut judged, mut example) = (Vec::new(), 0_usize, None);
    for shown in shown.flat_map(|row| row.cells.iter().flatten()) {
        let Some(cell) = anchored.get(&shown.id).copied().filter(is_recorded) else { continue };
        let measured = shown.measured.as_ref().and_then(Measurement::value);
        let verdict = shown.verdict.unwrap_or(Verdict::NotRun);
        let is_judged =
            !matches!(verdict, Verdict::NotRun | Verdict::NotComparable | Verdict::Invalid);
        let Some(value) = measured.filter(|_| is_judged) else {
            example.get_or_insert_with(|| format!("{}: {}", shown.id, shown.explanation));
            continue;
        };
        judged += 1;
        if !cell.number.is_rounding_of(value) {
            moved.push(MovedValue { cell, new: format!("{value:.*}", cell.number.decimals()) });
        }
    }
    if judged == 0 {
        let example = example.unwrap_or_else(|| "no recorded cell is shown".to_owned());
        return Err(RelockError::NothingMeasured { suite: suite.id().to_owned(), example });
    }
    moved.sort_by_key(|moved| (moved.cell.file.clone(), moved.cell.line));
    Ok(moved)
}

/// Replaces the changed lines and no other byte.
fn edit_cells(
    texts: &mut SuiteTexts,
    moved: &[MovedValue<'_>],
    occasion: &Occasion,
) -> Result<(), RelockError> {
    let mut by_file: BTreeMap<&str, BTreeMap<u64, &MovedValue<'_>>> = BTreeMap::new();
    for value in moved {
        by_file.entry(&value.cell.file).or_default().insert(value.cell.line, value);
    }
    for (file, values) in by_file {
        let form = |problem: String| RelockError::Form { file: file.to_owned(), problem };
        let text = texts.cells_mut(file).ok_or_else(|| form("it is not there".to_owned()))?;
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        for (number, value) in values {
            // A field never holds a line break (see `cells`), so a record is a line.
            let line = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let line = line.and_then(|index| lines.get_mut(index));
            let line = line.ok_or_else(|| form(format!("line {number} is gone")))?;
            let ending = line.get(line.trim_end_matches(['\r', '\n']).len()..).unwrap_or_default();
            let record = cell_line(value, occasion).map_err(|cause| form(cause.to_string()))?;
            *line = format!("{record}{ending}");
        }
        *text = lines.concat();
    }
    Ok(())
}

fn cell_line(value: &MovedValue<'_>, occasion: &Occasion) -> Result<String, csv::Error> {
    let Cell { table, row, column, unit, note, .. } = value.cell;
    let fields: [&str; CELL_HEADER.len()] =
        [table, row, column, &value.new, unit, "recorded", &occasion.source, note];
    csv_line(&fields)
}

fn csv_line(fields: &[&str]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(fields)?;
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
}

fn parse_lock(text: &str) -> Result<Lock, RelockError> {
    Lock::parse(text).map_err(|problem| RelockError::Form { file: "lock.toml".to_owned(), problem })
}

fn next_version(lock: &Lock, suite: &Suite) -> u32 {
    let own = lock.suites.iter().filter(|entry| entry.id == suite.id());
    let locked = own.map(|entry| entry.version).max().unwrap_or(0);
    locked.max(suite.definition().version).saturating_add(1)
}

/// The text with another number after `version =`, and no other byte changed.
fn with_version(text: &str, version: u32) -> Result<String, RelockError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: toml::Spanned<u32>,
    }
    let found: Versioned = toml::from_str(text).map_err(|cause| RelockError::Form {
        file: "suite.toml".to_owned(),
        problem: cause.message().to_owned(),
    })?;
    let mut edited = text.to_owned();
    edited.replace_range(found.version.span(), &version.to_string());
    Ok(edited)
}

/// The lock with one more entry, after the other versions of the same suite.
fn with_entry(text: &str, lock: &Lock, entry: &LockEntry) -> Result<String, RelockError> {
    let LockEntry { id, version, content } = entry;
    let block = format!("[[suite]]\nid = \"{id}\"\nversion = {version}\ncontent = \"{content}\"\n");
    let last = text.rfind(&format!("[[suite]]\nid = \"{id}\"\n"));
    let next = last.and_then(|at| Some(at + text[at..].find("\n\n[[")? + 2));
    let edited = match next {
        Some(at) => format!("{}{block}\n{}", &text[..at], &text[at..]),
        None => format!("{}\n\n{block}", text.trim_end()),
    };
    let problem = |problem: String| RelockError::Form { file: "lock.toml".to_owned(), problem };
    let new = parse_lock(&edited)?;
    let kept = lock.suites.iter().all(|old| new.suites.contains(old));
    if !kept || new.suites.len() != lock.suites.len() + 1 {
        return Err(problem("an entry would be lost".to_owned()));
    }
    new.check(LockedKind::Suite, id, *version, content).map_err(problem)?;
    Ok(edited)
}

fn with_history(
    text: Option<&str>,
    version: u32,
    occasion: &Occasion,
    changes: &[ChangedValue],
) -> Result<String, RelockError> {
    let form = |problem: String| RelockError::Form { file: "updates.csv".to_owned(), problem };
    let header = HISTORY_HEADER.join(",");
    let mut history = match text {
        None => format!("{header}\n"),
        Some(text) if text.lines().next() == Some(header.as_str()) => {
            format!("{}\n", text.trim_end_matches(['\n', '\r']))
        }
        Some(_) => return Err(form(format!("expected the header `{header}`"))),
    };
    let (version, run) = (version.to_string(), occasion.run.to_string());
    for ChangedValue { table, row, column, old, new } in changes {
        let fields: [&str; HISTORY_HEADER.len()] =
            [&version, &occasion.date, &occasion.reason.0, &run, table, row, column, old, new];
        history.push_str(&csv_line(&fields).map_err(|cause| form(cause.to_string()))?);
        history.push('\n');
    }
    Ok(history)
}

#[cfg(test)]
mod tests;
