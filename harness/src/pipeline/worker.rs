//! One session and its scorers: from a prepared batch to mean tokens and spatial scores.

use super::chunk::{Chunk, TapChunk};
use super::chunk_job::PreparedBatch;
use super::tokens;
use crate::failure::Failure;
use crate::images::mask::Mask;
use crate::onnx::session::Session;
use ndarray::{Array2, ArrayD};
use retally_manifests::{Model, Tap};
use retally_metrics::spatial::{Definition, Lattice, SpatialOptions, SpatialScorer, pool_mask};

/// A session with what it needs to score its own outputs. Each thread has one.
pub(crate) struct Worker {
    session: Session,
    taps: Vec<TapWorker>,
}

struct TapWorker {
    tap: Tap,
    lattice: Lattice,
    scorer: SpatialScorer,
}

impl Worker {
    pub(crate) fn new(
        session: Session,
        model: &Model,
        definition: Definition,
    ) -> Result<Self, Failure> {
        let taps = model
            .taps
            .iter()
            .map(|tap| {
                let [rows, columns] = tap.grid;
                let lattice = Lattice { rows: rows as usize, columns: columns as usize };
                let scorer = SpatialScorer::new(lattice, SpatialOptions::of(definition, lattice))?;
                Ok(TapWorker { tap: tap.clone(), lattice, scorer })
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self { session, taps })
    }

    /// Runs a batch. `name` gives a sample's key for messages.
    pub(crate) fn run(
        &mut self,
        batch: &PreparedBatch,
        name: impl Fn(usize) -> String,
    ) -> Result<Chunk, Failure> {
        let outputs = self.session.run(batch.input.view()).map_err(|error| {
            Failure::from(error)
                .within(format_args!("batch of sample `{}`", name(batch.samples.start)))
        })?;
        self.taps
            .iter_mut()
            .zip(&outputs)
            .map(|(tap, output)| tap.encode(output, batch, &name))
            .collect()
    }
}

impl TapWorker {
    fn encode(
        &mut self,
        output: &ArrayD<f32>,
        batch: &PreparedBatch,
        name: impl Fn(usize) -> String,
    ) -> Result<TapChunk, Failure> {
        tokens::check_shape(output, batch.input.shape()[0], &self.tap)?;
        let mut features = Array2::zeros((batch.samples.len(), self.tap.channels as usize));
        let mut scores = Vec::with_capacity(batch.samples.len());
        for (row, sample) in batch.samples.clone().enumerate() {
            let tokens = tokens::of_sample(output, row, &self.tap)?;
            let mask = batch.masks[row].as_ref().map(|mask| self.pool(mask)).transpose()?;
            let score = self.scorer.score(tokens.view(), mask.as_deref()).map_err(|error| {
                Failure::invalid(format_args!(
                    "model output `{}` ({}) of sample `{}`: {error}",
                    self.tap.tensor,
                    self.tap.label,
                    name(sample)
                ))
            })?;
            features.row_mut(row).assign(&tokens::mean(tokens.view()));
            scores.push(score);
        }
        Ok(TapChunk { features, scores })
    }

    fn pool(&self, mask: &Mask) -> Result<Vec<bool>, Failure> {
        let object = mask.view();
        let (height, width) = object.dim();
        let pixels = object.as_standard_layout();
        Ok(pool_mask(pixels.as_slice().unwrap_or_default(), height, width, self.lattice)?)
    }
}
