//! Attention of one learned query to the tokens of each sample.
//!
//! Tokens x̂ are normalised over their numbers. The query is the same for every sample, so for head h all of queries, keys and
//! the normalisation's scale make one direction v_h: attention is a_h = softmax over tokens of x̂ · v_h, and what the head
//! sees is the context ĉ_h = Σ a_h(t) x̂_t. That is the same function as projecting every token to a key and a value first, at a
//! tenth of its operations: tokens need no gradient.

use super::super::exponential::exponentials;
use super::dense::{Matrix, product, view};
use crate::executor::{Executor, for_each_part, map};
use crate::table::ReadError;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, Par};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// PyTorch's default for `LayerNorm`.
pub(super) const EPSILON: f64 = 1e-5;

/// Numbers of the tokens that a task holds.
const TASK_NUMBERS: usize = 1 << 20;

/// Sizes of the attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolingShape {
    pub(super) tokens: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
}

impl PoolingShape {
    fn row(&self) -> usize {
        self.tokens * self.width
    }

    /// Samples of one task.
    fn band(&self) -> usize {
        (TASK_NUMBERS / self.row()).max(1)
    }
}

/// What pooling keeps of a batch.
#[derive(Debug)]
pub(super) struct Pooled {
    /// [samples, heads · width]: ĉ of every head.
    pub(super) contexts: Matrix,
    /// [samples, heads · tokens].
    attention: Matrix,
}

/// Reads tokens of neighbouring samples, one sample after the other.
pub(super) type ReadTokens<'a> = &'a (dyn Fn(Range<usize>) -> Result<Vec<f32>, ReadError> + Sync);

/// Contexts of `count` samples; `directions` is [heads, width].
pub(super) fn pool(
    executor: &dyn Executor,
    shape: PoolingShape,
    directions: &[f32],
    count: usize,
    read: ReadTokens<'_>,
) -> Result<Pooled, ReadError> {
    let PoolingShape { tokens, width, heads } = shape;
    let mut contexts = Matrix::zeros(count, heads * width);
    let mut attention = Matrix::zeros(count, heads * tokens);
    let failure: Mutex<Option<ReadError>> = Mutex::new(None);
    let band = shape.band();
    let parts = contexts
        .values
        .chunks_mut(band * heads * width)
        .zip(attention.values.chunks_mut(band * heads * tokens));
    for_each_part(executor, parts, |index, (contexts, attention)| {
        let samples = index * band..(index * band + band).min(count);
        let mut all = match read(samples) {
            Ok(all) => all,
            Err(error) => {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return;
            }
        };
        normalise(&mut all, width);
        let outputs = contexts
            .chunks_exact_mut(heads * width)
            .zip(attention.chunks_exact_mut(heads * tokens));
        for (sample, (context, attention)) in all.chunks_exact(shape.row()).zip(outputs) {
            let sample = view(sample, width);
            product(attention, view(directions, width), sample.transpose());
            for row in attention.chunks_exact_mut(tokens) {
                let (_, sum) = exponentials(row);
                let scale = (1.0 / sum) as f32;
                row.iter_mut().for_each(|weight| *weight *= scale);
            }
            product(context, view(attention, tokens), sample);
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Pooled { contexts, attention }),
    }
}

/// The gradient of the directions, [heads, width], from that of the contexts, [samples, heads · width].
pub(super) fn pull_back(
    executor: &dyn Executor,
    shape: PoolingShape,
    pooled: &Pooled,
    slopes: &Matrix,
    read: ReadTokens<'_>,
) -> Result<Vec<f32>, ReadError> {
    let PoolingShape { tokens, width, heads } = shape;
    let (count, band) = (slopes.rows(), shape.band());
    let parts = map(executor, count.div_ceil(band), |index| -> Result<Vec<f32>, ReadError> {
        let samples = index * band..(index * band + band).min(count);
        let mut all = read(samples.clone())?;
        normalise(&mut all, width);
        let mut sum = vec![0.0; heads * width];
        let mut scores = vec![0.0; heads * tokens];
        for (sample, tokens_of) in samples.zip(all.chunks_exact(shape.row())) {
            let tokens_of = view(tokens_of, width);
            product(&mut scores, view(slopes.row(sample), width), tokens_of.transpose());
            let attention = pooled.attention.row(sample).chunks_exact(tokens);
            for (scores, attention) in scores.chunks_exact_mut(tokens).zip(attention) {
                softmax_slopes(scores, attention);
            }
            matmul(
                MatMut::from_row_major_slice_mut(&mut sum, heads, width),
                Accum::Add,
                view(&scores, tokens),
                tokens_of,
                1.0,
                Par::Seq,
            );
        }
        Ok(sum)
    });
    let mut total = vec![0.0_f64; heads * width];
    for part in parts {
        total.iter_mut().zip(part?).for_each(|(total, part)| *total += f64::from(part));
    }
    Ok(total.into_iter().map(|sum| sum as f32).collect())
}

/// From the gradient of the weights to that of the scores: a (g - Σ a g).
fn softmax_slopes(slopes: &mut [f32], attention: &[f32]) {
    let pairs = slopes.iter().zip(attention);
    let mean: f64 = pairs.map(|(&slope, &weight)| f64::from(slope) * f64::from(weight)).sum();
    let mean = mean as f32;
    slopes.iter_mut().zip(attention).for_each(|(slope, &weight)| *slope = weight * (*slope - mean));
}

/// Rows of `width` numbers to mean 0 and variance 1 (denominator N, plus [`EPSILON`]).
fn normalise(rows: &mut [f32], width: usize) {
    pulp::Arch::new().dispatch(Normalisation { rows, width });
}

struct Normalisation<'a> {
    rows: &'a mut [f32],
    width: usize,
}

/// Sums that run side by side.
const LANES: usize = 8;

impl pulp::NullaryFnOnce for Normalisation<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.rows.chunks_exact_mut(self.width) {
            let mean = lane_sum(row, |value| value) / self.width as f64;
            let square = lane_sum(row, |value| (value - mean) * (value - mean));
            let scale = 1.0 / (square / self.width as f64 + EPSILON).sqrt();
            for value in row {
                *value = ((f64::from(*value) - mean) * scale) as f32;
            }
        }
    }
}

#[inline(always)]
fn lane_sum(row: &[f32], summand: impl Fn(f64) -> f64) -> f64 {
    let (blocks, rest) = row.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for block in blocks {
        for (sum, &value) in sums.iter_mut().zip(block) {
            *sum += summand(f64::from(value));
        }
    }
    let rest: f64 = rest.iter().map(|&value| summand(f64::from(value))).sum();
    sums.iter().sum::<f64>() + rest
}
