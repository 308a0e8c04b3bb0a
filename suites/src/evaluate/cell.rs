//! Single cells: is there a measured value, may it be compared, and what is the verdict?

use super::{Evaluation, Found};
use crate::cells::Cell;
use crate::evaluation::{Column, EvaluatedCell, Verdict, VersionedValue};
use crate::labels;
use crate::layout::{self, LaidEntry};
use crate::run::RunMeasurements;
use crate::schema::{Metric, Protocol, Role, Table};
use crate::verdict;
use crate::versions;
use std::collections::BTreeSet;

/// A place in a table.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) table: &'a Table,
    pub(super) columns: &'a [Column],
    pub(super) column: &'a Column,
    pub(super) row: &'a str,
    /// Whether the cell belongs to another table.
    pub(super) is_reference: bool,
}

impl Place<'_> {
    pub(super) fn id(&self) -> String {
        labels::cell_id(
            self.table.id.get_ref(),
            self.row,
            &layout::column_anchor(self.columns, self.column),
        )
    }

    /// Why the column is only a constant of the paper, if it is.
    fn constant(&self) -> Option<&str> {
        let holds = |key: &toml::Spanned<String>| *key.get_ref() == self.column.key;
        let constant = self.table.constants.iter().find(|c| c.columns.iter().any(holds))?;
        (!self.is_reference).then_some(constant.reason.get_ref())
    }

    fn is_truncated(&self) -> bool {
        self.table.truncated.iter().any(|key| *key.get_ref() == self.column.key)
    }
}

impl<'a> Evaluation<'a> {
    fn metric(self, column: &Column) -> Option<&'a Metric> {
        self.suite.definition.metric(&column.key)
    }

    pub(super) fn cell(
        self,
        place: Place<'_>,
        entry: &LaidEntry,
        found: Option<Found<'a>>,
    ) -> Option<EvaluatedCell> {
        let cells = &self.suite.cells;
        let (printed, unknown) = (entry.printed(), entry.unknown());
        let conflict = versions::in_conflict(&self.suite.versions, printed);
        let judged = self.suite.judged(entry);
        let first = judged.map(|index| &cells[index]);
        if first.is_none() && unknown.is_none() && found.is_none() {
            return None;
        }
        let same = printed.iter().filter_map(|index| self.suite.same_quantity.get(index)).flatten();
        let mut seen: BTreeSet<usize> =
            conflict.iter().map(|(_, cell)| *cell).chain(judged).collect();
        let others = printed.iter().chain(same).filter(|&&index| seen.insert(index));
        let versions = conflict.iter().map(|(version, index)| VersionedValue {
            version: self.suite.definition.versions[*version].label.get_ref().clone(),
            value: self.suite.reported(*index),
        });
        let mut cell = EvaluatedCell {
            id: place.id(),
            reported: judged.map(|index| self.suite.reported(index)),
            unknown: unknown.map(str::to_owned),
            versions: versions.collect(),
            constant: place.constant().filter(|_| judged.is_some()).map(str::to_owned),
            also_reported: others.map(|&index| self.suite.reported(index)).collect(),
            measured: found.map(|found| found.measurement.clone()),
            difference: None,
            band: None,
            verdict: None,
            explanation: String::new(),
        };
        match (first, unknown) {
            (Some(first), _) => self.judge(place, first, found, &mut cell),
            (None, Some(reason)) => {
                let measured = if found.is_some() { "Measured, but the" } else { "The" };
                cell.explanation = format!("{measured} printed number is not known. {reason}");
            }
            (None, None) => {
                cell.explanation = "Measured; nothing is printed to compare it with.".to_owned()
            }
        }
        if let Some(found) = found.filter(|found| self.is_invalid(found)) {
            cell.verdict = Some(Verdict::Invalid);
            cell.explanation = format!(
                "An identity check failed for {} of {}.",
                found.measurement.metric, found.model.label
            );
        }
        Some(cell)
    }

    pub(super) fn protocol(self, table: &Table, column: &Column) -> Option<&'a Protocol> {
        self.suite.definition.protocol(table, self.metric(column)?)
    }

    fn is_invalid(self, found: &Found<'_>) -> bool {
        self.findings.is_invalid(
            &found.dataset.dataset,
            &found.model.key,
            &found.measurement.metric,
        )
    }

    fn judge(
        self,
        place: Place<'_>,
        printed: &Cell,
        found: Option<Found<'a>>,
        cell: &mut EvaluatedCell,
    ) {
        if let Some(reason) = place.constant() {
            cell.explanation = format!("A constant of the paper, not judged. {reason}");
            return;
        }
        let is_claim = place.table.role == Role::Claims && !place.is_reference;
        let metric = self.metric(place.column).filter(|_| is_claim);
        let Some((metric, numeric)) =
            metric.and_then(|metric| Some((metric, metric.numeric.as_ref()?)))
        else {
            cell.explanation = "Shown for reference, not judged.".to_owned();
            return;
        };
        let measured = found.map(|found| found.measurement);
        let band = verdict::band(printed, place.is_truncated(), metric, numeric, measured);
        let (verdict, explanation) = match self.comparable(place, found) {
            Err(reason) => reason,
            Ok(value) => {
                cell.difference = Some(value - printed.number.value());
                let claim = verdict::Claim {
                    number: &printed.number,
                    provenance: printed.provenance,
                    is_truncated: place.is_truncated(),
                    direction: place.column.direction,
                };
                let verdict = verdict::judge(claim, &band, value);
                (verdict, explain(verdict, value - printed.number.value()))
            }
        };
        cell.band = Some(band);
        cell.verdict = Some(verdict);
        cell.explanation = explanation;
    }

    /// The measured value, if it may be compared with the printed one.
    fn comparable(
        self,
        place: Place<'_>,
        found: Option<Found<'a>>,
    ) -> Result<f64, (Verdict, String)> {
        let Some(run) = self.run else {
            return Err((Verdict::NotRun, "No run is given.".to_owned()));
        };
        let Some(found) = found else {
            return Err((
                Verdict::NotRun,
                format!("The run has no {} of `{}`.", place.column.key, place.row),
            ));
        };
        let Some(value) = found.measurement.value() else {
            let detail = found.measurement.absence().map_or("", |absence| absence.detail.as_str());
            return Err((Verdict::NotRun, format!("Measured without a value: {detail}.")));
        };
        let differences = self.protocol_differences(run, place, found);
        if differences.is_empty() {
            Ok(value)
        } else {
            Err((
                Verdict::NotComparable,
                format!("The protocols differ. {}.", differences.join(". ")),
            ))
        }
    }

    /// Every way in which the measurement was made otherwise than the printed number.
    fn protocol_differences(
        self,
        run: &RunMeasurements,
        place: Place<'_>,
        found: Found<'_>,
    ) -> Vec<String> {
        let protocol = self.protocol(place.table, place.column);
        let unit = found.measurement.unit.to_string();
        let is_own_unit = unit == place.column.unit;
        let differences = [
            self.suite_difference(run),
            protocol.and_then(|protocol| dataset_difference(protocol, found)),
            protocol.and_then(|protocol| method_difference(protocol, place.column, found)),
            extent_difference(found),
            protocol.and_then(|protocol| sample_difference(protocol, found)),
            (!is_own_unit)
                .then(|| format!("Unit: measured in {unit}, printed in {}", place.column.unit)),
        ];
        differences.into_iter().flatten().collect()
    }

    fn suite_difference(self, run: &RunMeasurements) -> Option<String> {
        let is_other = run.suite == self.suite.id()
            && run.suite_content_sha256 != self.suite.content_digest().to_string();
        is_other
            .then(|| format!("Suite: the run used other content (version {})", run.suite_version))
    }
}

