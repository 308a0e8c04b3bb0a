//! The number types that arrays hold.

/// Type of the numbers of an array, all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// One byte, 0 or not.
    Bool,
    /// Unsigned integer of this many bytes: 1, 2, 4 or 8.
    Unsigned(usize),
    /// Signed integer of this many bytes: 1, 2, 4 or 8.
    Signed(usize),
}

impl Element {
    /// Bytes of one number.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Unsigned(size) | Self::Signed(size) => size,
        }
    }

    /// The name that NumPy or PyTorch gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Bool => "bool",
            Self::Unsigned(1) => "uint8",
            Self::Unsigned(2) => "uint16",
            Self::Unsigned(4) => "uint32",
            Self::Unsigned(_) => "uint64",
            Self::Signed(1) => "int8",
            Self::Signed(2) => "int16",
            Self::Signed(4) => "int32",
            Self::Signed(_) => "int64",
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::Bf16 | Self::F32 | Self::F64)
    }

    /// Appends the numbers of a floating-point array; nothing for the other types.
    pub(crate) fn append_f32(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F16 => append(bytes, values, |number| f32_from_f16(u16::from_le_bytes(number))),
            Self::Bf16 => {
                append(bytes, values, |number| {
                    f32::from_bits(u32::from(u16::from_le_bytes(number)) << 16)
                });
            }
            Self::F32 => append(bytes, values, f32::from_le_bytes),
            Self::F64 => append(bytes, values, |number| f64::from_le_bytes(number) as f32),
            Self::Bool | Self::Unsigned(_) | Self::Signed(_) => {}
        }
    }

    /// Appends the numbers of a floating-point array, exactly; nothing for the other types.
    pub(crate) fn append_f64(self, bytes: &[u8], values: &mut Vec<f64>) {
        match self {
            Self::F16 => {
                append(bytes, values, |number| f64::from(f32_from_f16(u16::from_le_bytes(number))))
            }
            Self::Bf16 => append(bytes, values, |number| {
                f64::from(f32::from_bits(u32::from(u16::from_le_bytes(number)) << 16))
            }),
            Self::F32 => append(bytes, values, |number| f64::from(f32::from_le_bytes(number))),
            Self::F64 => append(bytes, values, f64::from_le_bytes),
            Self::Bool | Self::Unsigned(_) | Self::Signed(_) => {}
        }
    }

    /// One number of a boolean or integer array, given by its bytes.
    pub(crate) fn integer(self, bytes: &[u8]) -> i128 {
        let magnitude = bytes.iter().rev().fold(0, |number, &byte| number << 8 | i128::from(byte));
        let bits = 8 * bytes.len();
        let is_negative = matches!(self, Self::Signed(_)) && magnitude >> (bits - 1) & 1 == 1;
        if is_negative { magnitude - (1 << bits) } else { magnitude }
    }
}

fn append<T, const SIZE: usize>(
    bytes: &[u8],
    values: &mut Vec<T>,
    convert: impl Fn([u8; SIZE]) -> T,
) {
    values.extend(bytes.as_chunks::<SIZE>().0.iter().map(|&number| convert(number)));
}

/// Exact: every binary16 number is a binary32 number.
fn f32_from_f16(bits: u16) -> f32 {
    let (exponent, mantissa) = (bits >> 10 & 0x1f, f32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * 2.0_f32.powi(-24),
        0x1f if mantissa == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (1.0 + mantissa / 1024.0) * 2.0_f32.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        // Bit patterns and values from the table of IEEE 754 binary16 examples.
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x3c00, 1.0),
            (0x7bff, 65504.0),
            (0x7c00, f32::INFINITY),
            (0xc000, -2.0),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(f32_from_f16(bits), value, "{bits:04x}");
        }
        assert!(f32_from_f16(0x7e00).is_nan());
    }

    #[test]
    fn integers_keep_sign_and_range() {
        assert_eq!(Element::Signed(2).integer(&[0xff, 0xff]), -1);
        assert_eq!(Element::Unsigned(2).integer(&[0xff, 0xff]), 65535);
        assert_eq!(Element::Signed(8).integer(&i64::MIN.to_le_bytes()), i128::from(i64::MIN));
        assert_eq!(Element::Unsigned(8).integer(&u64::MAX.to_le_bytes()), i128::from(u64::MAX));
        assert_eq!(Element::Bool.integer(&[1]), 1);
    }

    #[test]
    fn other_floats() {
        let mut values = Vec::new();
        Element::Bf16.append_f32(&[0x80, 0x3f, 0x20, 0xc0], &mut values);
        Element::F64.append_f32(&0.1_f64.to_le_bytes(), &mut values);
        assert_eq!(values, [1.0, -2.5, 0.1]);
    }
}
