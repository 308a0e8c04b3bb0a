//! Ranks with ties: an entry's rank is 1 + the number of entries that are significantly better.

use super::family::{Family, FamilyTally, PairedScores, ScoredEntry, families};
use retally_metrics::statistics::PairedTestsMemory;
use retally_metrics::{Absence, Interval};
use retally_suites::evaluation::Direction;
use serde::Serialize;
use std::cmp::Ordering;

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
/// method over all of them at [`LEVEL`](super::LEVEL). The others are compared by their intervals: a difference is significant if
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
    let scored =
        present.iter().enumerate().filter_map(|(entry, Candidate { value, scores, .. })| {
            scores.map(|scores| ScoredEntry { entry, value: *value, scores })
        });
    let families = families(memory, scored)?;
    let sign = if matches!(direction, Direction::LowerIsBetter) { -1.0 } else { 1.0 };
    let mut tallies = vec![Tally::default(); present.len()];
    for counted in families.iter().flat_map(|family| family.compare(sign)) {
        if let Some(tally) = tallies.get_mut(counted.entry) {
            tally.add_family(&counted);
        }
    }
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
    fn add_family(&mut self, counted: &FamilyTally) {
        self.better += counted.better;
        self.ties += counted.ties;
        self.paired += counted.others;
    }

    /// `relation` is this entry's to the other.
    fn add_by_intervals(&mut self, relation: Ordering) {
        self.by_intervals += 1;
        self.better += usize::from(relation.is_lt());
        self.ties += usize::from(relation.is_eq());
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

#[cfg(test)]
#[path = "rank_tests.rs"]
mod tests;
