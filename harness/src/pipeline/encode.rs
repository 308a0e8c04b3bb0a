//! One model over one data set: chunks that exist are read, the others are computed and stored.

use super::chunk::{self, Chunk, ChunkIdentity};
use super::samples::Samples;
use super::worker::{PreparedBatch, Worker};
use super::workers::{self, Stages};
use crate::failure::Failure;
use crate::images::prepare::Preparer;
use crate::interrupt;
use crate::onnx::device::Device;
use crate::onnx::library::Library;
use crate::onnx::session::{self, Session, SessionOptions, SessionRecord};
use crate::progress::{Job, Progress};
use crate::run::directory::RunDirectory;
use ndarray::{ArrayD, IxDyn};
use retally_manifests::{Digest, Model};
use retally_metrics::spatial::Definition;
use retally_suites::run::method;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;

/// How models are run; the same for every model of a run.
#[derive(Debug)]
pub struct EncodeSettings<'a> {
    /// The loaded ONNX Runtime.
    pub library: &'a Library,
    /// Where sessions run.
    pub device: Device,
    /// Cores to use.
    pub threads: usize,
    /// Faster kernels whose results may differ between runs.
    pub fast: bool,
    /// Definition of the spatial scores.
    pub spatial: Definition,
}

/// The sessions of all threads together may hold about this many bytes of weights; beyond it threads share sessions.
const SESSION_BYTES: u64 = 2 << 30;

impl EncodeSettings<'_> {
    /// How many sessions run side by side, and with how many threads each. Neither changes a bit of the result; many
    /// single-threaded sessions waste no core on waiting.
    fn sessions(&self, model_bytes: u64) -> (usize, usize) {
        if self.device != Device::Cpu {
            return (1, self.threads);
        }
        let room = usize::try_from(SESSION_BYTES / model_bytes.max(1)).unwrap_or(usize::MAX);
        let sessions = self.threads.min(room).max(1);
        (sessions, (self.threads / sessions).max(1))
    }
}

/// A model over a data set in a run directory.
#[derive(Debug)]
pub struct Encoding<'a> {
    model: &'a Model,
    file: &'a Path,
    samples: &'a Samples,
    settings: &'a EncodeSettings<'a>,
    directory: &'a RunDirectory,
    preparer: Preparer,
    ranges: Vec<Range<usize>>,
    keys: Vec<Digest>,
}

impl<'a> Encoding<'a> {
    /// Names the chunks; computes nothing yet.
    ///
    /// # Errors
    /// If the model's preprocessing is not possible.
    pub fn new(
        (model, digest, file): (&'a Model, Digest, &'a Path),
        samples: &'a Samples,
        settings: &'a EncodeSettings<'a>,
        directory: &'a RunDirectory,
    ) -> Result<Self, Failure> {
        let preparer = Preparer::for_model(&model.input, samples.dataset())?;
        let ranges = samples.chunks();
        let keys = ranges
            .iter()
            .map(|range| {
                identity(model, digest, &preparer, settings, &samples.digests()[range.clone()])
                    .key()
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { model, file, samples, settings, directory, preparer, ranges, keys })
    }

    /// How many chunks there are, and how many of them are stored already.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let stored = self.keys.iter().filter(|key| self.directory.chunk(key).exists()).count();
        (self.keys.len(), stored)
    }

    /// The names of the chunks, in sample order.
    #[must_use]
    pub fn keys(&self) -> &[Digest] {
        &self.keys
    }

    /// Id of every decoding, resizing and normalising step.
    #[must_use]
    pub fn preprocessing(&self) -> String {
        self.preparer.id()
    }

