//! How far a run is: which chunks are there, which shards lack some, which of them failed.

use super::place::RunPlace;
use super::shard_record::{ShardOutcome, ShardRecord};
use super::work_file::SealedWork;
use super::work_list::{WorkDataset, WorkList, WorkModel};
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::pipeline::stored_chunks::{StoredChunk, StoredChunks};
use crate::progress::Progress;
use crate::sharding::{Shard, index_ranges};
use retally_manifests::Digest;
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How far a run is.
#[derive(Debug, Serialize)]
pub struct RunStatus {
    /// The run directory.
    pub out: PathBuf,
    /// The suite's id.
    pub suite: String,
    /// All chunks.
    pub chunks: ChunkCounts,
    /// Chunks that are there and damaged, if they were read (`--verify`).
    pub damaged: Vec<PathBuf>,
    /// The chunks of each model over each data set.
    pub models: Vec<ModelStatus>,
    /// What is missing, by shards.
    pub shards: ShardsStatus,
}

/// Numbers of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChunkCounts {
    /// All.
    pub total: usize,
    /// Those that are there.
    pub done: usize,
    /// The others.
    pub missing: usize,
}

/// The chunks of a model over a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelStatus {
    /// Id of the data set.
    pub dataset: String,
    /// Id of the model.
    pub model: String,
    /// Its chunks.
    #[serde(flatten)]
    pub chunks: ChunkCounts,
}

/// What is missing, by shards of one count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardsStatus {
    /// How many shards.
    pub count: usize,
    /// Those that lack chunks, counted from 1, as schedulers take them: `3,7-9`.
    pub missing: String,
    /// The same, one by one.
    pub indices: Vec<usize>,
    /// Those of them whose process ended with an error.
    pub failed: Vec<FailedShard>,
    /// Those of them whose process has not ended.
    pub running: Vec<RunningShard>,
}

/// A shard whose last process ended with an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedShard {
    /// Which.
    pub index: usize,
    /// The exit code.
    pub exit_code: u8,
    /// What it said.
    pub message: String,
}

/// A shard whose process has not said that it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunningShard {
    /// Which.
    pub index: usize,
    /// Whether it holds its lock, as far as this machine can see; otherwise it was killed.
    pub holds_lock: bool,
}

/// What is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatusRequest {
    /// Count of shards; that of the last process if absent.
    pub shards: Option<Shard>,
    /// Read every chunk and check its digest, instead of looking whether its file is there.
    pub verify: bool,
}

impl RunStatus {
    /// Looks at a run.
    ///
    /// # Errors
    /// If it is not the directory of a run, or cannot be read.
    pub fn read(
        place: &RunPlace,
        request: StatusRequest,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        place.refresh()?;
        let root = place.root();
        let work = SealedWork::of_run(root)?;
        let mut stored = place.stored_chunks()?;
        let mut damaged = Vec::new();
        if request.verify {
            place.bring_chunks(&stored, progress)?;
            damaged = find_damaged(root, &work.list, &stored, progress)?;
            for key in &damaged {
                stored.remove(key);
            }
        }
        let records = ShardRecord::read_all(root, work.sha256)?;
        let newest = records.iter().max_by_key(|record| (record.started, record.count));
        let count = match (request.shards, newest) {
            (Some(shard), _) => shard.count(),
            (None, newest) => newest.map_or(1, |record| record.count),
        };
        let list = &work.list;
        let models: Vec<ModelStatus> = list
            .datasets
            .iter()
            .flat_map(|dataset| dataset.models.iter().map(move |model| (dataset, model)))
            .map(|(dataset, model)| ModelStatus::of(dataset, model, &stored))
            .collect();
        let done = models.iter().map(|model| model.chunks.done).sum();
        let total = list.total();
        Ok(Self {
            out: place.shown(""),
            suite: list.suite.id.clone(),
            chunks: ChunkCounts { total, done, missing: total - done },
            damaged: damaged.iter().map(|key| super::directory::chunk_path(root, key)).collect(),
            models,
            shards: ShardsStatus::of((root, list), &records, count, &stored)?,
        })
    }

