//! Ranks with ties.

/// Ranks from 1 to n in rising order; equal values share the average of the ranks that they occupy.
///
/// The values must not be NaN. -0 and 0 are equal.
#[must_use]
pub fn average_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut smaller = 0;
    for ties in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // Ranks smaller + 1 … smaller + ties.len().
        let shared = smaller as f64 + (ties.len() as f64 + 1.0) / 2.0;
        ties.iter().for_each(|&index| ranks[index] = shared);
        smaller += ties.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_the_average() {
        assert_eq!(average_ranks(&[10.0, 20.0, 10.0, 5.0]), [2.5, 4.0, 2.5, 1.0]);
        assert_eq!(average_ranks(&[0.0, -0.0, 0.0]), [2.0, 2.0, 2.0]);
        assert_eq!(average_ranks(&[]), [0.0; 0]);
    }
}
