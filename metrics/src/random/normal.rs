//! Normal numbers with the same bits on every machine.
//!
//! Logarithm, sine and cosine are sums of their series: additions, multiplications, one division and one root a pair, which
//! IEEE 754 rounds in one way only. Those of an operating system differ in the last bits, and those of a library change with its
//! version, while an image must stay the same. Numbers are rounded to f32 in the end, so 1e-12 is exact enough; and loops over
//! plain arithmetic are computed several numbers at a time.

use super::Stream;
use std::array;
use std::f64::consts::{LN_2, SQRT_2, TAU};

/// Pairs that are made together: enough for vector instructions, few enough for registers and the first cache.
const PAIRS: usize = 32;

/// Fills with standard normal numbers that f32 can hold. Number i depends on i alone and not on how many there are.
///
/// Box and Muller 1958: of two uniform numbers u and w in [0, 1) come √(-2 ln(1 - u)) cos 2πw and the same with sin.
pub fn fill(mut stream: Stream, numbers: &mut [f64]) {
    for part in numbers.chunks_mut(2 * PAIRS) {
        let mut radii = [0.0; PAIRS];
        let mut turns = [0.0; PAIRS];
        let pairs = part.len().div_ceil(2);
        for (radius, turn) in radii.iter_mut().zip(&mut turns).take(pairs) {
            *radius = 1.0 - stream.uniform();
            *turn = stream.uniform();
        }
        let made = normal(radii, turns);
        for (pair, made) in part.chunks_mut(2).zip(made) {
            for (number, made) in pair.iter_mut().zip(made) {
                *number = made;
            }
        }
    }
}

/// Pairs of normal numbers of uniform ones, the first in (0, 1] and the second in [0, 1).
fn normal(uniform: [f64; PAIRS], turns: [f64; PAIRS]) -> [[f64; 2]; PAIRS] {
    let radii: [f64; PAIRS] = array::from_fn(|place| (-2.0 * logarithm(uniform[place])).sqrt());
    let angles: [(f64, f64); PAIRS] = array::from_fn(|place| cosine_and_sine(turns[place]));
    array::from_fn(|place| {
        let (cosine, sine) = angles[place];
        [cosine, sine].map(|part| f64::from((radii[place] * part) as f32))
    })
}

/// ln of a normal number above 0: with x = 2^e m, √½ ≤ m < √2 and s = (m - 1) / (m + 1), it is
/// e ln 2 + 2 (s + s³/3 + s⁵/5 + …). |s| is at most 0.172, so what is left out is below 1e-15.
fn logarithm(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    const ONE: u64 = 1023 << 52;
    /// 2^52 as bits: a number below 2^52 put into its mantissa makes the sum of both.
    const SHIFT: u64 = 1075 << 52;
    let bits = x.to_bits();
    let exponent = f64::from_bits(bits >> 52 | SHIFT) - f64::from_bits(SHIFT) - 1023.0;
    let mantissa = f64::from_bits(bits & MANTISSA | ONE);
    let large = mantissa > SQRT_2;
    let mantissa = if large { 0.5 * mantissa } else { mantissa };
    let exponent = if large { exponent + 1.0 } else { exponent };
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 0.0;
    for odd in [17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = (sum + 1.0 / odd) * square;
    }
    exponent * LN_2 + 2.0 * (s + s * sum)
}

/// cos 2πw and sin 2πw for w in [0, 1]: with the nearest quarter q/4 and x = 2π (w - q/4), the series of cos x and sin x, turned
/// by q quarters. |x| is at most π/4, so what is left out is below 1e-16.
fn cosine_and_sine(w: f64) -> (f64, f64) {
    /// Added and taken away again, it rounds a small number to the nearest whole one.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let quarter = (4.0 * w + ROUND) - ROUND;
    let x = TAU * (w - 0.25 * quarter);
    let square = x * x;
    let mut cosine = 1.0;
    for factor in [240.0, 182.0, 132.0, 90.0, 56.0, 30.0, 12.0, 2.0] {
        cosine = 1.0 - square * (1.0 / factor) * cosine;
    }
    let mut sine = 1.0;
    for factor in [210.0, 156.0, 110.0, 72.0, 42.0, 20.0, 6.0] {
        sine = 1.0 - square * (1.0 / factor) * sine;
    }
    let sine = x * sine;
    let odd = quarter == 1.0 || quarter == 3.0;
    let (first, second) = if odd { (sine, cosine) } else { (cosine, sine) };
    let first = if quarter == 1.0 || quarter == 2.0 { -first } else { first };
    let second = if quarter == 2.0 || quarter == 3.0 { -second } else { second };
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in (0, 1): all sizes, and both sides of where a branch changes.
    fn numbers() -> Vec<f64> {
        let mut stream = Stream::new(0, "test", 0);
        let mut numbers: Vec<f64> = (0..20_000)
            .map(|index| stream.uniform() * 0.5_f64.powi(index % 53))
            .filter(|number| *number > 0.0)
            .collect();
        for border in [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.5 * SQRT_2] {
            numbers.extend([border - f64::EPSILON / 8.0, border, border + f64::EPSILON]);
        }
        numbers
    }

    #[test]
    fn the_logarithm_agrees_with_a_library() {
        for x in numbers() {
            let (actual, expected) = (logarithm(x), libm::log(x));
            assert!((actual - expected).abs() <= 1e-15 * expected.abs().max(0.1), "{x}: {actual}");
        }
        assert_eq!(logarithm(1.0), 0.0);
        assert!((logarithm(0.5_f64.powi(53)) + 53.0 * LN_2).abs() < 1e-14);
    }

    #[test]
    fn cosine_and_sine_agree_with_a_library() {
        for w in numbers() {
            let (cosine, sine) = cosine_and_sine(w);
            let (expected_sine, expected_cosine) = libm::sincos(TAU * w);
            assert!((cosine - expected_cosine).abs() < 1e-15, "{w}: {cosine} {expected_cosine}");
            assert!((sine - expected_sine).abs() < 1e-15, "{w}: {sine} {expected_sine}");
        }
        assert_eq!(cosine_and_sine(0.0), (1.0, 0.0));
        assert_eq!(cosine_and_sine(0.25), (0.0, 1.0));
        assert_eq!(cosine_and_sine(0.5), (-1.0, 0.0));
        assert_eq!(cosine_and_sine(0.75), (0.0, -1.0));
    }

    #[test]
    fn the_largest_radius_is_finite() {
        let mut uniform = [1.0; PAIRS];
        uniform[1] = 0.5_f64.powi(53);
        let made = normal(uniform, [0.0; PAIRS]);
        assert_eq!(made[0], [0.0, 0.0]);
        assert!((made[1][0] - (106.0 * LN_2).sqrt()).abs() < 1e-6);
    }
}