    /// Returns the chunks in sample order, computing those that the run directory lacks.
    ///
    /// Returns `None` if an interruption stopped it; what was computed is stored.
    ///
    /// # Errors
    /// Unreadable images, a model that does not fit its manifest, a failed session, a full disk.
    pub fn encode(&self, progress: &Progress) -> Result<Option<Encoded>, Failure> {
        let mut chunks = self.read_stored(progress)?;
        let missing: Vec<usize> =
            (0..chunks.len()).filter(|&index| chunks[index].is_none()).collect();
        let session = match missing.as_slice() {
            [] => None,
            missing => Some(self.compute(missing, &mut chunks, progress)?),
        };
        let chunks: Option<Vec<Chunk>> = chunks.into_iter().collect();
        Ok(chunks.map(|chunks| Encoded { chunks, session }))
    }

    fn read_stored(&self, progress: &Progress) -> Result<Vec<Option<Chunk>>, Failure> {
        self.ranges
            .iter()
            .zip(&self.keys)
            .map(|(range, key)| {
                let path = self.directory.chunk(key);
                chunk::read(&path, key, &self.model.taps, range.len(), |damage| {
                    progress.note(damage)
                })
            })
            .collect()
    }

    fn compute(
        &self,
        missing: &[usize],
        chunks: &mut [Option<Chunk>],
        progress: &Progress,
    ) -> Result<SessionRecord, Failure> {
        let batches = self.batches(missing);
        let images: usize = batches.iter().map(|batch| batch.samples.len()).sum();
        let mut job = progress.job(self.model.name.clone(), images as u64, "images");
        let (workers, session) = self.open_workers()?;
        let preparers = workers.len().div_ceil(4);
        let mut assembly = Assembly::new(self);
        workers::run(
            batches.len(),
            preparers,
            workers,
            Stages {
                // An interruption lets the chunk in flight end, and begins no other.
                proceed: |task: usize| !(interrupt::requested() && batches[task].first_of_chunk),
                prepare: |task: usize| self.prepare(&batches[task]),
                work: |worker: &mut Worker, prepared| {
                    worker.run(&prepared, |sample| self.samples.infos()[sample].key.clone())
                },
                collect: |task: usize, encoded| {
                    let batch = &batches[task];
                    if let Some(chunk) = assembly.add(batch, encoded)? {
                        chunks[batch.chunk] = Some(chunk);
                    }
                    job.advance(batch.samples.len() as u64);
                    Ok(())
                },
            },
        )?;
        end(job);
        Ok(session)
    }

    /// The batches of the missing chunks, in order. A batch never crosses a chunk's end.
    fn batches(&self, missing: &[usize]) -> Vec<Batch> {
        let size = self.model.input.batch as usize;
        let mut batches = Vec::new();
        for &chunk in missing {
            let range = self.ranges[chunk].clone();
            for start in range.clone().step_by(size) {
                let samples = start..range.end.min(start + size);
                batches.push(Batch { chunk, first_of_chunk: start == range.start, samples });
            }
        }
        batches
    }

    fn open_workers(&self) -> Result<(Vec<Worker>, SessionRecord), Failure> {
        let bytes = std::fs::metadata(self.file)
            .map_err(|error| Failure::file("read the model", self.file, &error))?
            .len();
        let (count, threads) = self.settings.sessions(bytes);
        let options = SessionOptions {
            device: self.settings.device,
            threads,
            fast: self.settings.fast,
            outputs: self.model.taps.iter().map(|tap| tap.tensor.clone()).collect(),
        };
        let open = || {
            Session::open(self.settings.library, self.file, &options).map_err(|error| {
                Failure::from(error).within(format_args!("model `{}`", self.model.id))
            })
        };
        let first = open()?;
        let record = first.record().clone();
        let mut workers = vec![Worker::new(first, self.model, self.settings.spatial)?];
        for _ in 1..count {
            workers.push(Worker::new(open()?, self.model, self.settings.spatial)?);
        }
        Ok((workers, record))
    }

