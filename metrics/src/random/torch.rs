//! PyTorch's CPU generator, so that directions, subsets and noise drawn by a Python tool can be drawn again.

use super::mersenne_twister::MersenneTwister;
use std::num::NonZeroU32;

/// Numbers that one Box–Muller step of `torch.randn` makes together.
const BLOCK: usize = 16;

/// `torch.Generator(device="cpu").manual_seed(seed)`.
///
/// Agreement with PyTorch 2.15 is recorded in `tests/parity/metrics_generators.py`: [`Generator::permutation`] and
/// [`Generator::integer`] are exact; [`Generator::standard_normal`] differs by the last bits of PyTorch's own vectorised
/// logarithm, sine and cosine. Of 2,048,000 numbers on an AVX-512 machine 17 % differed, by at most 3 units in the last place
/// (4.8e-7). Normal numbers in f64, and tensors of fewer than 16 numbers, are computed by the logarithm, sine and cosine of
/// the operating system on both sides.
#[derive(Clone, Debug)]
pub struct Generator {
    generator: MersenneTwister,
    /// Single normal numbers are made in pairs; the second of a pair waits here for the next call.
    second: Option<f64>,
}

/// `torch.randn` of fewer numbers than this takes another route, which no metric here needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} normal numbers were asked for; the generator draws at least 16 together")]
pub struct TooFewNumbers(pub usize);

/// A part of a tensor that reaches past its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("numbers up to {end} were asked for of a tensor of {count}")]
pub struct OutsideTensor {
    /// End of the part.
    pub end: usize,
    /// Numbers of the tensor.
    pub count: usize,
}

/// A call of `torch.randn`: which numbers come out depends on the element type and on how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormalTensor {
    /// `dtype`.
    pub element: NormalElement,
    /// Product of its sizes.
    pub count: usize,
}

/// Element type of a tensor of normal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormalElement {
    /// `torch.float32`.
    Float32,
    /// `torch.float64`.
    Float64,
}

impl Generator {
    /// The generator of `seed`. PyTorch keeps the low 32 bits of longer seeds.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { generator: MersenneTwister::new(seed), second: None }
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

    /// One number of `torch.randint(0, bound, …, generator=…)` for a bound below 2^28: a remainder.
    #[must_use]
    pub fn integer(&mut self, bound: NonZeroU32) -> u32 {
        self.generator.next_u32() % bound
    }

    /// Passes over as many numbers of `torch.randint(0, bound, …)` for a bound below 2^28.
    pub fn skip_integers(&mut self, count: usize) {
        self.generator.skip(count as u64);
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
        let mut values: Vec<f32> = (0..count).map(|_| f32::uniform(&mut self.generator)).collect();
        let (blocks, rest) = values.as_chunks_mut::<BLOCK>();
        blocks.iter_mut().for_each(f32::box_muller);
        if !rest.is_empty() {
            values[count - BLOCK..].copy_from_slice(&f32::block(&mut self.generator));
        }
        Ok(values)
    }

    /// The numbers from place `first` on that `torch.randn` would make next, without drawing them: as
    /// [`Generator::standard_normal`], in either element type and for any count. Fewer than 16 numbers are made one by one, in
    /// f64 and in pairs, and the second of a pair is kept for the next such call.
    ///
    /// # Errors
    /// When the part reaches past the end of the tensor.
    pub fn peek_standard_normal(
        &self,
        tensor: NormalTensor,
        first: usize,
        part: &mut [f64],
    ) -> Result<(), OutsideTensor> {
        let end = first.saturating_add(part.len());
        if end > tensor.count {
            return Err(OutsideTensor { end, count: tensor.count });
        }
        let mut copy = self.clone();
        match tensor.element {
            _ if tensor.count < BLOCK => copy.singles(tensor, first, part),
            NormalElement::Float32 => copy.blocks::<f32>(tensor.count, first, part),
            NormalElement::Float64 => copy.blocks::<f64>(tensor.count, first, part),
        }
        Ok(())
    }

    /// Passes over a call of `torch.randn`.
    pub fn skip_standard_normal(&mut self, tensor: NormalTensor) {
        if tensor.count < BLOCK {
            (0..tensor.count).for_each(|_| _ = self.single());
            return;
        }
        let again = if tensor.count.is_multiple_of(BLOCK) { 0 } else { BLOCK };
        let words = match tensor.element {
            NormalElement::Float32 => f32::WORDS,
            NormalElement::Float64 => f64::WORDS,
        };
        self.generator.skip((tensor.count + again) as u64 * words);
    }

