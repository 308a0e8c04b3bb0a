//! The function that logistic regression minimises.

use super::super::lbfgs::Function;
use super::super::precision::Precision;
use super::super::scaled_rows::ScaledRows;
use super::preconditioner::Preconditioner;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::ops::Range;

/// Rows whose products are held at one time: logits of 512 samples and 100 classes stay in the second-level cache.
const BLOCK: usize = 512;

/// Features [N, D] in the type that they are computed with.
#[derive(Clone, Copy)]
pub(super) enum Features<'a, T> {
    /// All of them, row by row.
    Held(&'a [T]),
    /// Converted when they are needed.
    Stored(ScaledRows<'a>),
}

impl<'a, T: Precision> Features<'a, T> {
    /// Some rows, row by row; `scratch` takes them where they are not held.
    pub(super) fn block<'b>(
        self,
        samples: Range<usize>,
        width: usize,
        scratch: &'b mut Vec<T>,
    ) -> &'b [T]
    where
        'a: 'b,
    {
        match self {
            Self::Held(values) => &values[samples.start * width..samples.end * width],
            Self::Stored(rows) => {
                scratch.clear();
                rows.append(samples, scratch);
                scratch
            }
        }
    }
}

/// Features with class indices.
#[derive(Clone, Copy)]
pub(super) struct Data<'a, T> {
    pub(super) features: Features<'a, T>,
    pub(super) width: usize,
    pub(super) targets: &'a [usize],
    pub(super) classes: usize,
    /// Rows of weights: one for two classes, for the second; else one a class.
    pub(super) rows: usize,
}

/// 1/N Σ -ln p(yᵢ | xᵢ) + |W|² / (2 C N) as a function of W (row by row) followed by b.
pub(super) struct Objective<'a, T> {
    data: Data<'a, T>,
    penalty: f64,
    preconditioner: Option<&'a Preconditioner>,
    weights: Vec<T>,
    /// Features of a block that are not held.
    scratch: Vec<T>,
    /// Logits of a block, then the derivative of the loss by them.
    slopes: Vec<T>,
    gradient: Vec<T>,
}

impl<'a, T: Precision> Objective<'a, T> {
    pub(super) fn new(
        data: Data<'a, T>,
        c: f64,
        preconditioner: Option<&'a Preconditioner>,
    ) -> Self {
        let numbers = data.rows * data.width;
        Self {
            data,
            penalty: 1.0 / (c * data.targets.len() as f64),
            preconditioner,
            weights: vec![T::default(); numbers],
            scratch: Vec::new(),
            slopes: vec![T::default(); BLOCK.min(data.targets.len()) * data.rows],
            gradient: vec![T::default(); numbers],
        }
    }

    /// Largest absolute component of the gradient at a point.
    pub(super) fn largest_slope(&mut self, point: &[f64]) -> f64 {
        let mut gradient = vec![0.0; point.len()];
        self.evaluate(point, &mut gradient);
        gradient.iter().fold(0.0, |largest, slope| largest.max(slope.abs()))
    }

    /// The mean over the classes of p (1 - p) of every sample, at a point.
    pub(super) fn curvatures(&mut self, point: &[f64]) -> Vec<f64> {
        let Data { features, width, targets, classes, rows } = self.data;
        let (weights, intercepts) = point.split_at(rows * width);
        for (weight, &value) in self.weights.iter_mut().zip(weights) {
            *weight = T::of(value);
        }
        let mut curvatures = Vec::with_capacity(targets.len());
        for start in (0..targets.len()).step_by(BLOCK) {
            let samples = start..(start + BLOCK).min(targets.len());
            let targets = &targets[samples.clone()];
            let features = features.block(samples, width, &mut self.scratch);
            let slopes = &mut self.slopes[..targets.len() * rows];
            products(slopes, features, &self.weights, (rows, width));
            for (row, &target) in slopes.chunks_exact_mut(rows).zip(targets) {
                row_slopes(row, intercepts, target, classes);
                let own = |class| if rows == 1 { target } else { usize::from(class == target) };
                let probability = |(class, slope): (usize, &T)| slope.wide() + own(class) as f64;
                let spread = row.iter().enumerate().map(probability).map(|p| p * (1.0 - p));
                curvatures.push(spread.sum::<f64>().max(0.0) / rows as f64);
            }
        }
        curvatures
    }

