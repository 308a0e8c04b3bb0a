//! The files of a check that CI services read.

use super::Checked;
use crate::failure::Failure;
use crate::run::directory::write_durably;
use retally_reports::{CheckedClaims, github, junit};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Which files to write.
#[derive(Clone, Debug, Default)]
pub struct OutputRequest {
    /// The JUnit file.
    pub junit: Option<PathBuf>,
    /// A comment in Markdown.
    pub comment: Option<PathBuf>,
    /// The file that takes the summaries of a step; others may have written to it.
    pub step_summary: Option<PathBuf>,
}

/// What was written.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OutputFiles {
    /// The JUnit file.
    pub junit: Option<PathBuf>,
    /// The comment.
    pub comment: Option<PathBuf>,
    /// The summary that was added to.
    pub step_summary: Option<PathBuf>,
}

impl Checked {
    /// The check as the files for CI show it.
    #[must_use]
    pub fn listed(&self) -> CheckedClaims<'_> {
        CheckedClaims {
            suite: &self.report.suite,
            version: self.report.version,
            answer: self.answer(),
            exit_code: self.exit_code,
            claims: &self.claims,
            folder: &self.place,
        }
    }

    /// Writes the files that are asked for.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(&self, request: &OutputRequest) -> Result<OutputFiles, Failure> {
        let listed = self.listed();
        if let Some(path) = &request.junit {
            write_durably(path, junit(&listed)?.as_bytes())?;
        }
        if let Some(path) = &request.comment {
            write_durably(path, github::page(&listed, github::LARGEST_COMMENT).as_bytes())?;
        }
        if let Some(path) = &request.step_summary {
            add_summary(path, &listed)?;
        }
        Ok(OutputFiles {
            junit: request.junit.clone(),
            comment: request.comment.clone(),
            step_summary: request.step_summary.clone(),
        })
    }
}

/// Adds to what the step has written so far, within what GitHub shows of it all.
fn add_summary(path: &Path, listed: &CheckedClaims<'_>) -> Result<(), Failure> {
    let error =
        |error: std::io::Error| Failure::file("write the summary of the step to", path, &error);
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(error)?;
    let written = usize::try_from(file.metadata().map_err(error)?.len()).unwrap_or(usize::MAX);
    let page = github::page(listed, github::LARGEST_SUMMARY.saturating_sub(written));
    file.write_all(page.as_bytes()).and_then(|()| file.sync_all()).map_err(error)
}
