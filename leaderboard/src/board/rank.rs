//! Ranks with ties: an entry's rank is 1 + the number of entries that are significantly better.

use retally_metrics::statistics::{PairedTests, holm_critical_values};
use retally_metrics::{Absence, Interval};
use retally_suites::evaluation::Direction;
use serde::Serialize;
use std::collections::HashMap;

/// The chance that any difference of a column is called significant where there is none.
pub const LEVEL: f64 = 0.05;

/// One entry of a column.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its value.
    pub value: f64,
    /// The value's interval.
    pub interval: Option<&'a Interval>,
    /// Its scores of single samples.
    pub scores: Option<&'a PairedScores>,
}

/// Scores of single samples. Those of two entries can be paired if they are of the same samples.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedScores {
    /// Which samples: equal sets have equal numbers.
    pub set: usize,
    /// One finite score a sample, in the order of the set.
    pub values: Vec<f64>,
}

/// Where an entry stands among the entries of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// 1 + the number of entries that are significantly better; `None` if neither way is better, or if nothing says whether a difference
    /// from any other entry is real.
    pub rank: Option<usize>,
    /// Other entries that are neither significantly better nor worse.
    pub ties: usize,
    /// Other entries that it was compared with by a paired test.
    pub paired: usize,
    /// Other entries that it was compared with by whether intervals overlap.
    pub by_intervals: usize,
    /// Other entries that it cannot be compared with: no common samples, and no interval on one side.
    pub not_comparable: usize,
}

