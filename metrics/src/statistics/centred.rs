//! Second moments of paired numbers that survive huge offsets, huge and tiny scales.

/// Paired numbers moved to mean zero. Each side is also multiplied by a power of two (which changes no digit) so that
/// no square overflows or vanishes.
#[derive(Clone, Debug)]
pub(super) struct CentredPairs {
    pub(super) x: CentredValues,
    pub(super) y: CentredValues,
}

/// One side of [`CentredPairs`].
#[derive(Clone, Debug)]
pub(super) struct CentredValues {
    /// (value - mean) · scale.
    pub(super) deviations: Vec<f64>,
    /// Mean of the values, unscaled.
    pub(super) mean: f64,
    /// The power of two that the deviations carry.
    pub(super) scale: f64,
}

/// Sums of squares and products of deviations.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondMoments {
    pub(super) xx: f64,
    pub(super) xy: f64,
    pub(super) yy: f64,
}

impl CentredValues {
    /// Shifts by the first value (so that equal values give exactly zero), then twice by the mean of what is left.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let largest = values.clone().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let scale = power_of_two_below_inverse(largest);
        let first = values.clone().next().unwrap_or(0.0) * scale;
        let mut deviations: Vec<f64> = values.map(|value| value * scale - first).collect();
        let mut offset = first;
        for _ in 0..2 {
            let mean = deviations.iter().sum::<f64>() / deviations.len().max(1) as f64;
            deviations.iter_mut().for_each(|deviation| *deviation -= mean);
            offset += mean;
        }
        Self { deviations, mean: offset / scale, scale }
    }
}

impl CentredPairs {
    /// Centres both sides. The caller has checked that the lengths agree and every number is finite.
    pub(super) fn of(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        Self {
            x: CentredValues::of(pairs.clone().map(|(x, _)| x)),
            y: CentredValues::of(pairs.map(|(_, y)| y)),
        }
    }

    /// Sums of squares and products, in scaled units.
    pub(super) fn second_moments(&self) -> SecondMoments {
        let mut moments = SecondMoments { xx: 0.0, xy: 0.0, yy: 0.0 };
        for (&x, &y) in self.x.deviations.iter().zip(&self.y.deviations) {
            moments.xx += x * x;
            moments.xy += x * y;
            moments.yy += y * y;
        }
        moments
    }
}

impl SecondMoments {
    /// Pearson's r in [-1, 1], or `None` if one side does not vary.
    ///
    /// r = Σ(x - x̄)(y - ȳ) / √(Σ(x - x̄)² Σ(y - ȳ)²); rounding beyond ±1 is clamped.
    pub(super) fn pearson(&self) -> Option<f64> {
        let r = self.xy / (self.xx * self.yy).sqrt();
        r.is_finite().then(|| r.clamp(-1.0, 1.0))
    }
}

/// A power of two that brings `largest` to about 1; 1 for zero.
fn power_of_two_below_inverse(largest: f64) -> f64 {
    // The exponent is kept where both the power and its inverse are normal numbers.
    if largest == 0.0 { 1.0 } else { (-largest.log2().floor().clamp(-1000.0, 1000.0)).exp2() }
}
