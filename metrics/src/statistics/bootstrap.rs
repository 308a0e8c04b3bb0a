//! Percentile bootstrap of a correlation (Efron 1979): resample the pairs, recompute r, take quantiles.

use super::centred::CentredPairs;
use super::correlation::LEVEL;
use crate::{Finite, Interval, random::Stream};

/// A resample in which one side does not vary has no r. It is drawn again, this many times at most.
const MOST_ATTEMPTS: u32 = 1000;

/// The 95 % percentile interval of Pearson's r from `draws` resamples of the pairs, with replacement.
///
/// Draw b takes its indices from the stream (seed, `bootstrap`, b), so the result does not depend on the order of the
/// draws. Degenerate resamples (one side constant) are drawn again from the same stream and counted in the method.
/// `None` if `draws` is 0, or if a draw finds no resample that varies.
pub(super) fn interval(x: &[f64], y: &[f64], seed: u64, draws: u32) -> Option<Interval> {
    let mut redrawn = 0;
    let mut coefficients = Vec::with_capacity(draws as usize);
    for draw in 0..draws {
        let (r, attempts) =
            resampled_pearson(x, y, &mut Stream::new(seed, "bootstrap", u64::from(draw)))?;
        coefficients.push(r);
        redrawn += u64::from(attempts - 1);
    }
    coefficients.sort_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some(Interval {
        low: Finite::new(quantile(&coefficients, tail)?)?,
        high: Finite::new(quantile(&coefficients, 1.0 - tail)?)?,
        level: LEVEL,
        method: format!(
            "bootstrap-percentile (seed {seed}, {draws} draws, {redrawn} degenerate redrawn)"
        ),
    })
}

/// r of the first resample that has one, and how many were drawn for it.
fn resampled_pearson(x: &[f64], y: &[f64], stream: &mut Stream) -> Option<(f64, u32)> {
    let n = x.len() as u64;
    let mut indices = vec![0; x.len()];
    (1..=MOST_ATTEMPTS).find_map(|attempt| {
        indices.fill_with(|| stream.below(n) as usize);
        let pairs = indices.iter().map(|&index| (x[index], y[index]));
        Some((CentredPairs::of(pairs).second_moments().pearson()?, attempt))
    })
}

/// The quantile between order statistics by linear interpolation at (n - 1)·p (type 7 of Hyndman and Fan 1996, NumPy's
/// default), or `None` without values.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let position = sorted.len().checked_sub(1)? as f64 * p;
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    Some(below + (above - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&sorted, 0.0), Some(1.0));
        assert_eq!(quantile(&sorted, 0.5), Some(3.0));
        assert_eq!(quantile(&sorted, 0.9), Some(4.0 + 0.7000000000000002 * 4.0));
        assert_eq!(quantile(&sorted, 1.0), Some(8.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn degenerate_resamples_are_redrawn_and_counted() {
        let (x, y) = ([0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 2.0, 4.0]);
        let interval = interval(&x, &y, 0, 1000).unwrap();
        // A resample of four misses the only other x with probability (3/4)^4, or holds nothing else with (1/4)^4.
        let count: u32 = interval
            .method
            .split([',', ' '])
            .filter_map(|word| word.parse().ok())
            .next_back()
            .unwrap();
        assert!((350..650).contains(&count), "{}", interval.method);
    }

    #[test]
    fn no_draws_give_no_interval() {
        assert_eq!(interval(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0], 0, 0), None);
    }
}
