//! Which scores can be paired: those of the same samples, with a score for the same of them.

use super::family::PairedScores;
use std::collections::HashMap;

/// Numbers for sets of samples.
#[derive(Debug, Default)]
pub(super) struct SampleSets<'a> {
    known: HashMap<SampleSet<'a>, usize>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SampleSet<'a> {
    /// The digest that the file of scores names.
    digest: &'a str,
    samples: usize,
    /// Samples without a score: an image without an object has no spatial contrast.
    without: Vec<usize>,
}

impl<'a> SampleSets<'a> {
    /// Scores without the samples that have none. An infinite score is none either.
    pub(super) fn paired(&mut self, digest: &'a str, scores: Vec<f64>) -> PairedScores {
        let samples = scores.len();
        let is_missing = |(index, score): (usize, &f64)| (!score.is_finite()).then_some(index);
        let without: Vec<usize> = scores.iter().enumerate().filter_map(is_missing).collect();
        let values = if without.is_empty() {
            scores
        } else {
            scores.into_iter().filter(|score| score.is_finite()).collect()
        };
        let next = self.known.len();
        let set = *self.known.entry(SampleSet { digest, samples, without }).or_insert(next);
        PairedScores { set, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_samples_are_one_set() {
        let mut sets = SampleSets::default();
        let whole = sets.paired("a", vec![1.0, 2.0, 3.0]);
        let gap = sets.paired("a", vec![1.0, f64::NAN, 3.0]);
        assert_eq!(gap.values, [1.0, 3.0]);
        assert_ne!(whole.set, gap.set);
        assert_ne!(sets.paired("a", vec![1.0, 2.0, f64::NAN]).set, gap.set);
        assert_ne!(sets.paired("b", vec![1.0, 2.0, 3.0]).set, whole.set);
        assert_eq!(sets.paired("a", vec![7.0, f64::INFINITY, 3.0]).set, gap.set);
    }
}