    /// A part of a tensor of 16 numbers or more.
    fn blocks<E: Element>(&mut self, count: usize, first: usize, part: &mut [f64]) {
        let end = first + part.len();
        let mut at = first / BLOCK * BLOCK;
        self.generator.skip(at as u64 * E::WORDS);
        while at < end && at + BLOCK <= count {
            copy_overlap(&E::block(&mut self.generator), at, first, part);
            at += BLOCK;
        }
        let last = count - BLOCK;
        if !count.is_multiple_of(BLOCK) && end > last {
            self.generator.skip((count - at) as u64 * E::WORDS);
            copy_overlap(&E::block(&mut self.generator), last, first, part);
        }
    }

    /// A part of a tensor of fewer than 16 numbers.
    fn singles(&mut self, tensor: NormalTensor, first: usize, part: &mut [f64]) {
        (0..first).for_each(|_| _ = self.single());
        for value in part {
            let exact = self.single();
            *value = match tensor.element {
                NormalElement::Float32 => f64::from(exact as f32),
                NormalElement::Float64 => exact,
            };
        }
    }

    /// One normal number by itself.
    fn single(&mut self) -> f64 {
        if let Some(second) = self.second.take() {
            return second;
        }
        let angle = std::f64::consts::TAU * f64::uniform(&mut self.generator);
        let radius = (-2.0 * (-f64::uniform(&mut self.generator)).ln_1p()).sqrt();
        self.second = Some(radius * angle.sin());
        radius * angle.cos()
    }
}

/// Copies the numbers of a block that begins at place `at` of a tensor to a part that begins at place `first`.
fn copy_overlap<E: Element>(block: &[E; BLOCK], at: usize, first: usize, part: &mut [f64]) {
    let places = part.iter_mut().skip(at.saturating_sub(first));
    for (value, &number) in places.zip(block.iter().skip(first.saturating_sub(at))) {
        *value = number.into();
    }
}

/// An element type that blocks of normal numbers are made in.
trait Element: Copy + Into<f64> {
    /// Words of the generator that a uniform number takes.
    const WORDS: u64;

    /// One uniform number in [0, 1), a multiple of the spacing of numbers below 1.
    fn uniform(generator: &mut MersenneTwister) -> Self;

    /// Makes uniform numbers normal.
    fn box_muller(values: &mut [Self; BLOCK]);

    /// Sixteen normal numbers.
    fn block(generator: &mut MersenneTwister) -> [Self; BLOCK] {
        let mut values = std::array::from_fn(|_| Self::uniform(generator));
        Self::box_muller(&mut values);
        values
    }
}

impl Element for f32 {
    const WORDS: u64 = 1;

    fn uniform(generator: &mut MersenneTwister) -> Self {
        const SPACING: f32 = 1.0 / (1 << 24) as f32;
        (generator.next_u32() & 0x00ff_ffff) as Self * SPACING
    }

    fn box_muller(values: &mut [Self; BLOCK]) {
        let (radii, angles) = values.split_at_mut(BLOCK / 2);
        for (first, second) in radii.iter_mut().zip(angles) {
            let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
            let (sine, cosine) = (std::f32::consts::TAU * *second).sin_cos();
            *first = radius * cosine;
            *second = radius * sine;
        }
    }
}

impl Element for f64 {
    const WORDS: u64 = 2;

    fn uniform(generator: &mut MersenneTwister) -> Self {
        const SPACING: f64 = 1.0 / (1_u64 << 53) as f64;
        let high = u64::from(generator.next_u32());
        let bits = high << 32 | u64::from(generator.next_u32());
        (bits & ((1 << 53) - 1)) as Self * SPACING
    }

    fn box_muller(values: &mut [Self; BLOCK]) {
        let (radii, angles) = values.split_at_mut(BLOCK / 2);
        for (first, second) in radii.iter_mut().zip(angles) {
            let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
            let (sine, cosine) = (std::f64::consts::TAU * *second).sin_cos();
            *first = radius * cosine;
            *second = radius * sine;
        }
    }
}
