//! Precision and recall (Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric"), density and coverage (Naeem et
//! al. 2020, "Reliable Fidelity and Diversity Metrics").
//!
//! A set's manifold is the union of balls around its rows, each as large as the distance to the k-th nearest other row.

mod adm;
mod exact;
mod filter;
mod integer_rows;
mod panels;
mod shortlist;

use super::DistributionError;
use super::features;
use crate::executor::Executor;
use crate::statistics::{mean_estimate, wilson_interval};
use crate::{Interval, Measurement, Unit};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Coverage of the intervals.
const LEVEL: f64 = 0.95;

/// How distances are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arithmetic {
    /// Every decision is that of squared distances summed in `f64`.
    #[default]
    Exact,
    /// ADM's evaluator (`evaluations/evaluator.py` of guided-diffusion): |u|² - 2 u·v + |v|² in binary16 where all values of a
    /// block of 10,000 by 10,000 pairs are finite, else in `f32`.
    AdmHalf,
}

/// Whether a ball holds its surface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    /// Distance ≤ radius: the original authors, ADM, torch-fidelity.
    #[default]
    Closed,
    /// Distance < radius: Naeem et al., dgm-eval.
    Open,
}

/// Parameters of [`manifold`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifoldOptions {
    /// Which neighbour decides a radius, at least 1; each set needs more rows than this.
    pub k: usize,
    /// How distances are computed.
    pub arithmetic: Arithmetic,
    /// Whether a ball holds its surface.
    pub boundary: Boundary,
}

impl Default for ManifoldOptions {
    fn default() -> Self {
        Self { k: 3, arithmetic: Arithmetic::Exact, boundary: Boundary::Closed }
    }
}

/// What [`manifold`] counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifold {
    /// The parameters.
    pub options: ManifoldOptions,
    /// For each sample, the number of reference balls around it.
    pub balls_around_sample: Vec<u64>,
    /// For each reference row, whether some sample lies in its ball.
    pub covered: Vec<bool>,
    /// For each reference row, whether it lies in the ball of some sample.
    pub recalled: Vec<bool>,
}

impl Manifold {
    fn empty(options: ManifoldOptions, reference: usize, samples: usize) -> Self {
        Self {
            options,
            balls_around_sample: vec![0; samples],
            covered: vec![false; reference],
            recalled: vec![false; reference],
        }
    }

    /// Takes in what a tile found. The counts are whole numbers: their order does not matter.
    fn add(&mut self, hits: &[Hit]) {
        for hit in hits {
            if hit.in_reference_ball {
                self.balls_around_sample[hit.sample] += 1;
                self.covered[hit.reference] = true;
            }
            self.recalled[hit.reference] |= hit.in_sample_ball;
        }
    }
}

/// A pair of which one lies in the ball of the other.
struct Hit {
    reference: usize,
    sample: usize,
    /// The sample lies in the ball of the reference row.
    in_reference_ball: bool,
    /// The reference row lies in the ball of the sample.
    in_sample_ball: bool,
}

/// Precision, recall, density and coverage of two sets of features, `reference` [n, d] and `samples` [m, d].
///
/// - precision: share of samples inside at least one reference ball;
/// - recall: share of reference rows inside at least one sample's ball;
/// - density: number of reference balls around a sample, averaged, divided by k;
/// - coverage: share of reference balls with at least one sample inside.
///
/// All but density, which has no upper bound below n/k, lie in [0, 1].
///
/// # Errors
/// If a set has not more than k rows or holds NaN or infinities, the widths differ, k is 0, or there are more than 2^20
/// dimensions; `Overflow` if [`Arithmetic::AdmHalf`] leaves even the range of `f32`.
pub fn manifold(
    reference: ArrayView2<'_, f32>,
    samples: ArrayView2<'_, f32>,
    options: &ManifoldOptions,
    executor: &dyn Executor,
) -> Result<Manifold, DistributionError> {
    /// Up to here the error bounds of the exact comparison hold with room to spare.
    const MOST_DIMENSIONS: usize = 1 << 20;
    if options.k == 0 {
        return Err(DistributionError::Options(
            "k is 0; expected at least 1: the neighbour that decides a radius".to_owned(),
        ));
    }
    let (reference, samples) = features::pair(reference, samples, options.k.saturating_add(1))?;
    if reference.width() > MOST_DIMENSIONS {
        return Err(DistributionError::Options(format!(
            "the features have {} dimensions; expected at most {MOST_DIMENSIONS}",
            reference.width()
        )));
    }
    match options.arithmetic {
        Arithmetic::Exact => {
            Ok(exact::manifold(reference.rows(), samples.rows(), options, executor))
        }
        Arithmetic::AdmHalf => adm::manifold(reference.rows(), samples.rows(), options, executor),
    }
}

