//! One model over one data set: chunks that exist are read, the others are computed and stored.

use super::chunk::{self, Chunk, ChunkIdentity};
use super::chunk_job::{self, ChunkJob};
use super::execution::Execution;
use super::samples::{SampleList, Samples};
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
        let images: usize = missing.iter().map(|&chunk| self.ranges[chunk].len()).sum();
        let mut job = progress.job(self.model.name.clone(), images as u64, "images");
        let (workers, session) = self.open_workers()?;
        let chunk_job = ChunkJob {
            ranges: &self.ranges,
            batch: self.model.input.batch as usize,
            shape: self.preparer.shape(),
            preparers: self.settings.execution.preparers(workers.len()),
            prepare: &|samples, out| {
                chunk_job::prepare_each(
                    &self.preparer,
                    |index| self.samples.read(index),
                    samples,
                    out,
                )
            },
        };
        chunk_job.compute(
            missing,
            workers,
            &mut job,
            |worker: &mut Worker, batch| {
                worker.run(batch, |sample| self.samples.infos()[sample].key.clone())
            },
            |index, parts| {
                let chunk = chunk::join(parts)?;
                let key = &self.keys[index];
                chunk::write(&self.directory.chunk(key), key, &self.model.taps, &chunk)?;
                chunks[index] = Some(chunk);
                Ok(())
            },
        )?;
        chunk_job::end(job);
        Ok(session)
    }

    fn open_workers(&self) -> Result<(Vec<Worker>, SessionRecord), Failure> {
        let outputs = self.model.taps.iter().map(|tap| tap.tensor.clone()).collect();
        let (sessions, record) = self
            .settings
            .execution
            .open(self.file, outputs)
            .map_err(|failure| failure.within(format_args!("model `{}`", self.model.id)))?;
        let workers = sessions
            .into_iter()
            .map(|session| Worker::new(session, self.model, self.settings.spatial))
            .collect::<Result<_, _>>()?;
        Ok((workers, record))
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
