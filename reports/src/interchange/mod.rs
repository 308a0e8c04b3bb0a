//! What a run measured, in the formats of other projects.
//!
//! | format | what it is | written by |
//! |---|---|---|
//! | Every Eval Ever 0.3.0 | one JSON document a model | [`every_eval_ever()`] |
//! | Hugging Face `.eval_results` | one YAML file a model repository | [`hugging_face()`] |
//! | Croissant Tasks | one JSON-LD document: task, solutions, results | [`croissant_tasks()`] |
//!
//! Everything comes from [`RunFacts`] (what the run and the manifests know) and [`About`] (what the user says, because no
//! run can know it). Nothing is invented: a format that demands more is refused with the lines that are missing. What a
//! format cannot hold is left out and said in a note. An absence never becomes a number. The same facts give the same
//! bytes: no clock is read and nothing is drawn.

mod about;
mod croissant_tasks;
mod error;
mod every_eval_ever;
mod facts;
#[cfg(test)]
mod golden_tests;
mod hugging_face;
mod names;
#[cfg(test)]
mod testing;
mod yaml;

pub use about::{
    About, AboutCroissant, AboutDataset, AboutEvaluator, AboutModel, Availability, BenchmarkEntry,
    EntrySource, Relationship,
};
pub use croissant_tasks::croissant_tasks;
pub use error::ExportError;
pub use every_eval_ever::every_eval_ever;
pub use facts::{
    DatasetFacts, FileFacts, Judged, LibraryFacts, MetricFacts, ResultFacts, RunFacts,
    SubjectFacts, SuiteFacts,
};
pub use hugging_face::hugging_face;
pub use names::{Address, HubName};
pub use yaml::quoted as quoted_yaml;

use std::path::PathBuf;

/// A document of another project's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it stands below the folder of the export; made of checked names alone.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
    /// How many results it holds.
    pub results: usize,
}

/// What an export gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// The documents.
    pub documents: Vec<Document>,
    /// What the format could not hold, one sentence each.
    pub notes: Vec<String>,
}

/// A JSON document as text, with a final newline.
fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// `metric (reason: detail)` of a measurement without a value.
fn absence_text(result: &ResultFacts) -> Option<String> {
    let absence = result.measurement.absence()?;
    let reason = crate::words::absence_word(absence.reason);
    Some(format!("{} ({reason}: {})", result.measurement.metric, absence.detail))
}

/// One note that lists what was left out, if anything was.
fn left_out(what: &str, items: &[String]) -> Option<String> {
    let listed = items.iter().take(MOST_LISTED).cloned().collect::<Vec<_>>().join("; ");
    let more = items.len().saturating_sub(MOST_LISTED);
    match (items.len(), more) {
        (0, _) => None,
        (count, 0) => Some(format!("{what} ({count}): {listed}")),
        (count, more) => Some(format!("{what} ({count}): {listed}; and {more} more")),
    }
}

/// Longest list in a note.
const MOST_LISTED: usize = 12;
