//! Images through a network, chunk by chunk. What is computed is stored by its content and never computed again.

use super::feature_chunk::{self, FeatureChunk};
use super::image_set::{self, ImageSet};
use super::network::FeatureNetwork;
use super::sample_stream::SampleStream;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::images::prepare::Preparer;
use crate::interrupt;
use crate::onnx::session::{Session, SessionRecord};
use crate::pipeline::chunk_job::{self, ChunkJob, PreparedBatch};
use crate::pipeline::{ChunkIdentity, Execution};
use crate::progress::{Job, Progress};
use ndarray::{Array2, Axis};
use retally_manifests::Digest;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Names what a chunk's rows are; raised when they change.
const CONTENT: &str = "retally-network-outputs/1";

/// A network that images can be sent through.
pub(super) struct Extraction<'a> {
    network: &'a FeatureNetwork,
    execution: &'a Execution<'a>,
    folder: &'a Path,
    preparer: Preparer,
    progress: &'a Progress,
}

/// The stored outputs of an image set.
#[derive(Clone, Debug)]
pub(super) struct StoredOutputs {
    folder: PathBuf,
    keys: Vec<Digest>,
    ranges: Vec<Range<usize>>,
}

/// The stored outputs of images that came in groups.
pub(super) struct StreamedOutputs {
    pub(super) stored: StoredOutputs,
    /// Of every image, in order.
    pub(super) digests: Vec<Digest>,
    /// The session, where one was needed.
    pub(super) session: Option<SessionRecord>,
}

impl<'a> Extraction<'a> {
    /// Chunks are kept in `folder`.
    ///
    /// # Errors
    /// If the network's preprocessing is not possible.
    pub(super) fn new(
        network: &'a FeatureNetwork,
        execution: &'a Execution<'a>,
        folder: &'a Path,
        progress: &'a Progress,
    ) -> Result<Self, Failure> {
        let preparer = Preparer::new(network.recipe)?;
        Ok(Self { network, execution, folder, preparer, progress })
    }

    /// Id of every decoding, resizing and normalising step.
    pub(super) fn preprocessing(&self) -> String {
        self.preparer.id()
    }

    /// Computes the outputs of all images that are not stored, and says where they are; also the session, where one was
    /// needed.
    ///
    /// # Errors
    /// Unreadable images, a model that does not fit, a full disk, an interruption. Finished chunks are kept.
    pub(super) fn run(
        &self,
        images: &ImageSet,
        title: &str,
    ) -> Result<(StoredOutputs, Option<SessionRecord>), Failure> {
        let stored = self.stored(images.digests())?;
        let missing = self.missing(&stored)?;
        if missing.is_empty() {
            return Ok((stored, None));
        }
        let session = self.compute(images, &stored, &missing, title)?;
        if interrupt::requested() && !self.missing(&stored)?.is_empty() {
            return Err(self.stopped());
        }
        Ok((stored, Some(session)))
    }

    /// The same for images that come in groups, each of which may be forgotten once its outputs are stored.
    ///
    /// # Errors
    /// As [`Extraction::run`], and those of the stream.
    pub(super) fn run_stream(
        &self,
        stream: &mut dyn SampleStream,
        job: &mut Job,
    ) -> Result<StreamedOutputs, Failure> {
        let mut all = StreamedOutputs {
            stored: StoredOutputs {
                folder: self.folder.to_owned(),
                keys: Vec::new(),
                ranges: Vec::new(),
            },
            digests: Vec::new(),
            session: None,
        };
        for group in stream.groups() {
            let known = match stream.digests(&group)? {
                Some(digests) if self.missing(&self.stored(&digests)?)?.is_empty() => Some(digests),
                _ => None,
            };
            let digests = match known {
                Some(digests) => digests,
                None if interrupt::requested() => return Err(self.stopped()),
                None => self.run_group(stream, &group, &mut all.session)?,
            };
            all.stored.append(self.stored(&digests)?);
            all.digests.extend(digests);
            job.advance(group.len() as u64);
        }
        Ok(all)
    }

