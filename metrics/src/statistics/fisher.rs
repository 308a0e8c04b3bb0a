//! Fisher's z transform of a correlation coefficient (Fisher 1921): atanh(r) is nearly normal with variance 1/(n - 3)
//! for independent pairs from a bivariate normal distribution.

use super::correlation::LEVEL;
use crate::{Finite, Interval};
use statrs::function::erf;

/// tanh(atanh(r) ± z/√(n - 3)) at 95 %; `None` for n < 4 or |r| = 1, where the transform has no finite value.
pub(super) fn interval(r: f64, n: usize) -> Option<Interval> {
    let half_width = normal_quantile_two_sided(LEVEL) * standard_error(n)?;
    let z = finite_atanh(r)?;
    Some(Interval {
        low: Finite::new((z - half_width).tanh())?,
        high: Finite::new((z + half_width).tanh())?,
        level: LEVEL,
        method: "fisher-z".to_owned(),
    })
}

/// Two-sided p value of the hypothesis that the population's correlation is the printed one.
///
/// p = 2(1 - Φ(|atanh(r_recomputed) - atanh(r_printed)| √(n - 3))). The printed r is taken as a given number, not as
/// another sample: that is the stricter of the two usual tests. `None` for n < 4, or where |r| ≥ 1 or NaN leaves a
/// transform without a finite value.
#[must_use]
pub fn fisher_test(r_recomputed: f64, r_printed: f64, n: usize) -> Option<f64> {
    let difference = finite_atanh(r_recomputed)? - finite_atanh(r_printed)?;
    let standardised = difference.abs() / standard_error(n)?;
    Some(erf::erfc(standardised / std::f64::consts::SQRT_2))
}

/// The z for which a standard normal variable lies in [-z, z] with probability `level`.
pub(crate) fn normal_quantile_two_sided(level: f64) -> f64 {
    std::f64::consts::SQRT_2 * erf::erf_inv(level)
}

fn standard_error(n: usize) -> Option<f64> {
    (n > 3).then(|| 1.0 / (n as f64 - 3.0).sqrt())
}

fn finite_atanh(r: f64) -> Option<f64> {
    Some(r.atanh()).filter(|z| z.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_agrees_with_scipy() {
        // scipy.stats.pearsonr(...).confidence_interval() formula evaluated for r = -0.852, n = 27.
        let interval = interval(-0.852, 27).unwrap();
        assert!((interval.low.get() - FISHER_LOW).abs() < 1e-12, "{}", interval.low.get());
        assert!((interval.high.get() - FISHER_HIGH).abs() < 1e-12, "{}", interval.high.get());
    }

    const FISHER_LOW: f64 = -0.930_684_483_383_995_1;
    const FISHER_HIGH: f64 = -0.697_968_678_594_324_4;

    #[test]
    fn test_of_equality() {
        assert_eq!(fisher_test(0.5, 0.5, 10), Some(1.0));
        // atanh(0.5) = 0.549306…, times √(28 - 3) = 2.746530…: 2(1 - Φ) from scipy.stats.norm.sf.
        let p = fisher_test(0.5, 0.0, 28).unwrap();
        assert!((p - FISHER_P).abs() < 1e-12, "{p}");
        assert_eq!(fisher_test(0.5, 0.0, 3), None);
        assert_eq!(fisher_test(1.0, 0.9, 30), None);
        assert_eq!(fisher_test(f64::NAN, 0.9, 30), None);
        assert_eq!(fisher_test(0.1, 1.5, 30), None);
    }

    const FISHER_P: f64 = 0.006_022_924_485_883_396;
}
