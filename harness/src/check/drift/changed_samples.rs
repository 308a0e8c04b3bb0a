//! Samples that are not the same in two runs.

use super::super::inputs::{InputDifference, Scope};
use super::super::paired::Tables;
use std::collections::BTreeMap;

/// Samples that a message names one by one.
const NAMED_SAMPLES: usize = 5;

/// Samples whose bytes differ, or that only one run has.
pub(super) fn changed_samples(tables: Tables<'_>) -> Vec<InputDifference> {
    let mut found = Vec::new();
    for dataset in tables.old.datasets() {
        let [before, after] = [tables.old, tables.new].map(|table| table.samples(dataset));
        if after.is_empty() {
            continue;
        }
        let is_other = |(name, row): &(&&str, &usize)| {
            let other = after.get(**name).map(|&row| tables.new.digest(row));
            other.is_some_and(|other| other != tables.old.digest(**row))
        };
        let changed: Vec<&str> = before.iter().filter(is_other).map(|(name, _)| *name).collect();
        let missing = |from: &BTreeMap<&str, usize>, of: &BTreeMap<&str, usize>| {
            of.keys().filter(|name| !from.contains_key(*name)).count()
        };
        let (gone, added) = (missing(&after, &before), missing(&before, &after));
        found.extend(samples_difference(
            dataset,
            &changed,
            gone,
            added,
            [before.len(), after.len()],
        ));
    }
    found
}

fn samples_difference(
    dataset: &str,
    changed: &[&str],
    gone: usize,
    added: usize,
    [before, after]: [usize; 2],
) -> Option<InputDifference> {
    if changed.is_empty() && gone == 0 && added == 0 {
        return None;
    }
    let mut parts = Vec::new();
    if !changed.is_empty() {
        let named: Vec<String> =
            changed.iter().take(NAMED_SAMPLES).map(|name| format!("`{name}`")).collect();
        let more = changed.len().saturating_sub(NAMED_SAMPLES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        parts.push(format!("{} with other bytes: {}{more}", changed.len(), named.join(", ")));
    }
    if gone > 0 {
        parts.push(format!("{gone} gone"));
    }
    if added > 0 {
        parts.push(format!("{added} new"));
    }
    Some(InputDifference {
        what: format!("samples of data set `{dataset}`"),
        old: Some(before.to_string()),
        new: Some(format!("{after} ({})", parts.join("; "))),
        scope: Scope::Datasets { datasets: [dataset.to_owned()].into() },
        is_machine: false,
    })
}
