//! CMMD: the squared maximum mean discrepancy under a Gaussian kernel on CLIP embeddings (Jayasumana et al. 2024,
//! "Rethinking FID", arXiv:2401.09603).

use super::checked_set;
use super::kernel_sums::{Kernel, Pass, Side};
use super::two_sample::{Denominator, Estimate};
use super::{DistributionError, SetRows};
use crate::executor::Executor;
use crate::{Interval, Measurement, Unit};
use serde::{Deserialize, Serialize};

/// Parameters of [`cmmd`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CmmdOptions {
    /// Width of the kernel, above 0.
    pub sigma: f64,
    /// What the discrepancy is multiplied by, above 0.
    pub scale: f64,
    /// Divide every row by its length first, as the released code does after CLIP.
    pub normalise: bool,
}

impl Default for CmmdOptions {
    fn default() -> Self {
        Self { sigma: 10.0, scale: 1000.0, normalise: true }
    }
}

/// What [`cmmd`] measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Cmmd {
    /// Rows of the reference.
    pub reference_rows: usize,
    /// Rows of the samples.
    pub sample_rows: usize,
    /// The parameters.
    pub options: CmmdOptions,
    /// The scaled discrepancy, at least 0 up to rounding.
    pub value: f64,
    /// From leaving out one row at a time; `None` if a set has fewer than three rows.
    pub interval: Option<Interval>,
}

/// CMMD of two sets of embeddings, [n, d] and [m, d].
///
/// scale · (mean k(x, x') + mean k(y, y') - 2 mean k(x, y)) with k(x, y) = exp(-|x - y|²/(2σ²)) and means over *all*
/// ordered pairs, a row with itself included: the V-statistic of the released code, which is never negative and biased
/// upwards. Unitless.
///
/// Inner products are `f32`. What is summed is k - 1, in `f64`: for unit vectors and σ = 10 every k lies between 0.98 and
/// 1, and `f32` sums of k itself, as in the released code, cost digits. Rows of a table that is not in memory are read as
/// they are needed, those of a tile at a time, for the same bits.
///
/// # Errors
/// If a set is empty, not finite, the widths differ, an option is out of range, or a row that is to be normalised is
/// zero; `Overflow` if an inner product does not fit `f32`; `Unreadable` if rows of a table cannot be read.
pub fn cmmd<'r, 's>(
    reference: impl Into<SetRows<'r>>,
    samples: impl Into<SetRows<'s>>,
    options: &CmmdOptions,
    executor: &dyn Executor,
) -> Result<Cmmd, DistributionError> {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if !(positive(options.sigma) && positive(options.scale)) {
        return Err(DistributionError::Options(format!(
            "sigma is {}, the scale {}; expected finite numbers above 0",
            options.sigma, options.scale
        )));
    }
    let (mut reference, mut samples) = checked_set::pair(reference.into(), samples.into(), 1)?;
    let (reference_rows, sample_rows) = (reference.len(), samples.len());
    if options.normalise {
        samples = samples.with_unit_rows()?;
        reference = reference.with_unit_rows()?;
    }
    let kernel = GaussianLessOne { factor: -0.5 / (options.sigma * options.sigma) };
    let (first, second) = (Side::new(samples)?, Side::new(reference)?);
    let sums = Pass::new(&kernel, executor).sums(&first, &second, &[])?;
    let estimate = Estimate::of(&sums, Denominator::Biased).scaled(options.scale);
    if !estimate.value.is_finite() {
        return Err(DistributionError::Overflow { what: "the inner products" });
    }
    Ok(Cmmd {
        reference_rows,
        sample_rows,
        options: *options,
        value: estimate.value,
        interval: estimate.interval(),
    })
}

/// exp(-|x - y|²/(2σ²)) - 1, whose diagonal is 0.
struct GaussianLessOne {
    /// -1/(2σ²).
    factor: f64,
}

impl Kernel for GaussianLessOne {
    #[inline(always)]
    fn apply(&self, products: &mut [f32], own: f64, columns: &[f64]) {
        for (value, &column) in products.iter_mut().zip(columns) {
            let squared_distance = (own + column - 2.0 * f64::from(*value)).max(0.0);
            let kernel = (self.factor * squared_distance).exp_m1() as f32;
            // `max` would hide a product that has overflowed; the sum carries it to the check.
            *value = if value.is_finite() { kernel } else { f32::NAN };
        }
    }
}

impl Cmmd {
    /// `CMMD`, unitless; n is the number of samples.
    #[must_use]
    pub fn measurements(&self) -> Vec<Measurement> {
        let CmmdOptions { sigma, scale, normalise } = self.options;
        let rows = if normalise { "rows of length 1" } else { "rows as they are" };
        let method = format!(
            "{scale} times the MMD² (V-statistic) of {} samples and {} rows of the reference; kernel exp(-|x - y|²/(2 · \
             {sigma}²)); {rows}; products in f32, sums of k - 1 in f64",
            self.sample_rows, self.reference_rows
        );
        vec![
            Measurement::of("CMMD", self.value, Unit::None, self.sample_rows as u64, method)
                .with_interval(self.interval.clone()),
        ]
    }
}
