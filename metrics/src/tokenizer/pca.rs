//! The orthonormal basis of patches: eigenvectors of their covariance.

use super::TokenizerError;
use crate::distribution::linear_algebra::symmetric_eigen;
use crate::distribution::{Moments, MomentsStream};
use crate::executor::Executor;
use faer::Mat;
use ndarray::{Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

/// Most numbers of a patch: 32 x 32 pixels in three colours. Their covariance takes 75 MB and a minute to decompose.
pub const MOST_DIMENSIONS: usize = 3072;

/// Entries of an eigenvector that are this close to its largest one count as equally large: where a filter is symmetric, rounding
/// alone decides which is larger, and must not decide the sign.
const EQUALLY_LARGE: f64 = 1e-6;

/// Two basis vectors' product may differ from 0 or 1 by this in a basis that comes from a file.
const NOT_ORTHONORMAL: f64 = 1e-6;

/// What patches are measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Centring {
    /// From the mean of every dimension over the fitted patches: principal components as they are commonly defined. The paper
    /// writes z = V x and does not say whether x was centred.
    #[default]
    Mean,
    /// From zero: the basis is that of the second moment, and z = V x to the letter. The first direction is then about the mean patch.
    None,
}

impl Centring {
    /// The word for it in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::None => "none",
        }
    }
}

/// Takes patches piece by piece and gives their basis; nothing depends on how they were cut, nor on threads.
///
/// Moments are those of [`MomentsStream`]: f64, centred block by block, merged in a fixed tree.
#[derive(Clone, Debug)]
pub struct PatchStream {
    moments: MomentsStream<f64>,
}

impl PatchStream {
    /// Starts without patches of `dimensions` numbers.
    ///
    /// # Errors
    /// `Dimensions` for none, or more than [`MOST_DIMENSIONS`].
    pub fn new(dimensions: usize) -> Result<Self, TokenizerError> {
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return Err(TokenizerError::Dimensions { dimensions, most: MOST_DIMENSIONS });
        }
        Ok(Self { moments: MomentsStream::new("the patches", dimensions)? })
    }

    /// Takes the next patches, [any number, dimensions].
    ///
    /// # Errors
    /// Patches of another width. Numbers that are not finite are found when a block of them is complete, at the end at the latest.
    pub fn push(
        &mut self,
        patches: ArrayView2<'_, f64>,
        executor: &dyn Executor,
    ) -> Result<(), TokenizerError> {
        Ok(self.moments.push(patches, executor)?)
    }

    /// The basis of all patches taken.
    ///
    /// # Errors
    /// Without patches; for numbers that are not finite; if squares overflow; if the eigenvalue iteration fails.
    pub fn finish(
        self,
        centring: Centring,
        executor: &dyn Executor,
    ) -> Result<PatchPca, TokenizerError> {
        PatchPca::of_moments(&self.moments.finish(executor)?, centring)
    }
}

/// An orthonormal basis of patches, directions in falling order of how much the fitted patches vary along them.
///
/// Numbers are on the scale of the pixels; eigenvalues on its square.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchPca {
    centring: Centring,
    patches: u64,
    mean: Vec<f64>,
    eigenvalues: Vec<f64>,
    /// [D, D]: a direction is a row.
    components: Array2<f64>,
}

impl PatchPca {
    /// Eigenvectors of Σ (x - m)(x - m)ᵀ / n, m the mean or zero. The divisor is n, not n - 1: then the mean squared error of
    /// the fitted patches at d dimensions is exactly the sum of the eigenvalues that are left out.
    ///
    /// Of the two signs of a direction that one is taken whose first entry among the largest by size (to a millionth) is
    /// positive.
    fn of_moments(moments: &Moments, centring: Centring) -> Result<Self, TokenizerError> {
        let mut covariance = moments.scatter_over(moments.rows() as f64);
        let mean = match centring {
            Centring::Mean => moments.mean().to_vec(),
            Centring::None => {
                add_outer(&mut covariance, moments.mean());
                vec![0.0; moments.mean().len()]
            }
        };
        let eigen = symmetric_eigen(covariance.as_ref(), true)?;
        let Some(vectors) = eigen.vectors else {
            return Err(TokenizerError::Basis("no eigenvectors were computed".to_owned()));
        };
        let last = mean.len() - 1;
        let mut components =
            Array2::from_shape_fn((mean.len(), mean.len()), |(direction, entry)| {
                vectors[(entry, last - direction)]
            });
        for mut direction in components.outer_iter_mut() {
            if is_turned(direction.as_slice().unwrap_or_default()) {
                direction.mapv_inplace(|entry| -entry);
            }
        }
        // A covariance has no negative eigenvalues; rounding gives some just below zero.
        let eigenvalues = eigen.values.iter().rev().map(|value| value.max(0.0)).collect();
        Ok(Self { centring, patches: moments.rows(), mean, eigenvalues, components })
    }