    fn run_group(
        &self,
        stream: &mut dyn SampleStream,
        group: &Range<usize>,
        used: &mut Option<SessionRecord>,
    ) -> Result<Vec<Digest>, Failure> {
        // The images are in memory: their digests take no time worth a line.
        let quiet = Progress::new(true);
        let images = ImageSet::examine(stream.images(group)?, stream.title(), &quiet)?;
        let (_, session) = self.run(&images, stream.title())?;
        stream.finished(group, images.digests())?;
        if session.is_some() {
            *used = session;
        }
        Ok(images.digests().to_vec())
    }

    /// Where the outputs of images with these digests are, or will be.
    fn stored(&self, digests: &[Digest]) -> Result<StoredOutputs, Failure> {
        let ranges = image_set::chunks(digests.len());
        let keys = ranges
            .iter()
            .map(|range| self.identity(&digests[range.clone()]).key())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(StoredOutputs { folder: self.folder.to_owned(), keys, ranges })
    }

    fn stopped(&self) -> Failure {
        Failure::new(
            ExitStatus::Incomplete,
            format_args!(
                "stopped before the end; what is done is kept in `{}`, and the same command continues",
                self.folder.display()
            ),
        )
    }

    /// Numbers of the chunks that are not stored, or damaged.
    fn missing(&self, stored: &StoredOutputs) -> Result<Vec<usize>, Failure> {
        let mut missing = Vec::new();
        for index in 0..stored.keys.len() {
            match stored.chunk(index, 0)? {
                Some(Ok(_)) => {}
                None => missing.push(index),
                Some(Err(reason)) => {
                    let path = stored.path(index);
                    self.progress.note(format!(
                        "chunk {} is damaged ({reason}); it is computed again",
                        path.display()
                    ));
                    missing.push(index);
                }
            }
        }
        Ok(missing)
    }

    fn compute(
        &self,
        images: &ImageSet,
        stored: &StoredOutputs,
        missing: &[usize],
        title: &str,
    ) -> Result<SessionRecord, Failure> {
        std::fs::create_dir_all(self.folder)
            .map_err(|error| Failure::file("create the folder", self.folder, &error))?;
        let count: usize = missing.iter().map(|&chunk| stored.ranges[chunk].len()).sum();
        let tensors = self.network.outputs.iter().map(|output| output.tensor.clone()).collect();
        let (sessions, record) = self
            .execution
            .open(&self.network.file, tensors)
            .map_err(|failure| failure.within(format_args!("model `{}`", self.network.name)))?;
        self.check_batch(&sessions)?;
        self.network.check_unchanged()?;
        let mut job = self.progress.job(title, count as u64, "images");
        let chunk_job = ChunkJob {
            ranges: &stored.ranges,
            batch: self.network.batch,
            shape: self.preparer.shape(),
            preparers: self.execution.preparers(sessions.len()),
            prepare: &|samples, out| {
                chunk_job::prepare_each(
                    &self.preparer,
                    |index| images.read_again(index),
                    samples,
                    out,
                )
            },
        };
        chunk_job.compute(
            missing,
            sessions,
            &mut job,
            |session: &mut Session, batch| self.outputs_of(session, batch, images),
            |index, parts| {
                let chunk = feature_chunk::join(&parts)?;
                feature_chunk::write(&stored.path(index), &stored.keys[index], &chunk)
            },
        )?;
        chunk_job::end(job);
        Ok(record)
    }

    /// A model that was exported for one batch size takes no other.
    fn check_batch(&self, sessions: &[Session]) -> Result<(), Failure> {
        let expected = sessions.first().and_then(|session| *session.expects().shape.first()?);
        match expected {
            Some(size) if size != self.network.batch => Err(Failure::invalid(format_args!(
                "model `{}` takes batches of {size} alone, not of {}: give --batch {size}",
                self.network.name, self.network.batch
            ))),
            _ => Ok(()),
        }
    }