    /// Decodes, resizes and normalises a batch. A short batch is padded with zeros to the full shape, so that a sample's
    /// features do not depend on how many neighbours it has.
    fn prepare(&self, batch: &Batch) -> Result<PreparedBatch, Failure> {
        let size = self.model.input.batch as usize;
        let shape = self.preparer.shape();
        let one: usize = shape.iter().product();
        let mut pixels = vec![0.0_f32; size * one];
        let mut masks = Vec::with_capacity(batch.samples.len());
        for (index, target) in batch.samples.clone().zip(pixels.chunks_exact_mut(one)) {
            let raw = self.samples.read(index)?;
            masks.push(self.preparer.prepare(&raw, target)?.mask);
        }
        let dimensions: Vec<usize> = std::iter::once(size).chain(shape).collect();
        let input = ArrayD::from_shape_vec(IxDyn(&dimensions), pixels)
            .map_err(|error| Failure::invalid(format_args!("cannot shape a batch: {error}")))?;
        Ok(PreparedBatch { samples: batch.samples.clone(), input, masks })
    }
}

/// The chunks of a model, in sample order.
#[derive(Debug)]
pub struct Encoded {
    /// One entry a chunk.
    pub chunks: Vec<Chunk>,
    /// The session, where one was needed.
    pub session: Option<SessionRecord>,
}

fn end(job: Job) {
    if interrupt::requested() {
        drop(job);
    } else {
        job.finish();
    }
}

/// The versioned name of a definition, as suites compare it.
#[must_use]
pub fn spatial_method(definition: Definition) -> &'static str {
    match definition {
        Definition::Code => method::SPATIAL_CODE,
        Definition::Paper => method::SPATIAL_PAPER,
    }
}

/// Everything that decides a chunk's bytes.
fn identity(
    model: &Model,
    digest: Digest,
    preparer: &Preparer,
    settings: &EncodeSettings<'_>,
    inputs: &[Digest],
) -> ChunkIdentity {
    let library = settings.library.record();
    ChunkIdentity {
        format: ChunkIdentity::current_format(),
        inputs: inputs.to_vec(),
        model: digest,
        preprocessing: preparer.id(),
        precision: "float32",
        provider: settings.device.provider().to_owned(),
        onnxruntime: format!("{} {}", library.version, library.sha256),
        session: format!("optimisation={};deterministic={}", session::OPTIMISATION, !settings.fast),
        batch: model.input.batch,
        outputs: model.taps.iter().map(|tap| tap.tensor.clone()).collect(),
        scores: spatial_method(settings.spatial).to_owned(),
    }
}

/// Consecutive samples of one chunk that go through the session together.
#[derive(Debug)]
struct Batch {
    chunk: usize,
    first_of_chunk: bool,
    samples: Range<usize>,
}

/// Chunks that wait for their last batch. Batches arrive in any order; a chunk is put together in sample order.
struct Assembly<'a> {
    encoding: &'a Encoding<'a>,
    waiting: HashMap<usize, Waiting>,
}

#[derive(Default)]
struct Waiting {
    samples: usize,
    parts: BTreeMap<usize, Chunk>,
}

impl<'a> Assembly<'a> {
    fn new(encoding: &'a Encoding<'a>) -> Self {
        Self { encoding, waiting: HashMap::new() }
    }

    /// Takes a batch; stores and returns its chunk when that is whole.
    fn add(&mut self, batch: &Batch, part: Chunk) -> Result<Option<Chunk>, Failure> {
        let encoding = self.encoding;
        let waiting = self.waiting.entry(batch.chunk).or_default();
        waiting.samples += batch.samples.len();
        waiting.parts.insert(batch.samples.start, part);
        if waiting.samples < encoding.ranges[batch.chunk].len() {
            return Ok(None);
        }
        let parts = self.waiting.remove(&batch.chunk).unwrap_or_default().parts;
        let chunk = chunk::join(parts.into_values().collect())?;
        let key = &encoding.keys[batch.chunk];
        chunk::write(&encoding.directory.chunk(key), key, &encoding.model.taps, &chunk)?;
        Ok(Some(chunk))
    }
}