    /// A basis from elsewhere, such as a file.
    ///
    /// `mean` `[D]` must be zero without centring, `eigenvalues` `[D]` must fall and not be negative, `components` `[D, D]` must be
    /// orthonormal rows, each product to a millionth.
    ///
    /// # Errors
    /// `Basis` if they are not, or hold NaN or an infinity.
    pub fn from_parts(
        (centring, patches): (Centring, u64),
        mean: Vec<f64>,
        eigenvalues: Vec<f64>,
        components: Array2<f64>,
    ) -> Result<Self, TokenizerError> {
        let width = mean.len();
        let refuse = |problem: String| Err(TokenizerError::Basis(problem));
        if !(1..=MOST_DIMENSIONS).contains(&width)
            || eigenvalues.len() != width
            || components.dim() != (width, width)
        {
            return refuse(format!(
                "mean, eigenvalues and components have shapes [{width}], [{}] and {:?}; expected [D], [D] and [D, D]",
                eigenvalues.len(),
                components.shape()
            ));
        }
        let mut numbers = mean.iter().chain(&eigenvalues).chain(&components);
        if let Some(number) = numbers.find(|number| !number.is_finite()) {
            return refuse(format!("it holds {number}"));
        }
        let falls = eigenvalues.is_sorted_by(|earlier, later| earlier >= later);
        if !falls || eigenvalues.last().is_some_and(|&smallest| smallest < 0.0) {
            return refuse("eigenvalues must fall from first to last, to 0 at least".to_owned());
        }
        if centring == Centring::None && mean.iter().any(|&number| number != 0.0) {
            return refuse("patches are not centred, and the mean is not zero".to_owned());
        }
        let products = components.dot(&components.t());
        let strayed = products.indexed_iter().find(|((row, column), product)| {
            let expected = if row == column { 1.0 } else { 0.0 };
            (**product - expected).abs() > NOT_ORTHONORMAL
        });
        if let Some(((row, column), product)) = strayed {
            return refuse(format!(
                "directions {row} and {column} (counted from 0) are not orthonormal: their product is {product}"
            ));
        }
        Ok(Self { centring, patches, mean, eigenvalues, components })
    }

    /// Numbers of a patch: D.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.mean.len()
    }

    /// What patches are measured from.
    #[must_use]
    pub fn centring(&self) -> Centring {
        self.centring
    }

    /// How many patches were fitted.
    #[must_use]
    pub fn patches(&self) -> u64 {
        self.patches
    }

    /// What is taken off every patch: the mean of the fitted ones, or zero.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Mean square of the fitted patches along every direction; the variance where they are centred.
    #[must_use]
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// The directions, [D, D], one a row.
    #[must_use]
    pub fn components(&self) -> ArrayView2<'_, f64> {
        self.components.view()
    }

    /// Directions along which the fitted patches vary: those whose eigenvalue exceeds D · 2⁻⁵² of the largest.
    #[must_use]
    pub fn rank(&self) -> usize {
        let largest = self.eigenvalues.first().copied().unwrap_or(0.0);
        let least = largest * self.dimensions() as f64 * f64::EPSILON;
        self.eigenvalues.iter().take_while(|&&value| value > least).count()
    }

    /// Mean of |x - x̂|² over the fitted patches with `dimensions` latent dimensions: the sum of the eigenvalues that are left out.
    /// Zero where none are.
    #[must_use]
    pub fn fitted_error(&self, dimensions: usize) -> f64 {
        // From the smallest, so that none is lost.
        self.eigenvalues.iter().skip(dimensions).rev().sum()
    }

    /// Mean of |x - x̂|² over some patches [T, D] for each number of latent dimensions, without noise: what lies along the
    /// directions that are left out. Does not rise with the number.
    ///
    /// # Errors
    /// `Shape` for patches of another width or none, `Dimensions` for more dimensions than there are.
    pub fn reconstruction_errors(
        &self,
        patches: ArrayView2<'_, f64>,
        dimensions: &[usize],
    ) -> Result<Vec<f64>, TokenizerError> {
        let most = self.dimensions();
        if let Some(&dimensions) = dimensions.iter().find(|&&dimensions| dimensions > most) {
            return Err(TokenizerError::Dimensions { dimensions, most });
        }
        let first = dimensions.iter().copied().min().unwrap_or(most);
        let left = self.coordinates(patches, first)?;
        let rows = left.nrows() as f64;
        let squares: Vec<f64> = left
            .columns()
            .into_iter()
            .map(|column| column.iter().map(|value| value * value).sum::<f64>() / rows)
            .collect();
        Ok(dimensions.iter().map(|&d| squares.iter().skip(d - first).rev().sum()).collect())
    }

    /// V (x - mean) from direction `first` on: [T, D - first].
    pub(super) fn coordinates(
        &self,
        patches: ArrayView2<'_, f64>,
        first: usize,
    ) -> Result<Array2<f64>, TokenizerError> {
        Ok(self.centred(patches)?.dot(&self.components.slice(s![first.., ..]).t()))
    }

    /// x - mean: [T, D].
    pub(super) fn centred(
        &self,
        patches: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, TokenizerError> {
        let width = self.dimensions();
        if patches.nrows() == 0 || patches.ncols() != width {
            return Err(TokenizerError::Shape {
                what: "patches have shape",
                found: patches.shape().to_vec(),
                expected: vec![patches.nrows().max(1), width],
            });
        }
        let mut centred = patches.to_owned();
        for mut patch in centred.outer_iter_mut() {
            patch.iter_mut().zip(&self.mean).for_each(|(number, mean)| *number -= mean);
        }
        Ok(centred)
    }
}

/// Adds m mᵀ.
fn add_outer(matrix: &mut Mat<f64>, mean: &[f64]) {
    for (column, along) in mean.iter().enumerate() {
        for (row, down) in mean.iter().enumerate() {
            matrix[(row, column)] += down * along;
        }
    }
}

/// Whether a direction has the sign that is not taken.
fn is_turned(direction: &[f64]) -> bool {
    let largest = direction.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
    let first = direction.iter().find(|entry| entry.abs() >= (1.0 - EQUALLY_LARGE) * largest);
    first.is_some_and(|&entry| entry < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_does_not_decide_signs() {
        assert!(!is_turned(&[0.1, 0.7, -0.7 - 1e-12]));
        assert!(is_turned(&[0.1, -0.7, 0.7 + 1e-12]));
        assert!(is_turned(&[0.1, 0.2, -0.7]));
        assert!(!is_turned(&[0.0, 0.0]));
    }
}
