//! What ends the work on a leaderboard. What is wrong with one submission does not: it is left out, and listed.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of the whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaderboardError {
    /// A file or folder of the leaderboard's own.
    #[error("cannot {action} `{path}`")]
    File {
        /// What was tried: `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder of submissions is none.
    #[error(
        "`{0}` is not a folder of submissions: give the folder that holds them, one folder each"
    )]
    NoCollection(PathBuf),
    /// Something else stands where the site goes.
    #[error(
        "`{0}` is not empty and no site that retally made (it has no `{marker}`): choose another --out, or empty it",
        marker = crate::site::MARKER
    )]
    NotOurSite(PathBuf),
    /// Site and submissions in each other.
    #[error(
        "the site `{site}` and the submissions `{collection}` must not lie in each other: choose another --out"
    )]
    Overlap {
        /// Where the site goes.
        site: PathBuf,
        /// Where the submissions are.
        collection: PathBuf,
    },
    /// A bundle that is no longer what was checked.
    #[error("`{0}` changed while the site was built: build it again")]
    Changed(PathBuf),
    /// Scores that cannot be compared.
    #[error("the scores of column `{column}` cannot be compared: {detail}")]
    Scores {
        /// Which column.
        column: String,
        /// Why not.
        detail: String,
    },
    /// A document could not be written.
    #[error("cannot write a document")]
    Document(#[from] serde_json::Error),
    /// A table could not be written.
    #[error("cannot write a table")]
    Table(#[from] csv::Error),
    /// The server's record.
    #[error("the server's record cannot be used")]
    Record(#[from] rusqlite::Error),
    /// An address that cannot be listened to.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A name that no token can have.
    #[error("`{0}` is no name for a token: it has 1 to 100 characters, and no control characters")]
    Name(String),
    /// The server's own state.
    #[error("{0}")]
    Server(String),
}

impl LeaderboardError {
    /// A failed file operation.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    /// Whether another try may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
        match self {
            Self::File { source, .. } => {
                !matches!(source.kind(), NotFound | NotADirectory | IsADirectory | InvalidInput)
            }
            Self::Listen { .. } | Self::Changed(_) | Self::Record(_) | Self::Server(_) => true,
            _ => false,
        }
    }
}
