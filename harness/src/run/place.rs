//! Where a run is: in a folder, or in an object store with a folder of this machine that holds as much of it as this machine needs.
//!
//! Of an object store nothing is asked but to write an object only where there is none, or only over the version that was read. There
//! are no locks in it: two processes that compute the same chunk both write it, the second finds the first one's, and the same bytes are no
//! contradiction.

use super::directory::{CHUNK_SUFFIX, CHUNKS, MEASURED, chunk_path, create_folders, write_durably};
use super::shard_record;
use super::work_file;
use crate::context::Context;
use crate::failure::Failure;
use crate::object_folder::{Condition, Object, ObjectAddress, ObjectFolder, connect};
use crate::pipeline::sealed;
use crate::progress::Progress;
use retally_manifests::Digest;
use std::collections::HashSet;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of the store's home below which object stores' runs have their folders.
const COPIES: &str = "runs";
/// How often an object that others write too is tried.
const TRIES: usize = 4;

/// Where a run is.
#[derive(Clone, Debug)]
pub struct RunPlace {
    root: PathBuf,
    remote: Option<Arc<dyn ObjectFolder>>,
}

impl From<PathBuf> for RunPlace {
    fn from(root: PathBuf) -> Self {
        Self { root, remote: None }
    }
}

impl fmt::Display for RunPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            Some(remote) => remote.address().fmt(formatter),
            None => self.root.display().fmt(formatter),
        }
    }
}

impl RunPlace {
    /// The place that a user names: a folder, or `s3://bucket/folder`.
    ///
    /// # Errors
    /// If an address is of another form, or its object store cannot be used.
    pub fn named(path: &Path, context: &Context) -> Result<Self, Failure> {
        match ObjectAddress::of_path(path).map_err(Failure::invalid)? {
            None => Ok(path.to_owned().into()),
            Some(address) => {
                let home = context.store()?.home().to_owned();
                Ok(Self::remote(connect(&address)?, &home))
            }
        }
    }

    /// A folder of an object store, with its copy below a store's home.
    pub(crate) fn remote(remote: Arc<dyn ObjectFolder>, home: &Path) -> Self {
        let name = Digest::of_bytes(remote.identity().as_bytes()).to_string();
        Self { root: home.join(COPIES).join(name), remote: Some(remote) }
    }

    /// The folder on this machine.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the run is in an object store.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// The place of a file below it, as a user knows it.
    #[must_use]
    pub fn shown(&self, name: &str) -> PathBuf {
        let place = self.remote.as_ref().map_or_else(
            || self.root.clone(),
            |remote| PathBuf::from(remote.address().to_string()),
        );
        if name.is_empty() { place } else { place.join(name) }
    }

