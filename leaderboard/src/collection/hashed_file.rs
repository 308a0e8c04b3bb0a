//! A file whose digest was taken, and a second name or a copy of it that is sure to have the same content.

use retally_manifests::{Digest, Hasher};
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes copied at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A file as it was when its digest was taken.
#[derive(Clone, Debug)]
pub struct HashedFile {
    path: PathBuf,
    digest: Digest,
    bytes: u64,
    state: Option<FileState>,
}

impl HashedFile {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// If it is no file, or cannot be read.
    pub fn read(path: PathBuf) -> io::Result<Self> {
        let mut file = File::open(&path)?;
        // Before the first byte is read: whatever is written from now on changes it.
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let (bytes, state) = (metadata.len(), FileState::of(&metadata));
        Ok(Self { digest: Digest::of_reader(&mut file)?, path, bytes, state })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SHA-256 of its content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the content stand at `to` too, and says whether it is still what was hashed. A file that everybody may read gets a second
    /// name, which costs nothing; one that cannot have any, or is for its owner alone, is copied.
    ///
    /// # Errors
    /// If the file cannot be read, or nothing can be written at `to`.
    pub fn publish(&self, to: &Path) -> io::Result<bool> {
        if self.state.is_some_and(FileState::is_for_everybody)
            && std::fs::hard_link(&self.path, to).is_ok()
        {
            return Ok(FileState::of(&std::fs::metadata(to)?) == self.state);
        }
        Ok(copy_with_digest(&self.path, to)? == (self.digest, self.bytes))
    }
}

fn copy_with_digest(from: &Path, to: &Path) -> io::Result<(Digest, u64)> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let (mut hasher, mut length) = (Hasher::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        hasher.update(piece);
        to.write_all(piece)?;
        length += count as u64;
    }
    Ok((hasher.finish(), length))
}

/// What tells a file from another one and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    device: u64,
    number: u64,
    bytes: u64,
    modified: (i64, i64),
    mode: u32,
}

impl FileState {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self {
            device: metadata.dev(),
            number: metadata.ino(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            mode: metadata.mode(),
        })
    }

    /// Elsewhere files are not known well enough to be given a second name.
    #[cfg(not(unix))]
    fn of(_: &Metadata) -> Option<Self> {
        None
    }

    fn is_for_everybody(self) -> bool {
        self.mode & 0o004 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(folder: &Path) -> HashedFile {
        let path = folder.join("bundle");
        std::fs::write(&path, "content").unwrap();
        HashedFile::read(path).unwrap()
    }

    #[test]
    fn what_is_published_is_what_was_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, to) = (hashed(folder.path()), folder.path().join("published"));
        assert_eq!((file.digest(), file.bytes()), (Digest::of_bytes(b"content"), 7));
        assert!(file.publish(&to).unwrap());
        assert_eq!(std::fs::read(&to).unwrap(), b"content");
        assert!(file.publish(&folder.path().join("no folder/published")).is_err());
        assert!(HashedFile::read(folder.path().to_owned()).is_err());
    }

    #[test]
    fn a_change_is_seen_whether_linked_or_copied() {
        let folder = tempfile::tempdir().unwrap();
        let file = hashed(folder.path());
        let at = |name: &str| folder.path().join(name);
        std::fs::write(file.path(), "other length").unwrap();
        assert!(!file.publish(&at("changed")).unwrap());
        let replaced = hashed(folder.path());
        std::fs::write(at("new"), "content").unwrap();
        std::fs::rename(at("new"), replaced.path()).unwrap();
        // Another file under the old name: its content is not known, though it is the same.
        #[cfg(unix)]
        assert!(!replaced.publish(&at("replaced")).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_of_its_owner_alone_is_copied_and_others_may_read_the_copy() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle");
        for (mode, links) in [(0o600, 1), (0o644, 2)] {
            std::fs::write(&path, "content").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let to = folder.path().join(format!("published-{mode:o}"));
            assert!(HashedFile::read(path.clone()).unwrap().publish(&to).unwrap());
            assert_eq!(std::fs::metadata(&to).unwrap().nlink(), links, "{mode:o}");
        }
    }
}
