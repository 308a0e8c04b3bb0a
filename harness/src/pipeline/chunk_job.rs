//! The way from samples to chunks, whatever a chunk holds: batches, padding, threads, and chunks put together in order.

use super::workers::{self, Stages};
use crate::failure::Failure;
use crate::images::mask::Mask;
use crate::images::prepare::Preparer;
use crate::images::reader::RawSample;
use crate::interrupt;
use crate::progress::Job;
use ndarray::{ArrayD, IxDyn};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// A batch as a model takes it.
#[derive(Debug)]
pub(crate) struct PreparedBatch {
    /// The samples; the input's further rows are padding.
    pub(crate) samples: Range<usize>,
    /// The whole batch.
    pub(crate) input: ArrayD<f32>,
    /// The samples' object masks.
    pub(crate) masks: Vec<Option<Mask>>,
}

/// Samples that become chunks.
pub(crate) struct ChunkJob<'a> {
    /// The samples of each chunk.
    pub(crate) ranges: &'a [Range<usize>],
    /// Samples that go through the model together.
    pub(crate) batch: usize,
    /// Axes of one sample's input.
    pub(crate) shape: [usize; 3],
    /// Threads that make inputs.
    pub(crate) preparers: usize,
    /// Writes the inputs of consecutive samples one after the other, and returns their masks.
    pub(crate) prepare: &'a PrepareSamples<'a>,
}

/// Makes the inputs of consecutive samples.
pub(crate) type PrepareSamples<'a> =
    dyn Fn(Range<usize>, &mut [f32]) -> Result<Vec<Option<Mask>>, Failure> + Sync + 'a;

/// Decodes, resizes and normalises samples one after the other into `out`; `read` gives their bytes.
///
/// # Errors
/// The first that cannot be read or used.
pub(crate) fn prepare_each(
    preparer: &Preparer,
    read: impl Fn(usize) -> Result<RawSample, Failure>,
    samples: Range<usize>,
    out: &mut [f32],
) -> Result<Vec<Option<Mask>>, Failure> {
    let one: usize = preparer.shape().iter().product();
    samples
        .zip(out.chunks_exact_mut(one))
        .map(|(index, target)| Ok(preparer.prepare(&read(index)?, target)?.mask))
        .collect()
}

/// Consecutive samples of one chunk that go through a model together.
#[derive(Debug)]
struct Batch {
    chunk: usize,
    first_of_chunk: bool,
    samples: Range<usize>,
}

impl ChunkJob<'_> {
    /// Computes some chunks: `run` turns each batch into a part on one of `workers`, `finish` takes a chunk's parts in
    /// sample order as soon as they are complete, on the calling thread.
    ///
    /// An interruption lets the chunk in flight end, and begins no other.
    ///
    /// # Errors
    /// The first error of a sample, of `run` or of `finish`; chunks finished before it stay finished.
    pub(crate) fn compute<Worker: Send, Part: Send>(
        &self,
        missing: &[usize],
        workers: Vec<Worker>,
        job: &mut Job,
        run: impl Fn(&mut Worker, &PreparedBatch) -> Result<Part, Failure> + Sync,
        mut finish: impl FnMut(usize, Vec<Part>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let batches = self.batches(missing);
        let mut assembly = Assembly { ranges: self.ranges, waiting: HashMap::new() };
        workers::run(
            batches.len(),
            self.preparers,
            workers,
            Stages {
                proceed: |task: usize| !(interrupt::requested() && batches[task].first_of_chunk),
                prepare: |task: usize| self.prepare(&batches[task]),
                work: |worker: &mut Worker, prepared| run(worker, &prepared),
                collect: |task: usize, part| {
                    let batch = &batches[task];
                    if let Some(parts) = assembly.add(batch, part) {
                        finish(batch.chunk, parts)?;
                    }
                    job.advance(batch.samples.len() as u64);
                    Ok(())
                },
            },
        )
    }

    /// The batches of some chunks, in order. A batch never crosses a chunk's end.
    fn batches(&self, missing: &[usize]) -> Vec<Batch> {
        let mut batches = Vec::new();
        for &chunk in missing {
            let range = self.ranges[chunk].clone();
            for start in range.clone().step_by(self.batch) {
                let samples = start..range.end.min(start + self.batch);
                batches.push(Batch { chunk, first_of_chunk: start == range.start, samples });
            }
        }
        batches
    }

    /// Makes the input of a batch. A short batch is padded with zeros to the full shape, so that a sample's
    /// features do not depend on how many neighbours it has.
    fn prepare(&self, batch: &Batch) -> Result<PreparedBatch, Failure> {
        let one: usize = self.shape.iter().product();
        let mut pixels = vec![0.0_f32; self.batch * one];
        let filled = &mut pixels[..batch.samples.len() * one];
        let masks = (self.prepare)(batch.samples.clone(), filled)?;
        let dimensions: Vec<usize> = std::iter::once(self.batch).chain(self.shape).collect();
        let input = ArrayD::from_shape_vec(IxDyn(&dimensions), pixels)
            .map_err(|error| Failure::invalid(format_args!("cannot shape a batch: {error}")))?;
        Ok(PreparedBatch { samples: batch.samples.clone(), input, masks })
    }
}

/// Ends a job; an interrupted one without the line that says it is complete.
pub(crate) fn end(job: Job) {
    if interrupt::requested() {
        drop(job);
    } else {
        job.finish();
    }
}

/// Chunks that wait for their last batch. Batches arrive in any order; a chunk's parts are given in sample order.
struct Assembly<'a, Part> {
    ranges: &'a [Range<usize>],
    waiting: HashMap<usize, Waiting<Part>>,
}

struct Waiting<Part> {
    samples: usize,
    parts: BTreeMap<usize, Part>,
}

impl<Part> Assembly<'_, Part> {
    /// Takes a batch's part; returns all parts of its chunk when they are complete.
    fn add(&mut self, batch: &Batch, part: Part) -> Option<Vec<Part>> {
        let waiting = self
            .waiting
            .entry(batch.chunk)
            .or_insert_with(|| Waiting { samples: 0, parts: BTreeMap::new() });
        waiting.samples += batch.samples.len();
        waiting.parts.insert(batch.samples.start, part);
        if waiting.samples < self.ranges[batch.chunk].len() {
            return None;
        }
        let complete = self.waiting.remove(&batch.chunk)?;
        Some(complete.parts.into_values().collect())
    }
}
