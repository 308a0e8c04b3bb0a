//! One measurement in two runs: what became of it.

use super::super::inputs::InputDifference;
use super::super::paired::{PairedDifference, Tables};
use super::{Moved, Movement};
use crate::failure::Failure;
use retally_metrics::{Measurement, Unit};
use retally_suites::{RunMeasurements, Suite};
use std::collections::BTreeMap;

/// Where a measurement stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    dataset: &'a str,
    model: &'a str,
    metric: &'a str,
}

/// A measurement with the name of its model.
pub(super) type Named<'a> = (&'a str, &'a Measurement);

/// Every measurement of either run.
pub(super) fn pairs<'a>(
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
pub(super) struct Comparison<'a> {
    pub(super) suite: &'a Suite,
    pub(super) inputs: &'a [InputDifference],
    pub(super) tables: Option<Tables<'a>>,
}

impl Comparison<'_> {
    /// What became of a measurement; `None` if nothing.
    pub(super) fn movement(
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

/// Whether a mean moved by something else than the mean of its samples, where both runs have all of them.
pub(super) fn contradicts_samples(
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
