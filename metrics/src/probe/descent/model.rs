//! What the training loop needs of the thing that it trains.

use super::DescentError;
use super::dense::{BAND, Matrix};
use super::optimiser::Step;
use crate::executor::{Executor, for_each_part};
use crate::random::Stream;
use crate::table::{FeatureTable, ReadError, View};
use std::f64::consts::TAU;
use std::sync::{Mutex, PoisonError};

/// Samples of one step with their classes.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) table: &'a dyn FeatureTable,
    pub(super) views: &'a [View],
    /// Class indices.
    pub(super) targets: &'a [usize],
}

/// One or several classifiers that see the same batches.
pub(super) trait Model: Sync {
    /// Changes every head that `steps` has a step for, and returns the mean loss over the batch of each of these, before
    /// the step, in nats.
    fn train(
        &mut self,
        executor: &dyn Executor,
        batch: Batch<'_>,
        steps: &[Option<Step>],
    ) -> Result<Vec<Option<f64>>, DescentError>;

    /// Logits of views, [views, tokens, width], from every head that `wanted` names.
    fn logits(&self, inputs: Vec<f32>, wanted: &[bool]) -> Vec<Option<Matrix>>;
}

impl Batch<'_> {
    /// The batch in memory, one view a row.
    pub(super) fn read(&self, executor: &dyn Executor) -> Result<Matrix, DescentError> {
        let mut rows = Matrix::zeros(self.views.len(), self.table.shape().row());
        let failure: Mutex<Option<ReadError>> = Mutex::new(None);
        for_each_part(executor, rows.bands().zip(self.views.chunks(BAND)), |_, (band, views)| {
            if let Err(error) = self.table.read(views, band) {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(DescentError::Read(error)),
            None => Ok(rows),
        }
    }
}

/// Normal numbers for the weights of one matrix: of two uniform numbers u and w of the stream (seed, `probe-weights`, index)
/// come √(-2 ln(1 - u)) cos 2πw and the same with sin (Box and Muller 1958), times the deviation, in `f64` until then.
pub(super) fn normal(seed: u64, index: u64, deviation: f64, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(seed, "probe-weights", index);
    let mut numbers = Vec::with_capacity(count + 1);
    while numbers.len() < count {
        let radius = deviation * (-2.0 * (1.0 - stream.uniform()).ln()).sqrt();
        let angle = TAU * stream.uniform();
        numbers.extend([(radius * angle.cos()) as f32, (radius * angle.sin()) as f32]);
    }
    numbers.truncate(count);
    numbers
}

/// Numbers u of the stream (seed, `probe-weights`, index), as (2 u - 1) times the bound.
pub(super) fn uniform(seed: u64, index: u64, bound: f64, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(seed, "probe-weights", index);
    (0..count).map(|_| (bound * (2.0 * stream.uniform() - 1.0)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_normal_and_their_own() {
        let numbers = normal(7, 0, 0.01, 20_001);
        let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / 20_001.0;
        let square = numbers.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 20_001.0;
        // Six standard errors of the mean and of the variance.
        assert!(mean.abs() < 6.0 * 0.01 / 141.0, "{mean}");
        assert!((square / 1e-4 - 1.0).abs() < 6.0 * (2.0_f64 / 20_001.0).sqrt(), "{square}");
        assert_eq!(normal(7, 0, 0.01, 5), numbers[..5]);
        assert_ne!(normal(7, 1, 0.01, 5), numbers[..5]);
        assert_ne!(normal(8, 0, 0.01, 5), numbers[..5]);
    }
}
