//! NumPy's legacy generator, bit by bit, so that a subset drawn by a Python tool can be drawn again.

use super::mersenne_twister::MersenneTwister;

/// `numpy.random.RandomState(seed)` with an integer seed.
///
/// Its stream is frozen by NumPy's own promise (NEP 19). Agreement is recorded in `tests/parity/metrics_generators.py`.
#[derive(Clone, Debug)]
pub struct RandomState {
    generator: MersenneTwister,
}

impl RandomState {
    /// The generator of `seed`.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        Self { generator: MersenneTwister::new(seed) }
    }

    /// `shuffle(items)` of a one-dimensional array: Fisher and Yates, from the back.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u64) as usize);
        }
    }

    /// `permutation(n)`: the numbers in `0..n`, in random order.
    #[must_use]
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// `choice(n, size, replace=False)`: the first `size` numbers of a permutation of `0..n`, all of them if `size`
    /// exceeds `n`.
    #[must_use]
    pub fn choice(&mut self, n: usize, size: usize) -> Vec<usize> {
        let mut order = self.permutation(n);
        order.truncate(size);
        // Of many draws from many samples only what was drawn is kept.
        order.shrink_to_fit();
        order
    }

    /// A whole number in `0..=largest`: random bits under the smallest mask, until one is not too large.
    fn up_to(&mut self, largest: u64) -> u64 {
        let mask = u64::MAX.checked_shr(largest.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.bits(largest) & mask;
            if value <= largest {
                return value;
            }
        }
    }

    /// One word, or two (high word first) where one cannot reach `largest`; none for 0.
    fn bits(&mut self, largest: u64) -> u64 {
        match largest {
            0 => 0,
            1..=0xffff_ffff => u64::from(self.generator.next_u32()),
            _ => u64::from(self.generator.next_u32()) << 32 | u64::from(self.generator.next_u32()),
        }
    }
}