    /// The names of the chunks that are there.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub(super) fn stored_chunks(&self) -> Result<HashSet<Digest>, Failure> {
        let Some(remote) = &self.remote else { return local_chunks(&self.root) };
        let names = remote.list(CHUNKS)?;
        let chunk = |name: &String| chunk_of_name(name.strip_prefix(CHUNKS)?.strip_prefix('/')?);
        Ok(names.iter().filter_map(chunk).collect())
    }

    /// Makes the folder of a run in an object store, and brings the work list and the records of shards as they are now; what an earlier run has
    /// left there goes.
    ///
    /// # Errors
    /// If the object store does not give them, or they cannot be written.
    pub(super) fn refresh(&self) -> Result<(), Failure> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let records: Vec<String> = remote
            .list(shard_record::FOLDER)?
            .into_iter()
            .filter(|name| shard_record::is_record(name))
            .collect();
        create_folders(&self.root)?;
        for record in shard_record::names(&self.root.join(shard_record::FOLDER))? {
            if !records.contains(&record) {
                remove(&self.root.join(record))?;
            }
        }
        let mut names = records;
        names.push(work_file::FILE.to_owned());
        let mut has_work = false;
        remote.read_each(&names, &mut |name, bytes| {
            has_work |= name == work_file::FILE;
            write_durably(&self.root.join(name), &bytes)
        })?;
        if has_work { Ok(()) } else { remove(&self.root.join(work_file::FILE)) }
    }

    /// Brings those of these chunks that the object store has and the folder lacks; and stores there what the folder has alone, which an
    /// earlier process could not.
    ///
    /// # Errors
    /// If the object store or the folder refuses.
    pub(super) fn bring_chunks(
        &self,
        keys: &HashSet<Digest>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let (there, here) = (self.stored_chunks()?, local_chunks(&self.root)?);
        let wanted: Vec<String> = keys
            .iter()
            .filter(|key| there.contains(*key) && !here.contains(*key))
            .map(|key| format!("{CHUNKS}/{key}{CHUNK_SUFFIX}"))
            .collect();
        if !wanted.is_empty() {
            let mut job = progress.job("bring chunks", wanted.len() as u64, "chunks");
            remote.read_each(&wanted, &mut |name, bytes| {
                job.advance(1);
                write_durably(&self.root.join(name), &bytes)
            })?;
            job.finish();
        }
        self.publish_chunks(keys.iter().filter(|key| here.contains(*key) && !there.contains(*key)))
    }

    /// Brings measurements that were made before: each is under a seal.
    ///
    /// # Errors
    /// If the object store or the folder refuses.
    pub(super) fn bring_measurements(&self) -> Result<(), Failure> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let names = remote.list(MEASURED)?;
        let is_lacking = |name: &String| is_measurement(name) && !self.root.join(name).exists();
        let wanted: Vec<String> = names.into_iter().filter(is_lacking).collect();
        remote.read_each(&wanted, &mut |name, bytes| write_durably(&self.root.join(name), &bytes))
    }

    /// Stores chunks of the folder in the object store.
    ///
    /// # Errors
    /// As [`RunPlace::publish_chunk`].
    pub(super) fn publish_chunks<'k>(
        &self,
        keys: impl Iterator<Item = &'k Digest>,
    ) -> Result<(), Failure> {
        if self.remote.is_none() {
            return Ok(());
        }
        for key in keys {
            self.publish_chunk(key)?;
        }
        Ok(())
    }

    /// Stores a chunk of the folder in the object store, where another process may have stored it meanwhile.
    ///
    /// # Errors
    /// If the object store refuses, or has the chunk with other bytes that are not damaged.
    pub(crate) fn publish_chunk(&self, key: &Digest) -> Result<(), Failure> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let name = format!("{CHUNKS}/{key}{CHUNK_SUFFIX}");
        let path = chunk_path(&self.root, key);
        let own =
            std::fs::read(&path).map_err(|error| Failure::file("read the chunk", &path, &error))?;
        let mut condition = Condition::Absent;
        for _ in 0..TRIES {
            if remote.write(&name, own.clone(), condition)? {
                return Ok(());
            }
            condition = match remote.read(&name)? {
                None => Condition::Absent,
                Some(other) if other.bytes == own => return Ok(()),
                Some(other) if sealed::open(&other.bytes, key).is_err() => {
                    Condition::Unchanged(other.version)
                }
                Some(_) => {
                    return Err(Failure::invalid(format_args!(
                        "`{}` has other bytes than what was computed here, `{}`, and neither is damaged: two machines compute \
                         differently; remove one of them",
                        self.shown(&name).display(),
                        path.display()
                    )));
                }
            };
        }
        Err(self.contended(&name))
    }

    /// Stores the folder's work list in the object store. If another one is there, it is replaced, or given back.
    ///
    /// # Errors
    /// If the object store refuses.
    pub(super) fn publish_work(&self, may_replace: bool) -> Result<Option<Vec<u8>>, Failure> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let path = self.root.join(work_file::FILE);
        let own =
            std::fs::read(&path).map_err(|error| Failure::file("read back", &path, &error))?;
        let mut condition = Condition::Absent;
        for _ in 0..TRIES {
            if remote.write(work_file::FILE, own.clone(), condition)? {
                return Ok(None);
            }
            condition = match remote.read(work_file::FILE)? {
                None => Condition::Absent,
                Some(Object { bytes, .. }) if bytes == own => return Ok(None),
                Some(Object { bytes, .. }) if !may_replace => return Ok(Some(bytes)),
                Some(Object { version, .. }) => Condition::Unchanged(version),
            };
        }
        Err(self.contended(work_file::FILE))
    }

    fn contended(&self, name: &str) -> Failure {
        Failure::temporary(format_args!(
            "`{}` is written by another process again and again: let one of them end, then try again",
            self.shown(name).display()
        ))
    }

    /// Stores a file of the folder in the object store, over what is there.
    ///
    /// # Errors
    /// If the file cannot be read or the object store refuses.
    pub(super) fn publish(&self, name: &str) -> Result<(), Failure> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let path = self.root.join(name);
        let bytes =
            std::fs::read(&path).map_err(|error| Failure::file("read back", &path, &error))?;
        remote.write(name, bytes, Condition::Always).map(drop)
    }

    /// Stores what a finished run has written, beside chunks and records that are there already; the record of the run last, so that
    /// whoever finds it finds the rest.
    ///
    /// # Errors
    /// As [`RunPlace::publish`].
    pub(super) fn publish_results(&self) -> Result<(), Failure> {
        const LAST: &str = "run.json";
        let Some(remote) = &self.remote else { return Ok(()) };
        let known: HashSet<String> = remote.list(MEASURED)?.into_iter().collect();
        let mut names = Vec::new();
        self.results_in(&self.root, "", &mut names)?;
        names.sort_by_key(|name| name == LAST);
        let is_new = |name: &&String| !known.contains(*name);
        names.iter().filter(is_new).try_for_each(|name| self.publish(name))
    }

    /// Names of files below a folder, without chunks, shards, the work list and what is hidden.
    fn results_in(
        &self,
        folder: &Path,
        prefix: &str,
        names: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let failed = |error| Failure::file("list the results in", folder, &error);
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let elsewhere = [CHUNKS, shard_record::FOLDER, work_file::FILE];
            if name.starts_with('.') || prefix.is_empty() && elsewhere.contains(&name.as_str()) {
                continue;
            }
            let whole = format!("{prefix}{name}");
            if entry.file_type().map_err(failed)?.is_dir() {
                self.results_in(&entry.path(), &format!("{whole}/"), names)?;
            } else {
                names.push(whole);
            }
        }
        Ok(())
    }
}

fn local_chunks(root: &Path) -> Result<HashSet<Digest>, Failure> {
    let folder = root.join(CHUNKS);
    let failed = |error| Failure::file("list the chunks in", &folder, &error);
    let mut stored = HashSet::new();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        // A shard that had nothing to do, handed on by something that keeps no empty folders.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(stored),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        stored.extend(name.to_str().and_then(chunk_of_name));
    }
    Ok(stored)
}

fn chunk_of_name(name: &str) -> Option<Digest> {
    name.strip_suffix(CHUNK_SUFFIX)?.parse().ok()
}

/// Whether an object is called as measurements are: it is written to a file of its name.
fn is_measurement(name: &str) -> bool {
    let name = name.strip_prefix(MEASURED).and_then(|name| name.strip_prefix('/'));
    name.and_then(|name| name.strip_suffix(".jsonl"))
        .is_some_and(|name| name.parse::<Digest>().is_ok())
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::file("remove", path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[cfg(feature = "object-store")]
#[path = "place_tests.rs"]
mod tests;
