//! `retally check`: what of a run is outside its band or invalid, and the exit code for it.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::run::{StoredRun, status};
use retally_suites::check;
use std::path::PathBuf;

/// Arguments of `retally check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckCommand {
    /// The directory of a run.
    run: PathBuf,
}

pub(super) fn run(command: &CheckCommand, _context: &Context) -> Result<Document, Failure> {
    let report = check(&StoredRun::read(&command.run)?.evaluate());
    Document::with_status(report.to_text(), &report, status(&report))
}
