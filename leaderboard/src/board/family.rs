//! Entries with scores of the same samples: families, whose pairs are compared by paired tests.

use retally_metrics::Absence;
use retally_metrics::statistics::{PairedTests, PairedTestsMemory, holm_critical_values};
use std::collections::HashMap;

/// The chance that any difference of a column is called significant where there is none.
pub const LEVEL: f64 = 0.05;

/// Scores of single samples. Those of two entries can be paired if they are of the same samples.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedScores {
    /// Which samples: equal sets have equal numbers.
    pub set: usize,
    /// One finite score a sample, in the order of the set.
    pub values: Vec<f64>,
}

/// Entries with scores of the same samples.
pub(super) struct Family {
    /// Their numbers, rising.
    pub(super) entries: Vec<usize>,
    /// Their values.
    values: Vec<f64>,
    /// Of each the number of its result among the tests'.
    results: Vec<usize>,
    tests: PairedTests,
    /// The |t| from which on a difference is significant.
    critical: f64,
}

/// An entry that has scores.
pub(super) struct ScoredEntry<'a> {
    /// Its number.
    pub(super) entry: usize,
    /// Its value.
    pub(super) value: f64,
    pub(super) scores: &'a PairedScores,
}

/// What is counted of one entry beside the others of its family.
pub(super) struct FamilyTally {
    /// Its number.
    pub(super) entry: usize,
    /// Others that are significantly better.
    pub(super) better: usize,
    /// Others that are neither better nor worse.
    pub(super) ties: usize,
    /// All others.
    pub(super) others: usize,
}

/// Puts entries whose scores can be paired together, and tests all pairs.
///
/// # Errors
/// An absence if scores cannot be tested: not finite, or of different lengths in one set.
pub(super) fn families<'a>(
    memory: &mut PairedTestsMemory,
    scored: impl Iterator<Item = ScoredEntry<'a>>,
) -> Result<Vec<Family>, Absence> {
    let mut gathered: Vec<Gathered<'_>> = Vec::new();
    let mut family_of_set: HashMap<usize, usize> = HashMap::new();
    for ScoredEntry { entry, value, scores: PairedScores { set, values } } in scored {
        // One sample has no spread: such an entry is of no family.
        if values.len() < 2 {
            continue;
        }
        let number = *family_of_set.entry(*set).or_insert_with(|| {
            gathered.push(Gathered::default());
            gathered.len() - 1
        });
        if let Some(family) = gathered.get_mut(number) {
            family.add(entry, value, values);
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
    /// Compares all pairs. A significant difference of scores counts where values differ in the same direction. `sign` is -1 where lower
    /// is better, else 1.
    ///
    /// A large board has many millions of pairs: they are counted without a branch, in the order in which statistics lie in memory.
    pub(super) fn compare(&self, sign: f64) -> impl Iterator<Item = FamilyTally> {
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
        let counted = self.entries.iter().zip(better.into_iter().zip(ties));
        counted.map(move |(&entry, (better, ties))| FamilyTally {
            entry,
            better: better as usize,
            ties: ties as usize,
            others: count - 1,
        })
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
