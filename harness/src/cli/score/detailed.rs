//! Measurements with tables of a metric's own beside them.

use super::line;
use crate::cli::Document;
use crate::failure::Failure;
use retally_metrics::Measurement;
use serde::Serialize;

/// What was measured, and what belongs to it in JSON.
#[derive(Debug, Serialize)]
pub(super) struct DetailedReport<T> {
    pub(super) measurements: Vec<Measurement>,
    /// What a reader should know, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    #[serde(flatten)]
    pub(super) details: T,
}

impl<T: Serialize> DetailedReport<T> {
    /// The measurements a line each, then `extra`, then the notes.
    pub(super) fn document(&self, extra: &str) -> Result<Document, Failure> {
        let lines = self.measurements.iter().map(|measured| line(measured, None));
        let mut text: String = lines.collect();
        text.push_str(extra);
        text.extend(self.notes.iter().map(|note| format!("note       {note}\n")));
        Document::new(text, self)
    }
}
