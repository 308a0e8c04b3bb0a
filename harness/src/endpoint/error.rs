//! What can go wrong between a request and its reply, told so that a user can act on it. No message ever holds the key.

use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::images::decode::DecodeError;
use retally_manifests::Digest;
use std::path::PathBuf;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address cannot be one of a chat endpoint.
    #[error("`{address}` is no address of a chat endpoint: {reason}")]
    Address {
        /// As it was given, without anything that could be a password.
        address: String,
        /// What is wrong, and what to write.
        reason: String,
    },
    /// The key cannot be used.
    #[error("the key in the environment variable `{variable}` cannot be used: {reason}")]
    Key {
        /// The variable's name.
        variable: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A parameter that no request can have.
    #[error("the chat parameter {0}")]
    Parameter(String),
    /// An image that cannot be sent.
    #[error("{place}: {source}; it cannot be sent to a model")]
    Picture {
        /// The file.
        place: String,
        /// What is wrong with the bytes.
        source: DecodeError,
    },
    /// No client could be made.
    #[error("no client for `{address}`: {reason}")]
    Client {
        /// The endpoint.
        address: String,
        /// The library's words.
        reason: String,
    },
    /// The server refuses the request, and will refuse it again.
    #[error("`{address}` answered {status}: {detail}")]
    Refused {
        /// The endpoint.
        address: String,
        /// The status line.
        status: String,
        /// The beginning of what the server said, without the key.
        detail: String,
    },
    /// The server could not be reached, was busy or broke off, every time.
    #[error(
        "`{address}` gave no reply after {tries} tries: {reason}; try again later, replies so far are kept"
    )]
    Unavailable {
        /// The endpoint.
        address: String,
        /// How often it was asked.
        tries: u32,
        /// What went wrong the last time.
        reason: String,
    },
    /// Replies came, and none was a chat completion.
    #[error(
        "`{address}` gave {tries} replies that are no chat completions ({reason}); check that the address is the part before \
         `/chat/completions`"
    )]
    Malformed {
        /// The endpoint.
        address: String,
        /// How often it was asked.
        tries: u32,
        /// What the last reply lacked.
        reason: String,
    },
    /// The reply is not in the record, and the network may not be used.
    #[error(
        "the record `{folder}` has no reply to request {request}, and nothing may be asked: name the endpoint that made the \
         record, without --replay and --offline, to complete it"
    )]
    NotRecorded {
        /// The record's folder.
        folder: PathBuf,
        /// The request's name.
        request: Digest,
    },
    /// A file of the record is not what was stored.
    #[error("the recorded reply `{path}` cannot be used: {reason}; remove the file to ask again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A recorded reply cannot be read as a chat completion.
    #[error("the reply to request {request} has no usable content: {reason}")]
    Content {
        /// The request's name.
        request: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// A file operation failed.
    #[error("{message}")]
    File {
        /// What was tried, where, and the system's words.
        message: String,
        /// Whether another try may help.
        temporary: bool,
    },
    /// An earlier request of the same batch failed in a way that this one would fail in too.
    #[error("not asked, because an earlier request failed in a way that concerns all")]
    NotAsked,
    /// The user or the scheduler asked to stop.
    #[error("stopped; replies so far are kept, the same command continues")]
    Interrupted,
}

impl EndpointError {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Client { .. } => true,
            Self::File { temporary, .. } => *temporary,
            _ => false,
        }
    }

    /// Whether every other request to the same endpoint would fail alike.
    pub(super) fn concerns_all(&self) -> bool {
        match self {
            Self::Interrupted | Self::Client { .. } | Self::File { .. } => true,
            // A missing or wrong key, or nothing at this address.
            Self::Refused { status, .. } => {
                ["401", "403", "404"].iter().any(|code| status.starts_with(code))
            }
            _ => false,
        }
    }

    pub(crate) fn file(failure: &Failure) -> Self {
        let temporary = failure.status == ExitStatus::Temporary;
        Self::File { message: failure.message(), temporary }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        let status = match &error {
            EndpointError::Interrupted => ExitStatus::Incomplete,
            error if error.is_temporary() => ExitStatus::Temporary,
            _ => ExitStatus::Invalid,
        };
        Self::new(status, error)
    }
}
