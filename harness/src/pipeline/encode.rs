//! One model over one data set: chunks that exist are read, the others are computed and stored.

use super::chunk::{self, Chunk, ChunkIdentity};
use super::chunk_job::{self, ChunkJob};
use super::execution::Execution;
use super::samples::{SampleList, Samples};
use super::stored_chunks::{StoredChunk, StoredChunks};
use super::worker::Worker;
use crate::failure::Failure;
use crate::images::prepare::Preparer;
use crate::onnx::session::SessionRecord;
use crate::progress::Progress;
use crate::run::directory::RunDirectory;
use retally_manifests::{Digest, Model};
use retally_metrics::spatial::Definition;
use retally_suites::run::method;
use std::ops::Range;
use std::path::Path;

/// How every model of a run is encoded.
#[derive(Debug)]
pub struct EncodeSettings<'a> {
    /// How models are run.
    pub execution: Execution<'a>,
    /// Definition of the spatial scores.
    pub spatial: Definition,
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
        let execution = &settings.execution;
        let naming = ChunkNaming {
            model,
            digest,
            preprocessing: preparer.id(),
            provider: execution.device.provider(),
            onnxruntime: execution.library_id(),
            session: execution.session_id(),
            spatial: settings.spatial,
        };
        let keys = naming.keys(&samples.list())?;
        Ok(Self { model, file, samples, settings, directory, preparer, ranges, keys })
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

    /// The model.
    #[must_use]
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &'a Samples {
        self.samples
    }

    /// Returns the chunks in sample order, computing those that the run directory lacks.
    ///
    /// Returns `None` if an interruption stopped it; what was computed is stored.
    ///
    /// # Errors
    /// Unreadable images, a model that does not fit its manifest, a failed session, a full disk.
    pub fn encode(&self, progress: &Progress) -> Result<Option<Encoded>, Failure> {
        let missing = self.missing(0..self.keys.len(), progress)?;
        let mut session = None;
        if !missing.is_empty() {
            let mut workers = self.open_workers()?;
            if self.compute(&missing, &mut workers, progress)? < missing.len() {
                return Ok(None);
            }
            session = Some(workers.session);
        }
        let chunks = self.stored_chunks().read_all()?;
        Ok(Some(Encoded { chunks, session }))
    }

    /// The chunks of a part of them that the run directory lacks, or has in damaged form.
    ///
    /// # Errors
    /// If a chunk's file exists and cannot be read.
    pub fn missing(&self, part: Range<usize>, progress: &Progress) -> Result<Vec<usize>, Failure> {
        let stored = self.stored_chunks();
        let mut missing = Vec::new();
        for index in part {
            match stored.read(index)? {
                StoredChunk::Whole(_) => {}
                StoredChunk::Absent => missing.push(index),
                StoredChunk::Damaged(reason) => {
                    let path = self.directory.chunk(&self.keys[index]);
                    progress.note(format!(
                        "chunk {} is damaged ({reason}); it is computed again",
                        path.display()
                    ));
                    missing.push(index);
                }
            }
        }
        Ok(missing)
    }

    fn stored_chunks(&self) -> StoredChunks<'_> {
        StoredChunks {
            root: self.directory.root(),
            model: self.model,
            keys: &self.keys,
            ranges: &self.ranges,
        }
    }

    /// Opens the model for all threads. Workers serve every encoding of the same model.
    ///
    /// # Errors
    /// If the file cannot be read, the device refuses the model, or a tap does not fit.
    pub fn open_workers(&self) -> Result<Workers, Failure> {
        let outputs = self.model.taps.iter().map(|tap| tap.tensor.clone()).collect();
        let (sessions, session) = self
            .settings
            .execution
            .open(self.file, outputs)
            .map_err(|failure| failure.within(format_args!("model `{}`", self.model.id)))?;
        let workers = sessions
            .into_iter()
            .map(|session| Worker::new(session, self.model, self.settings.spatial))
            .collect::<Result<_, _>>()?;
        Ok(Workers { workers, session })
    }

    /// Computes and stores some chunks; returns how many. An interruption lets the chunks in flight end, and begins no other.
    ///
    /// # Errors
    /// Unreadable images, a failed session, a full disk.
    pub fn compute(
        &self,
        missing: &[usize],
        workers: &mut Workers,
        progress: &Progress,
    ) -> Result<usize, Failure> {
        let images: usize = missing.iter().map(|&chunk| self.ranges[chunk].len()).sum();
        let mut job = progress.job(self.model.name.clone(), images as u64, "images");
        let chunk_job = ChunkJob {
            ranges: &self.ranges,
            batch: self.model.input.batch as usize,
            shape: self.preparer.shape(),
            preparers: self.settings.execution.preparers(workers.workers.len()),
            prepare: &|samples, out| {
                chunk_job::prepare_each(
                    &self.preparer,
                    |index| self.samples.read(index),
                    samples,
                    out,
                )
            },
        };
        let mut computed = 0;
        chunk_job.compute(
            missing,
            workers.workers.iter_mut().collect(),
            &mut job,
            |worker: &mut &mut Worker, batch| {
                worker.run(batch, |sample| self.samples.infos()[sample].key.clone())
            },
            |index, parts| {
                let chunk = chunk::join(parts)?;
                let key = &self.keys[index];
                chunk::write(&self.directory.chunk(key), key, &self.model.taps, &chunk)?;
                self.directory.place().publish_chunk(key)?;
                computed += 1;
                Ok(())
            },
        )?;
        chunk_job::end(job);
        Ok(computed)
    }
}

/// A model that is open on every thread.
pub struct Workers {
    workers: Vec<Worker>,
    session: SessionRecord,
}

impl Workers {
    /// What is recorded of the sessions.
    #[must_use]
    pub fn session(&self) -> &SessionRecord {
        &self.session
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

/// The versioned name of a definition, as suites compare it.
#[must_use]
pub fn spatial_method(definition: Definition) -> &'static str {
    match definition {
        Definition::Code => method::SPATIAL_CODE,
        Definition::Paper => method::SPATIAL_PAPER,
    }
}

/// Everything that decides the bytes of a model's chunks, beside the samples.
#[derive(Debug)]
pub(crate) struct ChunkNaming<'a> {
    pub(crate) model: &'a Model,
    /// Of the model's file.
    pub(crate) digest: Digest,
    /// Id of every decoding, resizing and normalising step.
    pub(crate) preprocessing: String,
    pub(crate) provider: &'static str,
    /// As [`super::execution::library_id`] gives it.
    pub(crate) onnxruntime: String,
    /// As [`super::execution::session_id`] gives it.
    pub(crate) session: String,
    pub(crate) spatial: Definition,
}

impl ChunkNaming<'_> {
    /// The names of the chunks, in sample order.
    pub(crate) fn keys(&self, samples: &SampleList<'_>) -> Result<Vec<Digest>, Failure> {
        let ranges = samples.chunks().into_iter();
        ranges.map(|range| self.identity(&samples.digests[range]).key()).collect()
    }

    fn identity(&self, inputs: &[Digest]) -> ChunkIdentity {
        let model = self.model;
        ChunkIdentity {
            format: ChunkIdentity::current_format(),
            inputs: inputs.to_vec(),
            model: self.digest,
            preprocessing: self.preprocessing.clone(),
            precision: "float32",
            provider: self.provider.to_owned(),
            onnxruntime: self.onnxruntime.clone(),
            session: self.session.clone(),
            batch: model.input.batch,
            outputs: model.taps.iter().map(|tap| tap.tensor.clone()).collect(),
            scores: spatial_method(self.spatial).to_owned(),
        }
    }
}
