//! Ranks with ties: an entry's rank is 1 + the number of entries that are significantly better.

use retally_metrics::statistics::{PairedTests, PairedTestsMemory, holm_critical_values};
use retally_metrics::{Absence, Interval};
use retally_suites::evaluation::Direction;
use serde::Serialize;
use std::cmp::Ordering;
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
    standings_in(&mut PairedTestsMemory::default(), candidates, direction)
}

/// As [`standings`], in memory that was used before.
pub(super) fn standings_in(
    memory: &mut PairedTestsMemory,
    candidates: &[Option<Candidate<'_>>],
    direction: Direction,
) -> Result<Vec<Option<Standing>>, Absence> {
    let present: Vec<Candidate<'_>> = candidates.iter().copied().flatten().collect();
    let families = families(memory, &present)?;
    let sign = if matches!(direction, Direction::LowerIsBetter) { -1.0 } else { 1.0 };
    let mut tallies = vec![Tally::default(); present.len()];
    families.iter().for_each(|family| family.compare(sign, &mut tallies));
    compare_others(&present, &families, sign, &mut tallies);
    let is_ranked = !matches!(direction, Direction::Neutral);
    let mut tallies = tallies.into_iter().map(|tally| tally.standing(is_ranked));
    Ok(candidates.iter().map(|candidate| candidate.and_then(|_| tallies.next())).collect())
}

/// What is counted of one entry beside the others.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    better: usize,
    ties: usize,
    paired: usize,
    by_intervals: usize,
    not_comparable: usize,
}

impl Tally {
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

/// Entries with scores of the same samples.
struct Family {
    /// Their numbers, rising.
    entries: Vec<usize>,
    /// Their values.
    values: Vec<f64>,
    /// Of each the number of its result among the tests'.
    results: Vec<usize>,
    tests: PairedTests,
    /// The |t| from which on a difference is significant.
    critical: f64,
}

/// Puts entries whose scores can be paired together, and tests all pairs.
fn families(
    memory: &mut PairedTestsMemory,
    candidates: &[Candidate<'_>],
) -> Result<Vec<Family>, Absence> {
    let mut gathered: Vec<Gathered<'_>> = Vec::new();
    let mut family_of_set: HashMap<usize, usize> = HashMap::new();
    for (entry, candidate) in candidates.iter().enumerate() {
        // One sample has no spread: such entries are compared by their intervals.
        let scores = candidate.scores.filter(|scores| scores.values.len() > 1);
        let Some(PairedScores { set, values }) = scores else { continue };
        let number = *family_of_set.entry(*set).or_insert_with(|| {
            gathered.push(Gathered::default());
            gathered.len() - 1
        });
        if let Some(family) = gathered.get_mut(number) {
            family.add(entry, candidate.value, values);
        }
    }
    let tests = gathered.iter().map(|family| PairedTests::of_in(memory, &family.different));
    let tests = tests.collect::<Result<Vec<_>, _>>()?;
    let criticals = holm_critical_values(&tests.iter().collect::<Vec<_>>(), LEVEL)?;
    let tested = gathered.into_iter().zip(tests.into_iter().zip(criticals));
    Ok(tested
        .map(|(Gathered { entries, values, results, .. }, (tests, critical))| Family {
            entries,
            values,
            results,
            tests,
            critical,
        })
        .collect())
}

/// A family before it is tested.
#[derive(Default)]
struct Gathered<'a> {
    entries: Vec<usize>,
    values: Vec<f64>,
    results: Vec<usize>,
    /// The scores of each result. Equal results are one hypothesis, however many have sent them.
    different: Vec<&'a [f64]>,
    /// Results by the fingerprint of their scores.
    buckets: HashMap<u64, Vec<usize>>,
}

impl<'a> Gathered<'a> {
    fn add(&mut self, entry: usize, value: f64, scores: &'a [f64]) {
        let bucket = self.buckets.entry(fingerprint(scores)).or_default();
        self.entries.push(entry);
        self.values.push(value);
        self.results.push(result_of(&mut self.different, bucket, scores));
    }
}

impl Family {
    /// Compares all pairs. A significant difference of scores counts where values differ in the same direction.
    ///
    /// A large board has many millions of pairs: they are counted without a branch, in the order in which statistics lie in memory.
    fn compare(&self, sign: f64, tallies: &mut [Tally]) {
        let count = self.entries.len();
        let (mut better, mut ties) = (vec![0_u64; count], vec![0_u64; count]);
        let mut gathered = Vec::new();
        for (own, &own_value) in self.values.iter().enumerate() {
            let statistics = self.statistics_after(own, &mut gathered);
            let (Some((own_better, better)), Some((own_ties, ties))) =
                (split(&mut better, own), split(&mut ties, own))
            else {
                continue;
            };
            let others = self.values.iter().skip(own + 1).zip(statistics);
            for (((value, t), better), ties) in others.zip(better).zip(ties) {
                let is_significant = (t.abs() >= self.critical) & (t * (value - own_value) > 0.0);
                let is_better = t * sign > 0.0;
                *better += u64::from(is_significant & !is_better);
                *own_better += u64::from(is_significant & is_better);
                *ties += u64::from(!is_significant);
                *own_ties += u64::from(!is_significant);
            }
        }
        for ((entry, better), ties) in self.entries.iter().zip(better).zip(ties) {
            if let Some(tally) = tallies.get_mut(*entry) {
                tally.paired += count - 1;
                tally.better += better as usize;
                tally.ties += ties as usize;
            }
        }
    }

