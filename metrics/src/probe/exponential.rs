//! Exponentials of many numbers at a time.

/// Replaces every value x by exp(x - largest), and returns the largest and the sum of the exponentials.
///
/// Relative error of an exponential: below 2e-7. Arguments below -87 give some 1e-38 in place of less. If a value is not
/// finite, so is the sum or the largest. Plain operations in a fixed order: the bits are those of every machine.
pub(super) fn exponentials(values: &mut [f32]) -> (f32, f64) {
    pulp::Arch::new().dispatch(Exponentials { values })
}

struct Exponentials<'a> {
    values: &'a mut [f32],
}

/// Sums that run side by side.
const LANES: usize = 16;

impl pulp::NullaryFnOnce for Exponentials<'_> {
    type Output = (f32, f64);

    #[inline(always)]
    fn call(self) -> (f32, f64) {
        let mut maxima = [f32::NEG_INFINITY; LANES];
        let (blocks, rest) = self.values.as_chunks::<LANES>();
        for block in blocks {
            for (largest, &value) in maxima.iter_mut().zip(block) {
                *largest = if value > *largest { value } else { *largest };
            }
        }
        let largest = maxima.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let mut sums = [0.0_f32; LANES];
        let mut total = 0.0_f64;
        let (blocks, rest) = self.values.as_chunks_mut::<LANES>();
        for (index, block) in blocks.iter_mut().enumerate() {
            for (sum, value) in sums.iter_mut().zip(block.iter_mut()) {
                *value = exponential(*value - largest);
                *sum += *value;
            }
            // Sixteen rounded sums of few summands each, then exact ones.
            if index % 8 == 7 {
                total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
                sums = [0.0; LANES];
            }
        }
        total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        for value in rest {
            *value = exponential(*value - largest);
            total += f64::from(*value);
        }
        (largest, total)
    }
}

/// exp of a number at most 0: with x = n ln 2 + r, |r| ≤ ½ ln 2, it is 2^n (1 + r + r²/2 + … + r⁷/5040).
#[inline(always)]
fn exponential(x: f32) -> f32 {
    /// 1.5 · 2^23: what is added to it is rounded to a whole number.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with few enough bits that its multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const LEAST: f32 = -87.0;
    let x = if x < LEAST { LEAST } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let mut series = 1.0 / 5040.0;
    for factor in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + factor;
    }
    // The whole number stands in the low bits of `shifted`; -126 at least, so that the power is a normal number.
    let power = f32::from_bits(
        (shifted.to_bits().wrapping_sub(ROUND.to_bits()) << 23).wrapping_add(127 << 23),
    );
    series * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_exact_to_two_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        for index in 0..=870_000 {
            let x = -(index as f32) * 1e-4;
            let expected = f64::from(x).exp();
            worst = worst.max((f64::from(exponential(x)) - expected).abs() / expected);
        }
        assert!(worst < 2e-7, "{worst}");
        assert_eq!(exponential(0.0), 1.0);
        assert!(exponential(-1e30) < 2e-38 && exponential(f32::NEG_INFINITY) > 0.0);
        assert!(exponential(f32::NAN).is_nan());
    }

    #[test]
    fn the_sum_and_the_largest_are_those_of_the_values() {
        for count in [1, 15, 16, 17, 1000] {
            let values: Vec<f32> =
                (0..count).map(|index| (index * 37 % 101) as f32 / 7.0).collect();
            let mut actual = values.clone();
            let (largest, sum) = exponentials(&mut actual);
            let expected = values.iter().copied().fold(f32::MIN, f32::max);
            assert_eq!(largest, expected);
            let exact: f64 = values.iter().map(|&x| f64::from(x - expected).exp()).sum();
            assert!((sum - exact).abs() < 4e-7 * exact, "{count}");
        }
    }

    #[test]
    fn a_number_that_is_not_finite_shows() {
        for bad in [f32::NAN, f32::INFINITY] {
            for place in [0, 17] {
                let mut values = [0.0; 18];
                values[place] = bad;
                let (largest, sum) = exponentials(&mut values);
                assert!(!(largest.is_finite() && sum.is_finite()), "{bad} at {place}");
            }
        }
    }
}
