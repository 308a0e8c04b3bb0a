//! The Fréchet distance between two sets of features, taken as Gaussians (Dowson and Landau 1982; FID: Heusel et al. 2017).
//!
//! ```text
//! |μ₁ - μ₂|² + tr S₁ + tr S₂ - 2 tr (S₁S₂)^½
//! ```
//!
//! S is the covariance with denominator n - 1, everything is `f64`. Unlike the reference codes (`pytorch-fid`, ADM's
//! `evaluator.py`, `clean-fid`), which take a matrix root of S₁S₂ and add 1e-6 to a singular one, this needs neither
//! complex numbers nor an eps: see [`TracePath`].

mod bias;
mod measure;
mod root;
mod uncertainty;

pub use bias::{SmallSampleBias, frechet_bias};
pub use measure::{FrechetOptions, frechet_measurements};
pub use uncertainty::FrechetUncertainty;

use super::DistributionError;
use super::SetRows;
use super::features::{REFERENCE, SAMPLES, check_same_width};
use super::moments::{Gaussian, centred};
use crate::executor::Executor;
use ndarray::ArrayView2;
use root::{Spread, TraceRoot, trace_root};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One of the two sets.
#[derive(Clone, Copy, Debug)]
pub enum FrechetSide<'a> {
    /// Features, one row a sample.
    Features(SetRows<'a>),
    /// Mean and covariance alone, such as those of a reference file.
    Gaussian(&'a Gaussian),
}

impl<'a> From<ArrayView2<'a, f32>> for FrechetSide<'a> {
    fn from(features: ArrayView2<'a, f32>) -> Self {
        Self::Features(features.into())
    }
}

impl FrechetSide<'_> {
    /// The same set for a shorter time, so that two sets can have one lifetime (array views do not shorten by themselves).
    pub(super) fn reborrow(&self) -> FrechetSide<'_> {
        match self {
            Self::Features(features) => FrechetSide::Features(features.reborrow()),
            Self::Gaussian(gaussian) => FrechetSide::Gaussian(gaussian),
        }
    }

    /// Number of samples; `None` if a file does not say.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Features(features) => Some(features.count() as u64),
            Self::Gaussian(gaussian) => gaussian.rows(),
        }
    }

    /// Width of the features.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        match self {
            Self::Features(features) => features.width(),
            Self::Gaussian(gaussian) => gaussian.mean().len(),
        }
    }
}

/// How tr (S₁S₂)^½ was computed. Which one is taken depends on the input alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TracePath {
    /// A set has features and no more of them than dimensions: singular values of X₁ᶜ X₂ᶜᵀ / √((n₁ - 1)(n₂ - 1)), where
    /// the other set's factor may stand for its features. Exact, although the covariance is singular.
    NuclearNorm,
    /// Full rank: roots of the eigenvalues of L₁ᵀ S₂ L₁, S₁ = L₁ L₁ᵀ, with an error below 1e-10 of the trace.
    Cholesky,
    /// Full rank, but that error would be larger: singular values of L₁ᵀ L₂.
    CholeskySingularValues,
    /// A covariance of lower rank, without features that show it: its factor is made of the eigenvalues above
    /// d · eps · (largest) of the correlation matrix.
    EigenCutOff,
}

impl TracePath {
    /// The name that a measurement's method carries.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NuclearNorm => "nuclear-norm",
            Self::Cholesky => "cholesky",
            Self::CholeskySingularValues => "cholesky-singular-values",
            Self::EigenCutOff => "eigen-cut-off",
        }
    }
}

/// A Fréchet distance and its terms, in squared units of the features. Every number is finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrechetDistance {
    /// mean_term + trace_reference + trace_samples - 2 trace_root, at least 0: where rounding leaves a negative sum (of
    /// two equal sets), it is 0. The terms are as computed.
    pub distance: f64,
    /// |μ₁ - μ₂|²
    pub mean_term: f64,
    /// tr S₁
    pub trace_reference: f64,
    /// tr S₂
    pub trace_samples: f64,
    /// tr (S₁S₂)^½
    pub trace_root: f64,
    /// How `trace_root` was computed.
    pub path: TracePath,
}

/// The Fréchet distance between two sets.
///
/// The result is the same bits for any executor. It takes 3 d³ to 10 d³ operations for d dimensions, or n₁ n₂ d where
/// n₁, n₂ ≤ d.
///
/// # Errors
/// `NoDimensions`, `Dimensions`, `TooFewRows` for fewer than 2 rows, `NotFinite`, `Statistics` if a covariance is not one,
/// `NotConverged`.
pub fn frechet_distance(
    reference: FrechetSide<'_>,
    samples: FrechetSide<'_>,
    executor: &dyn Executor,
) -> Result<FrechetDistance, DistributionError> {
    Pair::prepare(reference.reborrow(), samples.reborrow(), executor)?.distance()
}

