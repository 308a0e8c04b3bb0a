//! A proportion with Wilson's interval.

use super::fisher::normal_quantile_two_sided;
use crate::{Finite, Interval};

/// Wilson's score interval (Wilson 1927) of `successes` out of `n` at `level`, as fractions in [0, 1].
///
/// (p + z²/2n ± z√(p(1 - p)/n + z²/4n²)) / (1 + z²/n), where p = successes/n. `None` if n is 0, there are more
/// successes than trials, or `level` is not inside (0, 1).
#[must_use]
pub fn wilson_interval(successes: u64, n: u64, level: f64) -> Option<Interval> {
    if n == 0 || successes > n || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let (trials, share) = (n as f64, successes as f64 / n as f64);
    let z = normal_quantile_two_sided(level);
    let denominator = 1.0 + z * z / trials;
    let centre = (share + z * z / (2.0 * trials)) / denominator;
    let half_width =
        z / denominator * (share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)).sqrt();
    // Rounding may leave the end at 0 or 1 off by an ulp, on the wrong side of the proportion.
    let low = if successes == 0 { 0.0 } else { (centre - half_width).max(0.0) };
    let high = if successes == n { 1.0 } else { (centre + half_width).min(1.0) };
    Some(Interval {
        low: Finite::new(low)?,
        high: Finite::new(high)?,
        level,
        method: "wilson".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_scipy() {
        // scipy.stats.binomtest(80, 100).proportion_ci(method="wilson")
        let interval = wilson_interval(80, 100, 0.95).unwrap();
        assert!((interval.low.get() - WILSON_LOW).abs() < 1e-9, "{}", interval.low.get());
        assert!((interval.high.get() - WILSON_HIGH).abs() < 1e-9, "{}", interval.high.get());
    }

    const WILSON_LOW: f64 = 0.711_170_834_406_841;
    const WILSON_HIGH: f64 = 0.866_633_066_668_967_4;

    #[test]
    fn ends_stay_in_the_unit_interval() {
        assert_eq!(wilson_interval(0, 10, 0.95).unwrap().low.get(), 0.0);
        assert_eq!(wilson_interval(10, 10, 0.95).unwrap().high.get(), 1.0);
    }

    #[test]
    fn impossible_counts_have_no_interval() {
        assert_eq!(wilson_interval(0, 0, 0.95), None);
        assert_eq!(wilson_interval(2, 1, 0.95), None);
        assert_eq!(wilson_interval(1, 2, 0.0), None);
    }
}
