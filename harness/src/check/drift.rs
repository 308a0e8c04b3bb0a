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

use super::inputs::{InputDifference, Scope, differences};
use super::paired::{PairedDifference, Tables};
use super::samples::SampleTable;
use super::stored::StoredFiles;
use crate::failure::Failure;
use retally_manifests::Manifest;
use retally_metrics::{Measurement, Unit};
use retally_suites::claims::{Claim, ClaimKind, ClaimState};
use retally_suites::{RunMeasurements, Suite};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Samples that a message names one by one.
const NAMED_SAMPLES: usize = 5;

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

impl Movement {
    fn as_str(self) -> &'static str {
        match self {
            Self::BeyondBudget => "beyond-budget",
            Self::Vanished => "vanished",
            Self::WithinBudget => "within-budget",
            Self::SideResult => "side-result",
            Self::Appeared => "appeared",
        }
    }
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

/// Where a measurement stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    dataset: &'a str,
    model: &'a str,
    metric: &'a str,
}

/// A measurement with the name of its model.
type Named<'a> = (&'a str, &'a Measurement);

/// Every measurement of either run.
fn pairs<'a>(
    old: &'a RunMeasurements,
    new: &'a RunMeasurements,
) -> BTreeMap<Place<'a>, [Option<Named<'a>>; 2]> {
    let mut found: BTreeMap<Place<'_>, [Option<Named<'_>>; 2]> = BTreeMap::new();
    for (index, run) in [old, new].into_iter().enumerate() {
        for dataset in &run.datasets {
            for model in &dataset.models {
                for measurement in &model.measurements {
                    let place = Place {
                        dataset: &dataset.dataset,
                        model: &model.key,
                        metric: &measurement.metric,
                    };
                    found.entry(place).or_default()[index] = Some((&model.label, measurement));
                }
            }
        }
    }
    found
}

/// What every measurement is compared with.
struct Comparison<'a> {
    suite: &'a Suite,
    inputs: &'a [InputDifference],
    tables: Option<Tables<'a>>,
}

impl Comparison<'_> {
    /// What became of a measurement; `None` if nothing.
    fn movement(
        &self,
        place: &Place<'_>,
        old: Option<Named<'_>>,
        new: Option<Named<'_>>,
    ) -> Result<Option<Moved>, Failure> {
        let [before, after] = [old, new].map(|one| one.map(|(_, measurement)| measurement));
        if is_equal(before, after) {
            return Ok(None);
        }
        let metric = self.suite.definition().metric(place.metric);
        let budget = metric
            .and_then(|metric| metric.numeric.as_ref())
            .map(|numeric| *numeric.budget.get_ref());
        let [from, to] = [before, after].map(|one| one.and_then(Measurement::value));
        let difference = from.zip(to).map(|(old, new)| new - old);
        let movement = match (from, to) {
            (Some(_), None) => Movement::Vanished,
            (None, _) => Movement::Appeared,
            (Some(_), Some(_)) if metric.is_none() => Movement::SideResult,
            (Some(old), Some(new)) if is_within([old, new], budget) && same_unit(before, after) => {
                Movement::WithinBudget
            }
            _ => Movement::BeyondBudget,
        };
        let causes: Vec<String> = self
            .inputs
            .iter()
            .filter(|input| input.scope.covers(place.dataset, place.model))
            .map(InputDifference::sentence)
            .collect();
        let paired = match (self.tables, difference) {
            (Some(tables), Some(_)) => tables.compare(place.dataset, place.model, place.metric)?,
            _ => None,
        };
        let decides = match movement {
            Movement::BeyondBudget | Movement::Vanished => true,
            Movement::WithinBudget | Movement::Appeared => false,
            Movement::SideResult => causes.is_empty(),
        };
        let (label, measurement) = new.or(old).map_or(("", None), |(label, m)| (label, Some(m)));
        Ok(Some(Moved {
            dataset: place.dataset.to_owned(),
            model: place.model.to_owned(),
            label: label.to_owned(),
            metric: place.metric.to_owned(),
            unit: measurement.map_or(Unit::None, |measurement| measurement.unit),
            old: from,
            new: to,
            difference,
            budget: budget.filter(|_| metric.is_some()),
            movement,
            decides,
            contradicts_samples: contradicts_samples(paired.as_ref(), [before, after]),
            paired,
            causes,
        }))
    }
}

/// The method is left out: it tells how, and a number that is the same has not moved.
fn is_equal(old: Option<&Measurement>, new: Option<&Measurement>) -> bool {
    match (old, new) {
        // Of an absence there is no number that could have moved.
        (Some(old), Some(new)) if old.value().is_none() && new.value().is_none() => true,
        (Some(old), Some(new)) => {
            old.outcome == new.outcome && old.unit == new.unit && old.n == new.n
        }
        (None, None) => true,
        (Some(one), None) | (None, Some(one)) => one.value().is_none(),
    }
}

fn same_unit(old: Option<&Measurement>, new: Option<&Measurement>) -> bool {
    old.map(|one| one.unit) == new.map(|one| one.unit)
}

