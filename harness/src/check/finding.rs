//! Whether what is judged is what the suite is about: lock, suite of the run, record, files, library.

use super::source::FoundSuite;
use super::stored::StoredFiles;
use crate::exit_status::ExitStatus;
use retally_manifests::{ArtifactKind, Manifest};
use retally_suites::claims::{Claim, ClaimKind, ClaimState};
use serde::Serialize;
use serde_json::Value;

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// Stable id: `suite-lock`.
    pub(super) id: &'static str,
    /// What it is about.
    pub(super) name: &'static str,
    /// What came out.
    pub(super) state: ClaimState,
    /// The exit code that it deserves.
    pub(super) status: ExitStatus,
    /// One sentence.
    pub(super) detail: String,
}

impl Finding {
    fn holds(id: &'static str, name: &'static str, detail: String) -> Self {
        let (state, status) = (ClaimState::Holds, ExitStatus::AsClaimed);
        Self { id, name, state, status, detail }
    }

    fn remark(id: &'static str, name: &'static str, detail: String) -> Self {
        Self { state: ClaimState::Remark, ..Self::holds(id, name, detail) }
    }

    fn fails(id: &'static str, name: &'static str, status: ExitStatus, detail: String) -> Self {
        Self { state: ClaimState::Fails, status, ..Self::holds(id, name, detail) }
    }

    /// The same for files that list claims.
    pub(super) fn claim(&self) -> Claim {
        Claim {
            word: match self.status {
                ExitStatus::AsClaimed => "holds".to_owned(),
                ExitStatus::Incomplete => "incomplete".to_owned(),
                _ => "invalid".to_owned(),
            },
            explanation: self.detail.clone(),
            ..Claim::new(ClaimKind::Input, ["inputs", "Inputs"], [self.id, self.name], self.state)
        }
    }
}

/// What can be said of a suite without a run.
pub(super) fn of_suite(found: &FoundSuite) -> Vec<Finding> {
    let (id, name) = ("suite-lock", "the suite's content is locked");
    let version = found.suite.definition().version;
    if found.problems.is_empty() {
        let detail = format!("version {version}, content {}", found.suite.content_digest());
        return vec![Finding::holds(id, name, detail)];
    }
    let fails =
        |problem: &String| Finding::fails(id, name, ExitStatus::Invalid, problem.trim().to_owned());
    found.problems.iter().map(fails).collect()
}

/// The same with a run.
pub(super) fn of_run(found: &FoundSuite, run: &StoredFiles, manifest: &Manifest) -> Vec<Finding> {
    let mut findings = of_suite(found);
    findings.push(suite_of_run(found, run));
    findings.push(record(run));
    if let Some(record) = &run.record {
        findings.push(files(record, manifest));
        findings.extend(library(record, manifest));
    }
    findings
}

fn suite_of_run(found: &FoundSuite, run: &StoredFiles) -> Finding {
    let (id, name) = ("suite-of-run", "the run is of this suite");
    let measured = &run.measurements;
    let (own, version) = (&measured.suite_content_sha256, found.suite.definition().version);
    if *own == found.suite.content_digest().to_string() {
        return Finding::holds(id, name, format!("version {version}"));
    }
    let suite = &measured.suite;
    let detail = match found.lock.version_of(suite, own) {
        Some(locked) => format!(
            "the run was made with version {locked} of suite `{suite}`, and this is version {version}: run the suite again \
             (what it has measured is re-used)"
        ),
        None => format!(
            "the run was made with a suite `{suite}` that calls itself version {} and whose content {own} is that of no \
             locked version: it was edited, or is of another program; run the suite again",
            measured.suite_version
        ),
    };
    Finding::fails(id, name, ExitStatus::Invalid, detail)
}

fn record(run: &StoredFiles) -> Finding {
    let (id, name) = ("run-record", "the run came to its end");
    if run.record.is_none() {
        let detail = "run.json is missing: the run was stopped before its end; the same `retally run` command continues it";
        return Finding::fails(id, name, ExitStatus::Incomplete, detail.to_owned());
    }
    match run.mismatch() {
        Some(problem) => Finding::fails(id, name, ExitStatus::Invalid, problem),
        None => Finding::holds(id, name, format!("measurements {}", run.digest)),
    }
}

/// Files that the manifests name by another digest.
fn files(record: &Value, manifest: &Manifest) -> Finding {
    let (id, name) = ("files", "the run's files are those of the manifests");
    let used = record.get("artifacts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |file: &Value, key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
    let (mut same, mut unknown, mut wrong) = (0_usize, Vec::new(), Vec::new());
    for file in used {
        let (Some(id), Some(digest)) = (text(file, "id"), text(file, "sha256")) else { continue };
        match manifest.artifact(&id) {
            Err(_) => unknown.push(format!("`{id}`")),
            Ok(artifact) if artifact.sha256.to_string() == digest => same += 1,
            Ok(artifact) => wrong.push(format!(
                "`{id}` had SHA-256 {digest} in the run, and the manifest names {}",
                artifact.sha256
            )),
        }
    }
    if !wrong.is_empty() {
        let detail = format!("{}: run the suite again with the right files", wrong.join("; "));
        return Finding::fails(id, name, ExitStatus::Invalid, detail);
    }
    let others = match unknown.as_slice() {
        [] => String::new(),
        names => format!("; in no manifest here (--manifest names more): {}", names.join(", ")),
    };
    Finding::holds(id, name, format!("{same} of {} have the manifest's digest{others}", used.len()))
}

/// Whether as many cells were judged as the user asks for; `None` if the user asks for none.
pub(super) fn enough_judged(least: usize, claims: &[Claim]) -> Option<Finding> {
    let (id, name) = ("judged", "enough cells were judged");
    let is_judged = |claim: &&Claim| {
        claim.kind == ClaimKind::Cell
            && matches!(claim.state, ClaimState::Holds | ClaimState::Fails)
    };
    let judged = claims.iter().filter(is_judged).count();
    let detail = format!("{judged} cells were judged, at least {least} are asked for");
    match least {
        0 => None,
        least if judged >= least => Some(Finding::holds(id, name, detail)),
        _ => Some(Finding::fails(id, name, ExitStatus::Incomplete, detail)),
    }
}

/// Another ONNX Runtime than the pinned one is allowed and said.
fn library(record: &Value, manifest: &Manifest) -> Option<Finding> {
    let (id, name) = ("library", "ONNX Runtime is the pinned one");
    let library = record.get("onnxruntime")?;
    let digest = library.get("sha256")?.as_str()?;
    let version = library.get("version").and_then(Value::as_str).unwrap_or("unknown");
    let mut pinned = manifest.artifacts().filter(|one| one.kind == ArtifactKind::Library);
    if pinned.any(|artifact| artifact.sha256.to_string() == digest) {
        return Some(Finding::holds(id, name, format!("version {version}")));
    }
    let detail = format!(
        "the run used ONNX Runtime {version} with SHA-256 {digest}, which is not the one that the manifests pin: last digits \
         may differ"
    );
    Some(Finding::remark(id, name, detail))
}
