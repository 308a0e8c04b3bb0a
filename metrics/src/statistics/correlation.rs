//! The correlation of paired numbers with everything a claim about it needs: interval, bootstrap, leave-one-out, line.

use super::centred::CentredPairs;
use super::{average_ranks, bootstrap, fisher, leave_one_out};
use crate::{Absence, AbsenceReason, Interval, Measurement, Unit};
use serde::{Deserialize, Serialize};

/// Nominal coverage of every interval here.
pub(super) const LEVEL: f64 = 0.95;

/// Fewest pairs that have a correlation: with two, r is ±1 whatever they are.
const FEWEST_PAIRS: usize = 3;

/// Parameters of the bootstrap. The default is seed 0 and 10,000 draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrelationOptions {
    /// Seed of the bootstrap.
    pub seed: u64,
    /// Number of bootstrap resamples; 0 for no bootstrap interval.
    pub bootstrap_draws: u32,
}

impl Default for CorrelationOptions {
    fn default() -> Self {
        Self { seed: 0, bootstrap_draws: 10_000 }
    }
}

/// A least-squares line y = intercept + slope · x.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// y at x = 0.
    pub intercept: f64,
    /// dy/dx.
    pub slope: f64,
}

/// The correlation of n pairs (x, y). Every number in it is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Number of pairs, at least 3.
    pub n: usize,
    /// Pearson's r, in [-1, 1].
    pub pearson: f64,
    /// Spearman's ρ, in [-1, 1]: Pearson's r of the ranks, where ties share their average rank.
    pub spearman: f64,
    /// 95 % interval of Pearson's r by Fisher's z; `None` for n = 3 or |r| = 1.
    pub fisher_interval: Option<Interval>,
    /// 95 % percentile bootstrap interval of Pearson's r; `None` if no draws were asked for.
    pub bootstrap_interval: Option<Interval>,
    /// Smallest and largest Pearson's r with one pair left out; `None` only if no such r exists.
    pub leave_one_out: Option<[f64; 2]>,
    /// For each pair (index, Pearson's r without it), the pair that moves r most first; ties in index order. Pairs
    /// without which r is undefined are not listed.
    pub influence: Vec<(usize, f64)>,
    /// Least-squares line of y on x.
    pub line: Line,
}

impl Correlation {
    /// Measures the correlation of the pairs (`x[i]`, `y[i]`).
    ///
    /// Sums are formed in two passes over centred values, so offsets and scales far from 1 cost no digits. Time is
    /// O(n · draws).
    ///
    /// # Errors
    /// An absence if the lengths differ, a number is not finite, there are fewer than 3 pairs, x or y does not vary, or
    /// the line's coefficients overflow.
    pub fn of(x: &[f64], y: &[f64], options: CorrelationOptions) -> Result<Self, Absence> {
        check(x, y)?;
        let centred = CentredPairs::of(pairs(x, y));
        let pearson = centred.second_moments().pearson().ok_or_else(|| no_variance(x))?;
        let spearman = spearman(x, y).ok_or_else(|| no_variance(x))?;
        let mut influence = leave_one_out::without_each(x, y, &centred);
        let leave_one_out = range(&influence);
        influence.sort_by(|(_, a), (_, b)| (b - pearson).abs().total_cmp(&(a - pearson).abs()));
        Ok(Self {
            n: x.len(),
            pearson,
            spearman,
            fisher_interval: fisher::interval(pearson, x.len()),
            bootstrap_interval: bootstrap::interval(x, y, options.seed, options.bootstrap_draws),
            leave_one_out,
            influence,
            line: line(&centred)?,
        })
    }

    /// Pearson's r with the Fisher-z interval, and Spearman's ρ, as measurements.
    #[must_use]
    pub fn measurements(&self) -> Vec<Measurement> {
        let n = self.n as u64;
        vec![
            Measurement::of(
                "pearson",
                self.pearson,
                Unit::None,
                n,
                "Pearson product-moment correlation",
            )
            .with_interval(self.fisher_interval.clone()),
            Measurement::of(
                "spearman",
                self.spearman,
                Unit::None,
                n,
                "Spearman rank correlation, ties share their average rank",
            ),
        ]
    }
}

fn pairs<'a>(x: &'a [f64], y: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + Clone + 'a {
    x.iter().copied().zip(y.iter().copied())
}

fn check(x: &[f64], y: &[f64]) -> Result<(), Absence> {
    if x.len() != y.len() {
        let detail =
            format!("x has {} values and y has {}; a correlation needs pairs", x.len(), y.len());
        return Err(Absence::new(AbsenceReason::MissingInput, detail));
    }
    if let Some(index) = pairs(x, y).position(|(x, y)| !(x.is_finite() && y.is_finite())) {
        let detail =
            format!("pair {index} (counted from 0) is ({}, {}), not finite", x[index], y[index]);
        return Err(Absence::new(AbsenceReason::NotFinite, detail));
    }
    if x.len() < FEWEST_PAIRS {
        let detail = format!("{} pairs; a correlation needs at least {FEWEST_PAIRS}", x.len());
        return Err(Absence::new(AbsenceReason::TooFewSamples, detail));
    }
    Ok(())
}

fn no_variance(x: &[f64]) -> Absence {
    let constant = if x.iter().all(|value| *value == x[0]) { "x" } else { "y" };
    let detail = format!(
        "{constant} has the same value in all {} pairs, so no correlation is defined",
        x.len()
    );
    Absence::new(AbsenceReason::Undefined, detail)
}

fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (average_ranks(x), average_ranks(y));
    CentredPairs::of(pairs(&x, &y)).second_moments().pearson()
}

fn range(influence: &[(usize, f64)]) -> Option<[f64; 2]> {
    let mut coefficients = influence.iter().map(|&(_, r)| r);
    let first = coefficients.next()?;
    Some(coefficients.fold([first, first], |[low, high], r| [low.min(r), high.max(r)]))
}

/// slope = Σ(x - x̄)(y - ȳ) / Σ(x - x̄)², intercept = ȳ - slope · x̄.
fn line(centred: &CentredPairs) -> Result<Line, Absence> {
    let moments = centred.second_moments();
    let slope = moments.xy / moments.xx * centred.x.scale / centred.y.scale;
    let intercept = centred.y.mean - slope * centred.x.mean;
    if slope.is_finite() && intercept.is_finite() {
        Ok(Line { intercept, slope })
    } else {
        let detail = "the least-squares line of y on x overflows; rescale x or y";
        Err(Absence::new(AbsenceReason::NotFinite, detail))
    }
}