    /// 0 if everything is there, 4 otherwise.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        if self.chunks.missing == 0 { ExitStatus::AsClaimed } else { ExitStatus::Incomplete }
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let ChunkCounts { total, done, missing } = self.chunks;
        let mut text = format!("{}: {done} of {total} chunks are there", self.suite);
        for path in &self.damaged {
            let _ = write!(text, "\ndamaged: {}", path.display());
        }
        if missing == 0 {
            let _ = write!(text, "\nnext: retally merge {}", self.out.display());
            return text;
        }
        for model in self.models.iter().filter(|model| model.chunks.missing > 0) {
            let ChunkCounts { total, missing, .. } = model.chunks;
            let _ = write!(
                text,
                "\n  {} on {}: {missing} of {total} missing",
                model.model, model.dataset
            );
        }
        text.push_str(&self.shards.to_text());
        text
    }
}

impl ModelStatus {
    fn of(dataset: &WorkDataset, model: &WorkModel, stored: &HashSet<Digest>) -> Self {
        let total = model.chunks.len();
        let done = model.chunks.iter().filter(|key| stored.contains(*key)).count();
        Self {
            dataset: dataset.dataset.id.clone(),
            model: model.model.id.clone(),
            chunks: ChunkCounts { total, done, missing: total - done },
        }
    }
}

impl ShardsStatus {
    fn of(
        (root, list): (&Path, &WorkList),
        records: &[ShardRecord],
        count: usize,
        stored: &HashSet<Digest>,
    ) -> Result<Self, Failure> {
        let indices = lacking(list, count, stored)?;
        let concerned = records
            .iter()
            .filter(|record| record.count == count && indices.binary_search(&record.index).is_ok());
        let (mut failed, mut running) = (Vec::new(), Vec::new());
        for record in concerned {
            match &record.outcome {
                ShardOutcome::Failed { exit_code, message } => failed.push(FailedShard {
                    index: record.index,
                    exit_code: *exit_code,
                    message: message.clone(),
                }),
                ShardOutcome::Running => running
                    .push(RunningShard { index: record.index, holds_lock: record.is_held(root) }),
                ShardOutcome::Done | ShardOutcome::Interrupted => {}
            }
        }
        Ok(Self { count, missing: index_ranges(&indices), indices, failed, running })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for RunningShard { index, holds_lock } in &self.running {
            let state = if *holds_lock {
                "is at work"
            } else {
                "was killed, or is at work on another machine"
            };
            let _ = write!(text, "\nshard {index}/{} {state}", self.count);
        }
        for FailedShard { index, exit_code, message } in &self.failed {
            let _ = write!(text, "\nshard {index}/{} failed ({exit_code}): {message}", self.count);
        }
        let Self { count, missing, .. } = self;
        if *count == 1 {
            text.push_str("\nnext: the same `retally run` command continues; with --shard i/n several processes do");
        } else {
            let _ = write!(
                text,
                "\nshards of {count} with missing chunks: {missing}\nnext: --shard i/{count} for each of them; of a Slurm array: sbatch --array={missing}"
            );
        }
        text
    }
}

/// The shards of this count that lack a chunk, counted from 1.
pub(super) fn lacking(
    list: &WorkList,
    count: usize,
    stored: &HashSet<Digest>,
) -> Result<Vec<usize>, Failure> {
    let present: Vec<bool> = list.chunks().map(|key| stored.contains(key)).collect();
    let shards = Shard::all(count).map_err(Failure::invalid)?;
    let lacks = |shard: &Shard| {
        let part: Range<usize> = shard.part_of(present.len());
        present.get(part).is_some_and(|part| part.contains(&false))
    };
    Ok(shards.filter(lacks).map(Shard::index).collect())
}

/// Reads every chunk that is there.
fn find_damaged(
    root: &Path,
    list: &WorkList,
    stored: &HashSet<Digest>,
    progress: &Progress,
) -> Result<Vec<Digest>, Failure> {
    let mut job = progress.job("verify chunks", list.total() as u64, "chunks");
    let mut damaged = Vec::new();
    for pairing in list.pairings() {
        let Some((dataset, model)) = list.pairing(pairing) else { continue };
        let ranges = dataset.listed()?.list().chunks();
        let chunks =
            StoredChunks { root, model: &model.model, keys: &model.chunks, ranges: &ranges };
        for (index, key) in model.chunks.iter().enumerate() {
            if stored.contains(key) && !matches!(chunks.read(index)?, StoredChunk::Whole(_)) {
                damaged.push(*key);
            }
            job.advance(1);
        }
    }
    job.finish();
    Ok(damaged)
}
