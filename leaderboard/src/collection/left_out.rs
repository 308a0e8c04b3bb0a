//! A submission that is not shown.

use retally_submissions::CheckKind;
use serde::Serialize;
use std::path::PathBuf;

/// A folder with a bundle that is not shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    /// The folder.
    pub folder: PathBuf,
    /// Why.
    #[serde(flatten)]
    pub reason: LeftOutReason,
}

/// Why a submission is not shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LeftOutReason {
    /// Nobody has checked the bundle yet.
    Unverified,
    /// A check failed.
    Refused {
        /// What failed, as the checker says.
        reasons: Vec<RefusalReason>,
    },
    /// The folder is not what a checker leaves behind.
    Damaged {
        /// What is wrong, where, and what to do.
        detail: String,
    },
}

/// One failed check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusalReason {
    /// The concern.
    pub check: CheckKind,
    /// What is wrong.
    pub reason: String,
}

impl LeftOutReason {
    pub(super) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged { detail: detail.into() }
    }

    /// Whether somebody has to repair the folder.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// One sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Unverified => {
                "not verified: run `retally leaderboard verify` on its bundle".to_owned()
            }
            Self::Refused { reasons } => match reasons.first() {
                Some(first) if reasons.len() > 1 => {
                    format!("refused: {} (and {} more)", first.reason, reasons.len() - 1)
                }
                Some(first) => format!("refused: {}", first.reason),
                None => "refused: no check was made".to_owned(),
            },
            Self::Damaged { detail } => format!("damaged: {detail}"),
        }
    }
}
