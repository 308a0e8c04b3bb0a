//! Samples of a generator: those that are stored are read, the others are made and stored, and all are handed on in order
//! while that goes on.

use super::assembly::{Assembly, Missing};
use super::chunk_store::{ChunkStore, SampleChunk};
use super::clock::{SampleClock, Spent};
use super::networks::{NetworkFile, Networks};
use super::noise_choice::NoiseChoice;
use super::recipe::{LabelChoice, Recipe, SampleIdentity};
use super::worker::{SampleWorker, Unit};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::onnx::session::SessionRecord;
use crate::pipeline::workers::{self, Stages};
use crate::pipeline::{Execution, chunk_job};
use crate::progress::{Job, Progress};
use crate::sharding::Shard;
use crate::threads::spawn_scoped;
use retally_manifests::{Digest, Generator};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most samples of a run: their numbers, with some that are computed along, fit 32 bits.
const MOST_SAMPLES: usize = 1 << 31;
/// Most bytes of a chunk's images.
const MOST_CHUNK_BYTES: usize = 1 << 30;

/// What is to be sampled.
#[derive(Clone, Debug)]
pub struct SampleRequest {
    /// The manifest's entry, with the changes that the user wants.
    pub generator: Generator,
    /// Which classes; by default what the manifest says.
    pub labels: Option<LabelChoice>,
    /// How many samples.
    pub count: usize,
    /// Where the noise comes from.
    pub noise: NoiseChoice,
    /// Decides noise and labels.
    pub seed: u64,
    /// Samples that a thread makes together; by default a call of the networks. It changes no bit.
    pub batch: Option<usize>,
    /// The part of the chunks that is made here; all by default.
    pub shard: Option<Shard>,
}

/// Samples that are named, and perhaps not made yet.
#[derive(Clone)]
pub struct SampleJob<'a> {
    recipe: Recipe,
    execution: Execution<'a>,
    progress: &'a Progress,
    /// The network, and the decoder where there is one.
    files: Vec<NetworkFile>,
    identity: Vec<u8>,
    key: Digest,
    store: ChunkStore,
    count: usize,
    /// The samples that are looked at: all, unless this is a part of a job.
    part: Range<usize>,
    batch: usize,
    shard: Option<Shard>,
}

/// What came of it.
#[derive(Debug)]
pub struct Sampled {
    /// Whether all samples are stored, and were handed on. A shard alone may leave some to others.
    pub complete: bool,
    /// Samples that were made by this call.
    pub made: usize,
    /// Samples that were stored before.
    pub stored: usize,
    /// Where the time went.
    pub clock: SampleClock,
    /// The sessions that were opened; none if all samples were stored.
    pub sessions: Vec<SessionRecord>,
}

/// Makes what is missing, and says which chunks are stored.
type Compute<'c> = dyn FnMut(Option<&Sender<usize>>) -> Result<(), Failure> + 'c;

impl<'a> SampleJob<'a> {
    /// Brings the generator's files into the store and names the samples.
    ///
    /// # Errors
    /// If the request does not fit the generator, or a file cannot be had.
    pub fn new(
        request: SampleRequest,
        execution: Execution<'a>,
        context: &'a Context,
    ) -> Result<Self, Failure> {
        let SampleRequest { generator, labels, count, noise, seed, batch, shard } = request;
        let recipe = Recipe::new(generator, labels, (noise, seed))?;
        check_numbers(&recipe, count)?;
        let store = context.store()?;
        let Generator { network, decoder, .. } = &recipe.generator;
        let mut files = vec![NetworkFile::fetch(context, &network.artifact, &network.data)?];
        if let Some(decoder) = decoder {
            files.push(NetworkFile::fetch(context, &decoder.artifact, &[])?);
        }
        let digests = files.iter().map(|file| file.sha256).collect();
        let (identity, key) = SampleIdentity::new(&recipe, digests, &execution)?.named()?;
        let labelled = recipe.classes().is_some();
        let store = ChunkStore::new(&store.samples_path(), key, recipe.size(), labelled);
        let batch = unit_size(&recipe, batch.unwrap_or(1));
        let progress = &context.progress;
        let part = 0..count;
        Ok(Self {
            recipe,
            execution,
            progress,
            files,
            identity,
            key,
            store,
            count,
            part,
            batch,
            shard,
        })
    }

    /// The same job for some of its samples, in whole chunks.
    pub(super) fn part(&self, samples: Range<usize>) -> Self {
        Self { part: samples, ..self.clone() }
    }

    /// Where the samples are stored.
    pub(super) fn store(&self) -> &ChunkStore {
        &self.store
    }

    /// Names the samples, whatever their number.
    #[must_use]
    pub fn key(&self) -> Digest {
        self.key
    }

