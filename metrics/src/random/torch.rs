//! PyTorch's CPU generator, so that directions and subsets drawn by a Python tool can be drawn again.

use super::mersenne_twister::MersenneTwister;
use std::f32::consts::TAU;

/// Numbers that one Box–Muller step of `torch.randn` makes together.
const BLOCK: usize = 16;

/// `torch.Generator(device="cpu").manual_seed(seed)`.
///
/// Agreement with PyTorch 2.15 is recorded in `tests/parity/metrics_generators.py`: [`Generator::permutation`] is exact;
/// [`Generator::standard_normal`] differs by the last bits of PyTorch's own vectorised logarithm, sine and cosine. Of
/// 2,048,000 numbers on an AVX-512 machine 17 % differed, by at most 3 units in the last place (4.8e-7).
#[derive(Clone, Debug)]
pub struct Generator {
    generator: MersenneTwister,
}

/// `torch.randn` of fewer numbers than this takes another route, which no metric here needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} normal numbers were asked for; the generator draws at least 16 together")]
pub struct TooFewNumbers(pub usize);

impl Generator {
    /// The generator of `seed`. PyTorch keeps the low 32 bits of longer seeds.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { generator: MersenneTwister::new(seed) }
    }

    /// `torch.randperm(n, generator=…)` for n below 2^32 / 20: Fisher and Yates, from the front, by remainders.
    #[must_use]
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for first in 0..n.saturating_sub(1) {
            let step = u64::from(self.generator.next_u32()) % (n - first) as u64;
            order.swap(first, first + step as usize);
        }
        order
    }

    /// `torch.randn(count, generator=…)` in `f32`, for `count` of at least 16.
    ///
    /// Sixteen uniform numbers become sixteen normal ones by the method of Box and Muller (1958): the first eight give the
    /// radii, the last eight the angles. A remainder below sixteen is filled by drawing the last sixteen anew.
    ///
    /// # Errors
    /// For fewer than 16 numbers.
    pub fn standard_normal(&mut self, count: usize) -> Result<Vec<f32>, TooFewNumbers> {
        if count < BLOCK {
            return Err(TooFewNumbers(count));
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
        blocks.iter_mut().for_each(box_muller);
        if !rest.is_empty() {
            let mut last: [f32; BLOCK] = std::array::from_fn(|_| self.uniform());
            box_muller(&mut last);
            values[count - BLOCK..].copy_from_slice(&last);
        }
        Ok(values)
    }

    /// One of the 2^24 multiples of 2^-24 in [0, 1).
    fn uniform(&mut self) -> f32 {
        const SPACING: f32 = 1.0 / (1 << 24) as f32;
        (self.generator.next_u32() & 0x00ff_ffff) as f32 * SPACING
    }
}

fn box_muller(values: &mut [f32; BLOCK]) {
    let (radii, angles) = values.split_at_mut(BLOCK / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
        let (sine, cosine) = (TAU * *second).sin_cos();
        *first = radius * cosine;
        *second = radius * sine;
    }
}
