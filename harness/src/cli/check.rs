//! `retally check`: whether a run, or a suite by itself, is as claimed, and the exit code for it.

use super::Document;
use crate::check::{
    CheckRequest, Checked, OutputFiles, OutputRequest, SuiteSource, UpdateRequest, perform,
};
use crate::context::Context;
use crate::failure::Failure;
use retally_reports::github;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `retally check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing contradicts the claims; 1 something is outside its band, or moved against the old run; \
2 the run is not of this suite, files or lock; 3 try again; 4 the run was stopped before its end. Of several, 2 comes before 1 \
and 1 before 4."
)]
pub(super) struct CheckCommand {
    /// The directory of a run; or a suite (`irepa`), whose own claims are then checked without a run.
    subject: String,
    /// Write every claim as a test case into this JUnit file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print GitHub annotations, and add a summary to the file that GITHUB_STEP_SUMMARY names.
    #[arg(long)]
    github: bool,
    /// Write a comment in Markdown of less than 65,000 characters into this file.
    #[arg(long, value_name = "FILE")]
    comment: Option<PathBuf>,
    /// An earlier run of the same suite: what moved, and which input changed.
    #[arg(long, value_name = "OLD-RUN")]
    against: Option<PathBuf>,
    /// Exit with 4 if fewer cells than this were judged: a run that measured nothing must not pass for one that holds.
    #[arg(long, value_name = "N", default_value_t = 0)]
    at_least: usize,
    /// Take suites and their lock from this folder (in a checkout: `suites`) instead of those that the program carries.
    #[arg(long, value_name = "DIR")]
    suites: Option<PathBuf>,
    /// Record this run's values as the suite's expected (®) ones, in the folder of --suites.
    #[arg(long, requires = "reason")]
    update: bool,
    /// Why the recorded values move and why the new ones are right; goes into the suite's updates.csv.
    #[arg(long, value_name = "TEXT", requires = "update")]
    reason: Option<String>,
    /// Day of the recorded values, as 2026-11-27; that of the run if absent.
    #[arg(long, value_name = "DAY", requires = "update")]
    date: Option<String>,
}

/// The document.
#[derive(Serialize)]
struct CheckDocument<'a> {
    #[serde(flatten)]
    checked: &'a Checked,
    files: OutputFiles,
}

pub(super) fn run(command: &CheckCommand, context: &Context) -> Result<Document, Failure> {
    if command.github && context.progress.is_silent() {
        return Err(Failure::invalid(
            "--github prints annotations on standard output, where --json leaves room for one JSON document alone: give one \
             of them, or check twice (--junit and --comment go with either)",
        ));
    }
    let reason = command.reason.clone().filter(|_| command.update);
    let request = CheckRequest {
        subject: command.subject.clone(),
        source: command.suites.clone().map_or(SuiteSource::Builtin, SuiteSource::Folder),
        against: command.against.clone(),
        least_judged: command.at_least,
        update: reason.map(|reason| UpdateRequest { reason, date: command.date.clone() }),
    };
    let checked = perform(&request, context)?;
    let summary = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let files = checked.write(&OutputRequest {
        junit: command.junit.clone(),
        comment: command.comment.clone(),
        step_summary: summary.filter(|_| command.github).map(PathBuf::from),
    })?;
    let text = if command.github {
        format!("{}{}", github::fenced(&checked.to_text()), github::annotations(&checked.listed()))
    } else {
        checked.to_text()
    };
    let status = checked.status;
    Document::with_status(text, &CheckDocument { checked: &checked, files }, status)
}
