//! Images through the encoder, chunk by chunk. A chunk that is finished is stored until the features are written, so that
//! the same command continues.

use super::encoder::Encoder;
use super::inputs::Inputs;
use super::layout::Layout;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::generation::feature_chunk::{self, FeatureChunk};
use crate::generation::image_set::{CHUNK, ImageSet};
use crate::interrupt;
use crate::onnx::session::Session;
use crate::pipeline::chunk_job::{self, ChunkJob, PreparedBatch};
use crate::pipeline::{ChunkIdentity, Execution};
use crate::progress::Progress;
use ndarray::Array2;
use retally_manifests::Digest;
use std::ops::Range;
use std::path::PathBuf;

/// Names what a chunk's rows are; raised when they change.
const CONTENT: &str = "retally-features/1";

/// A chunk has no more bytes, unless one batch has.
const CHUNK_BYTES: usize = 64 << 20;

/// Everything that features are computed from.
pub(super) struct Extraction<'a> {
    /// The model.
    pub(super) encoder: &'a Encoder,
    /// Makes its inputs.
    pub(super) inputs: &'a Inputs,
    /// The images.
    pub(super) images: &'a ImageSet,
    /// The shape of the result.
    pub(super) layout: &'a Layout,
    /// How the model is run.
    pub(super) execution: &'a Execution<'a>,
    /// Where chunks are kept.
    pub(super) folder: PathBuf,
    /// Where progress goes.
    pub(super) progress: &'a Progress,
}

/// The chunks of an extraction.
#[derive(Debug)]
pub(super) struct StoredRows {
    folder: PathBuf,
    keys: Vec<Digest>,
    ranges: Vec<Range<usize>>,
}

impl Extraction<'_> {
    /// Computes all rows that are not stored.
    ///
    /// # Errors
    /// Unreadable images, a model that does not fit its manifest, a full disk, an interruption. Finished chunks are kept.
    pub(super) fn run(&self) -> Result<StoredRows, Failure> {
        let stored = self.stored()?;
        let missing = self.missing(&stored)?;
        if !missing.is_empty() {
            self.compute(&stored, &missing)?;
            if interrupt::requested() && !self.missing(&stored)?.is_empty() {
                return Err(stored.stopped());
            }
        }
        Ok(stored)
    }

    fn stored(&self) -> Result<StoredRows, Failure> {
        let ranges = ranges(self.layout, self.encoder.batch());
        let key = |range: &Range<usize>| self.identity(range.clone()).key();
        let keys = ranges.iter().map(key).collect::<Result<_, _>>()?;
        Ok(StoredRows { folder: self.folder.clone(), keys, ranges })
    }

    /// Numbers of the chunks that are not stored, or damaged.
    fn missing(&self, stored: &StoredRows) -> Result<Vec<usize>, Failure> {
        let mut missing = Vec::new();
        for index in 0..stored.keys.len() {
            match stored.chunk(index)? {
                Some(Ok(_)) => continue,
                None => {}
                Some(Err(reason)) => self.progress.note(format!(
                    "chunk {} is damaged ({reason}); it is computed again",
                    stored.path(index).display()
                )),
            }
            missing.push(index);
        }
        Ok(missing)
    }

    fn compute(&self, stored: &StoredRows, missing: &[usize]) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| Failure::file("create the folder", &self.folder, &error))?;
        let about = || format!("model `{}`", self.encoder.model.id);
        let (sessions, _) = self
            .execution
            .open(&self.encoder.file, vec![self.encoder.tap.tensor.clone()])
            .map_err(|failure| failure.within(about()))?;
        self.encoder.check_unchanged()?;
        let rows: usize = missing.iter().map(|&chunk| stored.ranges[chunk].len()).sum();
        let unit = if self.inputs.views().is_some() { "views" } else { "images" };
        let title = format!("features of {}", self.encoder.model.id);
        let mut job = self.progress.job(title, rows as u64, unit);
        let chunk_job = ChunkJob {
            ranges: &stored.ranges,
            batch: self.encoder.batch(),
            shape: self.inputs.shape(),
            preparers: self.execution.preparers(sessions.len()),
            prepare: &|rows, out| self.inputs.write(self.images, rows, out),
        };
        chunk_job.compute(
            missing,
            sessions,
            &mut job,
            |session: &mut Session, batch| self.rows_of(session, batch),
            |index, parts| {
                let chunk = feature_chunk::join(&parts)?;
                feature_chunk::write(&stored.path(index), &stored.keys[index], &chunk)
            },
        )?;
        chunk_job::end(job);
        Ok(())
    }

    fn rows_of(
        &self,
        session: &mut Session,
        batch: &PreparedBatch,
    ) -> Result<FeatureChunk, Failure> {
        let views = self.inputs.views().unwrap_or(1);
        let name = |row: usize| self.images.key(row / views);
        let outputs = session.run(batch.input.view()).map_err(|error| {
            Failure::from(error)
                .within(format_args!("batch of image `{}`", name(batch.samples.start)))
        })?;
        let output = outputs.first().ok_or_else(|| {
            Failure::invalid(format_args!("model `{}` gave no output", self.encoder.model.id))
        })?;
        let rows = self.encoder.rows(output, batch.samples.len())?;
        let is_finite = |row: ndarray::ArrayView1<'_, f32>| row.iter().all(|v| v.is_finite());
        match rows.rows().into_iter().position(|row| !is_finite(row)) {
            None => Ok(vec![rows]),
            Some(row) => Err(Failure::invalid(format_args!(
                "model output `{}` of image `{}` holds NaN or an infinity: check the model, and the normalisation in its \
                 manifest entry",
                self.encoder.tap.tensor,
                name(batch.samples.start + row)
            ))),
        }
    }

    fn identity(&self, rows: Range<usize>) -> ChunkIdentity {
        ChunkIdentity {
            format: ChunkIdentity::current_format(),
            inputs: rows.map(|row| self.inputs.digest(self.images, row)).collect(),
            model: self.encoder.digest,
            preprocessing: self.inputs.id(),
            precision: "float32",
            provider: self.execution.device.provider().to_owned(),
            onnxruntime: self.execution.library_id(),
            session: self.execution.session_id(),
            batch: self.encoder.model.input.batch,
            outputs: vec![self.encoder.output_id()],
            scores: CONTENT.to_owned(),
        }
    }
}

