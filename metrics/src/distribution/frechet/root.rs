//! tr (S₁S₂)^½ without complex numbers, jitter or an eps.
//!
//! For any F with S = F Fᵀ on either side, tr (S₁S₂)^½ is the nuclear norm of F₁ᵀF₂: the sum of its singular values. What
//! differs is where F comes from:
//!
//! - the centred rows themselves, divided by √(n - 1), where there are no more rows than dimensions;
//! - the Cholesky factor of a covariance of full rank;
//! - D U Λ^½ from the eigenvalues of the correlation matrix D⁻¹ S D⁻¹, without those that are rounding noise, for a
//!   covariance of lower rank. Roots of noise are the error of `scipy.linalg.sqrtm` here: noise of 1e-16 has roots of 1e-8.
//!
//! Singular values cost about twice as much as the eigenvalues of F₁ᵀ S₂ F₁, whose roots they are. Those are used
//! wherever the roots keep ten digits.

use super::super::DistributionError;
use super::super::linear_algebra::{
    cholesky, product, singular, solve_lower_transposed, symmetric_eigen, triangular_product,
};
use super::super::moments::Gaussian;
use super::TracePath;
use faer::linalg::matmul::triangular::BlockStructure::{
    Rectangular, TriangularLower, TriangularUpper,
};
use faer::{Mat, MatRef};
use std::borrow::Cow;

/// A pivot of a Cholesky factorisation carries rounding errors of about d eps of the variance it started from. A smaller
/// one than this many times that says nothing about the rank.
const PIVOT_GUARD: f64 = 10.0;

/// Bound on the relative error of the trace below which eigenvalues of F₁ᵀ S₂ F₁ are accurate enough.
const TRACE_ERROR: f64 = 1e-10;

/// Steps of the power method; too few only cost time.
const POWER_STEPS: usize = 4;

/// A covariance may have a negative eigenvalue down to this part of the largest (in correlation units): covariances that
/// were stored as f32 do. Beyond that no set of rows has it.
const NEGATIVE: f64 = 1e-6;

/// The spread of one set around its mean.
#[derive(Clone, Debug)]
pub(super) enum Spread<'a> {
    /// [dimensions, rows]: centred rows over √(rows - 1).
    Deviations(Mat<f64>),
    /// A covariance.
    Gaussian(Cow<'a, Gaussian>),
}

/// The trace, how it was reached, and what its derivative needs.
pub(super) struct TraceRoot {
    pub(super) value: f64,
    pub(super) path: TracePath,
    /// The derivatives by S₁ and S₂, if asked for.
    pub(super) transports: Option<[Transport; 2]>,
}

/// The optimal transport map T of one set onto the other, T S T = the other's covariance; ½ tr(T dS) is the derivative of
/// the trace by S.
pub(super) enum Transport {
    /// aᵢᵀ T aᵢ for every centred row aᵢ over √(rows - 1).
    OfRows(Vec<f64>),
    /// yᵀ T y = Σ weightₖ (mapᵀ y)ₖ².
    Quadratic {
        /// [dimensions, rank]
        map: Mat<f64>,
        /// At least 0.
        weights: Vec<f64>,
    },
}

/// tr (S₁S₂)^½.
///
/// # Errors
/// `Statistics` if a covariance has an eigenvalue that is negative beyond rounding; `NotConverged`.
pub(super) fn trace_root(
    sets: [(&Spread<'_>, &'static str); 2],
    transport: bool,
) -> Result<TraceRoot, DistributionError> {
    match sets.map(|(spread, _)| spread) {
        [Spread::Gaussian(first), Spread::Gaussian(second)] => {
            of_covariances([first, second], sets.map(|(_, name)| name), transport)
        }
        _ => {
            let factors = [Factor::of(sets[0])?, Factor::of(sets[1])?];
            let cut_off = factors.iter().any(|factor| matches!(factor, Factor::Spectral { .. }));
            let path = if cut_off { TracePath::EigenCutOff } else { TracePath::NuclearNorm };
            nuclear_norm(&factors, path, transport)
        }
    }
}

