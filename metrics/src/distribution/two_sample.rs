//! Estimates of a squared maximum mean discrepancy from sums of a kernel, and their jackknife.
//!
//! MMD² = E k(x, x') + E k(y, y') - 2 E k(x, y) (Gretton et al. 2012, "A Kernel Two-Sample Test").

use super::kernel_sums::{KernelSums, RowSums, SubsetSums};
use crate::statistics::normal_quantile_two_sided;
use crate::{Finite, Interval};

/// Coverage of the intervals.
const LEVEL: f64 = 0.95;

/// By how many the sum over ordered pairs of different rows of one set is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denominator {
    /// n(n - 1): the U-statistic, without bias.
    Unbiased,
    /// n²: the V-statistic of a kernel whose k(x, x) has been taken off.
    Biased,
}

impl Denominator {
    fn of(self, n: f64) -> f64 {
        match self {
            Self::Unbiased => n * (n - 1.0),
            Self::Biased => n * n,
        }
    }
}

/// The estimate of one subset of `size` rows a side, the unbiased one.
pub(super) fn subset_estimate(sums: &SubsetSums, size: usize) -> f64 {
    let m = size as f64;
    2.0 * (sums.first + sums.second) / (m * (m - 1.0)) - 2.0 * sums.across / (m * m)
}

/// An estimate with the standard error of the jackknife.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    /// `None` where a set is too small to leave out a row.
    pub(super) standard_error: Option<f64>,
}

impl Estimate {
    /// Leaves out one row after the other of the first set, then of the second (Arvesen 1969): the variances add.
    pub(super) fn of(sums: &KernelSums, denominator: Denominator) -> Self {
        let totals = Totals::of(sums, denominator);
        let value = totals.estimate(0.0, 0.0, 0.0);
        let enough = totals.rows.0 > 2.0 && totals.rows.1 > 2.0;
        let standard_error = enough.then(|| {
            let first = totals.variance(&sums.first);
            let second = totals.swapped().variance(&sums.second);
            (first + second).sqrt()
        });
        Self { value, standard_error }
    }

    /// The estimate of a multiple.
    pub(super) fn scaled(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            standard_error: self.standard_error.map(|error| error * factor),
        }
    }

    /// value ± z · standard error at 95 %.
    pub(super) fn interval(&self) -> Option<Interval> {
        let half_width = normal_quantile_two_sided(LEVEL) * self.standard_error?;
        Some(Interval {
            low: Finite::new(self.value - half_width)?,
            high: Finite::new(self.value + half_width)?,
            level: LEVEL,
            method: "normal, standard error of the delete-one jackknife over the rows of both sets"
                .to_owned(),
        })
    }
}

#[derive(Clone, Copy)]
struct Totals {
    rows: (f64, f64),
    /// Over ordered pairs of different rows.
    within: (f64, f64),
    across: f64,
    denominator: Denominator,
}

impl Totals {
    fn of(sums: &KernelSums, denominator: Denominator) -> Self {
        Self {
            rows: (sums.first.within.len() as f64, sums.second.within.len() as f64),
            within: (sums.first.within.iter().sum(), sums.second.within.iter().sum()),
            across: sums.first.across.iter().sum(),
            denominator,
        }
    }

    fn swapped(self) -> Self {
        let swap = |(first, second)| (second, first);
        Self { rows: swap(self.rows), within: swap(self.within), ..self }
    }

    /// The estimate without `left_out` rows of the first set, whose sums are these.
    fn estimate(&self, left_out: f64, within: f64, across: f64) -> f64 {
        let n = self.rows.0 - left_out;
        (self.within.0 - 2.0 * within) / self.denominator.of(n)
            + self.within.1 / self.denominator.of(self.rows.1)
            - 2.0 * (self.across - across) / (n * self.rows.1)
    }

    fn variance(&self, sums: &RowSums) -> f64 {
        let without: Vec<f64> = sums
            .within
            .iter()
            .zip(&sums.across)
            .map(|(&within, &across)| self.estimate(1.0, within, across))
            .collect();
        let n = self.rows.0;
        let mean = without.iter().sum::<f64>() / n;
        let squares: f64 = without.iter().map(|value| (value - mean) * (value - mean)).sum();
        squares * (n - 1.0) / n
    }
}