/// Rows of the chunks: whole batches, so that a chunk's end pads none but the last.
fn ranges(layout: &Layout, batch: usize) -> Vec<Range<usize>> {
    let rows = (CHUNK_BYTES / layout.width().saturating_mul(4).max(1)).clamp(1, CHUNK);
    let rows = (rows / batch).max(1) * batch;
    let count = layout.rows();
    (0..count).step_by(rows).map(|start| start..count.min(start + rows)).collect()
}

impl StoredRows {
    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{}.safetensors", self.keys[index]))
    }

    fn chunk(&self, index: usize) -> Result<Option<Result<Array2<f32>, String>>, Failure> {
        let rows = self.ranges[index].len();
        feature_chunk::read(&self.path(index), &self.keys[index], (rows, 0))
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.keys.len()
    }

    /// The rows of a chunk.
    ///
    /// # Errors
    /// If it has vanished or was damaged since it was stored.
    pub(super) fn load(&self, index: usize) -> Result<Array2<f32>, Failure> {
        let lost = |reason: &str| {
            Failure::temporary(format_args!(
                "stored features `{}` cannot be used: {reason}; start the same command again",
                self.path(index).display()
            ))
        };
        match self.chunk(index)? {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(reason)) => Err(lost(&reason)),
            None => Err(lost("it is gone")),
        }
    }

    /// The failure of an interruption.
    pub(super) fn stopped(&self) -> Failure {
        Failure::new(
            ExitStatus::Incomplete,
            format_args!(
                "stopped before the end; what is done is kept in `{}`, and the same command continues",
                self.folder.display()
            ),
        )
    }

    /// Gives the room of the chunks back, once their rows are elsewhere.
    pub(super) fn remove(&self) {
        for index in 0..self.keys.len() {
            // A chunk that stays takes room, and is as good as new for the same command.
            let _ = std::fs::remove_file(self.path(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_whole_batches_of_a_bounded_size() {
        let of = |rows, width, batch| {
            let layout = Layout::new(rows, None, &[width]).unwrap();
            ranges(&layout, batch)
        };
        assert_eq!(of(600, 8, 5), [0..255, 255..510, 510..600]);
        assert_eq!(of(5, 1 << 23, 2), [0..2, 2..4, 4..5]);
        assert_eq!(of(5, 1 << 30, 3), [0..3, 3..5]);
        assert_eq!(of(700, 8, 512), [0..512, 512..700]);
    }
}
