//! Which of several submissions of one row stands for it beside other rows.

use super::row::RowEntry;
use retally_submissions::KeyFingerprint;
use std::collections::{HashMap, HashSet};

/// The number of the entry that stands for a row, and how many different results there are.
///
/// Not the best one: many runs of a model would win by luck. The result that most signers have, bit for bit in every
/// column, stands for the row; of equally many the one with the oldest run. Entries come with the oldest run first.
pub(super) fn representative(entries: &[RowEntry<'_>]) -> (usize, usize) {
    let mut signers: HashMap<Vec<Option<u64>>, HashSet<KeyFingerprint>> = HashMap::new();
    for entry in entries {
        signers.entry(bits(entry)).or_default().insert(entry.submission.entry.key);
    }
    let support = |entry: &RowEntry<'_>| signers.get(&bits(entry)).map_or(0, HashSet::len);
    let most = entries.iter().map(support).max().unwrap_or(0);
    let first = entries.iter().position(|entry| support(entry) == most).unwrap_or(0);
    (first, signers.len())
}

fn bits(entry: &RowEntry<'_>) -> Vec<Option<u64>> {
    let value = |cell: &Option<&retally_submissions::EntryCell>| cell.as_ref()?.measured.value();
    entry.cells.iter().map(|cell| value(cell).map(f64::to_bits)).collect()
}
