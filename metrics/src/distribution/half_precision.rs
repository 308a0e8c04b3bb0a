//! IEEE 754 binary16 arithmetic, held in `f32`.

/// The nearest number of binary16, ties to even; from 65,520 on, infinity. NaN stays NaN.
///
/// Written without branches, so that loops over it become vector instructions.
#[inline(always)]
pub(super) fn round_to_half(value: f32) -> f32 {
    /// The smallest normal number of binary16, 2^-14.
    const SMALLEST_NORMAL: f32 = 1.0 / 16_384.0;
    /// The middle between the largest number of binary16, 65,504, and the one that would follow.
    const OVERFLOW: f32 = 65_520.0;
    /// `f32` numbers around 0.75 are multiples of 2^-24, as the subnormal numbers of binary16 are.
    const SUBNORMAL_SHIFT: f32 = 0.75;
    /// Binary16 keeps 10 of the 23 bits of the fraction.
    const DROPPED: u32 = 13;
    let magnitude = value.abs();
    let bits = magnitude.to_bits();
    let half_minus_one = (1 << (DROPPED - 1)) - 1;
    let nearest = bits.wrapping_add(half_minus_one + ((bits >> DROPPED) & 1));
    let normal = f32::from_bits(nearest & !((1 << DROPPED) - 1));
    let subnormal = (magnitude + SUBNORMAL_SHIFT) - SUBNORMAL_SHIFT;
    let finite = if magnitude < SMALLEST_NORMAL { subnormal } else { normal };
    let rounded = if magnitude >= OVERFLOW { f32::INFINITY } else { finite };
    if magnitude.is_nan() { value } else { rounded.copysign(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of binary16's bit pattern, from its definition.
    fn decode(bits: u16) -> f64 {
        let exponent = i32::from(bits >> 10 & 31);
        let fraction = f64::from(bits & 1023) / 1024.0;
        if exponent == 0 {
            fraction * 2_f64.powi(-14)
        } else {
            (1.0 + fraction) * 2_f64.powi(exponent - 15)
        }
    }

    #[test]
    fn every_half_stays_and_midpoints_go_to_the_even_neighbour() {
        for bits in 0..0x7c00_u16 {
            let value = decode(bits);
            // The successor of the largest finite number, as if exponents went on, is where infinity begins.
            let next = decode(bits + 1);
            let expected_next = if bits + 1 == 0x7c00 { f32::INFINITY } else { next as f32 };
            let middle = ((value + next) / 2.0) as f32;
            let even = if bits % 2 == 0 { value as f32 } else { expected_next };
            for sign in [1.0, -1.0_f32] {
                let rounded = |number: f32| round_to_half(sign * number);
                assert_eq!(rounded(value as f32).to_bits(), (sign * value as f32).to_bits());
                assert_eq!(rounded(middle), sign * even, "middle above {value}");
                assert_eq!(rounded(middle.next_down()), sign * value as f32);
                assert_eq!(rounded(middle.next_up()), sign * expected_next);
            }
        }
        assert!(round_to_half(f32::NAN).is_nan());
        assert_eq!(round_to_half(f32::MAX), f32::INFINITY);
        assert_eq!(round_to_half(f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert_eq!(round_to_half(f32::MIN_POSITIVE), 0.0);
    }
}
