//! The folder of one run: `work.jsonl`, `chunks/`, `shards/`, `run.json`, `samples.parquet`, `measurements.json` and the report.

use super::place::RunPlace;
use super::sealed_document;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::sharding::Shard;
use retally_manifests::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whoever holds it exclusively is alone in the directory; shards share it.
const LOCK: &str = ".lock";
/// `retally status` looks at locks, for which it takes them for a moment: nobody gives up at once.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// How the names of files begin that are being written.
const PARTIAL: &str = ".partial-";
/// Features and scores, one file a chunk.
pub(super) const CHUNKS: &str = "chunks";
pub(super) const CHUNK_SUFFIX: &str = ".safetensors";
/// Measurements, one file a tap: probes take longer than reading chunks.
pub(super) const MEASURED: &str = "measured";
/// Pictures that a suite shows in its report.
const PICTURES: &str = "pictures";

/// Records of the processes that compute a run's chunks, and their locks.
const SHARDS: &str = super::shard_record::FOLDER;

/// A run directory that this process holds: alone, or together with other shards of the run.
#[derive(Debug)]
pub struct RunDirectory {
    place: RunPlace,
    // Held, not read: locks end with the file handles, also when the process is killed.
    _locks: Vec<File>,
}

impl RunDirectory {
    /// Creates or opens the folder of a run and locks it; of a run in an object store the folder on this machine.
    ///
    /// # Errors
    /// If the folder cannot be made, is not a folder, or another process holds it; if the object store does not answer.
    pub fn open(place: &RunPlace) -> Result<Self, Failure> {
        let root = place.root();
        create_folders(root)?;
        let lock = lock(&root.join(LOCK), File::try_lock, || {
            format!(
                "another process is running in `{place}`: wait for it, or choose another folder with --out"
            )
        })?;
        let directory = Self { place: place.clone(), _locks: vec![lock] };
        directory.remove_partial_files();
        place.refresh()?;
        Ok(directory)
    }

    /// Creates or opens the folder for one shard of a run. Other shards may be at work in it, but not this one twice.
    ///
    /// # Errors
    /// As [`RunDirectory::open`].
    pub fn join(place: &RunPlace, shard: Shard) -> Result<Self, Failure> {
        let root = place.root();
        create_folders(root)?;
        let whole = lock(&root.join(LOCK), File::try_lock_shared, || {
            format!(
                "another process has the whole run `{place}` (a run without --shard, or a merge): wait for it"
            )
        })?;
        let path = shard_lock(root, shard.index(), shard.count());
        let own = lock(&path, File::try_lock, || {
            format!("another process computes shard {shard} of `{place}`: wait for it")
        })?;
        place.refresh()?;
        Ok(Self { place: place.clone(), _locks: vec![whole, own] })
    }

    /// Removes what killed processes have left of files that they were writing. Only whoever is alone here may: a shard's partial file is
    /// perhaps another shard's work. One that cannot be removed is in nobody's way.
    fn remove_partial_files(&self) {
        for folder in
            ["", CHUNKS, MEASURED, SHARDS, PICTURES].into_iter().chain(retally_reports::FOLDERS)
        {
            let Ok(entries) = std::fs::read_dir(self.root().join(folder)) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let is_partial = name.to_str().is_some_and(|name| {
                    [PARTIAL, retally_reports::PARTIAL]
                        .iter()
                        .any(|prefix| name.starts_with(prefix))
                });
                if is_partial && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
        }
    }

    /// Whether a process computes this shard now.
    pub(super) fn is_shard_held(root: &Path, index: usize, count: usize) -> bool {
        let is_held = |path: &Path| {
            File::open(path)
                .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
        };
        is_held(&shard_lock(root, index, count)) || is_held(&root.join(LOCK))
    }

    /// Where the run is.
    #[must_use]
    pub fn place(&self) -> &RunPlace {
        &self.place
    }

    /// The folder on this machine.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.place.root()
    }

    /// Where the chunk with this key is, or will be.
    #[must_use]
    pub fn chunk(&self, key: &Digest) -> PathBuf {
        chunk_path(self.root(), key)
    }

    /// What was measured under this name; `None` if nothing was, or the file is damaged, of which `progress` hears.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(crate) fn read_measured<T: DeserializeOwned>(
        &self,
        name: Digest,
        progress: &Progress,
    ) -> Result<Option<T>, Failure> {
        let path = self.measured(name);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read the measurement", &path, &error)),
        };
        let read = sealed_document::open(&bytes, Some(name))
            .and_then(|(line, _)| serde_json::from_slice(line).map_err(|error| error.to_string()));
        Ok(read.map_or_else(
            |reason| {
                let path = path.display();
                progress.note(format!(
                    "measurement {path} is damaged ({reason}); it is measured again"
                ));
                None
            },
            Some,
        ))
    }

    /// Stores what was measured under this name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn write_measured(
        &self,
        name: Digest,
        measured: &impl Serialize,
    ) -> Result<(), Failure> {
        let (bytes, _) = sealed_document::to_bytes(Some(name), measured).map_err(|error| {
            Failure::invalid(format_args!("cannot write a measurement as JSON: {error}"))
        })?;
        write_durably(&self.measured(name), &bytes)
    }

    fn measured(&self, name: Digest) -> PathBuf {
        self.root().join(MEASURED).join(format!("{name}.jsonl"))
    }

    /// Where the picture with this id is, or will be; makes the folder.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn picture(&self, id: &str) -> Result<PathBuf, Failure> {
        let folder = self.root().join(PICTURES);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::file("create the folder of pictures", &folder, &error))?;
        Ok(folder.join(format!("{id}.png")))
    }

    /// Writes a document as pretty JSON with a final newline.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_json(&self, name: &str, document: &impl Serialize) -> Result<PathBuf, Failure> {
        let path = self.root().join(name);
        let mut bytes = serde_json::to_vec_pretty(document).map_err(|error| {
            Failure::invalid(format_args!("cannot write `{name}` as JSON: {error}"))
        })?;
        bytes.push(b'\n');
        write_durably(&path, &bytes)?;
        Ok(path)
    }
}

/// Where the chunk with this key is in a run directory, or will be.
pub(crate) fn chunk_path(root: &Path, key: &Digest) -> PathBuf {
    root.join(CHUNKS).join(format!("{key}{CHUNK_SUFFIX}"))
}

pub(super) fn create_folders(root: &Path) -> Result<(), Failure> {
    [CHUNKS, MEASURED, SHARDS].into_iter().try_for_each(|folder| {
        let path = root.join(folder);
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::file("create the run directory", &path, &error))
    })
}

fn shard_lock(root: &Path, index: usize, count: usize) -> PathBuf {
    root.join(SHARDS).join(format!("{index}-of-{count}.lock"))
}

fn lock(
    path: &Path,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
    held: impl FnOnce() -> String,
) -> Result<File, Failure> {
    let file =
        File::create(path).map_err(|error| Failure::file("create the lock file", path, &error))?;
    for _ in 0..LOCK_TRIES {
        match try_lock(&file) {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(Failure::file("lock", path, &error)),
        }
    }
    Err(Failure::temporary(held()))
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
    builder.prefix(PARTIAL);
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
