//! A file on its way into the store: hashed while it is written, visible only once it is verified.

use super::Store;
use super::error::{Doing, Mismatch, StoreError};
use crate::{Artifact, Event, Hasher, Observer};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes handled at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What stays of an unfinished file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remainder {
    Nothing,
    /// The part can be continued later.
    Part,
}

/// An artifact that is being written. Whoever holds one holds the lock of its digest.
pub(crate) struct Incoming<'a> {
    store: &'a Store,
    artifact: &'a Artifact,
    observer: &'a dyn Observer,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    received: u64,
    remainder: Remainder,
}

impl Store {
    /// Starts an artifact from nothing; nothing stays of it unless it is finished.
    pub(crate) fn receive<'a>(
        &'a self,
        artifact: &'a Artifact,
        observer: &'a dyn Observer,
    ) -> Result<Incoming<'a>, StoreError> {
        let path = self.folder("partial")?.join(format!("{}.new", artifact.sha256));
        remove_file(&path)?;
        Incoming::open(self, artifact, observer, path, Remainder::Nothing)
    }

    /// Continues the part of an earlier attempt, or starts a part that a later attempt can continue.
    pub(crate) fn resume<'a>(
        &'a self,
        artifact: &'a Artifact,
        observer: &'a dyn Observer,
    ) -> Result<Incoming<'a>, StoreError> {
        let path = self.folder("partial")?.join(format!("{}.part", artifact.sha256));
        let usable = fs::symlink_metadata(&path)
            .is_ok_and(|data| data.is_file() && data.len() <= artifact.bytes);
        if !usable {
            remove_file(&path)?;
        }
        let mut incoming = Incoming::open(self, artifact, observer, path, Remainder::Part)?;
        incoming.read_what_is_there()?;
        Ok(incoming)
    }
}

impl<'a> Incoming<'a> {
    fn open(
        store: &'a Store,
        artifact: &'a Artifact,
        observer: &'a dyn Observer,
        path: PathBuf,
        remainder: Remainder,
    ) -> Result<Self, StoreError> {
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .doing("create", &path)?;
        Ok(Self {
            store,
            artifact,
            observer,
            path,
            file,
            hasher: Hasher::new(),
            received: 0,
            remainder,
        })
    }

    /// Hashes the bytes of an earlier attempt.
    fn read_what_is_there(&mut self) -> Result<(), StoreError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = read_some(&mut self.file, &mut buffer).doing("read", &self.path)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            self.hasher.update(bytes);
            self.received += count as u64;
        }
    }

    /// Bytes there are by now.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Bytes that the manifest says.
    pub(crate) fn expected(&self) -> u64 {
        self.artifact.bytes
    }

    /// Forgets every byte.
    pub(crate) fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).doing("empty", &self.path)?;
        self.hasher = Hasher::new();
        self.received = 0;
        Ok(())
    }

    /// Adds bytes. More than the manifest says are refused, and then nothing stays.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let received = self.received.saturating_add(bytes.len() as u64);
        if received > self.artifact.bytes {
            self.remainder = Remainder::Nothing;
            return Err(StoreError::Content(Mismatch::TooLong { expected: self.artifact.bytes }));
        }
        if let Err(error) = self.file.write_all(bytes).doing("write", &self.path) {
            // On a full disk the part would only be in the way; and its last bytes may be half written.
            self.remainder = Remainder::Nothing;
            return Err(error);
        }
        self.hasher.update(bytes);
        self.received = received;
        self.observer.event(Event::Progress { id: &self.artifact.id, received });
        Ok(())
    }

    /// Adds everything that `reader` has. The outer error is the store's, the inner one the reader's.
    pub(crate) fn write_all_of(
        &mut self,
        reader: &mut impl Read,
    ) -> Result<io::Result<()>, StoreError> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match read_some(reader, &mut buffer) {
                Ok(0) => return Ok(Ok(())),
                Ok(count) => self.write(buffer.get(..count).unwrap_or_default())?,
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Verifies what was written and makes it visible under its digest.
    pub(crate) fn finish(mut self) -> Result<PathBuf, StoreError> {
        self.remainder = Remainder::Nothing;
        self.check()?;
        let object = self.store.object_path(&self.artifact.sha256);
        let folder = object.parent().unwrap_or(&object);
        fs::create_dir_all(folder).doing("create", folder)?;
        let mut permissions = self.file.metadata().doing("look at", &self.path)?.permissions();
        permissions.set_readonly(true);
        self.file.set_permissions(permissions).doing("protect", &self.path)?;
        self.file.sync_all().doing("write", &self.path)?;
        fs::rename(&self.path, &object).doing("create", &object)?;
        sync_folder(folder)?;
        Ok(object)
    }

    fn check(&self) -> Result<(), StoreError> {
        let Artifact { bytes, sha256, .. } = *self.artifact;
        if self.received != bytes {
            return Err(StoreError::Content(Mismatch::Length {
                expected: bytes,
                found: self.received,
            }));
        }
        let found = self.hasher.clone().finish();
        if found != sha256 {
            return Err(StoreError::Content(Mismatch::Digest { expected: sha256, found }));
        }
        Ok(())
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        if self.remainder == Remainder::Nothing || self.received == 0 {
            // After a rename there is nothing to remove; else the next attempt removes it, or reports that it cannot.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// `read` that is not disturbed by signals.
pub(crate) fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}

/// Makes a rename survive a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).doing("write", folder)
}

/// Only on Unix can a folder be opened and synchronised.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<(), StoreError> {
    Ok(())
}
