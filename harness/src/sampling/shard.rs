//! A part of the work: every n-th chunk.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// One of several processes that share the work. A shard owns whole chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Shard {
    /// From 1.
    index: usize,
    count: usize,
}

impl Shard {
    /// Whether a chunk is this shard's.
    #[must_use]
    pub fn owns(self, chunk: usize) -> bool {
        chunk % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<usize>().ok().filter(|number| plain && *number > 0)
        };
        let parts = text.split_once('/').and_then(|(i, n)| Some((number(i)?, number(n)?)));
        match parts {
            Some((index, count)) if index <= count => Ok(Self { index, count }),
            _ => Err("expected i/n with i from 1 to n, for example 2/4".to_owned()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_has_one_owner() {
        let shards: Vec<Shard> =
            (1..=4).map(|index| format!("{index}/4").parse().unwrap()).collect();
        for chunk in 0..20 {
            let owners: Vec<_> = shards.iter().filter(|shard| shard.owns(chunk)).collect();
            assert_eq!(owners, [&shards[chunk % 4]]);
        }
        assert_eq!(shards[1].to_string(), "2/4");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "1", "0/4", "5/4", "1/0", "a/4", "+1/4", "1/4/2", "-1/4"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
