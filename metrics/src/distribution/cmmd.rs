//! CMMD: the squared maximum mean discrepancy under a Gaussian kernel on CLIP embeddings (Jayasumana et al. 2024,
//! "Rethinking FID", arXiv:2401.09603).

use super::DistributionError;
use super::features::{self, Rows};
use super::kernel_sums::{Kernel, Pass, Side};
use super::two_sample::{Denominator, Estimate};
use crate::executor::Executor;
use crate::{Interval, Measurement, Unit};
use ndarray::ArrayView2;
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
/// 1, and `f32` sums of k itself, as in the released code, cost digits.
///
/// # Errors
/// If a set is empty, not finite, the widths differ, an option is out of range, or a row that is to be normalised is
/// zero; `Overflow` if an inner product does not fit `f32`.
pub fn cmmd(
    reference: ArrayView2<'_, f32>,
    samples: ArrayView2<'_, f32>,
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
    let (reference, samples) = features::pair(reference, samples, 1)?;
    let kernel = GaussianLessOne { factor: -0.5 / (options.sigma * options.sigma) };
    let pass = Pass::new(&kernel, executor);
    let sums = if options.normalise {
        let first = unit_rows(samples.rows(), features::SAMPLES)?;
        let second = unit_rows(reference.rows(), features::REFERENCE)?;
        let width = samples.width();
        let (first, second) = (Rows::new(&first, width), Rows::new(&second, width));
        pass.sums(&Side::new(first), &Side::new(second), &[])
    } else {
        let (first, second) = (Side::new(samples.rows()), Side::new(reference.rows()));
        pass.sums(&first, &second, &[])
    };
    let estimate = Estimate::of(&sums, Denominator::Biased).scaled(options.scale);
    if !estimate.value.is_finite() {
        return Err(DistributionError::Overflow { what: "the inner products" });
    }
    Ok(Cmmd {
        reference_rows: reference.len(),
        sample_rows: samples.len(),
        options: *options,
        value: estimate.value,
        interval: estimate.interval(),
    })
}

/// Rows divided by their lengths, which are taken in f64.
fn unit_rows(rows: Rows<'_>, set: &'static str) -> Result<Vec<f32>, DistributionError> {
    let lengths = rows.squared_lengths();
    if let Some(row) = lengths.iter().position(|&length| length == 0.0) {
        return Err(DistributionError::ZeroRow { set, row });
    }
    Ok(rows
        .iter()
        .zip(&lengths)
        .flat_map(|(row, squared)| {
            let inverse = 1.0 / squared.sqrt();
            row.iter().map(move |&value| (f64::from(value) * inverse) as f32)
        })
        .collect())
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