fn of_covariances(
    [first, second]: [&Gaussian; 2],
    names: [&'static str; 2],
    transport: bool,
) -> Result<TraceRoot, DistributionError> {
    let full_rank = guarded_cholesky(first.matrix()).zip(guarded_cholesky(second.matrix()));
    let Some((lower, other)) = full_rank else {
        let factors =
            [Factor::of_covariance(first, names[0])?, Factor::of_covariance(second, names[1])?];
        return nuclear_norm(&factors, TracePath::EigenCutOff, transport);
    };
    if least_root_error([first, second], [&lower, &other]) <= TRACE_ERROR {
        let gram = GramRoot::of(lower.as_ref(), second.matrix(), transport)?;
        if gram.relative_error <= TRACE_ERROR {
            return Ok(gram.finish(&lower));
        }
    }
    let factors = [Factor::Cholesky(lower), Factor::Cholesky(other)];
    nuclear_norm(&factors, TracePath::CholeskySingularValues, transport)
}

/// What [`root_error`] of L₁ᵀ S₂ L₁ will be at least, before its eigenvalues are known.
///
/// With d eigenvalues of geometric mean g (known: their product is the squared product of all pivots), Σ λ^-½ is at least
/// d g^-½. The largest is at least the Rayleigh quotient after some steps of the power method, and Σ λ^½, the trace sought,
/// is at most (tr S₁ + tr S₂) / 2.
fn least_root_error(covariances: [&Gaussian; 2], [lower, other]: [&Mat<f64>; 2]) -> f64 {
    let width = lower.nrows();
    let logarithms = |factor: &Mat<f64>| (0..width).map(|i| factor[(i, i)].ln()).sum::<f64>();
    // ln √g
    let mean_logarithm = (logarithms(lower) + logarithms(other)) / width as f64;
    let mixed = |vector: &Mat<f64>| {
        product(other.transpose(), product(lower.as_ref(), vector.as_ref()).as_ref())
    };
    let back = |vector: &Mat<f64>| {
        product(lower.transpose(), product(other.as_ref(), vector.as_ref()).as_ref())
    };
    let mut vector = Mat::from_fn(width, 1, |_, _| (width as f64).powf(-0.5));
    let mut largest = 0.0;
    for _ in 0..POWER_STEPS {
        let half = mixed(&vector);
        largest = half.squared_norm_l2();
        vector = back(&half);
        let length = vector.norm_l2();
        if length == 0.0 {
            break;
        }
        vector /= faer::Scale(length);
    }
    let half_traces = covariances.map(|set| set.trace() / 2.0).iter().sum::<f64>();
    let roots = width as f64 * (-mean_logarithm).exp();
    f64::EPSILON * largest * roots / (2.0 * half_traces)
}

/// The Cholesky factor, if its pivots say that the rank is full.
fn guarded_cholesky(covariance: MatRef<'_, f64>) -> Option<Mat<f64>> {
    let width = covariance.nrows();
    let smallest = PIVOT_GUARD * width as f64 * f64::EPSILON;
    let lower = cholesky(covariance)?;
    let sound = |index: usize| {
        lower[(index, index)] * lower[(index, index)] > smallest * covariance[(index, index)]
    };
    (0..width).all(sound).then_some(lower)
}

/// Roots of the eigenvalues of L₁ᵀ S₂ L₁.
struct GramRoot {
    eigenvalues: Vec<f64>,
    vectors: Option<Mat<f64>>,
    /// Bound on the relative error of the sum of roots; infinite if an eigenvalue is not positive.
    relative_error: f64,
}

impl GramRoot {
    fn of(
        lower: MatRef<'_, f64>,
        other: MatRef<'_, f64>,
        vectors: bool,
    ) -> Result<Self, DistributionError> {
        let half = triangular_product((other, Rectangular), (lower, TriangularLower));
        let gram =
            triangular_product((lower.transpose(), TriangularUpper), (half.as_ref(), Rectangular));
        let eigen = symmetric_eigen(gram.as_ref(), vectors)?;
        let relative_error = root_error(&eigen.values);
        Ok(Self { eigenvalues: eigen.values, vectors: eigen.vectors, relative_error })
    }

    /// With M = L₁ᵀ S₂ L₁ = Q Λ Qᵀ: T₁ = L₁⁻ᵀ M^½ L₁⁻¹ and T₂ = L₁ M^-½ L₁ᵀ. Every eigenvalue is positive.
    fn finish(self, lower: &Mat<f64>) -> TraceRoot {
        let roots: Vec<f64> = self.eigenvalues.iter().map(|value| value.sqrt()).collect();
        let value = roots.iter().sum();
        let transports = self.vectors.map(|vectors| {
            let inverse = roots.iter().map(|root| 1.0 / root).collect();
            let forth = triangular_product(
                (lower.as_ref(), TriangularLower),
                (vectors.as_ref(), Rectangular),
            );
            let mut back = vectors;
            solve_lower_transposed(lower.as_ref(), back.as_mut());
            [
                Transport::Quadratic { map: back, weights: roots },
                Transport::Quadratic { map: forth, weights: inverse },
            ]
        });
        TraceRoot { value, path: TracePath::Cholesky, transports }
    }
}

/// Every eigenvalue is wrong by about eps of the largest, and a root by that over twice the root.
fn root_error(eigenvalues: &[f64]) -> f64 {
    let largest = largest(eigenvalues);
    let (mut sum, mut error) = (0.0, 0.0);
    for &value in eigenvalues {
        if value <= 0.0 {
            return f64::INFINITY;
        }
        sum += value.sqrt();
        error += f64::EPSILON * largest / (2.0 * value.sqrt());
    }
    error / sum
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, &value| largest.max(value))
}