/// The same with its standard error at this number of samples.
///
/// The uncertainty is `None` if neither set has features. It takes eigenvectors, so about twice the time.
///
/// # Errors
/// As [`frechet_distance`].
pub fn frechet_distance_with_uncertainty(
    reference: FrechetSide<'_>,
    samples: FrechetSide<'_>,
    executor: &dyn Executor,
) -> Result<(FrechetDistance, Option<FrechetUncertainty>), DistributionError> {
    let pair = Pair::prepare(reference.reborrow(), samples.reborrow(), executor)?;
    let root = pair.root(true)?;
    let distance = pair.distance_of(&root)?;
    let uncertainty = uncertainty::estimate(&pair, &root, &distance)?;
    Ok((distance, uncertainty))
}

/// Two sets of equal width, ready to be compared.
pub(super) struct Pair<'a> {
    sets: [Prepared<'a>; 2],
}

impl<'a> Pair<'a> {
    fn prepare(
        reference: FrechetSide<'a>,
        samples: FrechetSide<'a>,
        executor: &dyn Executor,
    ) -> Result<Self, DistributionError> {
        check_widths(&reference, &samples)?;
        let reference = Prepared::of(reference, REFERENCE, executor)?;
        Ok(Self { sets: [reference, Prepared::of(samples, SAMPLES, executor)?] })
    }

    fn root(&self, transport: bool) -> Result<TraceRoot, DistributionError> {
        let [reference, samples] = &self.sets;
        trace_root([(&reference.spread, REFERENCE), (&samples.spread, SAMPLES)], transport)
    }

    fn distance(&self) -> Result<FrechetDistance, DistributionError> {
        self.distance_of(&self.root(false)?)
    }

    fn distance_of(&self, root: &TraceRoot) -> Result<FrechetDistance, DistributionError> {
        let [reference, samples] = &self.sets;
        let steps = reference.mean().iter().zip(samples.mean()).map(|(a, b)| a - b);
        let mean_term: f64 = steps.map(|step| step * step).sum();
        let [trace_reference, trace_samples] = [reference.trace(), samples.trace()];
        let sum = mean_term + (trace_reference + trace_samples - 2.0 * root.value);
        if !sum.is_finite() {
            return Err(DistributionError::NotConverged("the Fréchet distance"));
        }
        Ok(FrechetDistance {
            distance: sum.max(0.0),
            mean_term,
            trace_reference,
            trace_samples,
            trace_root: root.value,
            path: root.path,
        })
    }
}

/// # Errors
/// `NoDimensions`, `Dimensions`.
pub(super) fn check_widths(
    reference: &FrechetSide<'_>,
    samples: &FrechetSide<'_>,
) -> Result<(), DistributionError> {
    match [reference.dimensions(), samples.dimensions()] {
        [0, _] => Err(DistributionError::NoDimensions { set: REFERENCE }),
        [_, 0] => Err(DistributionError::NoDimensions { set: SAMPLES }),
        [reference, samples] => check_same_width(reference, samples),
    }
}

/// One set, reduced to what the distance needs, with its features for the uncertainty.
struct Prepared<'a> {
    features: Option<SetRows<'a>>,
    mean: Cow<'a, [f64]>,
    spread: Spread<'a>,
}

impl<'a> Prepared<'a> {
    fn of(
        side: FrechetSide<'a>,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<Self, DistributionError> {
        match side {
            FrechetSide::Gaussian(gaussian) => Ok(Self {
                features: None,
                mean: Cow::Borrowed(gaussian.mean()),
                spread: Spread::Gaussian(Cow::Borrowed(gaussian)),
            }),
            FrechetSide::Features(features) => Self::of_features(features, set, executor),
        }
    }

    fn of_features(
        features: SetRows<'a>,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<Self, DistributionError> {
        let (rows, width) = (features.count(), features.width());
        if rows < 2 {
            return Err(DistributionError::TooFewRows { set, actual: rows, needed: 2 });
        }
        if rows > width {
            let moments = features.moments(set, executor)?;
            let gaussian = Gaussian::of_moments(&moments, set)?;
            let mean = Cow::Owned(gaussian.mean().to_vec());
            return Ok(Self {
                features: Some(features),
                mean,
                spread: Spread::Gaussian(Cow::Owned(gaussian)),
            });
        }
        // No more rows than dimensions: few enough to be held.
        let (mean, mut deviations) = match features {
            SetRows::Memory(rows) => centred(rows, set)?,
            SetRows::Table(_) => {
                let all: Vec<usize> = (0..rows).collect();
                centred(features.gather(&all, set)?.view(), set)?
            }
        };
        deviations *= faer::Scale(1.0 / ((rows - 1) as f64).sqrt());
        Ok(Self {
            features: Some(features),
            mean: Cow::Owned(mean),
            spread: Spread::Deviations(deviations),
        })
    }

    fn mean(&self) -> &[f64] {
        &self.mean
    }

    fn trace(&self) -> f64 {
        match &self.spread {
            Spread::Deviations(matrix) => matrix.squared_norm_l2(),
            Spread::Gaussian(gaussian) => gaussian.trace(),
        }
    }
}
