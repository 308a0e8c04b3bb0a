//! The error that ends a command: what a user reads, and the exit code that a script reads.

use crate::arrays;
use crate::exit_status::ExitStatus;
use retally_manifests::ErrorClass;
use retally_metrics::distribution::DistributionError;
use std::fmt;
use std::path::Path;

/// A command's failure.
#[derive(Debug)]
pub struct Failure {
    /// Which exit code it deserves.
    pub status: ExitStatus,
    /// What is printed.
    pub report: miette::Report,
}

/// Most failures are invalid input; library errors that can also be temporary say so through their own class.
impl Failure {
    /// Input that will never work as it is.
    pub fn invalid(message: impl fmt::Display) -> Self {
        Self::new(ExitStatus::Invalid, message)
    }

    /// Something that may work on another try.
    pub fn temporary(message: impl fmt::Display) -> Self {
        Self::new(ExitStatus::Temporary, message)
    }

    /// Any status with a message.
    pub fn new(status: ExitStatus, message: impl fmt::Display) -> Self {
        Self { status, report: miette::Report::msg(message.to_string()) }
    }

    /// The same failure, told to be about something: `model `x`: …`.
    #[must_use]
    pub fn within(self, subject: impl fmt::Display) -> Self {
        Self::new(self.status, format_args!("{subject}: {}", self.message()))
    }

    /// A diagnostic with source spans, kept whole for the terminal.
    pub fn diagnostic(
        status: ExitStatus,
        error: impl miette::Diagnostic + Send + Sync + 'static,
    ) -> Self {
        Self { status, report: miette::Report::new(error) }
    }

    /// A failed file operation: temporary, except where the path itself is wrong or forbidden.
    pub fn file(action: &str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{
            InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
            ReadOnlyFilesystem, StorageFull,
        };
        let (status, advice) = match error.kind() {
            NotFound | NotADirectory | IsADirectory | InvalidInput => (ExitStatus::Invalid, ""),
            PermissionDenied | ReadOnlyFilesystem => {
                (ExitStatus::Invalid, "; correct its permissions, or choose a folder of yours")
            }
            StorageFull | QuotaExceeded => {
                (ExitStatus::Temporary, "; make room, and the same command continues")
            }
            _ => (ExitStatus::Temporary, ""),
        };
        Self::new(status, format_args!("cannot {action} `{}`: {error}{advice}", path.display()))
    }

    /// The message and its causes on one line, for JSON.
    #[must_use]
    pub fn message(&self) -> String {
        with_causes(self.report.as_ref())
    }
}

/// An error's message with those of its causes that it does not tell itself.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// Library errors that say themselves whether another try may help.
macro_rules! failure_from {
    ($($error:ty: $temporary:expr;)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let is_temporary: fn(&$error) -> bool = $temporary;
                let status = if is_temporary(&error) { ExitStatus::Temporary } else { ExitStatus::Invalid };
                Self::new(status, with_causes(&error))
            }
        })*
    };
}

failure_from! {
    retally_manifests::FetchError: |error| error.class() == ErrorClass::Temporary;
    retally_manifests::StoreError: |error| error.class() == ErrorClass::Temporary;
    retally_manifests::UnknownId: |_| false;
    retally_leaderboard::LeaderboardError: retally_leaderboard::LeaderboardError::is_temporary;
    retally_metrics::spatial::SpatialError: |_| false;
    retally_metrics::probe::ProbeError: |_| false;
    DistributionError: |error| {
        matches!(error, DistributionError::Unreadable { source, .. } if arrays::is_temporary(source))
    };
    retally_metrics::retrieval::RetrievalError: |_| false;
    retally_metrics::tokenizer::TokenizerError: |_| false;
    retally_metrics::unified::interaction::InteractionError: |_| false;
    retally_suites::generation::ProtocolError: |_| false;
    crate::images::ImageError: crate::images::ImageError::is_temporary;
    crate::onnx::library::LibraryError: crate::onnx::library::LibraryError::is_temporary;
    crate::onnx::session::OnnxError: crate::onnx::session::OnnxError::is_temporary;
}

impl From<retally_reports::ReportError> for Failure {
    fn from(error: retally_reports::ReportError) -> Self {
        match &error {
            retally_reports::ReportError::Write { path, source } => {
                Self::file("write", path, source)
            }
            _ => Self::invalid(with_causes(&error)),
        }
    }
}

impl From<retally_suites::SuiteError> for Failure {
    fn from(error: retally_suites::SuiteError) -> Self {
        Self::diagnostic(ExitStatus::Invalid, error)
    }
}

impl From<retally_manifests::ManifestError> for Failure {
    fn from(error: retally_manifests::ManifestError) -> Self {
        Self::diagnostic(ExitStatus::Invalid, error)
    }
}
