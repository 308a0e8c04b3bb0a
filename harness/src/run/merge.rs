//! The end of a run whose chunks were computed by several processes: in one directory, or in one each. Neither images nor models are
//! needed, and the numbers are the same bytes however the work was cut.

use super::conclusion::Conclusion;
use super::directory::{RunDirectory, chunk_path, write_durably_with};
use super::execute::{no_measurements, session};
use super::outcome::{FinishedRun, finish};
use super::place::RunPlace;
use super::record::RunRecord;
use super::shard_record::{PairingRecord, ShardRecord};
use super::status::lacking;
use super::work_file::SealedWork;
use super::work_list::WorkList;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::sharding::index_ranges;
use crate::threads::Threads;
use retally_manifests::Digest;
use retally_suites::Suite;
use std::collections::HashSet;
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What is merged.
#[derive(Clone, Copy, Debug)]
pub struct MergeRequest<'a> {
    /// Where the runs are, at least one.
    pub runs: &'a [RunPlace],
    /// Where the merged run goes; in place if there is one.
    pub out: Option<&'a RunPlace>,
    /// Cores to use.
    pub threads: usize,
    /// Take a chunk that several directories have, if all of them have the same bytes.
    pub allow_doubled: bool,
}

/// One directory and the chunks that it has.
struct Source<'a> {
    place: &'a RunPlace,
    stored: HashSet<Digest>,
}

impl<'a> Source<'a> {
    fn of(place: &'a RunPlace) -> Result<Self, Failure> {
        Ok(Self { place, stored: place.stored_chunks()? })
    }

    fn chunk(&self, key: &Digest) -> PathBuf {
        chunk_path(self.place.root(), key)
    }
}

/// Merges, measures, judges and reports.
///
/// # Errors
/// If the directories are of different runs, a chunk is missing (the run is incomplete), damaged, there twice, or there in two versions,
/// or a result cannot be written.
pub fn merge(request: MergeRequest<'_>, progress: &Progress) -> Result<FinishedRun, Failure> {
    request.runs.iter().try_for_each(RunPlace::refresh)?;
    let work = same_work(request.runs)?;
    let suite = suite_of(&work.list)?;
    let Some(plan) = suite.run_plan() else {
        return Err(Failure::invalid(format_args!(
            "suite `{}` has no encoders to measure",
            suite.id()
        )));
    };
    let out = destination(request)?;
    let directory = RunDirectory::open(out)?;
    let records = records(request.runs, out, work.sha256)?;
    let chunks =
        Chunks { work: &work.list, out, count: records.iter().map(|record| record.count).max() };
    chunks.gather(request, progress)?;
    if SealedWork::read(out.root())?.is_none_or(|known| known.sha256 != work.sha256) {
        work.write(out.root())?;
    }
    out.publish_work(true)?;
    for record in &records {
        record.write_if_absent(&directory)?;
    }
    let pairings: Vec<PairingRecord> =
        records.iter().flat_map(|record| record.pairings.iter().cloned()).collect();
    let mut record = RunRecord::of_shards(&suite, records).ok_or_else(|| {
        Failure::invalid(format_args!(
            "`{out}` has no record of the processes that computed its chunks (shards/*.json), so that nothing says on which machine: run \
             any of its shards again"
        ))
    })?;
    record.add_work(&work.list, |dataset, model| session(&pairings, dataset, model))?;
    out.bring_measurements()?;
    let threads = Threads::new(NonZeroUsize::new(request.threads))?;
    let conclusion =
        Conclusion { plan, work: &work.list, directory: &directory, threads: &threads, progress };
    let mut measurements = no_measurements(&suite);
    measurements.datasets = conclusion.measure()?;
    finish(&suite, &directory, measurements, record.end()?)
}

/// The work list that all directories have.
fn same_work(runs: &[RunPlace]) -> Result<SealedWork, Failure> {
    let Some((first, others)) = runs.split_first() else {
        return Err(Failure::invalid("give the folder of a run, or of several"));
    };
    let work = work_of(first)?;
    let mut known = HashSet::from([folder(first)]);
    for other in others {
        if !known.insert(folder(other)) {
            return Err(Failure::invalid(format_args!(
                "`{other}` is given twice: name every folder once"
            )));
        }
        let theirs = work_of(other)?;
        if theirs.sha256 != work.sha256 {
            let difference = work.list.difference(&theirs.list);
            return Err(Failure::invalid(format_args!(
                "`{first}` and `{other}` are of different runs ({}): merge folders of the same suite, words and files",
                difference.as_deref().unwrap_or("the lists are written differently")
            )));
        }
    }
    Ok(work)
}

fn work_of(place: &RunPlace) -> Result<SealedWork, Failure> {
    SealedWork::of_run(place.root())
}

fn folder(place: &RunPlace) -> PathBuf {
    place.root().canonicalize().unwrap_or_else(|_| place.root().to_owned())
}

fn suite_of(work: &WorkList) -> Result<Suite, Failure> {
    let suite = Suite::builtin(&work.suite.id)?;
    if *suite.content_digest() != work.suite.content_sha256 {
        return Err(Failure::invalid(format_args!(
            "the run was begun with suite `{}` version {}, whose content is not that of this program's version {}: merge with the \
             retally that ran it, or run the suite again",
            work.suite.id,
            work.suite.version,
            suite.definition().version
        )));
    }
    Ok(suite)
}

