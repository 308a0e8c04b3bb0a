//! One session and its scorers: from a prepared batch to mean tokens and spatial scores.

use super::chunk::{Chunk, TapChunk};
use super::chunk_job::PreparedBatch;
use crate::failure::Failure;
use crate::images::mask::Mask;
use crate::onnx::session::Session;
use ndarray::{Array1, Array2, ArrayD, ArrayView2, ArrayViewD, Axis};
use retally_manifests::{Model, Tap, TapLayout};
use retally_metrics::spatial::{Definition, Lattice, SpatialOptions, SpatialScorer, pool_mask};

/// A session with what it needs to score its own outputs. Each thread has one.
pub(super) struct Worker {
    session: Session,
    taps: Vec<TapWorker>,
}

struct TapWorker {
    tap: Tap,
    lattice: Lattice,
    scorer: SpatialScorer,
}

impl Worker {
    pub(super) fn new(
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
    pub(super) fn run(
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
        self.check_shape(output, batch.input.shape()[0])?;
        let mut features = Array2::zeros((batch.samples.len(), self.tap.channels as usize));
        let mut scores = Vec::with_capacity(batch.samples.len());
        for (row, sample) in batch.samples.clone().enumerate() {
            let tokens = tokens_of(output, row, &self.tap)?;
            let mask = batch.masks[row].as_ref().map(|mask| self.pool(mask)).transpose()?;
            let score = self.scorer.score(tokens.view(), mask.as_deref()).map_err(|error| {
                Failure::invalid(format_args!(
                    "model output `{}` ({}) of sample `{}`: {error}",
                    self.tap.tensor,
                    self.tap.label,
                    name(sample)
                ))
            })?;
            features.row_mut(row).assign(&mean_token(tokens.view()));
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

    /// The manifest promises the tensor's shape; a model that gives another one is not the model that was described.
    fn check_shape(&self, output: &ArrayD<f32>, batch: usize) -> Result<(), Failure> {
        let [rows, columns] = self.tap.grid.map(|side| side as usize);
        let channels = self.tap.channels as usize;
        let expected = match self.tap.layout {
            TapLayout::Tokens { skip } => vec![batch, skip as usize + rows * columns, channels],
            TapLayout::Map => vec![batch, channels, rows, columns],
        };
        if output.shape() == expected.as_slice() {
            return Ok(());
        }
        Err(Failure::invalid(format_args!(
            "model output `{}` has shape {:?}, but its manifest entry `{}` promises {expected:?}: correct grid, channels \
             or layout there",
            self.tap.tensor,
            output.shape(),
            self.tap.id
        )))
    }
}

/// The patch tokens of one sample as [tokens, channels], row by row over the lattice.
fn tokens_of(output: &ArrayD<f32>, row: usize, tap: &Tap) -> Result<Array2<f32>, Failure> {
    let sample: ArrayViewD<'_, f32> = output.index_axis(Axis(0), row);
    let channels = tap.channels as usize;
    let wrong =
        |error: ndarray::ShapeError| Failure::invalid(format_args!("cannot read tokens: {error}"));
    match tap.layout {
        TapLayout::Tokens { skip } => {
            let all: ArrayView2<'_, f32> = sample.into_dimensionality().map_err(wrong)?;
            Ok(all.slice_move(ndarray::s![skip as usize.., ..]).to_owned())
        }
        TapLayout::Map => {
            let flat = sample
                .to_shape((channels, tap.grid[0] as usize * tap.grid[1] as usize))
                .map_err(wrong)?;
            Ok(flat.t().as_standard_layout().into_owned())
        }
    }
}

/// Mean over tokens, accumulated in f64.
fn mean_token(tokens: ArrayView2<'_, f32>) -> Array1<f32> {
    let count = tokens.nrows() as f64;
    let mut sums = Array1::<f64>::zeros(tokens.ncols());
    for token in tokens.rows() {
        sums.zip_mut_with(&token, |sum, &value| *sum += f64::from(value));
    }
    sums.mapv(|sum| (sum / count) as f32)
}
