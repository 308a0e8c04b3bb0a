//! Recording a suite's values again, in a folder of suites: all files or none, and never without a reason.

use super::source::{Checkout, FoundSuite};
use super::stored::StoredFiles;
use crate::failure::Failure;
use crate::run::directory::write_all_or_none;
use crate::text_files::read_text;
use retally_reports::calendar;
use retally_suites::EvaluatedSuite;
use retally_suites::relock::{ChangedValue, LockedTexts, Occasion, Reason, Relocked, relock};
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;

/// The history of recorded values, in the suite's folder.
const HISTORY: &str = "updates.csv";

/// What the user says of an update.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    /// Why.
    pub reason: String,
    /// Day of the run, `2026-11-27`; from run.json if absent.
    pub date: Option<String>,
}

/// What an update did.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Update {
    /// The suite's version after it.
    pub(super) version: u32,
    /// The suite's content after it.
    pub(super) content_sha256: String,
    /// What moved; empty if every value already showed the measured digits.
    pub(super) changes: Vec<ChangedValue>,
    /// What was written.
    pub(super) files: Vec<PathBuf>,
}

impl Update {
    /// For a person at a terminal.
    pub(super) fn to_text(&self) -> String {
        if self.changes.is_empty() {
            return "nothing to record: every recorded value shows the measured digits\n"
                .to_owned();
        }
        let mut text = format!(
            "recorded again: {} of the suite's values; the suite is version {} now, locked as {}\n",
            self.changes.len(),
            self.version,
            self.content_sha256
        );
        for ChangedValue { table, row, column, old, new } in &self.changes {
            text.push_str(&format!("  {table}, {row}, {column}: {old} -> {new}\n"));
        }
        for file in &self.files {
            text.push_str(&format!("  wrote {}\n", file.display()));
        }
        text.push_str("build retally with these files, run the suite and check it\n");
        text
    }
}

/// Records a run's values in the checkout that the suite came from.
///
/// # Errors
/// If the suite did not come from a folder, the run cannot serve as a reference, or a file cannot be written; then nothing is.
pub(super) fn update(
    request: &UpdateRequest,
    found: &FoundSuite,
    run: &StoredFiles,
    evaluated: &EvaluatedSuite,
) -> Result<Update, Failure> {
    let Some(checkout) = &found.checkout else {
        return Err(Failure::invalid(
            "--update edits the files of a suite: say with --suites DIR in which folder they are (in a checkout of retally: \
             `--suites suites`)",
        ));
    };
    let record = run.record.as_ref().ok_or_else(|| {
        Failure::invalid("the run has no run.json, which says what measured: run the suite again")
    })?;
    refuse_fast(record)?;
    let folder = checkout.root.join(found.suite.id());
    let history_file = folder.join(HISTORY);
    let history = history_file.is_file().then(|| read_text(&history_file)).transpose()?;
    let texts =
        LockedTexts { suite: &checkout.texts, lock: &checkout.lock, history: history.as_deref() };
    let relocked =
        relock(texts, evaluated, &occasion(request, record, run)?).map_err(Failure::invalid)?;
    match relocked {
        None => Ok(Update {
            version: found.suite.definition().version,
            content_sha256: found.suite.content_digest().to_string(),
            changes: Vec::new(),
            files: Vec::new(),
        }),
        Some(relocked) => write(checkout, &folder, relocked),
    }
}

/// The lock comes last: until it is there, every check of the folder says that its content moved.
fn write(
    checkout: &Checkout,
    folder: &std::path::Path,
    relocked: Relocked,
) -> Result<Update, Failure> {
    let old = checkout.texts.files();
    let changed = relocked.texts.files().into_iter().filter(|file| !old.contains(file));
    let mut files = vec![(folder.join(HISTORY), relocked.history)];
    files.extend(changed.map(|(name, text)| (folder.join(name), text.to_owned())));
    files.push((checkout.root.join("lock.toml"), relocked.lock));
    write_all_or_none(&files)?;
    Ok(Update {
        version: relocked.version,
        content_sha256: relocked.content.to_string(),
        changes: relocked.changes,
        files: files.into_iter().map(|(path, _)| path).collect(),
    })
}

/// Kernels whose results differ between runs make no reference.
fn refuse_fast(record: &Value) -> Result<(), Failure> {
    match record.pointer("/options/fast").and_then(Value::as_bool) {
        Some(false) => Ok(()),
        _ => Err(Failure::invalid(
            "the run was made with --fast, whose results may differ between runs: run the suite without it, then record",
        )),
    }
}

fn occasion(
    request: &UpdateRequest,
    record: &Value,
    run: &StoredFiles,
) -> Result<Occasion, Failure> {
    let reason = Reason::new(&request.reason).map_err(Failure::invalid)?;
    let date = match &request.date {
        Some(date) if calendar::is_date(date) => date.clone(),
        Some(date) => {
            return Err(Failure::invalid(format_args!(
                "--date is `{date}`; expected a day as 2026-11-27"
            )));
        }
        None => record.get("ended").and_then(Value::as_u64).and_then(calendar::date).ok_or_else(
            || {
                Failure::invalid(
                    "run.json does not say when the run ended: give the day with --date",
                )
            },
        )?,
    };
    let text = |pointer: &str| {
        let found = record.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or("unknown").chars().filter(|c| !c.is_control()).collect::<String>()
    };
    let source = format!(
        "retally {} with ONNX Runtime {} on {} {} ({date})",
        text("/retally"),
        text("/onnxruntime/version"),
        text("/machine/architecture"),
        text("/machine/processor").trim(),
    );
    Ok(Occasion { reason, date, source, run: run.digest })
}