impl Manifold {
    /// Samples inside at least one reference ball.
    #[must_use]
    pub fn precise_samples(&self) -> u64 {
        self.balls_around_sample.iter().filter(|&&balls| balls > 0).count() as u64
    }

    /// Reference rows inside at least one sample's ball.
    #[must_use]
    pub fn recalled_rows(&self) -> u64 {
        count(&self.recalled)
    }

    /// Reference rows with at least one sample in their ball.
    #[must_use]
    pub fn covered_rows(&self) -> u64 {
        count(&self.covered)
    }

    /// Reference balls around a sample, averaged, divided by k.
    #[must_use]
    pub fn density(&self) -> f64 {
        let balls: u64 = self.balls_around_sample.iter().sum();
        balls as f64 / (self.options.k as f64 * self.balls_around_sample.len() as f64)
    }

    /// `precision`, `recall`, `density`, `coverage`. The intervals hold the other set fixed.
    #[must_use]
    pub fn measurements(&self) -> Vec<Measurement> {
        let (samples, reference) =
            (self.balls_around_sample.len() as u64, self.recalled.len() as u64);
        let share = |metric: &str, what: &str, hits: u64, n: u64, given: &str| {
            let method = format!("{what}; {}", self.method());
            Measurement::of(metric, hits as f64 / n as f64, Unit::Fraction, n, method)
                .with_interval(given_other_set(wilson_interval(hits, n, LEVEL), given))
        };
        let density = Measurement::of(
            "density",
            self.density(),
            Unit::None,
            samples,
            format!("number of reference balls around a sample, divided by k; {}", self.method()),
        );
        vec![
            share(
                "precision",
                "share of samples inside a reference ball",
                self.precise_samples(),
                samples,
                "reference",
            ),
            share(
                "recall",
                "share of reference rows inside a sample's ball",
                self.recalled_rows(),
                reference,
                "samples",
            ),
            density.with_interval(given_other_set(self.density_interval(), "reference")),
            share(
                "coverage",
                "share of reference balls with a sample inside",
                self.covered_rows(),
                reference,
                "samples",
            ),
        ]
    }

    fn density_interval(&self) -> Option<Interval> {
        let k = self.options.k as f64;
        let densities: Vec<f64> =
            self.balls_around_sample.iter().map(|&balls| balls as f64 / k).collect();
        mean_estimate(&densities, LEVEL).ok()?.interval
    }

    fn method(&self) -> String {
        let arithmetic = match self.options.arithmetic {
            Arithmetic::Exact => "squared distances as in f64",
            Arithmetic::AdmHalf => {
                "squared distances in ADM's binary16 (f32 for blocks of 10,000 by 10,000 that overflow)"
            }
        };
        let boundary = match self.options.boundary {
            Boundary::Closed => "distance ≤ radius",
            Boundary::Open => "distance < radius",
        };
        format!(
            "{} samples against {} rows of the reference; radius to neighbour {} without the row itself, {boundary}, \
             {arithmetic}",
            self.balls_around_sample.len(),
            self.recalled.len(),
            self.options.k
        )
    }
}

fn count(flags: &[bool]) -> u64 {
    flags.iter().filter(|&&flag| flag).count() as u64
}

fn given_other_set(interval: Option<Interval>, given: &str) -> Option<Interval> {
    interval.map(|interval| Interval {
        method: format!("{}, given the {given}", interval.method),
        ..interval
    })
}
