//! The exit codes of `retally`. Schedulers and CI act on them, so they never change their meaning.

use serde::Serialize;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// 0: everything is as claimed.
    AsClaimed,
    /// 1: measured, and some cell is outside its band (or a golden input has drifted).
    OutsideBand,
    /// 2: invalid input or a digest mismatch; will never work as it is.
    Invalid,
    /// 3: temporary (I/O, network, out of memory, lost device); try again.
    Temporary,
    /// 4: stopped before the end; the same command continues.
    Incomplete,
}

impl ExitStatus {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::AsClaimed => 0,
            Self::OutsideBand => 1,
            Self::Invalid => 2,
            Self::Temporary => 3,
            Self::Incomplete => 4,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
