//! Batch normalisation without affine parameters (Ioffe and Szegedy 2015), as PyTorch's `BatchNorm1d(affine=False)`.

use super::dense::{BAND, Matrix};
use crate::executor::{Executor, for_each_part, map};
use serde::{Deserialize, Serialize};

/// Parameters of the normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BatchNormOptions {
    /// Added to the variance.
    pub epsilon: f64,
    /// Share of a batch in the running statistics, which assessment uses.
    pub momentum: f64,
}

/// Running statistics of each column; the variance is the unbiased one.
#[derive(Clone, Debug)]
pub(super) struct BatchNorm {
    options: BatchNormOptions,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl BatchNorm {
    /// Before the first batch: mean 0, variance 1.
    pub(super) fn new(options: BatchNormOptions, width: usize) -> Self {
        Self { options, mean: vec![0.0; width], variance: vec![1.0; width] }
    }

    /// Normalises a batch of at least two rows by its own statistics (the variance has denominator N), and remembers them.
    pub(super) fn train(&mut self, executor: &dyn Executor, batch: &mut Matrix) {
        let (mean, variance) = statistics(executor, batch);
        let count = batch.rows() as f64;
        let share = self.options.momentum;
        for (running, &new) in self.mean.iter_mut().zip(&mean) {
            *running = (1.0 - share) * *running + share * new;
        }
        for (running, &new) in self.variance.iter_mut().zip(&variance) {
            *running = (1.0 - share) * *running + share * new * count / (count - 1.0);
        }
        let rule = rule(&mean, &variance, self.options.epsilon);
        let width = batch.columns;
        for_each_part(executor, batch.bands(), |_, band| normalise(band, width, &rule));
    }

    /// Normalises rows by the running statistics.
    pub(super) fn apply(&self, rows: &mut [f32]) {
        let rule = rule(&self.mean, &self.variance, self.options.epsilon);
        normalise(rows, self.mean.len(), &rule);
    }
}

/// Mean and 1/√(variance + epsilon) of each column.
fn rule(mean: &[f64], variance: &[f64], epsilon: f64) -> Vec<(f64, f64)> {
    let scales = variance.iter().map(|variance| 1.0 / (variance + epsilon).sqrt());
    mean.iter().copied().zip(scales).collect()
}

fn normalise(rows: &mut [f32], width: usize, rule: &[(f64, f64)]) {
    for row in rows.chunks_exact_mut(width) {
        for (value, &(mean, scale)) in row.iter_mut().zip(rule) {
            *value = ((f64::from(*value) - mean) * scale) as f32;
        }
    }
}

/// Mean and variance of each column, in two passes in `f64`.
fn statistics(executor: &dyn Executor, batch: &Matrix) -> (Vec<f64>, Vec<f64>) {
    let width = batch.columns;
    let count = batch.rows() as f64;
    let average = |summand: &(dyn Fn(f64, usize) -> f64 + Sync)| -> Vec<f64> {
        let bands: Vec<&[f32]> = batch.values.chunks(BAND * width).collect();
        let sums = map(executor, bands.len(), |band| {
            let mut sums = vec![0.0; width];
            for row in bands[band].chunks_exact(width) {
                for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    *sum += summand(f64::from(value), column);
                }
            }
            sums
        });
        let mut total = vec![0.0; width];
        for sums in sums {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        total.iter_mut().for_each(|total| *total /= count);
        total
    };
    let mean = average(&|value, _| value);
    let variance = average(&|value, column| (value - mean[column]).powi(2));
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;

    #[test]
    fn statistics_of_a_batch_and_of_two() {
        let options = BatchNormOptions { epsilon: 1e-6, momentum: 0.1 };
        let mut norm = BatchNorm::new(options, 2);
        // Column 0: mean 2, variance 2/3 and unbiased 1. Column 1: constant 5.
        let mut batch = Matrix { values: vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0], columns: 2 };
        norm.train(&Sequential, &mut batch);
        let scale = 1.0 / (2.0_f64 / 3.0 + 1e-6).sqrt();
        for (actual, expected) in batch.values.iter().zip([-scale, 0.0, 0.0, 0.0, scale, 0.0]) {
            assert!((f64::from(*actual) - expected).abs() < 1e-6);
        }
        // Running: mean 0.1 · 2 and 0.1 · 5; variance 0.9 + 0.1 · 1 and 0.9.
        let mut row = [0.2_f32, 0.5 + 0.9_f32.sqrt()];
        norm.apply(&mut row);
        assert!(row[0].abs() < 1e-6 && (row[1] - 1.0).abs() < 1e-5, "{row:?}");
        norm.train(&Sequential, &mut Matrix { values: vec![4.0, 1.0, 4.0, 1.0], columns: 2 });
        // Running: mean 0.9 · 0.2 + 0.4 and 0.9 · 0.5 + 0.1; variance 0.9 and 0.81.
        let mut row = [0.58_f32, 0.55 + 0.9];
        norm.apply(&mut row);
        assert!(row[0].abs() < 1e-6 && (row[1] - 1.0).abs() < 1e-5, "{row:?}");
    }
}
