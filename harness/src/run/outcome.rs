//! The end of a run: measurements are written, judged and drawn. The same steps serve a run that ended long ago.

use super::directory::RunDirectory;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use retally_manifests::Digest;
use retally_reports::{ReportFiles, RunFiles};
use retally_suites::{
    CheckOutcome, CheckReport, EvaluatedSuite, RunMeasurements, Suite, check, evaluate,
};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The key in `run.json` of the digest of `measurements.json`.
pub(crate) const MEASUREMENTS_DIGEST: &str = "measurements_sha256";

/// A run that came to its end.
#[derive(Debug, Serialize)]
pub struct FinishedRun {
    /// The run directory.
    pub out: PathBuf,
    /// The report page.
    pub report: PathBuf,
    /// What was measured.
    pub measurements: RunMeasurements,
    /// What is outside its band.
    pub check: CheckReport,
    #[serde(skip)]
    table: String,
}

impl FinishedRun {
    /// The exit code that the verdicts deserve.
    #[must_use]
    pub fn status(&self) -> ExitStatus {
        status(&self.check)
    }

    /// The terminal's table and where the report is.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "{}\n{}\nreport: {}",
            self.table.trim_end(),
            self.check.to_text().trim_end(),
            self.report.display()
        )
    }
}

/// 0 or 1 by a check's outcome.
#[must_use]
pub fn status(report: &CheckReport) -> ExitStatus {
    match report.outcome {
        CheckOutcome::AllAsClaimed => ExitStatus::AsClaimed,
        CheckOutcome::Outside => ExitStatus::OutsideBand,
    }
}

/// Writes `measurements.json` and `run.json`, then the report. The record names the measurements that it is about, so that
/// a run that is stopped between the two files is told from a whole one.
pub(super) fn finish(
    suite: &Suite,
    directory: &RunDirectory,
    measurements: RunMeasurements,
    mut record: Value,
) -> Result<FinishedRun, Failure> {
    let written = directory.write_json("measurements.json", &measurements)?;
    let digest =
        Digest::of_file(&written).map_err(|error| Failure::file("read back", &written, &error))?;
    if let Value::Object(fields) = &mut record {
        fields.insert(MEASUREMENTS_DIGEST.to_owned(), Value::String(digest.to_string()));
    }
    directory.write_json("run.json", &record)?;
    let evaluated = evaluate(suite, Some(&measurements));
    let run = RunFiles { record: Some(&record), folder: Some(directory.root()) };
    let files = write_report(&evaluated, run, directory.root())?;
    let place = directory.place();
    place.publish_results()?;
    let page = files.page.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(FinishedRun {
        out: place.shown(""),
        report: place.shown(page),
        check: check(&evaluated),
        table: retally_reports::terminal_summary(&evaluated),
        measurements,
    })
}

/// Draws a report.
///
/// # Errors
/// If a picture of the run cannot be shown or a file cannot be written.
pub fn write_report(
    suite: &EvaluatedSuite,
    run: RunFiles<'_>,
    out: &Path,
) -> Result<ReportFiles, Failure> {
    Ok(retally_reports::write_report(suite, run, out)?)
}

/// A stored run: its suite, its measurements and its record.
#[derive(Debug)]
pub struct StoredRun {
    /// The suite that was run.
    pub suite: Suite,
    /// What was measured.
    pub measurements: RunMeasurements,
    /// `run.json`, if it is there.
    pub record: Option<Value>,
}

impl StoredRun {
    /// Reads a run directory.
    ///
    /// # Errors
    /// If there are no measurements, they are damaged, or they are of a suite that this program does not have in the
    /// same form.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("measurements.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::file("read the run's measurements", &path, &error))?;
        let measurements = RunMeasurements::parse(&text).map_err(|error| {
            Failure::invalid(format_args!("`{}` is no run's measurements: {error}", path.display()))
        })?;
        let suite = Suite::builtin(&measurements.suite)?;
        let found = &measurements.suite_content_sha256;
        if *found != suite.content_digest().to_string() {
            return Err(Failure::invalid(format_args!(
                "`{}` was measured for suite `{}` version {} with other content than this program's version {}: run the \
                 suite again",
                path.display(),
                measurements.suite,
                measurements.suite_version,
                suite.definition().version
            )));
        }
        let record = std::fs::read(folder.join("run.json"))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Self { suite, measurements, record })
    }

    /// Puts measurements beside printed values.
    #[must_use]
    pub fn evaluate(&self) -> EvaluatedSuite {
        evaluate(&self.suite, Some(&self.measurements))
    }
}
