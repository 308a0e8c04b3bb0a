//! Arithmetic on curves over layers, and on means of columns.

/// A curve at `points` places evenly spaced over its whole length, linear between its own points. Both ends stay.
///
/// A curve of one point becomes a constant; an empty one stays empty.
pub(crate) fn resampled(values: &[f64], points: usize) -> Vec<f64> {
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    let at = |index: usize| {
        let place = last as f64 * index as f64 / points.saturating_sub(1).max(1) as f64;
        let before = (place.floor() as usize).min(last);
        let after = (before + 1).min(last);
        let share = place - before as f64;
        values[before] + share * (values[after] - values[before])
    };
    (0..points).map(at).collect()
}

/// Mean of |x - y| over points; `None` for curves of different or no length.
pub(crate) fn mean_absolute_difference(x: &[f64], y: &[f64]) -> Option<f64> {
    let sum: f64 = x.iter().zip(y).map(|(x, y)| (x - y).abs()).sum();
    (x.len() == y.len() && !x.is_empty()).then(|| sum / x.len() as f64)
}

/// Largest change of a Huber loss ([`retally_metrics::unified::interaction::huber`]) where its value moves by at most `by`.
pub(crate) fn huber_change(value: f64, target: f64, delta: f64, by: f64) -> f64 {
    by * ((value - target).abs() + by).min(delta)
}

/// The least over all non-empty choices of columns of the largest |mean of the chosen numbers - target| over rows; each
/// row has its numbers, at most 20 and equally many, and its target. Also how many choices there are.
pub(crate) fn best_mean(rows: &[(Vec<f64>, f64)]) -> Option<(f64, u64)> {
    let columns = rows.first()?.0.len();
    if !(1..=20).contains(&columns) || rows.iter().any(|(own, _)| own.len() != columns) {
        return None;
    }
    // The largest error of each choice; the choice without any column stays at 0.
    let mut largest = vec![0.0_f64; 1 << columns];
    for (values, target) in rows {
        let sums = sums_of_choices(values);
        for (choice, (error, sum)) in largest.iter_mut().zip(sums).enumerate().skip(1) {
            *error = error.max((sum / f64::from(choice.count_ones()) - target).abs());
        }
    }
    let least = largest.iter().skip(1).copied().fold(f64::INFINITY, f64::min);
    Some((least, (largest.len() - 1) as u64))
}

/// The sum of every choice of these numbers: bit i of the position says whether number i is chosen.
fn sums_of_choices(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for value in values {
        let with: Vec<f64> = sums.iter().map(|sum| sum + value).collect();
        sums.extend(with);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use retally_metrics::unified::interaction::huber;

    #[test]
    fn curves_are_resampled_between_their_ends() {
        assert_eq!(resampled(&[0.0, 1.0, 4.0], 5), [0.0, 0.5, 1.0, 2.5, 4.0]);
        assert_eq!(resampled(&[0.0, 1.0, 4.0], 2), [0.0, 4.0]);
        assert_eq!(resampled(&[2.0], 3), [2.0; 3]);
        assert!(resampled(&[], 3).is_empty());
        assert_eq!(mean_absolute_difference(&[1.0, 2.0], &[2.0, 0.0]), Some(1.5));
        assert_eq!(mean_absolute_difference(&[1.0], &[]), None);
        assert_eq!(mean_absolute_difference(&[], &[]), None);
    }

    #[test]
    fn the_best_choice_is_found() {
        let rows = vec![(vec![1.0, 10.0, 4.0], 2.5), (vec![3.0, 0.0, 9.0], 6.0)];
        // The first and the third column: 2.5 and 6.
        assert_eq!(best_mean(&rows), Some((0.0, 7)));
        assert_eq!(best_mean(&[(vec![1.0], 3.0)]), Some((2.0, 1)));
        assert_eq!(best_mean(&[]), None);
        assert_eq!(best_mean(&[(vec![], 3.0)]), None);
        assert_eq!(best_mean(&[(vec![1.0; 21], 3.0)]), None);
    }

    proptest! {
        #[test]
        fn a_resampled_curve_stays_within_its_own_range(
            values in proptest::collection::vec(-1.0_f64..1.0, 1..40), points in 2_usize..80
        ) {
            let found = resampled(&values, points);
            prop_assert_eq!(found.len(), points);
            prop_assert_eq!(found.first(), values.first());
            prop_assert!((found[points - 1] - values[values.len() - 1]).abs() < 1e-12);
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            prop_assert!(found.iter().all(|value| (low - 1e-12..=high + 1e-12).contains(value)));
            prop_assert!(resampled(&values, values.len().max(2)).iter().zip(&values).all(|(a, b)| (a - b).abs() < 1e-12));
        }

        #[test]
        fn a_loss_changes_by_no_more_than_its_bound(
            value in 0.0_f64..1.0, target in 0.0_f64..1.0, delta in 0.01_f64..0.5, by in 0.0_f64..0.1, share in -1.0_f64..=1.0
        ) {
            let moved = huber(value + share * by - target, delta);
            let change = (moved - huber(value - target, delta)).abs();
            prop_assert!(change <= huber_change(value, target, delta, by) + 1e-12);
        }
    }
}
