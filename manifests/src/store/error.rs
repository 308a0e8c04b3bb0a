//! What can go wrong in the store, in words that say what to do.

use crate::{Digest, ErrorClass};
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

/// How bytes differ from what a manifest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Mismatch {
    /// The size is another.
    #[error("it has {found} bytes, the manifest says {expected}")]
    Length {
        /// Bytes in the manifest.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// More bytes arrived than the manifest says; the rest was not read.
    #[error("it has more than the {expected} bytes that the manifest says")]
    TooLong {
        /// Bytes in the manifest.
        expected: u64,
    },
    /// The digest is another.
    #[error("its SHA-256 is {found}, the manifest says {expected}")]
    Digest {
        /// Digest in the manifest.
        expected: Digest,
        /// Digest of the bytes.
        found: Digest,
    },
    /// Something else stands in the file's place.
    #[error("it is not a regular file")]
    NotAFile,
}

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No folder for the store.
    #[error(
        "no folder for the store: this system names no cache folder; set RETALLY_HOME to a folder"
    )]
    NoHome,
    /// The disk is full, or a quota or limit is reached.
    #[error(
        "the disk is full: cannot {action} `{}` ({source}); make room, or set RETALLY_HOME to a folder on another disk",
        path.display()
    )]
    Full {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The user may not do this.
    #[error(
        "not allowed to {action} `{}` ({source}); correct its permissions, or set RETALLY_HOME to a folder of yours",
        path.display()
    )]
    Denied {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another failure of the file system.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A stored file is not what its name and the manifest say.
    #[error("stored file `{}` is damaged: {mismatch}; `retally fetch` replaces it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it differs.
        mismatch: Mismatch,
    },
    /// What arrived is not what the manifest says; nothing of it was kept.
    #[error("what arrived is not the artifact: {0}")]
    Content(Mismatch),
}

impl StoreError {
    /// Whether trying again may help.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoHome | Self::Damaged { .. } | Self::Content(_) | Self::Denied { .. } => {
                ErrorClass::Invalid
            }
            Self::Full { .. } | Self::Io { .. } => ErrorClass::Temporary,
        }
    }
}

impl miette::Diagnostic for StoreError {}

/// Says what was being done to which path when an I/O error came.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => StoreError::Full { action, path, source },
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    StoreError::Denied { action, path, source }
                }
                _ => StoreError::Io { action, path, source },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: io::ErrorKind) -> String {
        Err::<(), _>(io::Error::from(kind)).doing("write", Path::new("/x")).unwrap_err().to_string()
    }

    #[test]
    fn messages_say_what_to_do() {
        let full = message(io::ErrorKind::StorageFull);
        assert!(
            full.starts_with("the disk is full: cannot write `/x`")
                && full.contains("RETALLY_HOME"),
            "{full}"
        );
        let denied = message(io::ErrorKind::PermissionDenied);
        assert!(
            denied.starts_with("not allowed to write `/x`") && denied.contains("permissions"),
            "{denied}"
        );
        assert!(message(io::ErrorKind::NotFound).starts_with("cannot write `/x`: "));
    }

    /// `/dev/full` refuses every write with "no space left on device".
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_as_one() {
        let path = Path::new("/dev/full");
        let result = std::fs::write(path, "content").doing("write", path);
        assert!(matches!(result, Err(StoreError::Full { .. })), "{result:?}");
        assert_eq!(result.unwrap_err().class(), ErrorClass::Temporary);
    }
}
