//! `retally check`: whether a run, or a suite by itself, is as claimed; drift against another run; new recorded values.
//!
//! [`perform`] looks at everything before there is an answer: a broken lock does not hide a cell that is outside its band.

mod drift;
mod finding;
mod inputs;
mod outputs;
mod paired;
mod samples;
mod source;
mod stored;
mod update;

pub use outputs::{OutputFiles, OutputRequest};
pub use source::SuiteSource;
pub use update::UpdateRequest;

use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use drift::Drift;
use finding::Finding;
use retally_suites::claims::{Claim, ClaimState, claims};
use retally_suites::{CheckOutcome, CheckReport, check, evaluate};
use serde::Serialize;
use std::path::{Path, PathBuf};
use stored::StoredFiles;
use update::Update;

/// What to check.
#[derive(Debug)]
pub struct CheckRequest {
    /// Id of a suite, or the folder of a run.
    pub subject: String,
    /// Where suites come from.
    pub source: SuiteSource,
    /// The folder of an earlier run.
    pub against: Option<PathBuf>,
    /// Record the run's values again.
    pub update: Option<UpdateRequest>,
    /// Cells that must have been judged; with fewer the run counts as incomplete.
    pub least_judged: usize,
}

/// What came out.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How the command ends.
    pub status: ExitStatus,
    /// The same as a number.
    pub exit_code: u8,
    /// The run's folder; `None` if a suite alone was checked.
    pub run: Option<PathBuf>,
    /// Whether what is judged is what the suite is about.
    findings: Vec<Finding>,
    /// Verdicts.
    #[serde(flatten)]
    pub report: CheckReport,
    /// What moved since another run.
    drift: Option<Drift>,
    /// What was recorded.
    update: Option<Update>,
    /// One entry a claim, for files that list them all.
    #[serde(skip)]
    pub claims: Vec<Claim>,
    /// The suite's folder: `suites/starter`.
    #[serde(skip)]
    pub place: String,
}

/// Checks, compares and, if asked to, records.
///
/// # Errors
/// If the subject cannot be read or judged at all; see [`Checked::status`] for everything else.
pub fn perform(request: &CheckRequest, context: &Context) -> Result<Checked, Failure> {
    // The id of a suite wins over a folder of the same name, as in `report`; write `./name` for the folder.
    let run = if request.source.has(&request.subject) {
        refuse_without_run(request)?;
        None
    } else {
        Some(StoredFiles::read(Path::new(&request.subject))?)
    };
    let id = run.as_ref().map_or(&request.subject, |run| &run.measurements.suite);
    let found = request.source.find(id)?;
    let evaluated = evaluate(&found.suite, run.as_ref().map(|run| &run.measurements));
    let judged = claims(&found.suite, &evaluated);
    let mut findings = match &run {
        Some(run) => finding::of_run(&found, run, &context.manifest),
        None => finding::of_suite(&found),
    };
    findings.extend(finding::enough_judged(request.least_judged, &judged));
    let drift = match (&request.against, &run) {
        (Some(old), Some(new)) => {
            let old = StoredFiles::read(old).map_err(|failure| failure.within("--against"))?;
            Some(drift::compare(&old, new, &found.suite, &context.manifest)?)
        }
        _ => None,
    };
    let update = match (&request.update, &run) {
        (Some(wish), Some(run)) => {
            refuse_wrong_inputs(&findings)?;
            Some(update::update(wish, &found, run, &evaluated)?)
        }
        _ => None,
    };
    let mut listed: Vec<Claim> = findings.iter().map(Finding::claim).collect();
    listed.extend(judged);
    listed.extend(drift.iter().flat_map(Drift::claims));
    let report = check(&evaluated);
    let status = if update.is_some() {
        ExitStatus::AsClaimed
    } else {
        status(&findings, &report, drift.as_ref())
    };
    Ok(Checked {
        status,
        exit_code: status.code(),
        run: run.map(|run| run.folder),
        findings,
        report,
        drift,
        update,
        claims: listed,
        place: found.place,
    })
}

fn refuse_without_run(request: &CheckRequest) -> Result<(), Failure> {
    let words = [
        ("--against", request.against.is_some()),
        ("--update", request.update.is_some()),
        ("--at-least", request.least_judged > 0),
    ];
    match words.iter().find(|(_, given)| *given) {
        Some((word, _)) => Err(Failure::invalid(format_args!(
            "{word} is about a run, and `{}` is a suite: give the folder of a run",
            request.subject
        ))),
        None => Ok(()),
    }
}

fn refuse_wrong_inputs(findings: &[Finding]) -> Result<(), Failure> {
    match findings.iter().find(|finding| finding.state == ClaimState::Fails) {
        Some(finding) => Err(Failure::new(
            finding.status,
            format_args!("nothing was recorded: {}", finding.detail),
        )),
        None => Ok(()),
    }
}

/// What cannot be judged comes before what was judged, and what was judged before what is missing.
fn status(findings: &[Finding], report: &CheckReport, drift: Option<&Drift>) -> ExitStatus {
    let has = |status| findings.iter().any(|finding| finding.status == status);
    let is_outside = report.outcome == CheckOutcome::Outside || drift.is_some_and(Drift::fails);
    if has(ExitStatus::Invalid) {
        ExitStatus::Invalid
    } else if is_outside {
        ExitStatus::OutsideBand
    } else if has(ExitStatus::Incomplete) {
        ExitStatus::Incomplete
    } else {
        ExitStatus::AsClaimed
    }
}

impl Checked {
    /// One sentence: what the exit code says.
    #[must_use]
    pub fn answer(&self) -> &'static str {
        let is_judged = self.claims.iter().any(|claim| {
            let is_number = claim.expected.is_some() || claim.measured.is_some();
            is_number && matches!(claim.state, ClaimState::Holds | ClaimState::Fails)
        });
        match self.status {
            ExitStatus::AsClaimed if self.update.is_some() => "recorded again",
            ExitStatus::AsClaimed if is_judged => "as claimed",
            ExitStatus::AsClaimed => "nothing was judged",
            ExitStatus::OutsideBand => "not as claimed",
            ExitStatus::Invalid => "invalid: what was measured is not what the suite is about",
            ExitStatus::Temporary => "failed for now",
            ExitStatus::Incomplete => "incomplete: not everything that must be was measured",
        }
    }

    /// For a person at a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if let Some(update) = &self.update {
            return without_controls(&update.to_text());
        }
        for finding in self.findings.iter().filter(|finding| finding.state != ClaimState::Holds) {
            let word = if finding.state == ClaimState::Fails { "not so" } else { "note" };
            text.push_str(&format!("{} ({word}): {}\n", finding.name, finding.detail));
        }
        text.push_str(&self.report.to_text());
        if let Some(drift) = &self.drift {
            text.push_str(&drift.to_text());
        }
        text.push_str(&format!("{} (exit code {})\n", self.answer(), self.exit_code));
        without_controls(&text)
    }
}

/// Names come from files of others, and a terminal obeys control characters.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
