//! Chance levels of retrieval: what ranks give that know nothing of the target.
//!
//! A target's rank among N candidates is then uniform over 1…N, so that the mean reciprocal rank is H_N / N with the
//! harmonic number H_N = 1 + 1/2 + … + 1/N, and k of N targets are among the first k.

use retally_metrics::retrieval;

/// The largest bank that is looked at: H_N / N is below 2e-5 there.
const LARGEST_BANK: u64 = 1_000_000;

/// H_N / N, in (0, 1]; `None` for an empty bank or one of more than a million candidates.
pub(crate) fn mean_reciprocal_rank(bank: u64) -> Option<f64> {
    if !(1..=LARGEST_BANK).contains(&bank) {
        return None;
    }
    Some(retrieval::mean_reciprocal_rank_chance(bank))
}

/// k / N, in (0, 1]; `None` unless 1 <= k <= N.
pub(crate) fn hits(within: u64, bank: u64) -> Option<f64> {
    (1..=bank).contains(&within).then(|| retrieval::hits_chance(within, bank))
}

/// The smallest N whose H_N / N is below `limit`, looked for up to a million.
pub(crate) fn smallest_bank(limit: f64) -> Option<u64> {
    let mut harmonic = 0.0;
    (1..=LARGEST_BANK).find(|&bank| {
        harmonic += 1.0 / bank as f64;
        harmonic / (bank as f64) < limit
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // H_1 = 1, H_2 = 3/2, H_4 = 25/12.
        assert_eq!(mean_reciprocal_rank(1), Some(1.0));
        assert_eq!(mean_reciprocal_rank(2), Some(0.75));
        assert!((mean_reciprocal_rank(4).unwrap() - 25.0 / 48.0).abs() < 1e-15);
        // sum(fractions.Fraction(1, r) for r in range(1, 257)) / 256 in Python 3.
        assert!((mean_reciprocal_rank(256).unwrap() - 0.023_923_222_511_005_003).abs() < 1e-12);
        assert_eq!(hits(5, 256), Some(5.0 / 256.0));
        assert_eq!([mean_reciprocal_rank(0), hits(0, 4), hits(5, 4)], [None; 3]);
        assert_eq!(smallest_bank(0.6), Some(4));
        assert_eq!(smallest_bank(1e-9), None);
        assert_eq!(smallest_bank(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn the_smallest_bank_is_below_and_its_predecessor_is_not(limit in 0.001_f64..1.0) {
            let bank = smallest_bank(limit).unwrap();
            prop_assert!(mean_reciprocal_rank(bank).unwrap() < limit);
            prop_assert!(mean_reciprocal_rank(bank - 1).unwrap_or(f64::INFINITY) >= limit - 1e-15);
        }
    }
}