fn dataset_difference(protocol: &Protocol, found: Found<'_>) -> Option<String> {
    let measured = &found.dataset.dataset;
    (protocol.dataset != *measured)
        .then(|| format!("Data set: measured on `{measured}`, printed for {}", protocol.summary))
}

fn method_difference(protocol: &Protocol, column: &Column, found: Found<'_>) -> Option<String> {
    let measured = found.dataset.methods.get(&column.key).map_or("unstated", String::as_str);
    let printed = &protocol.method;
    (printed != measured)
        .then(|| format!("Method: measured by `{measured}`, printed by `{printed}`"))
}

fn extent_difference(found: Found<'_>) -> Option<String> {
    let (some, all) = (found.dataset.samples, found.dataset.samples_in_dataset);
    (some != all).then(|| format!("Samples: {some} of {all} were measured"))
}

fn sample_difference(protocol: &Protocol, found: Found<'_>) -> Option<String> {
    let (printed, measured) = (protocol.samples?, found.measurement.n);
    (printed != measured).then(|| format!("Samples: measured on {measured}, printed for {printed}"))
}

fn explain(verdict: Verdict, difference: f64) -> String {
    let size = difference.abs();
    match verdict {
        Verdict::Identical => "The printed digits.".to_owned(),
        Verdict::WithinNumeric => {
            format!("Off by {size:.3e}: within print rounding and the numeric budget.")
        }
        Verdict::WithinSampling => {
            format!("Off by {size:.3e}: within the band with its sampling part.")
        }
        Verdict::OutsideBetter => {
            format!("Off by {size:.3e} to the better side: outside the band.")
        }
        _ => format!("Off by {size:.3e}: outside the band."),
    }
}
