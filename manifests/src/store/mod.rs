//! The content-addressed store: one folder, a file for each digest, nothing visible before it is verified.
//!
//! | path below the store's folder | content |
//! |---|---|
//! | `objects/sha256/ab/cdef…` | the file with the digest `abcdef…`, read-only |
//! | `partial/abcdef….part` | a download that can be continued |
//! | `partial/abcdef….new`, `….work/` | a file or folder in the making |
//! | `locks/…` | empty files; a lock on one keeps two processes from making the same thing |
//! | `features/…` | what networks gave for images, by what decides it; may be deleted at any time |
//! | `samples/…` | what generators made, by what decides it; may be deleted at any time |
//! | `gathered/…` | links to files that refer to each other, by their digests; may be deleted at any time |
//! | `environments/…` | virtual environments of recipes, by the digest of their requirements |

mod error;
mod gathered;
mod incoming;

pub(crate) use error::Doing;
pub use error::{Mismatch, StoreError};
pub(crate) use incoming::{Incoming, read_some};

use crate::{Artifact, Digest};
use etcetera::BaseStrategy;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Variable that names the store's folder.
const HOME_VARIABLE: &str = "RETALLY_HOME";

/// The content-addressed store of verified artifacts.
#[derive(Clone, Debug)]
pub struct Store {
    home: PathBuf,
}

impl Store {
    /// The store in `home`, else in the folder that `RETALLY_HOME` names, else in the platform's cache folder.
    /// Nothing is created before something is fetched.
    ///
    /// # Errors
    /// When no folder is named and the platform's cache folder is unknown.
    pub fn open(home: Option<&Path>) -> Result<Self, StoreError> {
        let named =
            std::env::var_os(HOME_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = match home.map(Path::to_owned).or(named) {
            Some(home) => home,
            None => etcetera::choose_base_strategy()
                .map_err(|_| StoreError::NoHome)?
                .cache_dir()
                .join("retally"),
        };
        Ok(Self { home: std::path::absolute(&home).doing("find", &home)? })
    }

    /// The store's folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder of stored network outputs, made when there are some.
    #[must_use]
    pub fn features_path(&self) -> PathBuf {
        self.home.join("features")
    }

    /// The folder of stored samples, made when there are some.
    #[must_use]
    pub fn samples_path(&self) -> PathBuf {
        self.home.join("samples")
    }

    /// Where the file with a digest is, or will be.
    #[must_use]
    pub fn object_path(&self, digest: &Digest) -> PathBuf {
        let digits = digest.to_string();
        let (folder, name) = digits.split_at(2);
        self.home.join("objects").join("sha256").join(folder).join(name)
    }

    /// The stored file of an artifact, its size checked; `None` if it was never fetched.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it has another size; an I/O error if it cannot be looked at.
    pub fn get(&self, artifact: &Artifact) -> Result<Option<PathBuf>, StoreError> {
        let path = self.object_path(&artifact.sha256);
        Ok(check_size(artifact, &path)?.then_some(path))
    }

    /// The stored file of an artifact, its size checked and its digest computed; `None` if it was never fetched.
    ///
    /// # Errors
    /// As [`Store::get`], and [`StoreError::Damaged`] if it has another digest.
    pub fn verified(&self, artifact: &Artifact) -> Result<Option<PathBuf>, StoreError> {
        let path = self.object_path(&artifact.sha256);
        Ok(check_file(artifact, &path)?.then_some(path))
    }

    /// Waits until no other process or thread holds the lock of `name`; calls `waiting` first if it must wait.
    pub(crate) fn lock(&self, name: &str, waiting: impl FnOnce()) -> Result<Lock, StoreError> {
        let folder = self.folder("locks")?;
        let path = folder.join(format!("{name}.lock"));
        let file = File::options().create(true).append(true).open(&path).doing("create", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().doing("lock", &path)?;
            }
            Err(TryLockError::Error(error)) => return Err(error).doing("lock", &path),
        }
        Ok(Lock { _file: file })
    }

    /// A new, empty folder for making the artifact with a digest; removed when dropped. Needs the digest's lock.
    pub(crate) fn work_folder(&self, digest: &Digest) -> Result<WorkFolder, StoreError> {
        let path = self.folder("partial")?.join(format!("{digest}.work"));
        remove_tree(&path)?;
        fs::create_dir(&path).doing("create", &path)?;
        Ok(WorkFolder { path })
    }

    /// A folder directly below the store's, created if needed.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.home.join(name);
        fs::create_dir_all(&path).doing("create", &path)?;
        Ok(path)
    }
}

/// Whether a file is there, with the size of the artifact.
fn check_size(artifact: &Artifact, path: &Path) -> Result<bool, StoreError> {
    let damaged = |mismatch| Err(StoreError::Damaged { path: path.to_owned(), mismatch });
    // A link would let the content change behind the digest, so it is not followed.
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).doing("look at", path),
    };
    if !metadata.is_file() {
        return damaged(Mismatch::NotAFile);
    }
    if metadata.len() != artifact.bytes {
        return damaged(Mismatch::Length { expected: artifact.bytes, found: metadata.len() });
    }
    Ok(true)
}

/// Whether a file is there, with the size and the digest of the artifact.
pub(crate) fn check_file(artifact: &Artifact, path: &Path) -> Result<bool, StoreError> {
    if !check_size(artifact, path)? {
        return Ok(false);
    }
    let found = Digest::of_file(path).doing("read", path)?;
    if found != artifact.sha256 {
        let mismatch = Mismatch::Digest { expected: artifact.sha256, found };
        return Err(StoreError::Damaged { path: path.to_owned(), mismatch });
    }
    Ok(true)
}

/// Removes a folder and its content, if it is there.
pub(crate) fn remove_tree(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}

/// A held lock; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// A folder that is removed when dropped.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
}

impl WorkFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // A leftover is harmless: the next attempt removes it first, and reports it if it cannot.
        let _ = fs::remove_dir_all(&self.path);
    }
}
