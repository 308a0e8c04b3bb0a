//! An approximate inverse Hessian of logistic regression.
//!
//! Where all samples have the probabilities that the class shares give them, which is where the search begins, the second
//! derivatives of one class's weights are p (1 - p) X̃ᵀX̃ / N + penalty (X̃: features and a column of ones). Elsewhere it has
//! other weights inside the sum, but the same correlations between features, and those are what makes the problem ill
//! conditioned (Böhning 1992 bounds the Hessian by such a matrix).

use super::objective::Data;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Accum, Mat, MatMut, MatRef, Par, Side};

/// Samples whose products are summed in `f32`.
const BLOCK: usize = 2048;

/// Second moments of the features, [D + 1, D + 1], for every strength of the penalty.
pub(super) struct SecondMoments {
    /// X̃ᵀX̃ / N, lower triangle.
    moments: Mat<f64>,
    /// Mean of p (1 - p) over the classes.
    weight: f64,
}

/// A factorised preconditioner.
pub(super) struct Preconditioner {
    factor: Llt<f64>,
}

impl SecondMoments {
    pub(super) fn of(data: Data<'_, f32>) -> Self {
        let (count, width) = (data.targets.len(), data.width);
        let mut moments = Mat::<f64>::zeros(width + 1, width + 1);
        let mut part = Mat::<f32>::zeros(width, width);
        for block in data.features.chunks(BLOCK * width) {
            let rows = MatRef::from_row_major_slice(block, block.len() / width, width);
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
            for row in block.chunks_exact(width) {
                for (column, &value) in row.iter().enumerate() {
                    moments[(width, column)] += f64::from(value);
                }
            }
        }
        moments *= faer::Scale(1.0 / count as f64);
        moments[(width, width)] = 1.0;
        let mut shares = vec![0.0; data.classes];
        data.targets.iter().for_each(|&target| shares[target] += 1.0 / count as f64);
        let spread = shares.iter().map(|share| share * (1.0 - share)).sum::<f64>();
        Self { moments, weight: spread / data.classes as f64 }
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
        let mut matrix = &self.moments * faer::Scale(self.weight);
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
