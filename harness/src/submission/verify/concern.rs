//! One check while it is made.

use retally_submissions::{Check, CheckKind, CheckResult};

/// Reasons of one check that are told one by one.
const MOST_REASONS: usize = 20;

/// A check that is being made.
#[derive(Debug)]
pub(super) struct Concern {
    kind: CheckKind,
    reasons: Vec<String>,
    untold: usize,
}

impl Concern {
    pub(super) fn new(kind: CheckKind) -> Self {
        Self { kind, reasons: Vec::new(), untold: 0 }
    }

    /// Something is wrong.
    pub(super) fn fail(&mut self, reason: impl Into<String>) {
        if self.reasons.len() < MOST_REASONS {
            self.reasons.push(reason.into());
        } else {
            self.untold += 1;
        }
    }

    /// Several things are.
    pub(super) fn fail_all(&mut self, reasons: impl IntoIterator<Item = String>) {
        for reason in reasons {
            self.fail(reason);
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// Ends the check; `detail` says what was done.
    pub(super) fn finish(mut self, detail: impl Into<String>) -> Check {
        if self.untold > 0 {
            self.reasons.push(format!("and {} more", self.untold));
        }
        let result = if self.reasons.is_empty() {
            CheckResult::Passed
        } else {
            CheckResult::Failed { reasons: self.reasons }
        };
        Check { kind: self.kind, detail: detail.into(), result }
    }
}

/// A check that was not made.
pub(super) fn skipped(kind: CheckKind, reason: impl Into<String>) -> Check {
    Check {
        kind,
        detail: "not made".to_owned(),
        result: CheckResult::Skipped { reason: reason.into() },
    }
}
