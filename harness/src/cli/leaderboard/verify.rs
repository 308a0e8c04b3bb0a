//! `retally leaderboard verify`: every check on a bundle, then a verdict.

use super::super::{Document, counted};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::submission::{Verified, VerifyOptions, read_public_key, verify};
use retally_manifests::Digest;
use retally_submissions::{Check, CheckKind, CheckResult, KeyFingerprint, Verification};
use serde::Serialize;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Arguments of `retally leaderboard verify`.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyCommand {
    /// Bundles.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A folder of accepted submissions: what is already there, under whatever name, is refused.
    #[arg(long, value_name = "DIR")]
    known: Option<PathBuf>,
    /// Accept only signatures of this public key; may be repeated.
    #[arg(long, value_name = "KEY.pub")]
    trust: Vec<PathBuf>,
    /// Run so many samples of each data set through the models again, as far as they are in the store.
    #[arg(long, value_name = "K", default_value_t = 0)]
    reinfer: usize,
    /// Write what a leaderboard reads here: entry.json, verification.json, scores.safetensors. For a single FILE.
    #[arg(long, value_name = "DIR")]
    entry: Option<PathBuf>,
    /// Threads; all cores if left out. They change no result.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// All bundles.
#[derive(Debug, Serialize)]
struct VerifyReport {
    valid: bool,
    submissions: Vec<SubmissionReport>,
}

/// One bundle.
#[derive(Debug, Serialize)]
struct SubmissionReport {
    file: PathBuf,
    valid: bool,
    /// Of a bundle that holds.
    submission: Option<SubmissionName>,
    /// Why it is refused; empty if it is not.
    reasons: Vec<Reason>,
    verification: Verification,
}

#[derive(Debug, Serialize)]
struct SubmissionName {
    id: Digest,
    name: String,
    key: KeyFingerprint,
}

#[derive(Debug, Serialize)]
struct Reason {
    kind: CheckKind,
    reason: String,
}

pub(super) fn run(command: &VerifyCommand, context: &Context) -> Result<Document, Failure> {
    if command.entry.is_some() && command.files.len() > 1 {
        return Err(Failure::invalid("--entry is the folder of one submission: give one FILE"));
    }
    let trust =
        command.trust.iter().map(|path| read_public_key(path)).collect::<Result<Vec<_>, _>>()?;
    let options = VerifyOptions {
        context,
        known: command.known.as_deref(),
        trust: &trust,
        reinfer: command.reinfer,
        threads: command.threads,
    };
    let mut submissions = Vec::new();
    for file in &command.files {
        let verified = verify(file, &options)?;
        if let Some(folder) = &command.entry {
            verified.write(folder)?;
        }
        submissions.push(SubmissionReport::new(file, verified));
    }
    let valid = submissions.iter().all(|submission| submission.valid);
    let report = VerifyReport { valid, submissions };
    let status = if valid { ExitStatus::AsClaimed } else { ExitStatus::Invalid };
    Document::with_status(report.to_text(), &report, status)
}

impl SubmissionReport {
    fn new(file: &Path, Verified { verification, checked }: Verified) -> Self {
        let reasons =
            verification.reasons().map(|(kind, reason)| Reason { kind, reason: reason.to_owned() });
        let submission = checked.map(|checked| SubmissionName {
            id: checked.entry.id,
            name: checked.entry.name,
            key: checked.entry.key,
        });
        Self {
            file: file.to_owned(),
            valid: submission.is_some(),
            submission,
            reasons: reasons.collect(),
            verification,
        }
    }
}

impl VerifyReport {
    fn to_text(&self) -> String {
        let mut text = String::new();
        for submission in &self.submissions {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", submission.file.display());
            for check in &submission.verification.checks {
                write_check(&mut text, check);
            }
            let _ = match &submission.submission {
                Some(SubmissionName { id, name, key }) => {
                    writeln!(text, "valid: submission {id}, {name:?}, signed by key {key}\n")
                }
                None => {
                    writeln!(text, "refused: {}\n", counted(submission.reasons.len(), "reason"))
                }
            };
        }
        text
    }
}

fn write_check(text: &mut String, check: &Check) {
    let (word, detail, reasons) = match &check.result {
        CheckResult::Passed => ("passed", &check.detail, &[][..]),
        CheckResult::Failed { reasons } => ("FAILED", &check.detail, reasons.as_slice()),
        CheckResult::Skipped { reason } => ("not made", reason, &[][..]),
    };
    let _ = writeln!(text, "  {word:<8}  {:<13}  {}", kind_name(check.kind), printable(detail));
    for reason in reasons {
        let _ = writeln!(text, "            - {}", printable(reason));
    }
}

/// What comes from a bundle may hold characters that steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { '\u{fffd}' } else { character })
        .collect()
}

fn kind_name(kind: CheckKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}
