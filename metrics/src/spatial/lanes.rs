//! A few neighbouring channels of one token, handled together.

use std::ops::{Add, Mul, Sub};

/// Channels handled together: 64 bytes of `f32`, a cache line. Part of the result's definition, because it fixes the
/// order of the sums.
pub(super) const LANES: usize = 16;

/// One number for each of [`LANES`] channels.
///
/// The operations are written as plain loops that compile to whatever vectors the machine has. No product is fused into
/// a sum, so every machine gives the same bits.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Lanes([f64; LANES]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    /// The channels; missing ones, at the end of a row, are 0.
    #[inline(always)]
    pub(super) fn load(channels: &[f32]) -> Self {
        let mut lanes = Self::ZERO;
        // A full load is told apart, because only a known length becomes vector instructions.
        if let Ok(channels) = <&[f32; LANES]>::try_from(channels) {
            for (lane, &channel) in lanes.0.iter_mut().zip(channels) {
                *lane = f64::from(channel);
            }
        } else {
            for (lane, &channel) in lanes.0.iter_mut().zip(channels) {
                *lane = f64::from(channel);
            }
        }
        lanes
    }

    /// The same number for every channel.
    #[inline(always)]
    pub(super) fn splat(value: f64) -> Self {
        Self([value; LANES])
    }

    /// The sum over the channels, from first to last.
    #[inline(always)]
    pub(super) fn sum(self) -> f64 {
        self.0.iter().sum()
    }
}

impl Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for index in 0..LANES {
            self.0[index] += other.0[index];
        }
        self
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for index in 0..LANES {
            self.0[index] -= other.0[index];
        }
        self
    }
}

impl Mul for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(mut self, other: Self) -> Self {
        for index in 0..LANES {
            self.0[index] *= other.0[index];
        }
        self
    }
}
