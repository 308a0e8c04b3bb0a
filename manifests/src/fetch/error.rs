//! Why an artifact could not be fetched: every way that was tried, with its reason.

use crate::source::InvalidSource;
use crate::store::StoreError;
use crate::{ArtifactId, ErrorClass, UnknownId};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an artifact could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No manifest knows it.
    #[error(transparent)]
    Unknown(#[from] UnknownId),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not there and the network is forbidden.
    #[error(
        "artifact `{id}` ({bytes} bytes) is not in the store and the network is forbidden; \
         run `retally fetch {id}` where there is a network{}",
        Listed(attempts)
    )]
    Offline {
        /// Which artifact.
        id: ArtifactId,
        /// Its size.
        bytes: u64,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// Every way failed.
    #[error("cannot fetch artifact `{id}`; every way to get it failed:{}", Listed(attempts))]
    Exhausted {
        /// Which artifact.
        id: ArtifactId,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
}

impl FetchError {
    /// Whether trying again may help.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unknown(_) | Self::Offline { .. } => ErrorClass::Invalid,
            Self::Store(error) => error.class(),
            Self::Exhausted { attempts, .. } => {
                let temporary =
                    attempts.iter().any(|attempt| attempt.failure.class() == ErrorClass::Temporary);
                if temporary { ErrorClass::Temporary } else { ErrorClass::Invalid }
            }
        }
    }

    /// What was tried, in order; empty if it did not come to that.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Offline { attempts, .. } | Self::Exhausted { attempts, .. } => attempts,
            Self::Unknown(_) | Self::Store(_) => &[],
        }
    }
}

impl miette::Diagnostic for FetchError {}

/// One way that was tried.
#[derive(Debug)]
pub struct Attempt {
    /// The source as the manifest writes it, or the recipe.
    pub origin: String,
    /// Why it failed.
    pub failure: Failure,
}

/// Attempts as indented lines.
struct Listed<'a>(&'a [Attempt]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|attempt| {
            let reason = attempt.failure.to_string().replace('\n', "\n    ");
            write!(formatter, "\n  {}: {reason}", attempt.origin)
        })
    }
}

/// Why one way failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store refused what came, or could not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network is forbidden.
    #[error("the network is forbidden")]
    Offline,
    /// The address is not acceptable.
    #[error(transparent)]
    Address(#[from] InvalidSource),
    /// The transfer broke off, also when tried again.
    #[error("{reason} (tried {tries} times){}", kept(*received, *expected))]
    Network {
        /// The last reason.
        reason: String,
        /// How often it was tried.
        tries: u32,
        /// Bytes that are kept for the next try.
        received: u64,
        /// Bytes that the manifest says.
        expected: u64,
    },
    /// The server answered something that trying again does not change.
    #[error("{0}")]
    Refused(String),
    /// A `file:` source cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program is not there.
    #[error("`{program}` cannot be started ({source}); {advice}")]
    ProgramMissing {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
        /// What to install.
        advice: &'static str,
    },
    /// A program failed.
    #[error("`{program}` failed ({status}):\n{output}")]
    ProgramFailed {
        /// The program and its main arguments.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it printed.
        output: String,
        /// Whether trying again may help.
        class: ErrorClass,
    },
    /// A wheel or tarball does not hold what it should.
    #[error("{0}")]
    Archive(String),
    /// A recipe that this program does not have.
    #[error("{0}")]
    Recipe(String),
    /// An input of a derivation could not be fetched.
    #[error("{0}")]
    Input(Box<FetchError>),
}

/// What a person wants to know of a transfer that is given up: whether it was for nothing.
fn kept(received: u64, expected: u64) -> String {
    match received {
        0 => String::new(),
        _ => format!(
            "; {received} of {expected} bytes came and are kept, and the same command continues"
        ),
    }
}

impl Failure {
    /// Whether trying again may help.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store(error) => error.class(),
            Self::Input(error) => error.class(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                ErrorClass::Invalid
            }
            Self::ProgramFailed { class, .. } => *class,
            Self::Network { .. } | Self::Read { .. } => ErrorClass::Temporary,
            Self::Offline
            | Self::Address(_)
            | Self::Refused(_)
            | Self::ProgramMissing { .. }
            | Self::Archive(_)
            | Self::Recipe(_) => ErrorClass::Invalid,
        }
    }
}