/// F with S = F Fᵀ, and how to apply a left inverse of it.
enum Factor<'a> {
    Deviations(&'a Mat<f64>),
    Cholesky(Mat<f64>),
    Spectral {
        /// D U Λ^½, [dimensions, rank].
        matrix: Mat<f64>,
        /// D⁻¹ U Λ^-½: its transpose is a left inverse of `matrix`.
        inverse: Mat<f64>,
    },
}

impl<'a> Factor<'a> {
    fn of((spread, name): (&'a Spread<'_>, &'static str)) -> Result<Self, DistributionError> {
        match spread {
            Spread::Deviations(matrix) => Ok(Self::Deviations(matrix)),
            Spread::Gaussian(gaussian) => Self::of_covariance(gaussian, name),
        }
    }

    fn of_covariance(gaussian: &Gaussian, name: &'static str) -> Result<Self, DistributionError> {
        match guarded_cholesky(gaussian.matrix()) {
            Some(lower) => Ok(Self::Cholesky(lower)),
            None => Self::spectral(gaussian.matrix(), name),
        }
    }

    /// Works on correlations, so that dimensions of small scale are not taken for noise.
    fn spectral(covariance: MatRef<'_, f64>, set: &'static str) -> Result<Self, DistributionError> {
        let width = covariance.nrows();
        let scales: Vec<f64> = (0..width).map(|i| covariance[(i, i)].sqrt()).collect();
        let inverse_scales: Vec<f64> =
            scales.iter().map(|&scale| if scale > 0.0 { 1.0 / scale } else { 0.0 }).collect();
        let correlations = Mat::from_fn(width, width, |row, column| {
            covariance[(row, column)] * inverse_scales[row] * inverse_scales[column]
        });
        let eigen = symmetric_eigen(correlations.as_ref(), true)?;
        let largest = largest(&eigen.values);
        let lowest = eigen.values.first().copied().unwrap_or(0.0).min(0.0);
        if -lowest > NEGATIVE * largest {
            let problem = format!(
                "the correlation matrix has the eigenvalue {lowest:.3e}: no set of rows has such a covariance"
            );
            return Err(DistributionError::Statistics { set, problem });
        }
        // As large as the most negative one, an eigenvalue cannot be told from noise.
        let cut_off = (width as f64 * f64::EPSILON * largest).max(-lowest);
        let first = eigen.values.partition_point(|&value| value <= cut_off);
        let roots: Vec<f64> = eigen.values[first..].iter().map(|value| value.sqrt()).collect();
        let Some(vectors) = eigen.vectors else {
            return Err(DistributionError::NotConverged("the eigenvalue iteration"));
        };
        let basis = vectors.subcols(first, roots.len());
        Ok(Self::Spectral {
            matrix: Mat::from_fn(width, roots.len(), |i, k| scales[i] * basis[(i, k)] * roots[k]),
            inverse: Mat::from_fn(width, roots.len(), |i, k| {
                inverse_scales[i] * basis[(i, k)] / roots[k]
            }),
        })
    }

    fn matrix(&self) -> MatRef<'_, f64> {
        match self {
            Self::Deviations(matrix) => matrix.as_ref(),
            Self::Cholesky(matrix) | Self::Spectral { matrix, .. } => matrix.as_ref(),
        }
    }

