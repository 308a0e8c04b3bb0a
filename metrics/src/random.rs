//! Random numbers that depend on what they are for, not on who draws them.
//!
//! A [`Stream`] is keyed by (seed, purpose, index): draw 17 of the bootstrap is the same on every machine, thread count
//! and shard count. The generator is ChaCha with 8 rounds, which is counter-based and specified bit by bit.

pub mod normal;
pub mod numpy;
pub mod torch;

mod mersenne_twister;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// An endless sequence of random numbers, fixed by (seed, purpose, index).
#[derive(Clone, Debug)]
pub struct Stream {
    generator: ChaCha8Rng,
}

impl Stream {
    /// The sequence of sample, draw or fold number `index` of `purpose` under `seed`.
    ///
    /// The ChaCha key is the seed (8 bytes, little-endian), the 128-bit FNV-1a hash of the purpose (16 bytes,
    /// little-endian) and the purpose's length in bytes (8 bytes, little-endian); the stream number is `index`. This
    /// layout never changes: published intervals depend on it.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..24].copy_from_slice(&fnv1a_128(purpose.as_bytes()).to_le_bytes());
        key[24..].copy_from_slice(&(purpose.len() as u64).to_le_bytes());
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(index);
        Self { generator }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A whole number in `0..n`, every one equally likely.
    ///
    /// Lemire's multiply-and-reject method (2019), which has no modulo bias. For `n = 0` there is no such number; the
    /// result is 0 and no random bits are taken.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let rejected_below = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= rejected_below {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number in `[0, 1)`: one of the 2^53 multiples of 2^-53, every one equally likely.
    pub fn uniform(&mut self) -> f64 {
        const SPACING: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * SPACING
    }

    /// Puts `items` into random order, every order equally likely (Fisher and Yates, from the back).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// The 128-bit FNV-1a hash (Fowler, Noll, Vo; RFC 9923).
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET_BASIS, |hash, &byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_agrees_with_published_test_vectors() {
        assert_eq!(fnv1a_128(b""), 0x6c62272e07bb014262b821756295c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
        assert_eq!(fnv1a_128(b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
    }

    #[test]
    fn values_never_change() {
        let mut stream = Stream::new(0, "bootstrap", 0);
        let first: [u64; 3] = std::array::from_fn(|_| stream.next_u64());
        assert_eq!(first, GOLDEN_BITS);
        let below: [u64; 8] = std::array::from_fn(|_| stream.below(27));
        assert_eq!(below, GOLDEN_BELOW);
    }

    // Made by `tests/parity/metrics_random.py`, an implementation of its own.
    const GOLDEN_BITS: [u64; 3] =
        [9_663_661_408_381_647_893, 12_767_682_325_591_515_143, 12_372_932_274_858_583_805];
    const GOLDEN_BELOW: [u64; 8] = [17, 7, 15, 14, 23, 22, 11, 13];

    #[test]
    fn seed_purpose_and_index_each_select_another_sequence() {
        let base = Stream::new(1, "a", 1).next_u64();
        for other in [Stream::new(2, "a", 1), Stream::new(1, "b", 1), Stream::new(1, "a", 2)] {
            assert_ne!(base, other.clone().next_u64());
        }
    }

    #[test]
    fn below_reaches_every_number_about_equally() {
        let mut counts = [0_u32; 7];
        let mut stream = Stream::new(3, "counts", 0);
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        // Six standard deviations of a binomial count (70,000 draws, p = 1/7) are 556.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 556), "{counts:?}");
        assert_eq!(stream.below(0), 0);
        assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn uniform_stays_in_the_half_open_unit_interval() {
        let mut stream = Stream::new(3, "uniform", 0);
        let values: Vec<f64> = (0..10_000).map(|_| stream.uniform()).collect();
        assert!(values.iter().all(|value| (0.0..1.0).contains(value)));
        // The standard error of the mean is 0.0029.
        assert!((values.iter().sum::<f64>() / 10_000.0 - 0.5).abs() < 0.0174);
    }

    #[test]
    fn shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        Stream::new(5, "order", 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