    /// t of the difference `other - own` for every entry after this one.
    fn statistics_after<'t>(&'t self, own: usize, gathered: &'t mut Vec<f64>) -> &'t [f64] {
        let result = self.results.get(own).copied().unwrap_or_default();
        if self.tests.results() == self.results.len() {
            // No result stands twice, so entries have the order of results.
            return self.tests.after(result);
        }
        gathered.clear();
        let others = self.results.iter().skip(own + 1);
        gathered.extend(others.map(|other| self.tests.statistic(*other, result)));
        gathered
    }
}

/// One number and all after it.
fn split(numbers: &mut [u64], index: usize) -> Option<(&mut u64, &mut [u64])> {
    numbers.get_mut(index..)?.split_first_mut()
}

/// Compares the pairs that no family holds by their intervals.
fn compare_others(
    candidates: &[Candidate<'_>],
    families: &[Family],
    sign: f64,
    tallies: &mut [Tally],
) {
    let mut family_of: Vec<Option<usize>> = vec![None; candidates.len()];
    for (number, family) in families.iter().enumerate() {
        for entry in &family.entries {
            if let Some(own) = family_of.get_mut(*entry) {
                *own = Some(number);
            }
        }
    }
    if families.len() == 1 && family_of.iter().all(Option::is_some) {
        return;
    }
    let entries: Vec<_> = candidates.iter().zip(&family_of).collect();
    for (own, (candidate, family)) in entries.iter().enumerate() {
        let (before, after) = tallies.split_at_mut(own + 1);
        let Some(tally) = before.last_mut() else { continue };
        for ((other, other_family), other_tally) in entries.iter().skip(own + 1).zip(after) {
            if family.is_none() || family != other_family {
                match by_intervals(other, candidate, sign) {
                    Some(relation) => {
                        other_tally.add_by_intervals(relation);
                        tally.add_by_intervals(relation.reverse());
                    }
                    None => {
                        other_tally.not_comparable += 1;
                        tally.not_comparable += 1;
                    }
                }
            }
        }
    }
}

impl Tally {
    /// `relation` is this entry's to the other.
    fn add_by_intervals(&mut self, relation: Ordering) {
        self.by_intervals += 1;
        self.better += usize::from(relation.is_lt());
        self.ties += usize::from(relation.is_eq());
    }
}

/// Greater if the first is better; nothing if one has no interval and the values differ.
fn by_intervals(first: &Candidate<'_>, second: &Candidate<'_>, sign: f64) -> Option<Ordering> {
    let (Some(a), Some(b)) = (first.interval, second.interval) else {
        return (first.value == second.value).then_some(Ordering::Equal);
    };
    let order = match (a.low > b.high, a.high < b.low) {
        (true, _) => Ordering::Greater,
        (_, true) => Ordering::Less,
        _ => Ordering::Equal,
    };
    Some(if sign < 0.0 { order.reverse() } else { order })
}

/// The number of a result among those of its family.
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
    let step = |hash: u64, bits: u64| (hash ^ bits).wrapping_mul(0x100_0000_01b3);
    // Four sums that do not wait for each other: a leaderboard has a hundred million scores.
    let (quarters, rest) = values.as_chunks::<4>();
    let mut sums = [0xcbf2_9ce4_8422_2325_u64; 4];
    for quarter in quarters {
        for (sum, value) in sums.iter_mut().zip(quarter) {
            *sum = step(*sum, value.to_bits());
        }
    }
    let bits = sums.into_iter().chain(rest.iter().map(|value| value.to_bits()));
    bits.fold(values.len() as u64, step)
}

#[cfg(test)]
#[path = "rank_tests.rs"]
mod tests;
