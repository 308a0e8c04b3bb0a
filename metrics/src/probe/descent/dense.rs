//! Products of matrices of `f32` over a batch, cut into tasks whose borders depend on the shapes alone.
//!
//! The products inside a task are computed on one thread, so every number is the same bits whatever the executor does. Sums
//! over a whole batch (gradients of weights) are taken in `f32` over [`SEGMENT`] rows and in `f64` beyond.

use crate::executor::{Executor, for_each_part};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

/// Rows of a batch that one task takes.
pub(super) const BAND: usize = 256;

/// Rows of a weight matrix whose gradient one task computes.
const WEIGHT_BAND: usize = 128;

/// Rows of a batch whose contributions to a gradient are summed in `f32`.
const SEGMENT: usize = 2048;

/// A matrix, row by row.
#[derive(Clone, Debug, Default)]
pub(super) struct Matrix {
    pub(super) values: Vec<f32>,
    pub(super) columns: usize,
}

impl Matrix {
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { values: vec![0.0; rows * columns], columns }
    }

    pub(super) fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }

    pub(super) fn view(&self) -> MatRef<'_, f32> {
        view(&self.values, self.columns)
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// Neighbouring rows for tasks to fill, [`BAND`] together.
    pub(super) fn bands(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.values.chunks_mut(BAND * self.columns.max(1))
    }
}

/// Numbers as rows of `columns`.
pub(super) fn view(values: &[f32], columns: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(values, values.len() / columns.max(1), columns)
}

/// `target` ← `left` · `right`, on this thread; `target` is row by row.
pub(super) fn product(target: &mut [f32], left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
    let target = MatMut::from_row_major_slice_mut(target, left.nrows(), right.ncols());
    matmul(target, Accum::Replace, left, right, 1.0, Par::Seq);
}

/// Rows of a band within a matrix of `rows`.
fn band_of(index: usize, rows: usize) -> (usize, usize) {
    let start = index * BAND;
    (start, BAND.min(rows - start))
}

/// x · weightsᵀ + bias, a row for each row of x.
pub(super) fn affine(
    executor: &dyn Executor,
    x: MatRef<'_, f32>,
    weights: MatRef<'_, f32>,
    bias: &[f32],
) -> Matrix {
    let mut result = Matrix::zeros(x.nrows(), weights.nrows());
    for_each_part(executor, result.bands(), |index, band| {
        let (start, count) = band_of(index, x.nrows());
        product(band, x.subrows(start, count), weights.transpose());
        add_to_rows(band, bias);
    });
    result
}

/// Adds a vector to every row.
pub(super) fn add_to_rows(rows: &mut [f32], vector: &[f32]) {
    for row in rows.chunks_exact_mut(vector.len().max(1)) {
        row.iter_mut().zip(vector).for_each(|(value, &summand)| *value += summand);
    }
}

/// slopes · weights: the gradient of what an affine map was given.
pub(super) fn pulled_back(
    executor: &dyn Executor,
    slopes: MatRef<'_, f32>,
    weights: MatRef<'_, f32>,
) -> Matrix {
    let mut result = Matrix::zeros(slopes.nrows(), weights.ncols());
    for_each_part(executor, result.bands(), |index, band| {
        let (start, count) = band_of(index, slopes.nrows());
        product(band, slopes.subrows(start, count), weights);
    });
    result
}

/// A gradient to be filled: slopesᵀ · x, row by row.
pub(super) struct WeightGradient<'a> {
    pub(super) slopes: MatRef<'a, f32>,
    pub(super) x: MatRef<'a, f32>,
    pub(super) target: &'a mut [f32],
}

/// Fills gradients of weight matrices; all of them side by side.
pub(super) fn weight_gradients<'a>(
    executor: &dyn Executor,
    gradients: impl IntoIterator<Item = WeightGradient<'a>>,
) {
    let parts = gradients.into_iter().flat_map(|WeightGradient { slopes, x, target }| {
        let bands = target.chunks_mut(WEIGHT_BAND * x.ncols().max(1));
        bands.enumerate().map(move |(index, band)| {
            let rows = band.len() / x.ncols().max(1);
            (slopes.subcols(index * WEIGHT_BAND, rows).transpose(), x, band)
        })
    });
    for_each_part(executor, parts, |_, (slopes, x, band)| summed_product(band, *slopes, *x));
}

/// `target` ← `left` · `right`, whose inner dimension is the batch.
fn summed_product(target: &mut [f32], left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
    let inner = right.nrows();
    if inner <= SEGMENT {
        product(target, left, right);
        return;
    }
    let mut sums = vec![0.0_f64; target.len()];
    for start in (0..inner).step_by(SEGMENT) {
        let count = SEGMENT.min(inner - start);
        product(target, left.subcols(start, count), right.subrows(start, count));
        sums.iter_mut().zip(target.iter()).for_each(|(sum, &part)| *sum += f64::from(part));
    }
    target.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum as f32);
}

/// The sum of each column, in `f64`.
pub(super) fn column_sums(rows: MatRef<'_, f32>, target: &mut [f32]) {
    let mut sums = vec![0.0_f64; rows.ncols()];
    for row in 0..rows.nrows() {
        for (column, sum) in sums.iter_mut().enumerate() {
            *sum += f64::from(rows[(row, column)]);
        }
    }
    target.iter_mut().zip(sums).for_each(|(value, sum)| *value = sum as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;

    /// Small whole numbers, so that every order of summation is exact.
    fn numbers(rows: usize, columns: usize, step: usize) -> Matrix {
        let values = (0..rows * columns).map(|index| (index * step % 7) as f32 - 3.0).collect();
        Matrix { values, columns }
    }

    #[test]
    fn products_of_whole_numbers_are_exact_across_bands_and_segments() {
        let (x, weights) = (numbers(4500, 5, 3), numbers(130, 5, 2));
        let bias: Vec<f32> = (0..130).map(|index| index as f32).collect();
        let logits = affine(&Sequential, x.view(), weights.view(), &bias);
        let slopes = numbers(4500, 130, 5);
        let mut gradient = vec![0.0; 130 * 5];
        let target = gradient.as_mut_slice();
        let job = WeightGradient { slopes: slopes.view(), x: x.view(), target };
        weight_gradients(&Sequential, [job]);
        let back = pulled_back(&Sequential, slopes.view(), weights.view());
        let mut sums = vec![0.0; 130];
        column_sums(slopes.view(), &mut sums);
        for (row, column) in [(0, 0), (4499, 129), (2047, 127), (2048, 128)] {
            let own: f32 = (0..5).map(|k| x.row(row)[k] * weights.row(column)[k]).sum();
            assert_eq!(logits.row(row)[column], own + column as f32);
            let slope: f32 = (0..4500).map(|n| slopes.row(n)[column] * x.row(n)[row % 5]).sum();
            assert_eq!(gradient[column * 5 + row % 5], slope);
            let pulled: f32 = (0..130).map(|k| slopes.row(row)[k] * weights.row(k)[row % 5]).sum();
            assert_eq!(back.row(row)[row % 5], pulled);
            assert_eq!(sums[column], (0..4500).map(|n| slopes.row(n)[column]).sum::<f32>());
        }
    }
}