fn destination(request: MergeRequest<'_>) -> Result<&RunPlace, Failure> {
    match (request.out, request.runs) {
        (Some(out), _) => Ok(out),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::invalid(
            "say with --out where the merged run goes: several folders are put together",
        )),
    }
}

/// The records of all processes; of two with the same part, the one of the first directory.
fn records(runs: &[RunPlace], out: &RunPlace, work: Digest) -> Result<Vec<ShardRecord>, Failure> {
    let mut records: Vec<ShardRecord> = Vec::new();
    for place in runs.iter().chain([out]) {
        for record in ShardRecord::read_all(place.root(), work)? {
            let is_it =
                |known: &ShardRecord| (known.count, known.index) == (record.count, record.index);
            if !records.iter().any(is_it) {
                records.push(record);
            }
        }
    }
    records.sort_by_key(|record| (record.count, record.index));
    Ok(records)
}

/// The chunks of a run and where they go.
struct Chunks<'a> {
    work: &'a WorkList,
    out: &'a RunPlace,
    /// Count of shards that was used last.
    count: Option<usize>,
}

impl Chunks<'_> {
    /// Brings all chunks to the destination; nothing is done if one is missing or not clear.
    fn gather(&self, request: MergeRequest<'_>, progress: &Progress) -> Result<(), Failure> {
        let own = Source::of(self.out)?;
        let others = request.runs.iter().filter(|run| folder(run) != folder(self.out));
        let sources = others.map(Source::of).collect::<Result<Vec<_>, _>>()?;
        self.refuse_missing(&own, &sources)?;
        let all: HashSet<Digest> = self.work.chunks().copied().collect();
        for source in [&own].into_iter().chain(&sources) {
            source.place.bring_chunks(&all, progress)?;
        }
        let doubled = self.doubled(&own, &sources)?;
        if let (Some(first), false) = (doubled.first(), request.allow_doubled) {
            return Err(Failure::invalid(format_args!(
                "{} chunks are in more than one folder, the first of them {first}: a part of the work was done twice, which may mean \
                 that the shards were not what was intended; their bytes are the same, and --allow-doubled takes them",
                doubled.len()
            )));
        }
        let mut job = progress.job("gather chunks", self.work.total() as u64, "chunks");
        for key in self.work.chunks() {
            if !own.stored.contains(key)
                && let Some(source) = sources.iter().find(|source| source.stored.contains(key))
            {
                bring(&source.chunk(key), &own.chunk(key))?;
                self.out.publish_chunk(key)?;
            }
            job.advance(1);
        }
        job.finish();
        Ok(())
    }

    fn refuse_missing(&self, own: &Source<'_>, sources: &[Source<'_>]) -> Result<(), Failure> {
        let is_there = |key: &Digest| {
            own.stored.contains(key) || sources.iter().any(|source| source.stored.contains(key))
        };
        let stored: HashSet<Digest> =
            self.work.chunks().filter(|key| is_there(key)).copied().collect();
        let missing = self.work.total() - stored.len();
        if missing == 0 {
            return Ok(());
        }
        let count = self.count.unwrap_or(1);
        let lacking = index_ranges(&lacking(self.work, count, &stored)?);
        Err(Failure::new(
            ExitStatus::Incomplete,
            format_args!(
                "{missing} of {} chunks are missing, of shards {lacking} of {count}: run these (`--shard i/{count}`; of a Slurm array: \
                 `sbatch --array={lacking}`), then merge again",
                self.work.total()
            ),
        ))
    }

    /// Chunks that several directories have, with the same bytes; other bytes are refused.
    fn doubled(&self, own: &Source<'_>, sources: &[Source<'_>]) -> Result<Vec<Digest>, Failure> {
        let mut doubled = Vec::new();
        for key in self.work.chunks() {
            let mut owners =
                [own].into_iter().chain(sources).filter(|source| source.stored.contains(key));
            let Some(first) = owners.next() else { continue };
            let others: Vec<&Source<'_>> = owners.collect();
            for other in &others {
                let (left, right) = (first.chunk(key), other.chunk(key));
                if !same_bytes(&left, &right)? {
                    return Err(Failure::invalid(format_args!(
                        "`{}` and `{}` have the same name and different bytes: one is damaged (`retally status DIR --verify` says which), \
                         or two machines compute differently; remove one of them",
                        left.display(),
                        right.display()
                    )));
                }
            }
            // What an earlier merge has brought is no work done twice.
            if others.len() > usize::from(own.stored.contains(key)) {
                doubled.push(*key);
            }
        }
        Ok(doubled)
    }
}

fn same_bytes(left: &Path, right: &Path) -> Result<bool, Failure> {
    let digest = |path: &Path| {
        Digest::of_file(path).map_err(|error| Failure::file("read the chunk", path, &error))
    };
    Ok(digest(left)? == digest(right)?)
}

/// A second name for the file, or a copy where there can be none.
fn bring(from: &Path, to: &Path) -> Result<(), Failure> {
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let mut file =
        File::open(from).map_err(|error| Failure::file("read the chunk", from, &error))?;
    write_durably_with(to, |copy| std::io::copy(&mut file, copy).map(drop))
}