    /// With F₁ᵀF₂ = U Σ Vᵀ: T₁ = G U Σ Uᵀ Gᵀ, where Gᵀ is a left inverse of F₁; T₂ likewise with V.
    fn transport(&self, vectors: Mat<f64>, values: &[f64]) -> Transport {
        let map = match self {
            Self::Deviations(_) => {
                let form = |row: usize| {
                    let squares = vectors.row(row).iter().zip(values).map(|(u, s)| s * (u * u));
                    squares.sum()
                };
                return Transport::OfRows((0..vectors.nrows()).map(form).collect());
            }
            Self::Cholesky(lower) => {
                let mut map = vectors;
                solve_lower_transposed(lower.as_ref(), map.as_mut());
                map
            }
            Self::Spectral { inverse, .. } => product(inverse.as_ref(), vectors.as_ref()),
        };
        Transport::Quadratic { map, weights: values.to_vec() }
    }
}

fn nuclear_norm(
    factors: &[Factor<'_>; 2],
    path: TracePath,
    transport: bool,
) -> Result<TraceRoot, DistributionError> {
    let mixed = product(factors[0].matrix().transpose(), factors[1].matrix());
    let decomposed = singular(mixed.as_ref(), transport)?;
    let values = decomposed.values;
    let transports = decomposed.vectors.map(|[left, right]| {
        [factors[0].transport(left, &values), factors[1].transport(right, &values)]
    });
    Ok(TraceRoot { value: values.iter().sum(), path, transports })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Moments;
    use crate::executor::Sequential;
    use crate::random::Stream;
    use ndarray::Array2;

    fn gaussian(rows: &Array2<f64>) -> Gaussian {
        let moments = Moments::of(rows.view(), "a test", &Sequential).unwrap();
        Gaussian::of_moments(&moments, "a test").unwrap()
    }

    /// Uniform numbers; column j scaled by 10^(-decay j).
    fn rows(count: usize, width: usize, decay: f64, seed: u64) -> Array2<f64> {
        let mut stream = Stream::new(seed, "rows", 0);
        Array2::from_shape_fn((count, width), |(_, column)| {
            stream.uniform() * 10_f64.powf(-decay * column as f64)
        })
    }

    #[test]
    fn the_least_error_is_at_most_the_error() {
        // The steeper the spectrum, the further apart are its means.
        for (decay, seed, looseness) in
            [(0.0, 0, 3.0), (0.1, 1, 30.0), (0.3, 2, 1e3), (0.5, 3, 1e5)]
        {
            let sets = [seed, seed + 10].map(|seed| gaussian(&rows(60, 12, decay, seed)));
            let factors = sets.each_ref().map(|set| guarded_cholesky(set.matrix()).unwrap());
            let least = least_root_error([&sets[0], &sets[1]], [&factors[0], &factors[1]]);
            let gram = GramRoot::of(factors[0].as_ref(), sets[1].matrix(), false).unwrap();
            assert!(least <= gram.relative_error, "{least} {}", gram.relative_error);
            assert!(least * looseness >= gram.relative_error, "{least} {}", gram.relative_error);
        }
    }

    #[test]
    fn a_factor_that_exists_by_rounding_alone_is_refused() {
        let mut survived = 0;
        for seed in 0..40 {
            let mut rows = rows(50, 5, 0.0, seed);
            for mut row in rows.outer_iter_mut() {
                row[4] = row[0] - row[1] + 2.0 * row[2];
            }
            let set = gaussian(&rows);
            survived += usize::from(cholesky(set.matrix()).is_some());
            assert!(guarded_cholesky(set.matrix()).is_none(), "seed {seed}");
        }
        assert!(survived > 5, "{survived} of 40 factors exist: the guard was not tested");
    }

    #[test]
    fn small_scales_are_not_taken_for_noise() {
        let set = gaussian(&rows(50, 8, 3.0, 0));
        assert!(guarded_cholesky(set.matrix()).is_some());
        let Factor::Spectral { matrix, inverse } =
            Factor::spectral(set.matrix(), "a test").unwrap()
        else {
            panic!("not spectral");
        };
        assert_eq!(matrix.ncols(), 8);
        let identity = product(inverse.transpose(), matrix.as_ref());
        let product = product(matrix.as_ref(), matrix.transpose());
        for row in 0..8 {
            for column in 0..8 {
                let unit = f64::from(u8::from(row == column));
                assert!((identity[(row, column)] - unit).abs() < 1e-13);
                let largest = (set.matrix()[(row, row)] * set.matrix()[(column, column)]).sqrt();
                let error = product[(row, column)] - set.matrix()[(row, column)];
                assert!(error.abs() < 1e-13 * largest);
            }
        }
    }
}