/// The standings of the entries of a column, in their order; `None` where there is no value.
///
/// Entries with scores of the same samples are compared by Student's paired t test, all pairs of different results, Holm's
/// method over all of them at [`LEVEL`]. The others are compared by their intervals: a difference is significant if
/// they do not overlap. Equal results tie. Ties are not transitive: of three entries the first may tie with the second
/// and the second with the third, while the first is better than the third.
///
/// # Errors
/// An absence if scores cannot be tested: not finite, or of different lengths in one set.
pub fn standings(
    candidates: &[Option<Candidate<'_>>],
    direction: Direction,
) -> Result<Vec<Option<Standing>>, Absence> {
    let present: Vec<Candidate<'_>> = candidates.iter().copied().flatten().collect();
    let comparisons = Comparisons::of(&present, direction)?;
    let mut tallies = vec![Tally::default(); present.len()];
    // The order in which statistics lie in memory.
    for second in 0..present.len() {
        let (before, rest) = tallies.split_at_mut(second + 1);
        let Some(own) = before.last_mut() else { continue };
        for (offset, other) in rest.iter_mut().enumerate() {
            let (basis, relation) = comparisons.compare(second + 1 + offset, second);
            other.add(basis, relation);
            own.add(basis, relation.reversed());
        }
    }
    let is_ranked = !matches!(direction, Direction::Neutral);
    let mut tallies = tallies.into_iter().map(|tally| tally.standing(is_ranked));
    Ok(candidates.iter().map(|candidate| candidate.and_then(|_| tallies.next())).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    Paired,
    Intervals,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Better,
    Tie,
    Worse,
}

impl Relation {
    fn reversed(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::Tie => Self::Tie,
            Self::Worse => Self::Better,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    better: usize,
    ties: usize,
    paired: usize,
    by_intervals: usize,
    not_comparable: usize,
}

impl Tally {
    fn add(&mut self, basis: Basis, relation: Relation) {
        match basis {
            Basis::Paired => self.paired += 1,
            Basis::Intervals => self.by_intervals += 1,
            Basis::Nothing => {
                self.not_comparable += 1;
                return;
            }
        }
        match relation {
            // The other entry is better than this one.
            Relation::Worse => self.better += 1,
            Relation::Tie => self.ties += 1,
            Relation::Better => {}
        }
    }

    fn standing(self, is_ranked: bool) -> Standing {
        let is_comparable = self.not_comparable == 0 || self.paired + self.by_intervals > 0;
        Standing {
            rank: (is_ranked && is_comparable).then_some(self.better + 1),
            ties: self.ties,
            paired: self.paired,
            by_intervals: self.by_intervals,
            not_comparable: self.not_comparable,
        }
    }
}

/// All that decides how two entries compare.
struct Comparisons<'a> {
    candidates: &'a [Candidate<'a>],
    /// 1 where larger is better, -1 where smaller is.
    sign: f64,
    /// Of each entry with scores: its family and the number of its result in it.
    results: Vec<Option<(usize, usize)>>,
    families: Vec<PairedTests>,
    criticals: Vec<f64>,
}

impl<'a> Comparisons<'a> {
    fn of(candidates: &'a [Candidate<'a>], direction: Direction) -> Result<Self, Absence> {
        let mut families: Vec<Vec<&[f64]>> = Vec::new();
        let mut family_of_set: HashMap<usize, usize> = HashMap::new();
        let mut buckets: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
        let mut results = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            // One sample has no spread: such entries are compared by their intervals.
            let scores = candidate.scores.filter(|scores| scores.values.len() > 1);
            results.push(scores.map(|scores| {
                let family = *family_of_set.entry(scores.set).or_insert_with(|| {
                    families.push(Vec::new());
                    families.len() - 1
                });
                let bucket = buckets.entry((family, fingerprint(&scores.values))).or_default();
                let members = families.get_mut(family);
                let result = members.map_or(0, |own| result_of(own, bucket, &scores.values));
                (family, result)
            }));
        }
        let families = families
            .iter()
            .map(|members| PairedTests::of(members))
            .collect::<Result<Vec<_>, _>>()?;
        let criticals = holm_critical_values(&families.iter().collect::<Vec<_>>(), LEVEL)?;
        let sign = if matches!(direction, Direction::LowerIsBetter) { -1.0 } else { 1.0 };
        Ok(Self { candidates, sign, results, families, criticals })
    }

    fn compare(&self, first: usize, second: usize) -> (Basis, Relation) {
        let result = |index: usize| self.results.get(index).copied().flatten();
        if let (Some((family, a)), Some((other, b))) = (result(first), result(second))
            && family == other
        {
            return (Basis::Paired, self.by_test(family, (a, b), (first, second)));
        }
        let (Some(a), Some(b)) = (self.candidates.get(first), self.candidates.get(second)) else {
            return (Basis::Nothing, Relation::Tie);
        };
        match (a.interval, b.interval) {
            (Some(a), Some(b)) => (Basis::Intervals, self.by_intervals(a, b)),
            _ if a.value == b.value => (Basis::Intervals, Relation::Tie),
            _ => (Basis::Nothing, Relation::Tie),
        }
    }

    /// A significant difference of scores counts where values differ in the same direction.
    fn by_test(
        &self,
        family: usize,
        (a, b): (usize, usize),
        (first, second): (usize, usize),
    ) -> Relation {
        let value = |index: usize| self.candidates.get(index).map_or(0.0, |entry| entry.value);
        let statistic = self.families.get(family).map_or(0.0, |tests| tests.statistic(a, b));
        let critical = self.criticals.get(family).copied().unwrap_or(f64::INFINITY);
        let difference = value(first) - value(second);
        if statistic.abs() < critical || statistic * difference <= 0.0 {
            return Relation::Tie;
        }
        if statistic * self.sign > 0.0 { Relation::Better } else { Relation::Worse }
    }

    fn by_intervals(&self, a: &Interval, b: &Interval) -> Relation {
        let (above, below) = (a.low > b.high, a.high < b.low);
        let (above, below) = if self.sign < 0.0 { (below, above) } else { (above, below) };
        match (above, below) {
            (true, _) => Relation::Better,
            (_, true) => Relation::Worse,
            _ => Relation::Tie,
        }
    }
}

/// The number of a result among those of its family. Equal results are one hypothesis, however many have sent them.
fn result_of<'a>(
    members: &mut Vec<&'a [f64]>,
    bucket: &mut Vec<usize>,
    values: &'a [f64],
) -> usize {
    let has_bits = |known: &[f64]| {
        known.len() == values.len()
            && known.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    let is_it = |number: &&usize| members.get(**number).copied().is_some_and(has_bits);
    if let Some(&known) = bucket.iter().find(is_it) {
        return known;
    }
    members.push(values);
    bucket.push(members.len() - 1);
    members.len() - 1
}

/// A number that equal scores share. Others may share it too: the bits decide.
fn fingerprint(values: &[f64]) -> u64 {
    let step = |hash: u64, value: &f64| (hash ^ value.to_bits()).wrapping_mul(0x100_0000_01b3);
    values.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
#[path = "rank_tests.rs"]
mod tests;
