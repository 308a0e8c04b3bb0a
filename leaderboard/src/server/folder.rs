//! The folder of a server, and what is where in it.

use crate::error::LeaderboardError;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Ends the name of an upload's file.
const PART: &str = "part";
/// Begins the name of a folder where a submission is put together. Hidden, so that nobody takes it for one.
const STAGING: &str = ".staging-";

/// Where a server keeps everything.
#[derive(Clone, Debug)]
pub struct ServerFolder {
    root: PathBuf,
}

impl ServerFolder {
    /// Makes the folder and its parts, as far as they are missing.
    ///
    /// # Errors
    /// If they cannot be made.
    pub fn open(root: &Path) -> Result<Self, LeaderboardError> {
        let folder = Self { root: root.to_owned() };
        for part in [folder.uploads(), folder.submissions(), folder.sites()] {
            fs::create_dir_all(&part)
                .map_err(|error| LeaderboardError::file("create", &part, error))?;
        }
        Ok(folder)
    }

    /// Tokens and uploads.
    pub(super) fn record(&self) -> PathBuf {
        self.root.join("leaderboard.sqlite")
    }

    /// What is being received.
    pub(super) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// The bytes of one upload. Ids are made here, of hexadecimal digits.
    pub(super) fn upload(&self, id: &str) -> PathBuf {
        self.uploads().join(format!("{id}.{PART}"))
    }

    /// What has been accepted: a folder that `retally leaderboard build` reads too.
    #[must_use]
    pub fn submissions(&self) -> PathBuf {
        self.root.join("submissions")
    }

    /// Where one is put together.
    pub(super) fn staging(&self, upload: &str) -> PathBuf {
        self.submissions().join(format!("{STAGING}{upload}"))
    }

    /// Sites, each with its number.
    pub(super) fn sites(&self) -> PathBuf {
        self.root.join("sites")
    }

    /// Removes what a killed server left: bytes of uploads that are not in the record, and submissions that were being put together.
    pub(super) fn tidy(&self, uploads: &[String]) -> Result<(), LeaderboardError> {
        for path in items(&self.uploads())? {
            let is_owned = uploads.iter().any(|id| self.upload(id) == path);
            if !is_owned && path.extension().is_some_and(|extension| extension == PART) {
                fs::remove_file(&path)
                    .map_err(|error| LeaderboardError::file("remove", &path, error))?;
            }
        }
        for path in items(&self.submissions())? {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name.starts_with(STAGING.as_bytes()) {
                fs::remove_dir_all(&path)
                    .map_err(|error| LeaderboardError::file("remove", &path, error))?;
            }
        }
        Ok(())
    }

    /// Holds the folder for this process alone, until the file is dropped.
    pub(super) fn lock(&self) -> Result<File, LeaderboardError> {
        let path = self.root.join(".lock");
        let lock =
            File::create(&path).map_err(|error| LeaderboardError::file("create", &path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(LeaderboardError::Server(format!(
                "another server works in `{}`: stop it, or choose another --dir",
                self.root.display()
            ))),
            Err(TryLockError::Error(error)) => Err(LeaderboardError::file("lock", &path, error)),
        }
    }
}

fn items(folder: &Path) -> Result<Vec<PathBuf>, LeaderboardError> {
    let failed = |error| LeaderboardError::file("list", folder, error);
    let items = fs::read_dir(folder).map_err(failed)?;
    items.map(|item| item.map(|item| item.path()).map_err(failed)).collect()
}
