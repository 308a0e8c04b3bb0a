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
    // A bare file name has the empty path as its parent, which cannot be opened.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let attempt = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".partial-");
        // Results are for others to read too, as far as the user's mask allows; the default is the owner alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut temporary = builder.tempfile_in(folder)?;
        write(temporary.as_file_mut())?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    attempt().map_err(|error| Failure::file("write", path, &error))
}
