//! Drift: what moved between two runs of a suite, and which input changed.
//!
//! | measurement | meaning | decides |
//! |---|---|---|
//! | equal | the same value, interval and count, bit for bit | |
//! | within-budget | moved by no more than the numeric budget that the suite gives the metric | no |
//! | beyond-budget | moved further, or the suite gives the metric no budget | yes |
//! | vanished | the old run has a value, the new one none | yes |
//! | appeared | the new run has a value, the old one none | no |
//! | side-result | moved, but the suite has no such metric (a loss, the C that was chosen) | only if no input differs |
//!
//! Equal inputs on the same kind of processor give equal bits. Where they did not, even a side result decides.

mod changed_samples;
mod comparison;
mod words;

use super::inputs::{InputDifference, differences};
use super::paired::{PairedDifference, Tables};
use super::samples::SampleTable;
use super::stored::StoredFiles;
use crate::failure::Failure;
use changed_samples::changed_samples;
use comparison::{Comparison, pairs};
use retally_manifests::Manifest;
use retally_metrics::Unit;
use retally_suites::Suite;
use serde::Serialize;
use serde_json::Value;

/// What became of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Movement {
    /// Further than the budget allows, or without one.
    BeyondBudget,
    /// The old run has a value, the new one none.
    Vanished,
    /// Within the budget.
    WithinBudget,
    /// Not a metric of the suite.
    SideResult,
    /// The new run has a value, the old one none.
    Appeared,
}

/// A measurement that is not what it was.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Moved {
    pub(super) dataset: String,
    /// Key of the model.
    pub(super) model: String,
    /// Its true name.
    pub(super) label: String,
    pub(super) metric: String,
    pub(super) unit: Unit,
    pub(super) old: Option<f64>,
    pub(super) new: Option<f64>,
    /// new - old.
    pub(super) difference: Option<f64>,
    /// What the suite lets the metric move by.
    pub(super) budget: Option<f64>,
    pub(super) movement: Movement,
    /// Whether the check fails on it.
    pub(super) decides: bool,
    pub(super) paired: Option<PairedDifference>,
    /// Whether the samples moved by something else, so that a file was edited.
    pub(super) contradicts_samples: bool,
    /// The inputs that differ and can have moved it, as sentences; empty if none does.
    pub(super) causes: Vec<String>,
}

/// What differs between two runs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Drift {
    /// The folder of the old run.
    pub(super) against: String,
    /// Measurements in either run.
    pub(super) measurements: usize,
    /// Those that are the same, bit for bit.
    pub(super) equal: usize,
    /// Inputs that differ.
    pub(super) inputs: Vec<InputDifference>,
    /// Measurements that are not what they were, those that decide first.
    pub(super) moved: Vec<Moved>,
}

/// Compares two runs of one suite.
///
/// # Errors
/// If they are of different suites, or a file of either is damaged.
pub(super) fn compare(
    old: &StoredFiles,
    new: &StoredFiles,
    suite: &Suite,
    manifest: &Manifest,
) -> Result<Drift, Failure> {
    let (before, after) = (&old.measurements, &new.measurements);
    if before.suite != after.suite {
        return Err(Failure::invalid(format_args!(
            "`{}` is a run of suite `{}` and `{}` one of suite `{}`: drift is between two runs of one suite",
            old.folder.display(),
            before.suite,
            new.folder.display(),
            after.suite
        )));
    }
    let [old_record, new_record] = [record(old)?, record(new)?];
    let mut inputs = differences(old_record, new_record, manifest);
    let tables = [SampleTable::open(&old.folder)?, SampleTable::open(&new.folder)?];
    let tables = match &tables {
        [Some(old), Some(new)] => Some(Tables { old, new }),
        _ => None,
    };
    inputs.extend(tables.map(changed_samples).unwrap_or_default());
    let comparison = Comparison { suite, inputs: &inputs, tables };
    let (mut measurements, mut equal, mut moved) = (0, 0, Vec::new());
    for (place, [old, new]) in pairs(before, after) {
        measurements += 1;
        match comparison.movement(&place, old, new)? {
            None => equal += 1,
            Some(found) => moved.push(found),
        }
    }
    moved.sort_by_key(|found| (!found.decides, found.movement));
    let against = old.folder.display().to_string();
    Ok(Drift { against, measurements, equal, inputs, moved })
}

fn record(run: &StoredFiles) -> Result<&Value, Failure> {
    run.record.as_ref().ok_or_else(|| {
        Failure::invalid(format_args!(
            "`{}` has no run.json, so that nothing tells what it was made from: run the suite again",
            run.folder.display()
        ))
    })
}

#[cfg(test)]
mod tests;
