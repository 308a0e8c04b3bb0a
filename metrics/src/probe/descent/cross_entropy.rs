//! Softmax and cross-entropy of rows of logits.

use super::super::exponential::exponentials;

/// Turns logits into (softmax - onehot(target)) · scale, and returns -ln softmax(target) in nats: infinite or NaN if a
/// logit is not finite.
pub(super) fn slopes(logits: &mut [f32], target: usize, scale: f32) -> f64 {
    let own = logits[target];
    let (largest, sum) = exponentials(logits);
    let factor = (f64::from(scale) / sum) as f32;
    logits.iter_mut().for_each(|value| *value *= factor);
    logits[target] -= scale;
    sum.ln() - (f64::from(own) - f64::from(largest))
}

/// -ln softmax(target) in nats.
pub(super) fn loss(logits: &[f32], target: usize) -> f64 {
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
    sum.ln() - (f64::from(logits[target]) - f64::from(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_derivative_and_losses_agree() {
        let logits = [0.5_f32, -1.0, 3.0, 2.0];
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        for target in 0..4 {
            let mut actual = logits;
            let value = slopes(&mut actual, target, 0.25);
            assert!((value - (sum.ln() - f64::from(logits[target]))).abs() < 1e-6);
            assert!((value - loss(&logits, target)).abs() < 1e-6);
            for (class, (&slope, &logit)) in actual.iter().zip(&logits).enumerate() {
                let own = if class == target { 1.0 } else { 0.0 };
                let expected = 0.25 * (f64::from(logit).exp() / sum - own);
                assert!((f64::from(slope) - expected).abs() < 1e-7);
            }
        }
    }

    #[test]
    fn what_is_not_finite_shows_in_the_loss() {
        for bad in [f32::NAN, f32::INFINITY] {
            assert!(!slopes(&mut [bad, 0.0], 1, 1.0).is_finite());
            assert!(!slopes(&mut [0.0, bad], 1, 1.0).is_finite());
        }
        assert!(slopes(&mut [1e30, -1e30], 1, 1.0) > 1e29);
    }
}
