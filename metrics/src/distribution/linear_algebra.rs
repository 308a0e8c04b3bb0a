//! Dense factorisations of `f64` matrices, always on the calling thread: faer's results change with its threads.
//!
//! Every function takes finite input; what goes in is checked by the callers' types.

use super::DistributionError;
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::linalg::triangular_solve::solve_upper_triangular_in_place;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Eigenvalues in rising order, with an orthonormal basis of columns where it was asked for.
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Option<Mat<f64>>,
}

/// Singular values in falling order, with the singular vectors as columns where they were asked for.
pub(super) struct Singular {
    pub(super) values: Vec<f64>,
    pub(super) vectors: Option<[Mat<f64>; 2]>,
}

/// A · B.
pub(super) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut result = Mat::zeros(a.nrows(), b.ncols());
    matmul(result.as_mut(), Accum::Replace, a, b, 1.0, Par::Seq);
    result
}

/// A · B where one or both are triangular; the other triangle is not read.
pub(super) fn triangular_product(
    a: (MatRef<'_, f64>, BlockStructure),
    b: (MatRef<'_, f64>, BlockStructure),
) -> Mat<f64> {
    let mut result = Mat::zeros(a.0.nrows(), b.0.ncols());
    let whole = BlockStructure::Rectangular;
    triangular::matmul(result.as_mut(), whole, Accum::Replace, a.0, a.1, b.0, b.1, 1.0, Par::Seq);
    result
}

/// The lower triangle of A · Aᵀ; above it stand zeros.
pub(crate) fn lower_gram(a: MatRef<'_, f64>) -> Mat<f64> {
    let mut result = Mat::zeros(a.nrows(), a.nrows());
    lower_gram_into(result.as_mut(), a);
    result
}

/// Writes the lower triangle of A · Aᵀ; what stands above it stays.
pub(crate) fn lower_gram_into(result: MatMut<'_, f64>, a: MatRef<'_, f64>) {
    let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    triangular::matmul(
        result,
        lower,
        Accum::Replace,
        a,
        whole,
        a.transpose(),
        whole,
        1.0,
        Par::Seq,
    );
}

/// The lower factor L of A = L Lᵀ, or `None` if a pivot is not positive. Reads the lower triangle.
pub(super) fn cholesky(a: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let n = a.nrows();
    let mut factor = a.to_owned();
    let mut memory =
        MemBuffer::new(cholesky_in_place_scratch::<f64>(n, Par::Seq, Default::default()));
    cholesky_in_place(
        factor.as_mut(),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    )
    .ok()?;
    for column in 1..n {
        factor.col_mut(column).subrows_mut(0, column).fill(0.0);
    }
    Some(factor)
}

/// Eigenvalues, and eigenvectors if `vectors`, of a symmetric matrix. Reads the lower triangle.
///
/// # Errors
/// `NotConverged`.
pub(crate) fn symmetric_eigen(
    a: MatRef<'_, f64>,
    vectors: bool,
) -> Result<Eigen, DistributionError> {
    let n = a.nrows();
    let mut values = Diag::<f64>::zeros(n);
    let mut basis = vectors.then(|| Mat::<f64>::zeros(n, n));
    let wanted = if vectors { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let scratch = self_adjoint_evd_scratch::<f64>(n, wanted, Par::Seq, Default::default());
    self_adjoint_evd(
        a,
        values.as_mut(),
        basis.as_mut().map(Mat::as_mut),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| DistributionError::NotConverged("the eigenvalue iteration"))?;
    Ok(Eigen { values: values.column_vector().iter().copied().collect(), vectors: basis })
}

/// Singular values, and vectors if `vectors`.
///
/// # Errors
/// `NotConverged`.
pub(super) fn singular(a: MatRef<'_, f64>, vectors: bool) -> Result<Singular, DistributionError> {
    let (rows, columns) = a.shape();
    let size = rows.min(columns);
    let mut values = Diag::<f64>::zeros(size);
    let mut left = vectors.then(|| Mat::<f64>::zeros(rows, size));
    let mut right = vectors.then(|| Mat::<f64>::zeros(columns, size));
    let wanted = if vectors { ComputeSvdVectors::Thin } else { ComputeSvdVectors::No };
    if size == 0 {
        return Ok(Singular { values: Vec::new(), vectors: left.zip(right).map(Into::into) });
    }
    let scratch = svd_scratch::<f64>(rows, columns, wanted, wanted, Par::Seq, Default::default());
    svd(
        a,
        values.as_mut(),
        left.as_mut().map(Mat::as_mut),
        right.as_mut().map(Mat::as_mut),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| DistributionError::NotConverged("the singular value iteration"))?;
    Ok(Singular {
        values: values.column_vector().iter().copied().collect(),
        vectors: left.zip(right).map(Into::into),
    })
}

/// Replaces B by L⁻ᵀ B.
pub(super) fn solve_lower_transposed(lower: MatRef<'_, f64>, b: MatMut<'_, f64>) {
    solve_upper_triangular_in_place(lower.transpose(), b, Par::Seq);
}
