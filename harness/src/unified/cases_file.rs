//! The value of each candidate of each case, for the user's own analysis.

use super::scores::{CaseScore, TaskScores};
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::run::directory::write_durably;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Writes a `.csv` (protocol, task, case, candidate, column, value) or a `.jsonl` file (one candidate a line, with details).
///
/// # Errors
/// If the name ends in neither, or the file cannot be written.
pub(crate) fn write_cases(path: &Path, scores: &[TaskScores]) -> Result<(), Failure> {
    let bytes = if has_extension(path, "csv") {
        as_csv(scores)?
    } else if has_extension(path, "jsonl") {
        as_lines(scores).into_bytes()
    } else {
        return Err(Failure::invalid(format_args!(
            "`{}`: the cases are written as .csv or .jsonl",
            path.display()
        )));
    };
    write_durably(path, &bytes)
}

fn as_csv(scores: &[TaskScores]) -> Result<Vec<u8>, Failure> {
    let failed = |error: csv::Error| Failure::invalid(format_args!("cannot write CSV: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let headings = ["protocol", "task", "case", "candidate", "column", "value"];
    writer.write_record(headings).map_err(failed)?;
    for (scores, case) in all(scores) {
        for (quantity, value) in &case.values {
            let (candidate, value) = (case.candidate.to_string(), value.to_string());
            let (protocol, task) = (scores.protocol.as_str(), scores.task.as_str());
            let record = [protocol, task, &case.case, &candidate, quantity.name(), &value];
            writer.write_record(record).map_err(failed)?;
        }
    }
    writer
        .into_inner()
        .map_err(|error| Failure::temporary(format_args!("cannot write CSV: {error}")))
}

fn as_lines(scores: &[TaskScores]) -> String {
    let line = |(scores, case): (&TaskScores, &CaseScore)| {
        let values: Map<String, Value> = case
            .values
            .iter()
            .map(|(quantity, value)| (quantity.name().to_owned(), json!(value)))
            .collect();
        let line = json!({
            "protocol": scores.protocol.as_str(),
            "task": scores.task.as_str(),
            "case": case.case,
            "candidate": case.candidate,
            "values": values,
            "details": case.details,
        });
        line.to_string() + "\n"
    };
    all(scores).map(line).collect()
}

fn all(scores: &[TaskScores]) -> impl Iterator<Item = (&TaskScores, &CaseScore)> {
    scores.iter().flat_map(|scores| scores.cases.iter().map(move |case| (scores, case)))
}