fn is_within([old, new]: [f64; 2], budget: Option<f64>) -> bool {
    // A difference of exactly the budget stays inside, as in verdicts.
    let slack = 4.0 * f64::EPSILON * old.abs().max(new.abs());
    old.to_bits() == new.to_bits()
        || budget.is_some_and(|budget| (new - old).abs() <= budget + slack)
}

/// Samples whose bytes differ, or that only one run has.
fn changed_samples(tables: Tables<'_>) -> Vec<InputDifference> {
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

/// What can have moved a number when no input differs.
const NO_INPUT: &str = "No input differs: equal inputs on the same kind of processor give the same bits, so that the machine, \
its memory or an edited file is at fault";

/// Of a mean that moved by something else than its samples did.
const SAMPLES_CONTRADICT: &str = " The samples did not move by that: in one of the runs measurements.json and samples.parquet \
contradict each other, so that one of them was edited.";

/// Whether a mean moved by something else than the mean of its samples, where both runs have all of them.
fn contradicts_samples(
    paired: Option<&PairedDifference>,
    [old, new]: [Option<&Measurement>; 2],
) -> bool {
    let (Some(paired), Some(old), Some(new)) = (paired, old, new) else { return false };
    let (Some(before), Some(after)) = (old.value(), new.value()) else { return false };
    let has_all = [old, new].iter().all(|one| usize::try_from(one.n) == Ok(paired.pairs));
    // A mean of n numbers is off by some n roundings at most.
    let slack = f64::EPSILON * (before.abs() + after.abs() + 1.0) * (paired.pairs as f64 + 16.0);
    has_all && (paired.mean - (after - before)).abs() > slack
}

impl Moved {
    fn cause(&self) -> String {
        match self.causes.as_slice() {
            [] => NO_INPUT.to_owned(),
            causes => format!("What differs: {}", causes.join("; ")),
        }
    }

    fn numbers(&self) -> String {
        let number =
            |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |v| v.to_string());
        let budget = match (self.budget, self.movement) {
            (Some(budget), _) => format!(", budget {budget}"),
            (None, Movement::SideResult) => String::new(),
            (None, _) => ", no budget".to_owned(),
        };
        let difference =
            self.difference.map_or_else(String::new, |moved| format!(" ({moved:+.3e}{budget})"));
        format!("{} -> {}{difference}", number(self.old), number(self.new))
    }

    fn explanation(&self) -> String {
        let paired = self
            .paired
            .as_ref()
            .map_or_else(String::new, |paired| format!(" {}", paired.sentence(self.unit)));
        let edited = if self.contradicts_samples { SAMPLES_CONTRADICT } else { "" };
        format!("{}.{paired}{edited} {}.", self.numbers(), self.cause())
    }

    fn name(&self) -> String {
        let name = if self.label.is_empty() { &self.model } else { &self.label };
        format!("{name}, {} on {}", self.metric, self.dataset)
    }

    fn claim(&self) -> Claim {
        let state = if self.decides { ClaimState::Fails } else { ClaimState::Remark };
        let id = format!("{}--{}--{}", self.dataset, self.model, self.metric);
        let group = ["drift", "Drift"];
        Claim {
            word: self.movement.as_str().to_owned(),
            expected: self.old.map(|old| old.to_string()),
            source: Some("the old run".to_owned()),
            measured: self.new,
            difference: self.difference,
            band: self.budget,
            unit: self.unit.to_string(),
            explanation: self.explanation(),
            ..Claim::new(ClaimKind::Drift, group, [&id, &self.name()], state)
        }
    }
}

impl Drift {
    /// Whether something moved that may not.
    pub(super) fn fails(&self) -> bool {
        self.moved.iter().any(|moved| moved.decides)
    }

    /// One claim for each measurement that is not what it was, and one for all others.
    pub(super) fn claims(&self) -> Vec<Claim> {
        let mut claims: Vec<Claim> = self.moved.iter().map(Moved::claim).collect();
        let name =
            format!("{} of {} measurements are the same bits", self.equal, self.measurements);
        claims.push(Claim {
            word: "equal".to_owned(),
            explanation: self.inputs_sentence(),
            ..Claim::new(ClaimKind::Drift, ["drift", "Drift"], ["equal", &name], ClaimState::Holds)
        });
        claims
    }

    fn inputs_sentence(&self) -> String {
        if self.inputs.is_empty() {
            return "No input differs.".to_owned();
        }
        let all: Vec<String> = self.inputs.iter().map(InputDifference::sentence).collect();
        let only_machine = self.inputs.iter().all(|input| input.is_machine);
        let machine = if only_machine { " Only the machine differs." } else { "" };
        format!("What differs: {}.{machine}", all.join("; "))
    }

    /// For a person at a terminal.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "against {}: {} of {} measurements are the same bits",
            self.against, self.equal, self.measurements
        );
        let _ = writeln!(text, "  {}", self.inputs_sentence());
        for moved in &self.moved {
            let sign = if moved.decides { "!" } else { " " };
            let word = moved.movement.as_str();
            let _ = writeln!(text, " {sign}{}: {word}; {}", moved.name(), moved.explanation());
        }
        text
    }
}

#[cfg(test)]
mod tests;
