//! A shard: the i-th of n parts of a run's chunks.

use serde::Serialize;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::str::FromStr;

/// The largest count: more processes than any engine starts, few enough for a record of each.
const MOST_SHARDS: usize = 1_000_000;

/// The part with this index, counted from 1, of so many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Shard {
    index: NonZeroUsize,
    count: NonZeroUsize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: NonZeroUsize::MIN, count: NonZeroUsize::MIN };

    /// Part `index` (from 1) of `count`.
    ///
    /// # Errors
    /// If there is no such part.
    pub fn new(index: usize, count: usize) -> Result<Self, InvalidShard> {
        let outside = || InvalidShard(format!("{index}/{count}"));
        let (index, count) = NonZeroUsize::new(index)
            .zip(NonZeroUsize::new(count))
            .filter(|(index, count)| index <= count && count.get() <= MOST_SHARDS)
            .ok_or_else(outside)?;
        Ok(Self { index, count })
    }

    /// From 1.
    #[must_use]
    pub fn index(self) -> usize {
        self.index.get()
    }

    /// Of how many.
    #[must_use]
    pub fn count(self) -> usize {
        self.count.get()
    }

    /// Whether there is no other part.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.count == NonZeroUsize::MIN
    }

    /// Its part of `total` things in order: consecutive ones, so that a process needs few models. Parts differ by one at most.
    #[must_use]
    pub fn part_of(self, total: usize) -> Range<usize> {
        let border = |index: usize| {
            // Never more than `total`, so it fits again.
            let border = index as u128 * total as u128 / self.count.get() as u128;
            usize::try_from(border).unwrap_or(total)
        };
        border(self.index.get() - 1)..border(self.index.get())
    }

    /// Whether a thing is this part's where things are dealt out one by one, each to the next part: chunks of one generator, which need
    /// the same models. See [`Shard::part_of`] for the other way.
    #[must_use]
    pub fn owns(self, number: usize) -> bool {
        number % self.count == self.index.get() - 1
    }

    /// All parts of this many.
    ///
    /// # Errors
    /// If there can be no such number.
    pub fn all(count: usize) -> Result<impl Iterator<Item = Self>, InvalidShard> {
        let last = Self::new(count, count)?;
        let parts = (1..=count).filter_map(NonZeroUsize::new);
        Ok(parts.map(move |index| Self { index, ..last }))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.index, self.count)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

/// No part of a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard: write i/n with i from 1 to n, and n up to 1000000, for example 2/8")]
pub struct InvalidShard(String);

impl FromStr for Shard {
    type Err = InvalidShard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<usize>().ok().filter(|_| is_plain)
        };
        text.split_once('/')
            .and_then(|(index, count)| Self::new(number(index)?, number(count)?).ok())
            .ok_or_else(|| InvalidShard(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_as_it_is_read() {
        for text in ["1/1", "2/8", "1000000/1000000"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in
            ["0/8", "9/8", "1/0", "", "/", "1", "-1/8", "+1/8", "1/8/2", "1/1000001", " 1/8"]
        {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_are_a_partition_of_nearly_equal_size(total in 0_usize..5000, count in 1_usize..200) {
            let mut next = 0;
            for shard in Shard::all(count).unwrap() {
                let part = shard.part_of(total);
                prop_assert_eq!(part.start, next);
                prop_assert!(part.len() == total / count || part.len() == total / count + 1);
                next = part.end;
            }
            prop_assert_eq!(next, total);
        }
    }

    #[test]
    fn every_thing_that_is_dealt_out_has_one_owner() {
        let shards: Vec<Shard> = Shard::all(4).unwrap().collect();
        for number in 0..20 {
            let owners: Vec<_> = shards.iter().filter(|shard| shard.owns(number)).collect();
            assert_eq!(owners, [&shards[number % 4]]);
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let last = Shard::new(1_000_000, 1_000_000).unwrap();
        assert_eq!(last.part_of(usize::MAX).end, usize::MAX);
    }
}
