//! Exponentials of many numbers at a time.

/// Replaces every value x by exp(x - largest), and returns the largest and the sum of the exponentials.
///
/// Relative error of an exponential: below 2e-7. Arguments below -87 give some 1e-38 in place of less. If a value is not
/// finite, so is the sum or the largest. Plain operations in a fixed order: the bits are those of every machine.
pub(super) fn exponentials(values: &mut [f32]) -> (f32, f64) {
    pulp::Arch::new().dispatch(Exponentials { values })
}

/// [`exponentials`] in `f64`: relative error below 1e-15; arguments below -700 give some 1e-304 in place of less.
pub(super) fn exponentials_f64(values: &mut [f64]) -> (f64, f64) {
    pulp::Arch::new().dispatch(ExponentialsF64 { values })
}

struct Exponentials<'a> {
    values: &'a mut [f32],
}

struct ExponentialsF64<'a> {
    values: &'a mut [f64],
}

/// Sums that run side by side.
const LANES: usize = 16;

/// Blocks whose sums stay in `f32`.
const ROUNDED: usize = 8;

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
        let mut total = 0.0_f64;
        let (blocks, rest) = self.values.as_chunks_mut::<LANES>();
        for blocks in blocks.chunks_mut(ROUNDED) {
            // Rounded sums of few summands each, then exact ones.
            let mut sums = [0.0_f32; LANES];
            for block in blocks {
                for (sum, value) in sums.iter_mut().zip(block.iter_mut()) {
                    *value = exponential(*value - largest);
                    *sum += *value;
                }
            }
            total += sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
        }
        for value in rest {
            *value = exponential(*value - largest);
            total += f64::from(*value);
        }
        (largest, total)
    }
}

impl pulp::NullaryFnOnce for ExponentialsF64<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn call(self) -> (f64, f64) {
        let mut maxima = [f64::NEG_INFINITY; LANES];
        let (blocks, rest) = self.values.as_chunks::<LANES>();
        for block in blocks {
            for (largest, &value) in maxima.iter_mut().zip(block) {
                *largest = if value > *largest { value } else { *largest };
            }
        }
        let largest = maxima.iter().chain(rest).fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let mut sums = [0.0_f64; LANES];
        let (blocks, rest) = self.values.as_chunks_mut::<LANES>();
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block.iter_mut()) {
                *value = exponential_f64(*value - largest);
                *sum += *value;
            }
        }
        let mut total = sums.iter().sum::<f64>();
        for value in rest {
            *value = exponential_f64(*value - largest);
            total += *value;
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

/// The same with terms up to r¹³/13!.
#[inline(always)]
fn exponential_f64(x: f64) -> f64 {
    /// 1.5 · 2^52.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, the first with 33 bits.
    const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    const LEAST: f64 = -700.0;
    /// 1/13!, 1/12!, … 1/0!.
    const FACTORS: [f64; 14] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let x = if x < LEAST { LEAST } else { x };
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let mut series = 0.0;
    for factor in FACTORS {
        series = series * r + factor;
    }
    let power = f64::from_bits(
        (shifted.to_bits().wrapping_sub(ROUND.to_bits()) << 52).wrapping_add(1023 << 52),
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
    fn exponentials_in_f64_are_exact_to_some_units_in_the_last_place() {
        let mut worst = 0.0_f64;
        for index in 0..=700_000 {
            let x = -f64::from(index) * 1e-3;
            worst = worst.max((exponential_f64(x) - x.exp()).abs() / x.exp());
        }
        assert!(worst < 1e-15, "{worst}");
        assert_eq!(exponential_f64(0.0), 1.0);
        assert!(exponential_f64(f64::NEG_INFINITY) < 1e-300 && exponential_f64(f64::NAN).is_nan());
        let mut values = [1.0, f64::NAN, 2.0];
        assert!(exponentials_f64(&mut values).1.is_nan());
        let mut values: Vec<f64> = (0..37).map(|index| f64::from(index * 5 % 37)).collect();
        let (largest, sum) = exponentials_f64(&mut values);
        let exact: f64 = (0..37).map(|index| f64::from(index - 36).exp()).sum();
        assert!(largest == 36.0 && (sum - exact).abs() < 1e-14);
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
