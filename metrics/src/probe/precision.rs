//! The number types that features are computed with.

use super::exponential::{exponentials, exponentials_f64};
use faer::traits::ComplexField;

/// `f32` while far from the minimum, where the last digits of a gradient do not matter, and `f64` close to it.
pub(super) trait Precision: ComplexField + Copy + Default {
    /// Relative rounding error of a mean loss.
    const ROUNDING: f64;

    /// To the type, rounded.
    fn of(value: f64) -> Self;

    /// From the type, exactly.
    fn wide(self) -> f64;

    /// Replaces every value x by exp(x - largest); returns the largest and the sum of the exponentials.
    fn exponentials(values: &mut [Self]) -> (f64, f64);
}

impl Precision for f32 {
    // Logits are rounded to 24 bits, and losses are differences of them.
    const ROUNDING: f64 = 1e-7;

    fn of(value: f64) -> Self {
        value as f32
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn exponentials(values: &mut [Self]) -> (f64, f64) {
        let (largest, sum) = exponentials(values);
        (f64::from(largest), sum)
    }
}

impl Precision for f64 {
    const ROUNDING: f64 = f64::EPSILON;

    fn of(value: f64) -> Self {
        value
    }

    fn wide(self) -> f64 {
        self
    }

    fn exponentials(values: &mut [Self]) -> (f64, f64) {
        exponentials_f64(values)
    }
}