    fn outputs_of(
        &self,
        session: &mut Session,
        batch: &PreparedBatch,
        images: &ImageSet,
    ) -> Result<FeatureChunk, Failure> {
        let outputs = session.run(batch.input.view()).map_err(|error| {
            let first = images.key(batch.samples.start);
            Failure::from(error).within(format_args!("batch of image `{first}`"))
        })?;
        let samples = batch.samples.len();
        let outputs = self.network.outputs.iter().zip(&outputs);
        outputs
            .map(|(output, values)| {
                let rows = output.rows(values, samples)?;
                let finite = |row: &ndarray::ArrayView1<'_, f32>| row.iter().all(|v| v.is_finite());
                match rows.rows().into_iter().position(|row| !finite(&row)) {
                    None => Ok(rows),
                    Some(row) => Err(Failure::invalid(format_args!(
                        "model output `{}` of image `{}` holds NaN or an infinity: check the model, and that the protocol's \
                         pixel scale is the one it was made for",
                        output.tensor,
                        images.key(batch.samples.start + row)
                    ))),
                }
            })
            .collect()
    }

    fn identity(&self, inputs: &[Digest]) -> ChunkIdentity {
        ChunkIdentity {
            format: ChunkIdentity::current_format(),
            inputs: inputs.to_vec(),
            model: self.network.digest,
            preprocessing: self.preparer.id(),
            precision: "float32",
            provider: self.execution.device.provider().to_owned(),
            onnxruntime: self.execution.library_id(),
            session: self.execution.session_id(),
            batch: u32::try_from(self.network.batch).unwrap_or(u32::MAX),
            outputs: self
                .network
                .outputs
                .iter()
                .map(super::feature_output::FeatureOutput::id)
                .collect(),
            scores: CONTENT.to_owned(),
        }
    }
}

impl StoredOutputs {
    /// Adds the samples of another set after these.
    fn append(&mut self, other: Self) {
        let first = self.ranges.last().map_or(0, |range| range.end);
        let moved = other.ranges.into_iter().map(|range| first + range.start..first + range.end);
        self.ranges.extend(moved);
        self.keys.extend(other.keys);
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{}.safetensors", self.keys[index]))
    }

    fn chunk(
        &self,
        index: usize,
        output: usize,
    ) -> Result<Option<Result<Array2<f32>, String>>, Failure> {
        let samples = self.ranges[index].len();
        feature_chunk::read(&self.path(index), &self.keys[index], (samples, output))
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.keys.len()
    }

    /// Rows of one output of a chunk.
    ///
    /// # Errors
    /// If the chunk has vanished or was damaged since it was stored.
    pub(super) fn load_chunk(&self, index: usize, output: usize) -> Result<Array2<f32>, Failure> {
        match self.chunk(index, output)? {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(reason)) => Err(self.lost(index, &reason)),
            None => Err(self.lost(index, "it is gone")),
        }
    }

    /// All rows of one output, in sample order.
    ///
    /// # Errors
    /// As [`StoredOutputs::load_chunk`].
    pub(super) fn load(&self, output: usize) -> Result<Array2<f32>, Failure> {
        let count = self.ranges.last().map_or(0, |range| range.end);
        let mut all: Option<Array2<f32>> = None;
        for (index, range) in self.ranges.iter().enumerate() {
            let rows = self.load_chunk(index, output)?;
            let all = all.get_or_insert_with(|| Array2::zeros((count, rows.ncols())));
            if rows.ncols() != all.ncols() {
                return Err(self.lost(index, "it has another width than the others"));
            }
            all.slice_axis_mut(Axis(0), ndarray::Slice::from(range.clone())).assign(&rows);
        }
        Ok(all.unwrap_or_default())
    }

    fn lost(&self, index: usize, reason: &str) -> Failure {
        Failure::temporary(format_args!(
            "stored features `{}` cannot be used: {reason}; start the same command again",
            self.path(index).display()
        ))
    }
}
