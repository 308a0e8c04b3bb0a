//! Fréchet distances as measurements.

use super::{
    FrechetDistance, FrechetSide, FrechetUncertainty, frechet_bias, frechet_distance,
    frechet_distance_with_uncertainty,
};
use crate::distribution::DistributionError;
use crate::distribution::fd_infinity::{FdInfinityOptions, fd_infinity};
use crate::executor::Executor;
use crate::{Absence, AbsenceReason, Measurement, Unit};

/// What to measure beside the distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrechetOptions {
    /// Whether the distance gets an interval.
    pub interval: bool,
    /// Splits into halves that estimate the small-sample bias; 0: no bias.
    pub bias_splits: u32,
    /// Seed of the splits.
    pub seed: u64,
    /// Whether to extrapolate to infinitely many samples, and how.
    pub infinity: Option<FdInfinityOptions>,
}

impl Default for FrechetOptions {
    /// Interval and bias from one split, no extrapolation.
    fn default() -> Self {
        Self { interval: true, bias_splits: 1, seed: 0, infinity: None }
    }
}

impl FrechetOptions {
    /// The distance alone.
    #[must_use]
    pub fn quick() -> Self {
        Self { interval: false, bias_splits: 0, ..Self::default() }
    }
}

/// The distance as `NAME`, then, as asked for, `NAME bias (small sample)` and `NAME (bias-corrected)`, then
/// `NAME-infinity`; `name` is `FID`, `sFID`, `FD` …
///
/// Sets at distance 0 but for rounding have no interval: there every influence vanishes, and with it what it is made of.
///
/// In squared units of the features (unit `none`). `n` is the number of samples, 0 if a file of statistics does not say.
///
/// # Errors
/// As [`frechet_distance`] and [`fd_infinity`]; what is missing beside the distance is an absence.
pub fn frechet_measurements(
    name: &str,
    reference: FrechetSide<'_>,
    samples: FrechetSide<'_>,
    options: FrechetOptions,
    executor: &dyn Executor,
) -> Result<Vec<Measurement>, DistributionError> {
    let (distance, uncertainty) = if options.interval {
        frechet_distance_with_uncertainty(reference, samples, executor)?
    } else {
        (frechet_distance(reference, samples, executor)?, None)
    };
    let uncertainty = uncertainty.filter(|_| is_above_rounding(&distance));
    let sets = Sets { name, reference: reference.reborrow(), samples: samples.reborrow() };
    let interval = uncertainty.as_ref().map(|uncertainty| uncertainty.interval.clone());
    let method = sets.method(&format!("trace {}", distance.path.name()));
    let mut measurements =
        vec![sets.measurement("", distance.distance, method).with_interval(interval)];
    if options.bias_splits > 0 {
        measurements.extend(sets.bias(&distance, uncertainty.as_ref(), options, executor)?);
    }
    if let Some(options) = options.infinity {
        measurements.push(sets.infinity(options, executor)?);
    }
    Ok(measurements)
}

/// Whether a distance is more than the rounding of its terms.
fn is_above_rounding(distance: &FrechetDistance) -> bool {
    /// What every path to the trace promises.
    const ROUNDING: f64 = 1e-10;
    distance.distance > ROUNDING * (distance.trace_reference + distance.trace_samples)
}

struct Sets<'a> {
    name: &'a str,
    reference: FrechetSide<'a>,
    samples: FrechetSide<'a>,
}

impl Sets<'_> {
    fn n(&self) -> u64 {
        self.samples.rows().unwrap_or(0)
    }

    fn method(&self, how: &str) -> String {
        let origin = |side: &FrechetSide<'_>| match (side, side.rows()) {
            (FrechetSide::Features(_), Some(rows)) => format!("{rows} rows"),
            (FrechetSide::Gaussian(_), Some(rows)) => format!("statistics of {rows} rows"),
            (_, None) => "statistics of an unknown number of rows".to_owned(),
        };
        format!(
            "frechet (covariance with denominator n - 1, f64), {how}; reference: {}; samples: {}; {} dimensions",
            origin(&self.reference),
            origin(&self.samples),
            self.samples.dimensions()
        )
    }

    fn measurement(&self, suffix: &str, value: f64, method: String) -> Measurement {
        Measurement::of(format!("{}{suffix}", self.name), value, Unit::None, self.n(), method)
    }

    fn absent(&self, suffix: &str, method: String, absence: Absence) -> Measurement {
        Measurement::absent(format!("{}{suffix}", self.name), Unit::None, self.n(), method, absence)
    }

    fn bias(
        &self,
        distance: &FrechetDistance,
        uncertainty: Option<&FrechetUncertainty>,
        options: FrechetOptions,
        executor: &dyn Executor,
    ) -> Result<[Measurement; 2], DistributionError> {
        let FrechetOptions { seed, bias_splits, .. } = options;
        let given = match (&self.reference, &self.samples) {
            (FrechetSide::Gaussian(_), _) => ", given the reference",
            (_, FrechetSide::Gaussian(_)) => ", given the samples",
            _ => "",
        };
        let how = format!("half samples (seed {seed}, {bias_splits} splits, bias b/n{given})");
        let method = self.method(&how);
        let [bias, corrected] = [" bias (small sample)", " (bias-corrected)"];
        let sides = [self.reference, self.samples];
        let estimate = frechet_bias(sides, distance.distance, (seed, bias_splits), executor)?;
        Ok(match estimate {
            Ok(estimate) => [
                self.measurement(bias, estimate.bias, method.clone()),
                self.measurement(corrected, estimate.corrected, method).with_interval(
                    uncertainty.and_then(|u| u.around_corrected(estimate.corrected)),
                ),
            ],
            Err(absence) => [
                self.absent(bias, method.clone(), absence.clone()),
                self.absent(corrected, method, absence),
            ],
        })
    }

    fn infinity(
        &self,
        options: FdInfinityOptions,
        executor: &dyn Executor,
    ) -> Result<Measurement, DistributionError> {
        let FrechetSide::Features(features) = self.samples else {
            let absence = Absence::new(
                AbsenceReason::MissingInput,
                "the samples have no features of which subsets could be taken",
            );
            return Ok(self.absent("-infinity", self.method("FD-infinity"), absence));
        };
        let result = fd_infinity(self.reference, features, options, executor)?;
        let method = self.method(&options.method());
        Ok(match result {
            Ok(result) => self
                .measurement("-infinity", result.value, method)
                .with_interval(Some(result.interval)),
            Err(absence) => self.absent("-infinity", method, absence),
        })
    }
}