    /// How many samples there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// (width, height) of the images.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.recipe.size()
    }

    /// The generator with the changes of the user.
    #[must_use]
    pub fn generator(&self) -> &Generator {
        &self.recipe.generator
    }

    /// The part of the work that is done here.
    pub(super) fn shard(&self) -> Option<Shard> {
        self.shard
    }

    pub(super) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub(super) fn execution(&self) -> &Execution<'a> {
        &self.execution
    }

    pub(super) fn files(&self) -> &[NetworkFile] {
        &self.files
    }

    pub(super) fn unit_size(&self) -> usize {
        self.batch
    }

    /// The samples of each chunk, in order.
    #[must_use]
    pub fn chunks(&self) -> Vec<Range<usize>> {
        let chunk = self.recipe.generator.chunk.max(1) as usize;
        let starts = self.part.clone().step_by(chunk);
        starts.map(|start| start..self.part.end.min(start + chunk)).collect()
    }

    /// Makes and stores the samples that are missing, those of the shard if there is one, and hands all samples to `sink`
    /// in order, on a thread of its own, as soon as they are there. A shard hands them on only if all are there.
    ///
    /// # Errors
    /// What a network, the disk or `sink` says, or an interruption. What is stored stays stored.
    pub fn run(
        &self,
        sink: &mut (dyn FnMut(&SampleChunk) -> Result<(), Failure> + Send),
    ) -> Result<Sampled, Failure> {
        let started = Instant::now();
        let missing = self.missing()?;
        let own: Vec<Missing> = missing
            .iter()
            .filter(|missing| self.shard.is_none_or(|shard| shard.owns(missing.chunk)))
            .cloned()
            .collect();
        let lacking: usize = missing.iter().map(Missing::count).sum();
        let stored = self.part.len() - lacking;
        let made = own.iter().map(Missing::count).sum();
        let mut clock = SampleClock::default();
        let mut sessions = Vec::new();
        let mut compute = |stored: Option<&Sender<usize>>| -> Result<(), Failure> {
            if !own.is_empty() {
                sessions = self.compute(&own, stored, &mut clock)?;
            }
            Ok(())
        };
        let mut complete = true;
        let writing = if own.len() == missing.len() {
            let waiting = own.iter().map(|missing| missing.chunk).collect();
            self.stream(waiting, sink, &mut compute)?
        } else {
            // The last of several shards that run at the same time finds all chunks there at its end.
            compute(None)?;
            complete = self.missing()?.is_empty();
            if complete {
                self.stream(BTreeSet::new(), sink, &mut |_| Ok(()))?
            } else {
                Duration::ZERO
            }
        };
        self.stop_if_interrupted()?;
        clock.writing = writing;
        clock.total = started.elapsed();
        Ok(Sampled { complete, made, stored, clock, sessions })
    }

    /// Computes on this thread while `sink` takes the chunks in order on another. Gives the time that `sink` took.
    fn stream(
        &self,
        waiting: BTreeSet<usize>,
        sink: &mut (dyn FnMut(&SampleChunk) -> Result<(), Failure> + Send),
        compute: &mut Compute<'_>,
    ) -> Result<Duration, Failure> {
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            let hand_on = spawn_scoped(scope, || self.hand_on(waiting, receiver, sink))?;
            let computed = compute(Some(&sender));
            drop(sender);
            let handed_on = hand_on
                .join()
                .unwrap_or_else(|_| Err(Failure::invalid("the thread that writes has failed")));
            // An error of `sink` ends the computing with a closed channel, which says nothing.
            match (handed_on, computed) {
                (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
                (Ok(spent), Ok(())) => Ok(spent),
            }
        })
    }

    /// Gives all chunks to `sink` in order, each as soon as it is stored. Ends early when no more are stored.
    fn hand_on(
        &self,
        mut waiting: BTreeSet<usize>,
        stored: Receiver<usize>,
        sink: &mut (dyn FnMut(&SampleChunk) -> Result<(), Failure> + Send),
    ) -> Result<Duration, Failure> {
        let mut spent = Duration::ZERO;
        for (chunk, range) in self.chunks().iter().enumerate() {
            while waiting.contains(&chunk) {
                let Ok(done) = stored.recv() else { return Ok(spent) };
                waiting.remove(&done);
            }
            if interrupt::requested() {
                return Ok(spent);
            }
            let started = Instant::now();
            sink(&self.store.beginning(range)?)?;
            spent += started.elapsed();
        }
        Ok(spent)
    }

    fn load(&self, range: &Range<usize>) -> Result<Option<SampleChunk>, Failure> {
        self.store.load(range, |note| self.progress.note(note))
    }

    /// The chunks that are not stored whole.
    fn missing(&self) -> Result<Vec<Missing>, Failure> {
        let mut missing = Vec::new();
        for (chunk, range) in self.chunks().into_iter().enumerate() {
            let stored = self.load(&range)?.map_or(0, |stored| stored.count);
            if stored < range.len() {
                missing.push(Missing { chunk, from: range.start + stored, range });
            }
        }
        Ok(missing)
    }

    /// An interruption is an error, since something is left to do: samples to be made, or to be handed on.
    fn stop_if_interrupted(&self) -> Result<(), Failure> {
        if !interrupt::requested() {
            return Ok(());
        }
        Err(Failure::new(
            ExitStatus::Incomplete,
            format_args!(
                "stopped before the end; what is done is kept in `{}`, and the same command continues",
                self.store.folder().display()
            ),
        ))
    }

    /// Makes and stores the missing samples of some chunks.
    fn compute(
        &self,
        missing: &[Missing],
        stored: Option<&Sender<usize>>,
        clock: &mut SampleClock,
    ) -> Result<Vec<SessionRecord>, Failure> {
        self.store.create(&self.identity)?;
        let units: Vec<(usize, Unit)> = missing
            .iter()
            .enumerate()
            .flat_map(|(place, missing)| {
                missing.units(self.batch).into_iter().map(move |unit| (place, unit))
            })
            .collect();
        let Self { recipe, execution, files, .. } = self;
        let opening = Instant::now();
        let (workers, sessions) = Networks { recipe, execution, files }.open(units.len())?;
        clock.opening = opening.elapsed();
        clock.threads = workers.len();
        let job = Mutex::new(self.job(&units));
        let tick = |samples: usize| {
            job.lock().unwrap_or_else(PoisonError::into_inner).advance(samples as u64);
        };
        let mut assembly = Assembly::new(&self.store, missing, stored);
        let started = Instant::now();
        let outcome = workers::run(
            units.len(),
            1,
            workers,
            Stages {
                proceed: |_| !interrupt::requested(),
                prepare: Ok,
                work: |worker: &mut SampleWorker<'_>, task: usize| {
                    worker.sample(&units[task].1, &tick).map_err(|failure| {
                        failure.within(format_args!("samples of `{}`", self.recipe.generator.id))
                    })
                },
                collect: |task: usize, (part, spent): (SampleChunk, Spent)| {
                    clock.spent.add(spent);
                    assembly.add(units[task].0, part)
                },
            },
        );
        clock.sampling = started.elapsed();
        outcome?;
        assembly.store_beginnings()?;
        let job = job.into_inner().unwrap_or_else(PoisonError::into_inner);
        chunk_job::end(job);
        Ok(sessions)
    }

    fn job(&self, units: &[(usize, Unit)]) -> Job {
        let samples: usize = units.iter().map(|(_, unit)| unit.samples.len()).sum();
        let steps = self.recipe.plan.steps.len();
        let title = format!("sample {}", self.recipe.generator.id);
        let unit = if steps == 1 { "images" } else { "steps" };
        self.progress.job(title, (samples * steps) as u64, unit)
    }
}

