//! The same samples measured twice: how far the second measurement is from the first.

use super::mean::{MeanEstimate, mean_estimate};
use crate::{Absence, AbsenceReason};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Mean of second - first over pairs, with Student's t interval of that mean at `level`. Since each sample is its own
/// control, what samples differ in among themselves does not widen the interval.
///
/// # Errors
/// An absence if the lengths differ, or as [`mean_estimate`] of the differences.
pub fn paired_difference(
    first: &[f64],
    second: &[f64],
    level: f64,
) -> Result<MeanEstimate, Absence> {
    if first.len() != second.len() {
        let detail = format!(
            "{} values before and {} after; a paired difference needs the same samples",
            first.len(),
            second.len()
        );
        return Err(Absence::new(AbsenceReason::MissingInput, detail));
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(old, new)| new - old).collect();
    mean_estimate(&differences, level)
}

/// Two-sided p of McNemar's exact test: of the samples that only one of two classifiers has right, `only_first` are the
/// first's and `only_second` the second's. If neither is better, each is a fair coin: p = 2 P(X <= min) with
/// X ~ Binomial(sum, 1/2), at most 1. With no such sample nothing speaks against it, and p is 1.
#[must_use]
pub fn mcnemar_exact(only_first: u64, only_second: u64) -> f64 {
    let (fewer, sum) = (only_first.min(only_second), only_first.saturating_add(only_second));
    match Binomial::new(0.5, sum) {
        Ok(coins) if sum > 0 => (2.0 * coins.cdf(fewer)).min(1.0),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_input_is_absent() {
        let reason = |a: &[f64], b: &[f64]| paired_difference(a, b, 0.95).unwrap_err().reason;
        assert_eq!(reason(&[1.0], &[]), AbsenceReason::MissingInput);
        assert_eq!(reason(&[], &[]), AbsenceReason::TooFewSamples);
        assert_eq!(reason(&[f64::MAX], &[-f64::MAX]), AbsenceReason::NotFinite);
    }

    #[test]
    fn a_constant_shift_has_no_width() {
        let found = paired_difference(&[1.0, 5.0, -3.0], &[1.5, 5.5, -2.5], 0.95).unwrap();
        let interval = found.interval.unwrap();
        assert_eq!((found.mean, interval.low.get(), interval.high.get()), (0.5, 0.5, 0.5));
    }

    #[test]
    fn six_heads_of_six() {
        // 2 / 2^6; the distribution function is an incomplete beta function, exact to some 1e-14.
        assert!((mcnemar_exact(0, 6) - 0.03125).abs() < 1e-13);
        assert_eq!(mcnemar_exact(0, 0), 1.0);
        assert_eq!(mcnemar_exact(5, 5), 1.0);
    }

    proptest! {
        #[test]
        fn the_test_does_not_know_which_came_first(a in 0_u64..500, b in 0_u64..500) {
            let p = mcnemar_exact(a, b);
            prop_assert_eq!(p, mcnemar_exact(b, a));
            prop_assert!((0.0..=1.0).contains(&p));
        }

        #[test]
        fn a_larger_imbalance_has_a_smaller_p(sum in 1_u64..300, fewer in 1_u64..150) {
            prop_assume!(2 * fewer <= sum);
            let near = mcnemar_exact(fewer, sum - fewer);
            let far = mcnemar_exact(fewer - 1, sum - fewer + 1);
            prop_assert!(far <= near);
        }

        #[test]
        fn turning_time_around_turns_the_sign(
            pairs in proptest::collection::vec((-1e3_f64..1e3, -1e3_f64..1e3), 2..40),
        ) {
            let (first, second): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let there = paired_difference(&first, &second, 0.95).unwrap();
            let back = paired_difference(&second, &first, 0.95).unwrap();
            prop_assert!((there.mean + back.mean).abs() <= 1e-12 * there.mean.abs().max(1.0));
        }
    }
}
