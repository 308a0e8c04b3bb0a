//! From a suite and, if there is one, a run to printed values, measured values and verdicts side by side.
//!
//! A printed row belongs to a measured model if the row's key *equals* the model's true name; a recorded row if it
//! equals the model's key. A column belongs to the metric whose key equals the column's. Nothing is matched by
//! resemblance.

mod cell;
mod derived;
mod figure;
mod reachability;
mod table;

use crate::cells::CorrelationRow;
use crate::evaluation::{EvaluatedPicture, EvaluatedSuite, MeasuredModel, PrintedCorrelation};
use crate::identity::{self, Findings};
use crate::run::{DatasetMeasurements, RunMeasurements};
use crate::schema::Picture;
use crate::suite::Suite;
use retally_metrics::Measurement;

/// Evaluates a suite against a run; without one, everything that needs no model is still recomputed.
#[must_use]
pub fn evaluate(suite: &Suite, run: Option<&RunMeasurements>) -> EvaluatedSuite {
    let printed = identity::check_printed(&suite.cells, &suite.correlations);
    let findings = run.map(identity::check_run).unwrap_or_default();
    let evaluation = Evaluation { suite, run, findings: &findings };
    let definition = &suite.definition;
    EvaluatedSuite {
        id: suite.id().to_owned(),
        name: definition.name.clone(),
        version: definition.version,
        content_sha256: suite.content_digest().to_string(),
        paper: definition.paper.clone(),
        further_papers: definition.further_papers.clone(),
        summary: definition.summary.clone(),
        tables: definition
            .tables
            .iter()
            .zip(&suite.layouts)
            .map(|(table, layout)| evaluation.table(table, layout))
            // A run of generators alone leaves the tables of encoders empty.
            .filter(|table| run.is_none() || !table.rows.is_empty())
            .collect(),
        figures: definition
            .figures
            .iter()
            .map(|figure| evaluation.figure(figure))
            .filter(|figure| run.is_none() || figure.has_something())
            .collect(),
        derived: evaluation.derived(),
        reachability: evaluation.reachability(),
        pictures: definition.pictures.iter().map(picture).collect(),
        printed_correlations: evaluation.printed_correlations(),
        traps: definition.traps.clone(),
        unknown: definition.unknown.clone(),
        identity_checks: printed
            .checks
            .into_iter()
            .chain(findings.checks.iter().cloned())
            .collect(),
        measured: run
            .into_iter()
            .flat_map(|run| &run.datasets)
            .flat_map(|dataset| dataset.models.clone())
            .collect(),
    }
}

#[derive(Clone, Copy)]
struct Evaluation<'a> {
    suite: &'a Suite,
    run: Option<&'a RunMeasurements>,
    findings: &'a Findings,
}

/// A measurement and where it stands in the run.
#[derive(Clone, Copy)]
struct Found<'a> {
    dataset: &'a DatasetMeasurements,
    model: &'a MeasuredModel,
    measurement: &'a Measurement,
}

impl<'a> Evaluation<'a> {
    /// Every coefficient of the data file that neither a panel nor a derived claim shows.
    fn printed_correlations(self) -> Vec<PrintedCorrelation> {
        let panels = self.suite.definition.figures.iter().flat_map(|figure| &figure.panels);
        let claimed: Vec<_> = panels.filter_map(|panel| self.suite.claim(panel)).collect();
        let derived: Vec<_> = self.suite.derived_correlations().collect();
        let is_shown = |row: &&CorrelationRow| claimed.contains(row) || derived.contains(row);
        let listed = self.suite.correlations.iter().filter(|row| !is_shown(row));
        let printed = listed.map(|row| PrintedCorrelation {
            figure: row.figure.clone(),
            x: row.x.clone(),
            y: row.y.clone(),
            subset: row.subset.clone(),
            n: row.n.map_or_else(|| "unknown".to_owned(), |n| n.to_string()),
            coefficient: row.coefficient.clone(),
            value: row.number.text().to_owned(),
            provenance: row.provenance,
            source: row.source.clone(),
            note: row.note.clone(),
        });
        printed.collect()
    }
}

fn picture(picture: &Picture) -> EvaluatedPicture {
    EvaluatedPicture {
        id: picture.id.get_ref().clone(),
        label: picture.label.clone(),
        title: picture.title.clone(),
        setting: picture.setting.clone(),
        alt: picture.alt.get_ref().clone(),
    }
}

/// Models that have a value of both metrics.
fn pairs<'a>(
    dataset: &'a DatasetMeasurements,
    x: &'a str,
    y: &'a str,
) -> impl Iterator<Item = (&'a MeasuredModel, f64, f64)> {
    dataset.models.iter().filter_map(move |model| Some((model, model.value(x)?, model.value(y)?)))
}