    /// The loss of a block of samples, with its share of the gradients.
    fn block(
        &mut self,
        samples: Range<usize>,
        intercepts: &[f64],
        (weights, sums): (&mut [f64], &mut [f64]),
    ) -> f64 {
        let Data { features, width, targets, classes, rows } = self.data;
        let count = samples.len();
        let features = features.block(samples.clone(), width, &mut self.scratch);
        let slopes = &mut self.slopes[..count * rows];
        products(slopes, features, &self.weights, (rows, width));
        let mut loss = 0.0;
        for (row, &target) in slopes.chunks_exact_mut(rows).zip(&targets[samples]) {
            loss += row_slopes(row, intercepts, target, classes);
            for (sum, &slope) in sums.iter_mut().zip(row.iter()) {
                *sum += slope.wide();
            }
        }
        matmul(
            MatMut::from_row_major_slice_mut(&mut self.gradient, rows, width),
            Accum::Replace,
            MatRef::from_row_major_slice(slopes, count, rows).transpose(),
            MatRef::from_row_major_slice(features, count, width),
            T::of(1.0),
            Par::Seq,
        );
        for (sum, &part) in weights.iter_mut().zip(&self.gradient) {
            *sum += part.wide();
        }
        loss
    }
}

/// Logits of samples, without intercepts.
fn products<T: Precision>(
    logits: &mut [T],
    features: &[T],
    weights: &[T],
    (rows, width): (usize, usize),
) {
    let count = logits.len() / rows;
    matmul(
        MatMut::from_row_major_slice_mut(logits, count, rows),
        Accum::Replace,
        MatRef::from_row_major_slice(features, count, width),
        MatRef::from_row_major_slice(weights, rows, width).transpose(),
        T::of(1.0),
        Par::Seq,
    );
}

/// Adds the intercepts to a sample's logits, turns them into p - onehot(target), and returns -ln p(target). With two classes
/// the first logit is 0 and not stored.
fn row_slopes<T: Precision>(
    row: &mut [T],
    intercepts: &[f64],
    target: usize,
    classes: usize,
) -> f64 {
    for (logit, &intercept) in row.iter_mut().zip(intercepts) {
        *logit = T::of(logit.wide() + intercept);
    }
    let offset = classes - row.len();
    if offset == 1 {
        let logit = row[0].wide();
        let own = if target == 1 { logit } else { 0.0 };
        let normaliser = logit.max(0.0) + (-logit.abs()).exp().ln_1p();
        row[0] = T::of((logit - normaliser).exp() - target as f64);
        return normaliser - own;
    }
    let own = row[target].wide();
    let (largest, sum) = T::exponentials(row);
    let scale = 1.0 / sum;
    for value in row.iter_mut() {
        *value = T::of(value.wide() * scale);
    }
    row[target] = T::of(row[target].wide() - 1.0);
    largest + sum.ln() - own
}

impl<T: Precision> Function for Objective<'_, T> {
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
        let numbers = self.data.rows * self.data.width;
        let count = self.data.targets.len();
        let (weights, intercepts) = point.split_at(numbers);
        for (weight, &value) in self.weights.iter_mut().zip(weights) {
            *weight = T::of(value);
        }
        gradient.fill(0.0);
        let (weight_gradient, sums) = gradient.split_at_mut(numbers);
        let mut loss = 0.0;
        for start in (0..count).step_by(BLOCK) {
            let samples = start..(start + BLOCK).min(count);
            loss += self.block(samples, intercepts, (weight_gradient, sums));
        }
        let inverse_count = 1.0 / count as f64;
        for (slope, &weight) in weight_gradient.iter_mut().zip(weights) {
            *slope = *slope * inverse_count + self.penalty * weight;
        }
        sums.iter_mut().for_each(|sum| *sum *= inverse_count);
        let squares = weights.iter().map(|weight| weight * weight).sum::<f64>();
        loss * inverse_count + self.penalty / 2.0 * squares
    }

    fn precondition(&self, vector: &mut [f64]) -> bool {
        let Some(preconditioner) = self.preconditioner else { return false };
        preconditioner.apply(vector, self.data.width);
        true
    }

    fn rounding(&self) -> f64 {
        T::ROUNDING
    }
}
