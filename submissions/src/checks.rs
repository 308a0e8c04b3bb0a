//! What was checked of a submission, and what came out: every check runs and reports before there is a verdict.

use retally_manifests::Digest;
use serde::{Deserialize, Serialize};

/// The concerns that are checked, in the order of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// The file is an archive of the expected form, within the limits on counts, sizes and names.
    Archive,
    /// The envelope is signed by the key that it names, over exactly the statement that it carries.
    Signature,
    /// Every file has the digest that the signed statement gives it, none is missing and none is beside them.
    Digests,
    /// Every document has the form that its schema version says, all numbers finite and in range.
    Schema,
    /// The suite is one that this program knows, in its present version and with its locked content.
    Suite,
    /// Parts that say the same thing agree: statement, run record, measurements, samples.
    Consistency,
    /// Every metric, computed again from the samples in the bundle, has the same bits.
    Recomputation,
    /// Metrics do not contradict each other.
    Identities,
    /// The submission is not already known, under this or under another name.
    Replay,
    /// Samples chosen by the hash of the submission, run through the models again, give what the bundle says.
    Reinference,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CheckResult {
    /// It holds.
    Passed,
    /// It does not, and the submission is refused.
    Failed {
        /// What is wrong, where, and what was expected; one sentence each.
        reasons: Vec<String>,
    },
    /// It was not made.
    Skipped {
        /// Why: `no model at hand`, `--reinfer was not given`.
        reason: String,
    },
}

/// One concern and what came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The concern.
    pub kind: CheckKind,
    /// What was done, one sentence with its counts: `72 measurements computed again from 1,045 samples`.
    pub detail: String,
    /// The outcome.
    #[serde(flatten)]
    pub result: CheckResult,
}

/// The report of all checks on one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// SHA-256 of the file that was checked.
    pub bundle_sha256: Digest,
    /// Version of the program that checked.
    pub retally: String,
    /// The checks, in the order of [`CheckKind`].
    pub checks: Vec<Check>,
}

impl Verification {
    /// Whether no check failed, and at least one was made.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let failed = |check: &Check| matches!(check.result, CheckResult::Failed { .. });
        let passed = |check: &Check| matches!(check.result, CheckResult::Passed);
        !self.checks.iter().any(failed) && self.checks.iter().any(passed)
    }

    /// Every reason for which the submission is refused.
    pub fn reasons(&self) -> impl Iterator<Item = (CheckKind, &str)> {
        self.checks.iter().flat_map(|check| {
            let reasons = match &check.result {
                CheckResult::Failed { reasons } => reasons.as_slice(),
                CheckResult::Passed | CheckResult::Skipped { .. } => &[],
            };
            reasons.iter().map(|reason| (check.kind, reason.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verification(results: &[CheckResult]) -> Verification {
        let check = |result: &CheckResult| Check {
            kind: CheckKind::Digests,
            detail: String::new(),
            result: result.clone(),
        };
        let checks = results.iter().map(check).collect();
        Verification { bundle_sha256: Digest::of_bytes(b""), retally: "0".to_owned(), checks }
    }

    #[test]
    fn nothing_checked_is_not_valid_and_one_failure_decides() {
        let skipped = CheckResult::Skipped { reason: "no model".to_owned() };
        let failed = CheckResult::Failed { reasons: vec!["wrong".to_owned()] };
        assert!(!verification(&[]).is_valid());
        assert!(!verification(std::slice::from_ref(&skipped)).is_valid());
        assert!(verification(&[CheckResult::Passed, skipped]).is_valid());
        let refused = verification(&[CheckResult::Passed, failed]);
        assert!(!refused.is_valid());
        assert_eq!(refused.reasons().collect::<Vec<_>>(), [(CheckKind::Digests, "wrong")]);
    }

    #[test]
    fn json_round_trip() {
        let failed = CheckResult::Failed { reasons: vec!["wrong".to_owned()] };
        let before = verification(&[CheckResult::Passed, failed]);
        let text = serde_json::to_string(&before).unwrap();
        assert!(
            text.contains(r#""kind":"digests","detail":"","result":"failed","reasons":["wrong"]"#)
        );
        assert_eq!(serde_json::from_str::<Verification>(&text).unwrap(), before);
    }
}
