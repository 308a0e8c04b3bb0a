//! The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), 32 bits at a time.

/// Words of state.
const WORDS: usize = 624;
/// Distance between the words that are mixed.
const MIDDLE: usize = 397;

/// The generator behind NumPy's legacy `RandomState` and PyTorch's CPU `Generator`.
#[derive(Clone, Debug)]
pub(super) struct MersenneTwister {
    state: [u32; WORDS],
    position: usize,
}

impl MersenneTwister {
    /// Seeds by Knuth's linear recurrence (`init_genrand` of the authors' code of 2002).
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; WORDS];
        for index in 1..WORDS {
            let previous = state[index - 1];
            state[index] = 1_812_433_253_u32
                .wrapping_mul(previous ^ (previous >> 30))
                .wrapping_add(index as u32);
        }
        Self { state, position: WORDS }
    }

    /// The next 32 random bits.
    pub(super) fn next_u32(&mut self) -> u32 {
        if self.position == WORDS {
            self.twist();
        }
        let mut word = self.state[self.position];
        self.position += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// Passes over as many words.
    pub(super) fn skip(&mut self, words: u64) {
        let mut left = words;
        while left > 0 {
            if self.position == WORDS {
                self.twist();
            }
            let passed = left.min((WORDS - self.position) as u64);
            // At most the 624 words of the state.
            self.position += passed as usize;
            left -= passed;
        }
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let upper = self.state[index] & 0x8000_0000;
            let lower = self.state[(index + 1) % WORDS] & 0x7fff_ffff;
            let mixed = upper | lower;
            let twisted = (mixed >> 1) ^ if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + MIDDLE) % WORDS] ^ twisted;
        }
        self.position = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousandth_word_is_that_of_the_cpp_standard() {
        // ISO C++ [rand.predef]: the 10000th call of a default-constructed mt19937 (seed 5489) gives 4123659995.
        let mut generator = MersenneTwister::new(5489);
        let word = (0..10_000).map(|_| generator.next_u32()).last();
        assert_eq!(word, Some(4_123_659_995));
    }

    #[test]
    fn skipping_is_drawing_and_forgetting() {
        for words in [0, 1, 623, 624, 625, 9_999] {
            let mut skipped = MersenneTwister::new(5489);
            skipped.next_u32();
            let mut drawn = skipped.clone();
            skipped.skip(words);
            (0..words).for_each(|_| _ = drawn.next_u32());
            assert_eq!(skipped.next_u32(), drawn.next_u32());
        }
    }
}