fn check_numbers(recipe: &Recipe, count: usize) -> Result<(), Failure> {
    if !(1..=MOST_SAMPLES).contains(&count) {
        return Err(Failure::invalid(format_args!(
            "--count {count}: expected 1 to {MOST_SAMPLES} samples"
        )));
    }
    let (width, height) = recipe.size();
    let chunk = recipe.generator.chunk as usize;
    let bytes = [width, height, 3, chunk].into_iter().try_fold(1_usize, usize::checked_mul);
    match bytes {
        Some(bytes) if bytes <= MOST_CHUNK_BYTES => Ok(()),
        _ => Err(Failure::invalid(format_args!(
            "generator `{}`: a chunk of {chunk} images of {width}x{height} has more than {MOST_CHUNK_BYTES} bytes: \
             set a smaller `chunk` in its manifest",
            recipe.generator.id
        ))),
    }
}

/// Samples of a unit: at least `wanted`, in whole calls of the network and of the decoder.
fn unit_size(recipe: &Recipe, wanted: usize) -> usize {
    let network = (recipe.generator.network.batch as usize).max(1);
    let decoder = recipe.generator.decoder.as_ref().map_or(1, |decoder| decoder.batch as usize);
    let both = (1..=decoder.max(1)).find(|times| (times * network).is_multiple_of(decoder.max(1)));
    let whole = network * both.unwrap_or(1);
    // A unit never goes beyond its chunk.
    wanted.clamp(1, recipe.generator.chunk.max(1) as usize).div_ceil(whole) * whole
}
