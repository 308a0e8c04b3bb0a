//! The folder of one run: `run.json`, `chunks/`, `samples.parquet`, `measurements.json` and the report.

use crate::failure::Failure;
use serde::Serialize;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Features and scores, one file a chunk.
const CHUNKS: &str = "chunks";
/// Measurements, one file a tap: probes take longer than reading chunks.
const MEASURED: &str = "measured";
/// Pictures that a suite shows in its report.
const PICTURES: &str = "pictures";

/// A run directory that this process holds alone.
#[derive(Debug)]
pub struct RunDirectory {
    root: PathBuf,
    // Held, not read: the lock ends with the file handle, also when the process is killed.
    _lock: File,
}

impl RunDirectory {
    /// Creates or opens `root` and locks it.
    ///
    /// # Errors
    /// If the folder cannot be made, is not a folder, or another process holds it.
    pub fn open(root: &Path) -> Result<Self, Failure> {
        for folder in [CHUNKS, MEASURED] {
            let path = root.join(folder);
            std::fs::create_dir_all(&path)
                .map_err(|error| Failure::file("create the run directory", &path, &error))?;
        }
        let path = root.join(".lock");
        let lock = File::create(&path)
            .map_err(|error| Failure::file("create the lock file", &path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_path_buf(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Failure::temporary(format_args!(
                "another process is running in `{}`: wait for it, or choose another folder with --out",
                root.display()
            ))),
            Err(TryLockError::Error(error)) => Err(Failure::file("lock", &path, &error)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the chunk with this key is, or will be.
    #[must_use]
    pub fn chunk(&self, key: &retally_manifests::Digest) -> PathBuf {
        self.root.join(CHUNKS).join(format!("{key}.safetensors"))
    }

    /// Where the measurements of a tap with this key are, or will be.
    #[must_use]
    pub fn measured(&self, key: &retally_manifests::Digest) -> PathBuf {
        self.root.join(MEASURED).join(format!("{key}.json"))
    }

    /// Where the picture with this id is, or will be; makes the folder.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn picture(&self, id: &str) -> Result<PathBuf, Failure> {
        let folder = self.root.join(PICTURES);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::file("create the folder of pictures", &folder, &error))?;
        Ok(folder.join(format!("{id}.png")))
    }

    /// Writes a document as pretty JSON with a final newline.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_json(&self, name: &str, document: &impl Serialize) -> Result<PathBuf, Failure> {
        let path = self.root.join(name);
        let mut bytes = serde_json::to_vec_pretty(document).map_err(|error| {
            Failure::invalid(format_args!("cannot write `{name}` as JSON: {error}"))
        })?;
        bytes.push(b'\n');
        write_durably(&path, &bytes)?;
        Ok(path)
    }
}

/// Writes several files so that all are new or all are as they were: everything is written and synced under temporary names
/// before the first is renamed, and what was renamed is put back if a later rename fails. Only a crash between two renames
/// can leave a mixture; whoever needs to know of it puts a digest of the others into the last file.
///
/// # Errors
/// If a step fails.
pub(crate) fn write_all_or_none(files: &[(PathBuf, String)]) -> Result<(), Failure> {
    let mut staged = Vec::new();
    for (path, text) in files {
        let old = match std::fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        let staging =
            stage(path, text.as_bytes()).map_err(|error| Failure::file("write", path, &error))?;
        staged.push((path, old, staging));
    }
    let mut done: Vec<(&Path, Option<Vec<u8>>)> = Vec::new();
    for (path, old, staging) in staged {
        if let Err(error) = staging.persist(path) {
            let failure = Failure::file("write", path, &error.error);
            return Err(put_back(done, failure));
        }
        done.push((path, old));
    }
    for (path, _) in &done {
        File::open(folder_of(path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Failure::file("sync the folder of", path, &error))?;
    }
    Ok(())
}

fn put_back(done: Vec<(&Path, Option<Vec<u8>>)>, failure: Failure) -> Failure {
    for (path, old) in done {
        let restored = match old {
            Some(bytes) => write_durably(path, &bytes),
            None => {
                std::fs::remove_file(path).map_err(|error| Failure::file("remove", path, &error))
            }
        };
        if let Err(second) = restored {
            let subject = format!("{}; and the old file could not be put back", failure.message());
            return second.within(subject);
        }
    }
    failure
}

/// A bare file name has the empty path as its parent, which cannot be opened.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

/// Writes a file's new content beside it, whole and synced.
fn stage(path: &Path, bytes: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    stage_with(path, |file| file.write_all(bytes))
}

fn stage_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".partial-");
    // Results are for others to read too, as far as the user's mask allows; the default is the owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder_of(path))?;
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Writes a file under a temporary name, syncs it and renames it: readers see the whole file or none, also after a crash.
///
/// # Errors
/// If a step fails; the temporary file is removed.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_durably_with(path, |file| file.write_all(bytes))
}

/// As [`write_durably`], with a writer instead of bytes.
///
/// # Errors
/// If a step fails; the temporary file is removed.
pub fn write_durably_with(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let attempt = || -> std::io::Result<()> {
        stage_with(path, write)?.persist(path).map_err(|error| error.error)?;
        File::open(folder_of(path))?.sync_all()
    };
    attempt().map_err(|error| Failure::file("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_files_are_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a"), "old").unwrap();
        std::fs::create_dir_all(path("b/inside")).unwrap();
        let file = |name: &str| (path(name), "new".to_owned());
        assert!(write_all_or_none(&[file("a"), file("b")]).is_err());
        assert_eq!(std::fs::read_to_string(path("a")).unwrap(), "old");
        let missing = folder.path().join("nowhere/c");
        assert!(write_all_or_none(&[file("a"), (missing, String::new())]).is_err());
        assert_eq!(std::fs::read_to_string(path("a")).unwrap(), "old");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            2,
            "a temporary file is left"
        );
        write_all_or_none(&[file("a"), file("c")]).unwrap();
        for name in ["a", "c"] {
            assert_eq!(std::fs::read_to_string(path(name)).unwrap(), "new");
        }
    }

    #[test]
    fn what_was_renamed_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let [a, c] = ["a", "c"].map(|name| folder.path().join(name));
        write_all_or_none(&[(a.clone(), "new".to_owned()), (c.clone(), "new".to_owned())]).unwrap();
        let done: Vec<(&Path, _)> = vec![(&a, Some(b"old".to_vec())), (&c, None)];
        let failure = put_back(done, Failure::temporary("no space"));
        assert_eq!(failure.message(), "no space");
        assert_eq!(std::fs::read(&a).unwrap(), b"old");
        assert!(!c.exists());
    }
}
