//! `retally verify`: recomputes the digests of what is there. It fetches and changes nothing.

use super::Document;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use retally_manifests::{
    Artifact, ArtifactId, Manifest, Settings, Verification, VerificationState, verify,
};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// Arguments of `retally verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyCommand {
    /// Check only the artifacts of these manifest files, with the `file:` sources that they name; all known artifacts
    /// if there is none.
    #[arg(value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// Check only this artifact, which then must be there; may be repeated.
    #[arg(long = "artifact", value_name = "ID")]
    artifacts: Vec<ArtifactId>,
    /// Artifacts that were never fetched count as differences.
    #[arg(long)]
    all: bool,
}

/// What there is, and how it differs from the manifests.
#[derive(Debug, Serialize)]
struct VerifyReport {
    verified: usize,
    not_fetched: usize,
    different: usize,
    unreadable: usize,
    artifacts: Vec<Verification>,
}

pub(super) fn run(command: &VerifyCommand, context: &Context) -> Result<Document, Failure> {
    let manifest = manifest(command, context)?;
    let store = context.store()?;
    let settings = Settings::from_environment();
    let mut found = Vec::new();
    for artifact in chosen(command, &manifest)? {
        context.progress.note(format!("{}: {:.1} MB", artifact.id, artifact.bytes as f64 / 1e6));
        found.push(verify(&store, &manifest, &settings, artifact));
    }
    let report = VerifyReport::new(found);
    let absence_counts = command.all || !command.artifacts.is_empty();
    Document::with_status(report.to_text(), &report, report.status(absence_counts))
}

/// The given files alone, or everything that is known.
fn manifest(command: &VerifyCommand, context: &Context) -> Result<Manifest, Failure> {
    if command.manifests.is_empty() {
        return Ok(context.manifest.clone());
    }
    let mut all = Manifest::default();
    for path in &command.manifests {
        all.merge(Manifest::load(path)?)?;
    }
    Ok(all)
}

fn chosen<'a>(
    command: &VerifyCommand,
    manifest: &'a Manifest,
) -> Result<Vec<&'a Artifact>, Failure> {
    if command.artifacts.is_empty() {
        return Ok(manifest.artifacts().collect());
    }
    command.artifacts.iter().map(|id| Ok(manifest.artifact(id)?)).collect()
}

impl VerifyReport {
    fn new(artifacts: Vec<Verification>) -> Self {
        let count = |state| artifacts.iter().filter(|found| found.state == state).count();
        Self {
            verified: count(VerificationState::Verified),
            not_fetched: count(VerificationState::NotFetched),
            different: count(VerificationState::Different),
            unreadable: count(VerificationState::Unreadable),
            artifacts,
        }
    }

    fn status(&self, absence_counts: bool) -> ExitStatus {
        if self.different > 0 || absence_counts && self.not_fetched > 0 {
            ExitStatus::Invalid
        } else if self.unreadable > 0 {
            ExitStatus::Temporary
        } else {
            ExitStatus::AsClaimed
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for found in &self.artifacts {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<12}{}", state_name(found.state), found.id);
            for copy in &found.copies {
                let problem = copy
                    .difference
                    .as_ref()
                    .map(ToString::to_string)
                    .or_else(|| copy.unreadable.clone());
                if let Some(problem) = problem {
                    let _ = writeln!(text, "            {}: {problem}", copy.path.display());
                }
            }
        }
        let _ = write!(
            text,
            "{} verified, {} not fetched, {} different, {} unreadable",
            self.verified, self.not_fetched, self.different, self.unreadable
        );
        text
    }
}

fn state_name(state: VerificationState) -> &'static str {
    match state {
        VerificationState::Verified => "verified",
        VerificationState::NotFetched => "not fetched",
        VerificationState::Different => "DIFFERENT",
        VerificationState::Unreadable => "UNREADABLE",
    }
}
