//! The order of a run: select, compute the encoders' chunks, measure them, sample generators, write.

use super::conclusion::Conclusion;
use super::directory::RunDirectory;
use super::encoders::Encoders;
use super::generators::GeneratorRun;
use super::outcome::{FinishedRun, finish};
use super::record::RunRecord;
use super::selection::RunRequest;
use super::shard_record::PairingRecord;
use super::to_fetch::ToFetch;
use crate::context::Context;
use crate::failure::Failure;
use crate::sharding::FoundShard;
use crate::threads::Threads;
use retally_suites::{RunMeasurements, Suite};
use serde::Serialize;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything is measured and reported.
    Complete(Box<FinishedRun>),
    /// Stopped by the user; chunks are kept.
    Interrupted {
        /// The run directory.
        out: PathBuf,
    },
}

/// What a run would do.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Suite id.
    pub suite: String,
    /// Data set ids.
    pub datasets: Vec<String>,
    /// Model ids with their taps.
    pub models: Vec<(String, Vec<String>)>,
    /// Generators with the number of their samples.
    pub generators: Vec<(String, usize)>,
    /// Artifacts that are not in the store.
    #[serde(flatten)]
    pub to_fetch: ToFetch,
    /// The run directory.
    pub out: PathBuf,
}

impl Plan {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text =
            format!("suite      {}\ndata       {}\n", self.suite, self.datasets.join(", "));
        for (model, taps) in &self.models {
            text.push_str(&format!("model      {model}: {}\n", taps.join(" ")));
        }
        for (generator, samples) in &self.generators {
            text.push_str(&format!("generator  {generator}: {samples} samples\n"));
        }
        text.push_str(&format!("to fetch   {}\n", self.to_fetch));
        text.push_str(&format!("out        {}\n", self.out.display()));
        text
    }
}

/// Says what [`execute`] would do, and does nothing.
///
/// # Errors
/// If the request does not fit the suite or the manifests.
pub fn plan(request: &RunRequest<'_>, context: &Context) -> Result<Plan, Failure> {
    let selection = request.selection(&context.manifest)?;
    let to_fetch = ToFetch::of(selection.artifacts(context)?, context)?;
    let models = selection.models.iter();
    Ok(Plan {
        suite: request.suite.id().to_owned(),
        datasets: selection.datasets.iter().map(|dataset| dataset.id.clone()).collect(),
        models: models
            .map(|model| (model.id.clone(), model.taps.iter().map(|tap| tap.id.clone()).collect()))
            .collect(),
        generators: selection
            .generators
            .iter()
            .flat_map(|chosen| chosen.generators.iter().map(|one| (one.id.clone(), chosen.samples)))
            .collect(),
        to_fetch,
        out: request.out.shown(""),
    })
}

/// Runs a suite to its end, or until an interruption.
///
/// # Errors
/// Bad input, a failed fetch, a model or image that does not fit, a full disk. Finished chunks and measurements are kept.
pub fn execute(request: &RunRequest<'_>, context: &Context) -> Result<Ended, Failure> {
    let selection = request.selection(&context.manifest)?;
    let library = context.onnxruntime()?;
    let directory = RunDirectory::open(&request.out)?;
    let encoders = Encoders { request, context, selection: &selection, library };
    let mut record = RunRecord::begin(request.suite, request.options(), library.record())?;
    let mut measurements = no_measurements(request.suite);
    if !selection.models.is_empty() {
        let Some((work, pairings)) = encoders.compute(&directory, None)? else {
            return Ok(Ended::Interrupted { out: request.out.shown("") });
        };
        record.add_work(&work.list, |dataset, model| session(&pairings, dataset, model))?;
        let threads = Threads::new(NonZeroUsize::new(request.threads))?;
        let conclusion = Conclusion {
            plan: &selection.plan,
            work: &work.list,
            directory: &directory,
            threads: &threads,
            progress: &context.progress,
        };
        directory.place().bring_measurements()?;
        measurements.datasets = conclusion.measure()?;
    }
    if let Some(generators) = &selection.generators {
        let run = GeneratorRun {
            selection: generators,
            request: &request.generators,
            execution: encoders.execution(),
            context,
            directory: &directory,
        };
        measurements.datasets.push(run.measure(&mut record)?);
    }
    let finished = finish(request.suite, &directory, measurements, record.end()?)?;
    Ok(Ended::Complete(Box::new(finished)))
}

/// What one shard did.
#[derive(Debug, Serialize)]
pub struct ShardDone {
    /// Which part.
    pub shard: FoundShard,
    /// The run directory.
    pub out: PathBuf,
    /// Its chunks.
    pub chunks: ShardChunks,
}

/// Chunks of a shard.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ShardChunks {
    /// All that are its own.
    pub own: usize,
    /// Of them those that it computed.
    pub computed: usize,
    /// Of them those that were there before.
    pub stored: usize,
}

impl ShardDone {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { shard: FoundShard { shard, source }, out, chunks } = self;
        format!(
            "shard {shard} ({source}): {} of the run's chunks, {} computed, {} were stored\nwhen all shards are done: retally merge {}",
            chunks.own,
            chunks.computed,
            chunks.stored,
            out.display()
        )
    }
}

/// Computes one shard's chunks, and measures nothing; `None` if an interruption stopped it.
///
/// # Errors
/// As [`execute`], and if the directory was begun with other work.
pub fn execute_shard(
    request: &RunRequest<'_>,
    shard: FoundShard,
    context: &Context,
) -> Result<Option<ShardDone>, Failure> {
    let selection = request.selection(&context.manifest)?;
    if selection.generators.is_some() {
        return Err(Failure::invalid(
            "the chunks of encoders are cut into shards, generators are sampled by one process: run them without --shard (with \
             `--shard none` where an engine sets its variables)",
        ));
    }
    let library = context.onnxruntime()?;
    let directory = RunDirectory::join(&request.out, shard.shard)?;
    let encoders = Encoders { request, context, selection: &selection, library };
    let done = encoders.compute(&directory, Some(shard))?;
    Ok(done.map(|(_, pairings)| {
        let sum = |count: fn(&PairingRecord) -> usize| pairings.iter().map(count).sum();
        let chunks = ShardChunks {
            own: sum(|pairing| pairing.own),
            computed: sum(|pairing| pairing.computed),
            stored: sum(|pairing| pairing.stored),
        };
        ShardDone { shard, out: request.out.shown(""), chunks }
    }))
}

/// The session that a pairing was computed with, where one was opened.
pub(super) fn session(pairings: &[PairingRecord], dataset: &str, model: &str) -> Option<Value> {
    let is_it = |pairing: &&PairingRecord| pairing.dataset == dataset && pairing.model == model;
    pairings.iter().filter(is_it).find_map(|pairing| pairing.session.clone())
}

/// The measurements of a run that has not begun.
pub(super) fn no_measurements(suite: &Suite) -> RunMeasurements {
    RunMeasurements {
        schema: retally_suites::run::SCHEMA,
        suite: suite.id().to_owned(),
        suite_version: suite.definition().version,
        suite_content_sha256: suite.content_digest().to_string(),
        datasets: Vec::new(),
    }
}
