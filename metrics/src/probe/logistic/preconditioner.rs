//! An approximate inverse Hessian of logistic regression.
//!
//! The second derivatives of one class's weights are Σ p (1 - p) x̃ x̃ᵀ / N + penalty (x̃: features and a one). The mean of them
//! over the classes has the correlations between features, which are what makes the problem ill conditioned, and weighs
//! samples as the model does; it is factorised once and serves every class. (Böhning 1992 bounds the Hessian by such a matrix.)

use super::objective::Data;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

/// Samples whose products are summed in `f32`.
const BLOCK: usize = 2048;

/// Second moments of the weighted features, [D + 1, D + 1], for every strength of the penalty.
pub(super) struct SecondMoments {
    /// Σ h x̃ x̃ᵀ / N, lower triangle.
    moments: Mat<f64>,
}

/// A factorised preconditioner.
pub(super) struct Preconditioner {
    factor: Llt<f64>,
}

impl SecondMoments {
    /// `weights` holds h of every sample: the mean over the classes of p (1 - p).
    pub(super) fn of(data: Data<'_, f32>, weights: &[f64]) -> Self {
        let (count, width) = (data.targets.len(), data.width);
        let mut moments = Mat::<f64>::zeros(width + 1, width + 1);
        let mut part = Mat::<f32>::zeros(width, width);
        let (mut scaled, mut scratch) = (Vec::new(), Vec::new());
        for (start, weights) in (0..count).step_by(BLOCK).zip(weights.chunks(BLOCK)) {
            let samples = start..start + weights.len();
            let block = data.features.block(samples, width, &mut scratch);
            scaled.clear();
            for (row, &weight) in block.chunks_exact(width).zip(weights) {
                let root = weight.sqrt() as f32;
                scaled.extend(row.iter().map(|&value| root * value));
                for (column, &value) in row.iter().enumerate() {
                    moments[(width, column)] += weight * f64::from(value);
                }
                moments[(width, width)] += weight;
            }
            let rows = MatRef::from_row_major_slice(&scaled, weights.len(), width);
            triangular::matmul(
                part.as_mut(),
                BlockStructure::TriangularLower,
                Accum::Replace,
                rows.transpose(),
                BlockStructure::Rectangular,
                rows,
                BlockStructure::Rectangular,
                1.0,
                Par::Seq,
            );
            for column in 0..width {
                for row in column..width {
                    moments[(row, column)] += f64::from(part[(row, column)]);
                }
            }
        }
        moments *= faer::Scale(1.0 / count as f64);
        Self { moments }
    }

    /// Whether all of them are numbers.
    pub(super) fn is_finite(&self) -> bool {
        let size = self.moments.nrows();
        (0..size).all(|column| (column..size).all(|row| self.moments[(row, column)].is_finite()))
    }

    /// For weights with this penalty; `None` if rounding makes the matrix indefinite.
    pub(super) fn preconditioner(&self, penalty: f64) -> Option<Preconditioner> {
        /// Share of the mean variance that is added to every one, against rounding.
        const RIDGE: f64 = 1e-6;
        let size = self.moments.nrows();
        let mut matrix = self.moments.clone();
        let trace: f64 = (0..size).map(|index| matrix[(index, index)]).sum();
        for index in 0..size {
            let own = if index + 1 < size { penalty } else { 0.0 };
            matrix[(index, index)] += own + RIDGE * trace / size as f64;
        }
        let factor = matrix.llt(Side::Lower).ok()?;
        Some(Preconditioner { factor })
    }
}

impl Preconditioner {
    /// Solves for every row of weights with its intercept; `vector` is the weights row by row, then the intercepts.
    pub(super) fn apply(&self, vector: &mut [f64], width: usize) {
        let rows = vector.len() / (width + 1);
        let (weights, intercepts) = vector.split_at_mut(rows * width);
        let mut columns = Mat::from_fn(width + 1, rows, |index, row| {
            if index < width { weights[row * width + index] } else { intercepts[row] }
        });
        self.factor.solve_in_place(columns.as_mut());
        let mut target = MatMut::from_row_major_slice_mut(weights, rows, width).transpose_mut();
        target.copy_from(columns.subrows(0, width));
        for (row, intercept) in intercepts.iter_mut().enumerate() {
            *intercept = columns[(width, row)];
        }
    }
}
