//! Multinomial logistic regression with an L2 penalty, as scikit-learn's `LogisticRegression`.

use super::ProbeError;
use super::lbfgs::{Function, Stop, minimise};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

/// Features (standardised by the caller) with class indices in `0..classes`.
#[derive(Clone, Copy)]
pub(super) struct Samples<'a> {
    /// [N, D].
    pub(super) features: ArrayView2<'a, f64>,
    /// N class indices.
    pub(super) targets: &'a [usize],
    pub(super) classes: usize,
}

/// A fitted model. Two classes have one row of weights, for the second class; more have one row a class.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// [rows, D].
    weights: Array2<f64>,
    /// One intercept per row.
    intercepts: Vec<f64>,
    classes: usize,
    /// The minimised sum C · Σ loss + ½ |W|².
    pub(super) objective: f64,
    pub(super) iterations: usize,
}

impl Model {
    /// Minimises C · Σᵢ -ln p(yᵢ | xᵢ) + ½ |W|² over weights W and unpenalised intercepts b.
    ///
    /// p is the softmax of W x + b; with two classes the logits are (0, w x + b), as in scikit-learn, where this halves
    /// the penalty's share. The search is on the objective divided by C · N, scikit-learn's scaling, and has converged
    /// when no component of that gradient exceeds `stop.tolerance`. It starts at `start` or at zero; the objective is
    /// strictly convex in W, so the start changes the path and not the predictions.
    pub(super) fn fit(
        samples: Samples<'_>,
        c: f64,
        stop: Stop,
        start: Option<&Self>,
    ) -> Result<Self, ProbeError> {
        let rows = if samples.classes == 2 { 1 } else { samples.classes };
        let width = samples.features.ncols();
        let initial = match start {
            Some(model) => model.weights.iter().chain(&model.intercepts).copied().collect(),
            None => vec![0.0; rows * (width + 1)],
        };
        let mut objective = Objective::new(samples, rows, c);
        let minimum = minimise(&mut objective, initial, stop);
        if minimum.gradient > stop.tolerance {
            let (iterations, gradient, tolerance) =
                (minimum.iterations, minimum.gradient, stop.tolerance);
            return Err(ProbeError::NotConverged { c, iterations, gradient, tolerance });
        }
        let (weights, intercepts) = minimum.point.split_at(rows * width);
        Ok(Self {
            weights: Array2::from_shape_fn((rows, width), |(row, column)| {
                weights[row * width + column]
            }),
            intercepts: intercepts.to_vec(),
            classes: samples.classes,
            objective: minimum.value * c * samples.targets.len() as f64,
            iterations: minimum.iterations,
        })
    }

    /// ln p for every sample and class, [N, classes].
    pub(super) fn log_probabilities(&self, features: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut logits = Array2::zeros((features.nrows(), self.weights.nrows()));
        fill_logits(&mut logits, features, self.weights.view(), &self.intercepts);
        let mut log_probabilities = Array2::zeros((features.nrows(), self.classes));
        for (logits, mut row) in logits.outer_iter().zip(log_probabilities.outer_iter_mut()) {
            let offset = self.classes - logits.len();
            (0..logits.len()).for_each(|class| row[class + offset] = logits[class]);
            let normaliser = log_sum_exp(row.view());
            row.mapv_inplace(|logit| logit - normaliser);
        }
        log_probabilities
    }
}

/// Mean of -ln p(target) in nats, as `sklearn.metrics.log_loss`.
pub(super) fn mean_loss(log_probabilities: &Array2<f64>, targets: &[usize]) -> f64 {
    let rows = log_probabilities.outer_iter().zip(targets);
    -rows.map(|(row, &target)| row[target]).sum::<f64>() / targets.len() as f64
}

/// 1/N Σ -ln p(yᵢ | xᵢ) + |W|² / (2 C N) as a function of W (row by row) followed by b.
struct Objective<'a> {
    samples: Samples<'a>,
    rows: usize,
    penalty: f64,
    /// [N, rows]: logits, then the derivative of the loss by them.
    residuals: Array2<f64>,
}

impl<'a> Objective<'a> {
    fn new(samples: Samples<'a>, rows: usize, c: f64) -> Self {
        let count = samples.targets.len();
        Self {
            samples,
            rows,
            penalty: 1.0 / (c * count as f64),
            residuals: Array2::zeros((count, rows)),
        }
    }

    /// Turns logits into (p - onehot(y)) / N and returns the mean loss.
    fn take_losses(&mut self) -> f64 {
        let inverse_count = 1.0 / self.samples.targets.len() as f64;
        let offset = self.samples.classes - self.rows;
        let mut loss = 0.0;
        for (mut logits, &target) in self.residuals.outer_iter_mut().zip(self.samples.targets) {
            // With two classes the first logit is 0 and not stored.
            let stored = log_sum_exp(logits.view());
            let normaliser = if offset == 0 { stored } else { softplus(stored) };
            let own = target.checked_sub(offset);
            loss += normaliser - own.map_or(0.0, |row| logits[row]);
            logits.mapv_inplace(|logit| (logit - normaliser).exp() * inverse_count);
            if let Some(row) = own {
                logits[row] -= inverse_count;
            }
        }
        loss * inverse_count
    }
}

