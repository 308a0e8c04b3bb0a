//! `shards/2-of-8.json`: what one process did of a run, written when it begins and when it ends. A process that was killed leaves the
//! record of one that runs, and no lock.

use super::directory::{RunDirectory, write_durably};
use super::record::{OptionsRecord, RunClock, to_value};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::onnx::library::LibraryRecord;
use crate::sharding::{FoundShard, Shard};
use retally_manifests::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// Version of the document.
const SCHEMA: u32 = 1;
/// The folder of the records and their locks.
pub(crate) const FOLDER: &str = "shards";
/// A larger file is no record.
const LARGEST: u64 = 64 << 20;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardRecord {
    schema: u32,
    /// Of which work list.
    pub(super) work_sha256: Digest,
    /// Counted from 1.
    pub(super) index: usize,
    pub(super) count: usize,
    /// Who said so.
    pub(super) source: String,
    pub(super) options: OptionsRecord,
    pub(super) machine: Value,
    pub(super) onnxruntime: Value,
    /// Seconds since 1970.
    pub(super) started: u64,
    /// Nothing while the process runs.
    pub(super) ended: Option<u64>,
    pub(super) outcome: ShardOutcome,
    /// Its chunks of each model over each data set.
    pub(super) pairings: Vec<PairingRecord>,
}

/// How a process stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum ShardOutcome {
    /// Not at its end; or killed.
    Running,
    /// All its chunks are there.
    Done,
    /// Stopped by a signal; what was done is kept.
    Interrupted,
    /// Ended with an error.
    Failed {
        /// The process's exit code.
        exit_code: u8,
        /// What it said.
        message: String,
    },
}

/// What was done of a model over a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PairingRecord {
    pub(crate) dataset: String,
    pub(crate) model: String,
    /// Chunks that are this process's.
    pub(crate) own: usize,
    /// Of them those that were there before.
    pub(crate) stored: usize,
    /// Of them those that it computed.
    pub(crate) computed: usize,
    /// Seconds that it took to compute them, without opening the model.
    pub(crate) seconds: f64,
    /// The session, if one was opened.
    pub(crate) session: Option<Value>,
}

impl ShardRecord {
    /// A process that begins.
    pub(super) fn begin(
        work: Digest,
        shard: Option<FoundShard>,
        options: OptionsRecord,
        (library, clock): (&LibraryRecord, RunClock),
    ) -> Result<Self, Failure> {
        let part = shard.map_or(Shard::WHOLE, |found| found.shard);
        Ok(Self {
            schema: SCHEMA,
            work_sha256: work,
            index: part.index(),
            count: part.count(),
            source: shard.map_or_else(|| "whole run".to_owned(), |found| found.source.to_string()),
            options,
            machine: to_value(&Machine::examine())?,
            onnxruntime: to_value(library)?,
            started: clock.now(),
            ended: None,
            outcome: ShardOutcome::Running,
            pairings: Vec::new(),
        })
    }

    /// Writes the record in its place.
    pub(super) fn write(&self, directory: &RunDirectory) -> Result<(), Failure> {
        let name = name(self.index, self.count);
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            Failure::invalid(format_args!("cannot write the record of a shard: {error}"))
        })?;
        bytes.push(b'\n');
        write_durably(&directory.root().join(&name), &bytes)?;
        directory.place().publish(&name)
    }

    /// Writes the record unless there is one in its place.
    pub(super) fn write_if_absent(&self, directory: &RunDirectory) -> Result<(), Failure> {
        if directory.root().join(name(self.index, self.count)).exists() {
            return Ok(());
        }
        self.write(directory)
    }

    /// Notes the end, and writes it; a failure of the work comes before one of the record.
    pub(super) fn end<T>(
        mut self,
        (directory, clock): (&RunDirectory, RunClock),
        result: Result<(ShardOutcome, T), Failure>,
    ) -> Result<T, Failure> {
        self.ended = Some(clock.now());
        self.outcome = match &result {
            Ok((outcome, _)) => outcome.clone(),
            Err(failure) => ShardOutcome::Failed {
                exit_code: failure.status.code(),
                message: failure.message(),
            },
        };
        let written = self.write(directory);
        let (_, value) = result?;
        written.map(|()| value)
    }

    /// Takes over the sessions of an earlier process with the same part, where this one opened none.
    pub(super) fn inherit(&mut self, earlier: Option<&Self>) {
        let Some(earlier) = earlier.filter(|earlier| earlier.work_sha256 == self.work_sha256)
        else {
            return;
        };
        for pairing in self.pairings.iter_mut().filter(|pairing| pairing.session.is_none()) {
            let same = |other: &&PairingRecord| {
                (&other.dataset, &other.model) == (&pairing.dataset, &pairing.model)
            };
            pairing.session =
                earlier.pairings.iter().find(same).and_then(|pairing| pairing.session.clone());
        }
    }

    /// The record of a part; `None` if there is none, or it is damaged: it is for people, and no number rests on it.
    pub(super) fn read_one(root: &Path, shard: Shard) -> Option<Self> {
        read(&root.join(name(shard.index(), shard.count())))
    }

    /// All records of a work list, in the order of their parts.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub(super) fn read_all(root: &Path, work: Digest) -> Result<Vec<Self>, Failure> {
        let mut records = Vec::new();
        for name in names(&root.join(FOLDER))? {
            records.extend(read(&root.join(name)).filter(|record| record.work_sha256 == work));
        }
        records.sort_by_key(|record| (record.count, record.index));
        Ok(records)
    }

    /// Whether a process holds the part's lock.
    pub(super) fn is_held(&self, root: &Path) -> bool {
        RunDirectory::is_shard_held(root, self.index, self.count)
    }
}

fn read(path: &Path) -> Option<ShardRecord> {
    if std::fs::metadata(path).ok()?.len() > LARGEST {
        return None;
    }
    let record: ShardRecord = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let is_known = record.schema == SCHEMA && Shard::new(record.index, record.count).is_ok();
    is_known.then_some(record)
}

/// The names of all records in a folder of them, from the run directory on.
///
/// # Errors
/// If the folder cannot be listed.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error| Failure::file("list the records of shards in", folder, &error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.push(format!("{FOLDER}/{name}"));
        }
    }
    names.retain(|name| is_record(name));
    Ok(names)
}

/// Whether a file is called as a record is.
pub(super) fn is_record(found: &str) -> bool {
    let part = found.strip_prefix(FOLDER).and_then(|found| found.strip_prefix('/'));
    let part = part.and_then(|part| part.strip_suffix(".json")?.split_once("-of-"));
    let numbers = part.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    numbers.is_some_and(|(index, count)| found == name(index, count))
}

fn name(index: usize, count: usize) -> String {
    format!("{FOLDER}/{index}-of-{count}.json")
}

impl ShardOutcome {
    /// How a process ended that met no failure.
    pub(super) fn of(is_complete: bool) -> Self {
        if is_complete { Self::Done } else { Self::Interrupted }
    }
}