impl Function for Objective<'_> {
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let (width, features) = (self.samples.features.ncols(), self.samples.features);
        let (weights, intercepts) = point.split_at(self.rows * width);
        let (weight_gradient, intercept_gradient) = gradient.split_at_mut(self.rows * width);
        let Ok(matrix) = ArrayView2::from_shape((self.rows, width), weights) else {
            return f64::INFINITY;
        };
        let Ok(mut slope) = ArrayViewMut2::from_shape((self.rows, width), weight_gradient) else {
            return f64::INFINITY;
        };
        fill_logits(&mut self.residuals, features, matrix, intercepts);
        let loss = self.take_losses();
        slope.assign(&matrix);
        general_mat_mul(1.0, &self.residuals.t(), &features, self.penalty, &mut slope);
        let sums = self.residuals.sum_axis(Axis(0));
        intercept_gradient.iter_mut().zip(sums).for_each(|(slope, sum)| *slope = sum);
        loss + self.penalty / 2.0 * weights.iter().map(|weight| weight * weight).sum::<f64>()
    }
}

/// logits = features · weightsᵀ + intercepts.
fn fill_logits(
    logits: &mut Array2<f64>,
    features: ArrayView2<'_, f64>,
    weights: ArrayView2<'_, f64>,
    intercepts: &[f64],
) {
    general_mat_mul(1.0, &features, &weights.t(), 0.0, logits);
    for mut row in logits.outer_iter_mut() {
        row.iter_mut().zip(intercepts).for_each(|(logit, intercept)| *logit += intercept);
    }
}

/// ln Σ exp(x), shifted by the largest so that nothing overflows.
fn log_sum_exp(values: ArrayView1<'_, f64>) -> f64 {
    let largest = values.fold(f64::NEG_INFINITY, |largest, &value| largest.max(value));
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}

/// ln(1 + exp(x)) without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn random_samples(classes: usize) -> (Array2<f64>, Vec<usize>) {
        let mut stream = Stream::new(classes as u64, "test", 0);
        let features = Array2::from_shape_fn((30, 4), |_| stream.uniform() - 0.5);
        (features, (0..30).map(|sample| sample % classes).collect())
    }

    #[test]
    fn the_gradient_is_the_derivative() {
        for classes in [2, 3, 5] {
            let (features, targets) = random_samples(classes);
            let rows = if classes == 2 { 1 } else { classes };
            let samples = Samples { features: features.view(), targets: &targets, classes };
            let mut objective = Objective::new(samples, rows, 0.7);
            let mut stream = Stream::new(1, "test", 1);
            let point: Vec<f64> = (0..rows * 5).map(|_| stream.uniform() - 0.5).collect();
            let (mut gradient, mut unused) = (vec![0.0; point.len()], vec![0.0; point.len()]);
            objective.evaluate(&point, &mut gradient);
            for index in 0..point.len() {
                let mut value_at = |step: f64| {
                    let mut moved = point.clone();
                    moved[index] += step;
                    objective.evaluate(&moved, &mut unused)
                };
                let numeric = (value_at(1e-5) - value_at(-1e-5)) / 2e-5;
                assert!(
                    (numeric - gradient[index]).abs() < 1e-9,
                    "{numeric} is not {}",
                    gradient[index]
                );
            }
        }
    }

    #[test]
    fn strong_regularisation_leaves_the_class_shares() {
        let (features, _) = random_samples(3);
        let targets: Vec<usize> =
            (0..30).map(|sample| usize::from(sample >= 15) + usize::from(sample >= 24)).collect();
        let samples = Samples { features: features.view(), targets: &targets, classes: 3 };
        let stop = Stop { tolerance: 1e-10, iterations: 1000 };
        let model = Model::fit(samples, 1e-12, stop, None).unwrap();
        let probabilities = model.log_probabilities(features.view()).mapv(f64::exp);
        for (probability, share) in probabilities.row(0).iter().zip([0.5, 0.3, 0.2]) {
            assert!((probability - share).abs() < 1e-8);
        }
    }

    #[test]
    fn too_few_iterations_are_an_error() {
        let (features, targets) = random_samples(3);
        let samples = Samples { features: features.view(), targets: &targets, classes: 3 };
        let stop = Stop { tolerance: 1e-8, iterations: 1 };
        assert!(matches!(
            Model::fit(samples, 1.0, stop, None),
            Err(ProbeError::NotConverged { .. })
        ));
    }
}
