//! The form of `suite.toml`: what a suite shows, by which rules it is judged and, where it can be run, what a run measures.
//!
//! Unknown keys are refused everywhere, and every complaint points at its place in the file.

mod derived;
mod figure;
mod lint;

pub use derived::{
    BestMean, CellSet, CorrelationKey, Curve, CurvePair, DerivedClaim, DerivedGroup, Formula,
    PointSet, Stage, StagedLoss,
};
pub use figure::{
    AxisScale, BarGroup, Bars, CurveAxis, Curves, Figure, NumberedColumns, Panel, Series,
    SeriesPoints,
};
pub use lint::{ConstantColumns, Reachability, Version};

use crate::cells::is_identifier;
use crate::evaluation::{Direction, Paper};
use crate::generation::GenerationProtocol;
use crate::miniature::MiniaturePlan;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;

/// The only schema version that is read.
pub const SCHEMA: u32 = 1;

/// A parsed `suite.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Version of this file format: 1.
    pub schema: Spanned<u32>,
    /// Short id for the command line: `irepa`.
    pub id: Spanned<String>,
    /// Readable name.
    pub name: String,
    /// Version of the content; bumped whenever the content moves (see `lock.toml`).
    pub version: u32,
    /// What the suite claims or measures, a short paragraph.
    pub summary: String,
    /// The paper, if the suite is about one.
    pub paper: Option<Paper>,
    /// Further papers that it shows.
    #[serde(default, rename = "further_paper")]
    pub further_papers: Vec<Paper>,
    /// Versions of the paper, oldest first. Where they print different numbers in one cell, both are shown.
    #[serde(default, rename = "version_of_paper")]
    pub versions: Vec<Version>,
    /// Traps that concern the whole suite, one sentence each.
    #[serde(default)]
    pub traps: Vec<String>,
    /// What is not known, one sentence each.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// How numbers were made, as far as a comparison depends on it.
    #[serde(default, rename = "protocol")]
    pub protocols: Vec<Protocol>,
    /// The metrics that columns and axes show.
    #[serde(default, rename = "metric")]
    pub metrics: Vec<Metric>,
    /// How qualifiers of keys are read aloud: `cfg = "CFG {}"`, `steps = "{} steps"`.
    #[serde(default)]
    pub qualifiers: BTreeMap<String, String>,
    /// Tables in print order.
    #[serde(default, rename = "table")]
    pub tables: Vec<Table>,
    /// Figures in print order.
    #[serde(default, rename = "figure")]
    pub figures: Vec<Figure>,
    /// Pictures that a run draws, in print order.
    #[serde(default, rename = "picture")]
    pub pictures: Vec<Picture>,
    /// Printed numbers that follow from other printed numbers, in print order.
    #[serde(default, rename = "derived")]
    pub derived: Vec<DerivedGroup>,
    /// Which printed shares can be counts of how many items.
    #[serde(default)]
    pub reachability: Vec<Reachability>,
    /// Cells that print one quantity differently.
    #[serde(default)]
    pub same_quantity: Vec<SameQuantity>,
    /// What `retally run` measures; absent where a suite can only be reported.
    pub run: Option<RunPlan>,
    /// What `retally run --miniature` measures; absent where a suite has no miniature.
    pub miniature: Option<Spanned<MiniaturePlan>>,
}

/// How a metric's numbers were made. Numbers of different methods or data sets are not comparable.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// Id within the suite.
    pub id: Spanned<String>,
    /// Versioned method, the same word that a run records: `retally-spatial-code/1`.
    pub method: String,
    /// Id of the data set, the same word that a run records.
    pub dataset: String,
    /// Samples behind a printed number, where a number from fewer is another number (gFID).
    pub samples: Option<u64>,
    /// What both are, one sentence without a full stop.
    pub summary: String,
}

/// A metric: how its columns are headed and how its numbers are judged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Key as in the cells file, without qualifiers: `gFID`.
    pub key: Spanned<String>,
    /// Column heading.
    pub label: String,
    /// Axis title; the label if absent.
    pub axis: Option<String>,
    /// Units that its cells may have; a run measures in the first one.
    pub units: Vec<String>,
    /// Which way is better.
    pub direction: Direction,
    /// Id of its protocol.
    pub protocol: Option<Spanned<String>>,
    /// Our numeric budget. A metric without one is a constant (a size) and its cells get no verdict.
    pub numeric: Option<NumericBudget>,
    /// Where the sampling part of a band comes from.
    #[serde(default)]
    pub sampling: Sampling,
}

impl Metric {
    /// The axis title.
    #[must_use]
    pub fn axis_label(&self) -> &str {
        self.axis.as_deref().unwrap_or(&self.label)
    }
}

/// How far a faithful pipeline may be from the paper's one on the same inputs, in the metric's unit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericBudget {
    /// Half-width, at least 0.
    pub budget: Spanned<f64>,
    /// Why this width.
    pub reason: String,
}

/// Where the sampling half-width of a band comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// From the interval of the measurement, if it has one.
    #[default]
    MeasurementInterval,
    /// There is none: the value does not depend on a sample.
    None,
}

/// A table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Id, unique among tables, figures, pictures and groups of derived numbers: `table-2`.
    pub id: Spanned<String>,
    /// `Table 2`.
    pub label: String,
    /// What it shows, one sentence.
    pub title: String,
    /// Common setting of its numbers.
    #[serde(default)]
    pub setting: String,
    /// Known traps.
    #[serde(default)]
    pub traps: Vec<String>,
    /// Where its rows come from; the cells of the same id if absent.
    pub source: Option<Source>,
    /// Whether its cells are claims to be judged.
    #[serde(default)]
    pub role: Role,
    /// Column keys in print order; the order of the cells file if absent. A complete list, nothing is dropped.
    #[serde(default)]
    pub columns: Vec<Spanned<String>>,
    /// Row keys in print order; every row of the source if absent. A table with a list shows these rows alone, and another
    /// table must show the others.
    #[serde(default)]
    pub rows: Vec<Spanned<String>>,
    /// How cells stand in it.
    #[serde(default)]
    pub shape: Shape,
    /// Cells that exist in the paper but whose numbers nobody could read for us.
    #[serde(default)]
    pub unknown: Vec<UnknownCells>,
    /// Columns whose numbers the paper prints and nobody can recompute.
    #[serde(default, rename = "constant")]
    pub constants: Vec<ConstantColumns>,
    /// Whether its digitised cells were read off a figure by eye, so that no tolerance is known.
    #[serde(default)]
    pub read_by_eye: bool,
    /// Rows of other tables' cells shown below for comparison, such as chance levels.
    #[serde(default, rename = "reference")]
    pub references: Vec<ReferenceRow>,
    /// Which part of a row key (from 1) groups rows.
    #[serde(default = "first_part")]
    pub group_part: Spanned<usize>,
    /// Id of a protocol that stands for those of the metrics in this table.
    pub protocol: Option<Spanned<String>>,
    /// Columns whose printed values were cut off, not rounded.
    #[serde(default)]
    pub truncated: Vec<Spanned<String>>,
    /// Row headings that the rule for keys would not give.
    #[serde(default)]
    pub row_labels: BTreeMap<Spanned<String>, String>,
    /// Column headings that the rule for keys would not give.
    #[serde(default)]
    pub column_labels: BTreeMap<Spanned<String>, String>,
}

fn first_part() -> Spanned<usize> {
    Spanned::new(0..0, 1)
}

impl Table {
    /// Where its rows come from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source.clone().unwrap_or_else(|| Source::Cells(self.id.get_ref().clone()))
    }

    /// Whether a run measures into this table, rather than a paper printing it.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        !matches!(self.source(), Source::Cells(_))
    }
}

/// How the cells of a table stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A row for each row key, a column for each column key.
    #[default]
    Grid,
    /// A row for each pair of row key and column key, for constants of many kinds: in one column, or, where `columns`
    /// lists last parts of column keys, in a column for each.
    List,
}

/// Cells of the paper that are not known to us, with the reason. They are shown as unknown, never as a number.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownCells {
    /// Row keys; a row that has no known cell is added.
    pub rows: Vec<Spanned<String>>,
    /// Column keys; every column in which these rows have no cell if absent.
    #[serde(default)]
    pub columns: Vec<Spanned<String>>,
    /// Why, one sentence.
    pub reason: Spanned<String>,
}

/// A row of cells that are printed or derived in another table and stand here for comparison. It is never judged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceRow {
    /// Heading.
    pub label: Spanned<String>,
    /// Places, as `mrr-chance / N=256 / MRR`. Each is shown in every column of its metric and unit.
    pub cells: Vec<Spanned<String>>,
}

/// Where the rows of a table or the points of a figure come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The printed cells of this table of the data file.
    Cells(String),
    /// The encoders that a run measured on this data set, or the generators that it measured against it.
    Run(String),
    /// The correlations among the columns over the models that a run measured on this data set.
    Correlations(String),
}

/// Whether the cells of a table are claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Numbers that a run can confirm or not.
    #[default]
    Claims,
    /// Constants and our own arithmetic: shown for reference, never judged.
    Constants,
}

/// A picture that a run leaves at `pictures/ID.png` in its folder, such as a gallery of retrieved images. What it shows is
/// up to the run; the suite names and describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// Id, unique among tables, figures, pictures and groups of derived numbers; the name of the file.
    pub id: Spanned<String>,
    /// `Figure 1, miniature`.
    pub label: String,
    /// What it shows, one sentence.
    pub title: String,
    /// What it was made from.
    #[serde(default)]
    pub setting: String,
    /// The picture in words, for readers who do not see it.
    pub alt: Spanned<String>,
}

/// Cells that print one quantity differently; each lists the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SameQuantity {
    /// Places, as `table-2 / DINOv2-B|REPA / gFID`.
    pub cells: Vec<Spanned<String>>,
}

/// What `retally run` measures.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunPlan {
    /// Ids of data sets in the manifests.
    pub datasets: Vec<String>,
    /// Encoders: `all`, `model` (all its taps) or `model/tap`.
    pub encoders: Vec<EncoderSelector>,
    /// Metric keys to measure, each defined as a `[[metric]]`.
    pub metrics: Vec<Spanned<String>>,
    /// Which definition of the spatial metrics.
    pub spatial: SpatialDefinition,
    /// The probes.
    pub probe: ProbePlan,
    /// How generators are scored, for suites that can (`retally run SUITE --generator ID`).
    pub generation: Option<GenerationPlan>,
}

impl RunPlan {
    /// Whether the plan measures this tap of this model.
    #[must_use]
    pub fn selects(&self, model: &str, tap: &str) -> bool {
        self.encoders.iter().any(|selector| selector.selects(model, tap))
    }
}

/// How a run scores generators.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationPlan {
    /// Id of a protocol of [`crate::generation`].
    pub protocol: Spanned<String>,
    /// Id of the data set that samples are compared with.
    pub reference: String,
    /// Id of the model whose outputs are compared; where there is none, the user names a file.
    pub network: Option<String>,
    /// Samples of each generator.
    pub samples: u32,
    /// Seed of noise and labels.
    pub seed: u64,
}

/// Chooses encoders by id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum EncoderSelector {
    /// Every tap of every model in the manifests.
    All,
    /// Every tap of one model.
    Model(String),
    /// One tap.
    Tap {
        /// Model id.
        model: String,
        /// Tap id.
        tap: String,
    },
}

impl From<String> for EncoderSelector {
    fn from(text: String) -> Self {
        match text.split_once('/') {
            Some((model, tap)) => Self::Tap { model: model.to_owned(), tap: tap.to_owned() },
            None if text == "all" => Self::All,
            None => Self::Model(text),
        }
    }
}

impl EncoderSelector {
    /// Whether it chooses this tap of this model.
    #[must_use]
    pub fn selects(&self, model: &str, tap: &str) -> bool {
        match self {
            Self::All => true,
            Self::Model(id) => id == model,
            Self::Tap { model: of, tap: id } => of == model && id == tap,
        }
    }
}

/// Which of the two definitions of the spatial metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpatialDefinition {
    /// As the released code computes them.
    Code,
    /// As the paper's text defines them.
    Paper,
}

/// Options of the probes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbePlan {
    /// Seed of every split and draw.
    pub seed: u64,
    /// Inverse regularisation strength; chosen on a held-out part of the training set if absent.
    pub c: Option<f64>,
    /// Neighbours of the k-NN probe.
    pub neighbours: u32,
}

/// A complaint about `suite.toml`, with its place.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}: {problem}")]
pub struct DefinitionError {
    /// Name of the file.
    pub file: String,
    /// What is wrong and what was expected.
    pub problem: String,
    #[source_code]
    source_text: NamedSource<String>,
    #[label("here")]
    span: SourceSpan,
}

impl DefinitionError {
    /// Byte range in the file.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.offset()..self.span.offset() + self.span.len()
    }
}

/// A file under inspection: makes errors that point into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DefinitionText<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl DefinitionText<'_> {
    pub(crate) fn error(
        self,
        span: Range<usize>,
        problem: impl Into<String>,
    ) -> Box<DefinitionError> {
        Box::new(DefinitionError {
            file: self.file.to_owned(),
            problem: problem.into(),
            source_text: NamedSource::new(self.file, self.text.to_owned()),
            span: span.into(),
        })
    }

    fn unique<'b>(
        self,
        what: &str,
        ids: impl IntoIterator<Item = &'b Spanned<String>>,
    ) -> Result<BTreeSet<&'b str>, Box<DefinitionError>> {
        let mut seen = BTreeSet::new();
        for id in ids {
            if !seen.insert(id.get_ref().as_str()) {
                return Err(self
                    .error(id.span(), format!("the {what} `{}` is defined twice", id.get_ref())));
            }
        }
        Ok(seen)
    }

    fn known(
        self,
        what: &str,
        id: &Spanned<String>,
        known: &BTreeSet<&str>,
    ) -> Result<(), Box<DefinitionError>> {
        if known.contains(id.get_ref().as_str()) {
            return Ok(());
        }
        let names = known.iter().copied().collect::<Vec<_>>().join(", ");
        Err(self.error(
            id.span(),
            format!("there is no {what} `{}`; defined are: {names}", id.get_ref()),
        ))
    }
}

impl Definition {
    /// Parses and checks `suite.toml`, as far as it can be checked without the data files.
    ///
    /// # Errors
    /// [`DefinitionError`] at the first thing that is wrong.
    pub fn parse(file: &str, text: &str) -> Result<Self, Box<DefinitionError>> {
        let place = DefinitionText { file, text };
        let definition: Self = toml::from_str(text)
            .map_err(|cause| place.error(cause.span().unwrap_or(0..0), cause.message()))?;
        definition.check(place)?;
        Ok(definition)
    }

    fn check(&self, place: DefinitionText<'_>) -> Result<(), Box<DefinitionError>> {
        if *self.schema.get_ref() != SCHEMA {
            let problem = format!(
                "this retally reads schema {SCHEMA}, the file has {}",
                self.schema.get_ref()
            );
            return Err(place.error(self.schema.span(), problem));
        }
        let identifiers = self
            .tables
            .iter()
            .map(|table| &table.id)
            .chain(self.figures.iter().map(|figure| &figure.id))
            .chain(self.pictures.iter().map(|picture| &picture.id))
            .chain(self.derived.iter().map(|group| &group.id))
            .chain(self.reachability.iter().map(|lint| &lint.id));
        for id in identifiers.clone().chain([&self.id]) {
            if !is_identifier(id.get_ref()) {
                return Err(place
                    .error(id.span(), "expected lower-case words joined by `-`, as `table-3a`"));
            }
        }
        place.unique("table, figure, picture or group", identifiers)?;
        if let Some(picture) = self.pictures.iter().find(|picture| picture.alt.get_ref().is_empty())
        {
            return Err(place
                .error(picture.alt.span(), "`alt` is empty; say in words what the picture shows"));
        }
        let protocols =
            place.unique("protocol", self.protocols.iter().map(|protocol| &protocol.id))?;
        let metrics = place.unique("metric", self.metrics.iter().map(|metric| &metric.key))?;
        for metric in &self.metrics {
            self.check_metric(place, metric, &protocols)?;
        }
        for table in &self.tables {
            if let Some(protocol) = &table.protocol {
                place.known("protocol", protocol, &protocols)?;
            }
            self.check_table(place, table, &metrics)?;
        }
        lint::check(self, place)?;
        for figure in &self.figures {
            figure::check(self, place, figure)?;
        }
        for metric in self.run.iter().flat_map(|run| &run.metrics) {
            place.known("metric", metric, &metrics)?;
        }
        if let Some(plan) = self.run.as_ref().and_then(|run| run.generation.as_ref()) {
            check_generation(place, plan)?;
        }
        let miniature = self.miniature.as_ref();
        match miniature.and_then(|plan| Some((plan.span(), plan.get_ref().problem()?))) {
            Some((span, problem)) => Err(place.error(span, problem)),
            None => Ok(()),
        }
    }

    fn check_metric(
        &self,
        place: DefinitionText<'_>,
        metric: &Metric,
        protocols: &BTreeSet<&str>,
    ) -> Result<(), Box<DefinitionError>> {
        if metric.units.is_empty() {
            return Err(place.error(metric.key.span(), "`units` is empty; name at least one"));
        }
        if let Some(protocol) = &metric.protocol {
            place.known("protocol", protocol, protocols)?;
        }
        if let Some(numeric) = &metric.numeric {
            let budget = *numeric.budget.get_ref();
            if !(budget.is_finite() && budget >= 0.0) {
                return Err(
                    place.error(numeric.budget.span(), "a budget is a finite number of at least 0")
                );
            }
            if metric.protocol.is_none() {
                return Err(
                    place.error(metric.key.span(), "a metric that is judged needs a `protocol`")
                );
            }
        }
        Ok(())
    }

    fn check_table(
        &self,
        place: DefinitionText<'_>,
        table: &Table,
        metrics: &BTreeSet<&str>,
    ) -> Result<(), Box<DefinitionError>> {
        place.unique("column", &table.columns)?;
        place.unique("row", &table.rows)?;
        check_additions(place, table)?;
        if *table.group_part.get_ref() == 0 {
            return Err(place.error(table.group_part.span(), "parts of a key are counted from 1"));
        }
        let dataset = match table.source() {
            Source::Cells(_) => return Ok(()),
            Source::Run(dataset) | Source::Correlations(dataset) => dataset,
        };
        self.check_dataset(place, table.id.span(), &dataset)?;
        if table.columns.is_empty() {
            return Err(place.error(table.id.span(), "a measured table must name its `columns`"));
        }
        // A qualifier tells measurements of one metric apart: `accuracy|linear`, `accuracy|attentive`.
        table.columns.iter().try_for_each(|column| {
            let key = column.get_ref().split('|').next().unwrap_or_default();
            place.known("metric", &Spanned::new(column.span(), key.to_owned()), metrics)
        })
    }

    fn check_dataset(
        &self,
        place: DefinitionText<'_>,
        span: Range<usize>,
        dataset: &str,
    ) -> Result<(), Box<DefinitionError>> {
        let is_measured_on = |run: &RunPlan| {
            let is_reference = |plan: &GenerationPlan| plan.reference == dataset;
            run.datasets.iter().any(|id| id == dataset)
                || run.generation.as_ref().is_some_and(is_reference)
        };
        let is_of_miniature =
            |plan: &Spanned<MiniaturePlan>| plan.get_ref().datasets().any(|id| id == dataset);
        if self.run.as_ref().is_some_and(is_measured_on)
            || self.miniature.as_ref().is_some_and(is_of_miniature)
        {
            return Ok(());
        }
        Err(place.error(
            span,
            format!(
                "the data set `{dataset}` is neither among `datasets` of `[run]` nor its reference of generators, and no \
                 part of `[miniature]` measures on it"
            ),
        ))
    }

    /// The metric of a column key: its part before the first `|`.
    #[must_use]
    pub fn metric(&self, column: &str) -> Option<&Metric> {
        let key = column.split('|').next()?;
        self.metrics.iter().find(|metric| metric.key.get_ref() == key)
    }

    /// The protocol of a metric in a table.
    #[must_use]
    pub fn protocol(&self, table: &Table, metric: &Metric) -> Option<&Protocol> {
        let id = table.protocol.as_ref().or(metric.protocol.as_ref())?.get_ref();
        self.protocols.iter().find(|protocol| protocol.id.get_ref() == id)
    }
}

/// Lists, unknown cells and reference rows belong to printed tables.
fn check_additions(place: DefinitionText<'_>, table: &Table) -> Result<(), Box<DefinitionError>> {
    if table.shape == Shape::List && table.role != Role::Constants {
        return Err(
            place.error(table.id.span(), "a `list` shows constants: set `role = \"constants\"`")
        );
    }
    for unknown in &table.unknown {
        if unknown.reason.get_ref().is_empty() {
            return Err(place.error(unknown.reason.span(), "say why the cells are unknown"));
        }
    }
    let own = table.rows.first().or(table.unknown.first().and_then(|unknown| unknown.rows.first()));
    match own {
        Some(row) if table.is_measured() => {
            Err(place.error(row.span(), "the rows of a measured table are the models of the run"))
        }
        _ => Ok(()),
    }
}

fn check_generation(
    place: DefinitionText<'_>,
    plan: &GenerationPlan,
) -> Result<(), Box<DefinitionError>> {
    let id = &plan.protocol;
    if GenerationProtocol::builtin_ids().any(|known| known == id.get_ref()) {
        return Ok(());
    }
    let known = GenerationProtocol::builtin_ids().collect::<Vec<_>>().join(", ");
    Err(place.error(
        id.span(),
        format!("there is no protocol of generated images `{}`; there are: {known}", id.get_ref()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::miniature::RetrievalPlan;
    use proptest::prelude::*;

    const MINIMAL: &str = r#"
schema = 1
id = "small"
name = "Small"
version = 1
summary = "A suite for tests."

[[protocol]]
id = "evaluator"
method = "adm/1"
dataset = "imagenet"
summary = "ADM evaluator on ImageNet"

[[metric]]
key = "gFID"
label = "gFID"
units = ["none"]
direction = "lower-is-better"
protocol = "evaluator"
numeric = { budget = 0.01, reason = "port" }

[[table]]
id = "table-1"
label = "Table 1"
title = "A table."
"#;

    fn refused(text: &str) -> (String, String) {
        let error = Definition::parse("suite.toml", text).unwrap_err();
        let marked = text.get(error.span()).unwrap_or("").to_owned();
        (error.to_string(), marked)
    }

    #[test]
    fn the_minimal_suite_is_accepted() {
        let definition = Definition::parse("suite.toml", MINIMAL).unwrap();
        assert_eq!(definition.tables[0].source(), Source::Cells("table-1".to_owned()));
        assert_eq!(definition.metric("gFID|cfg=2.0").unwrap().label, "gFID");
    }

    #[test]
    fn complaints_point_at_their_place() {
        let cases = [
            ("schema = 1", "schema = 2", "this retally reads schema 1, the file has 2", "2"),
            ("name = \"Small\"", "nmae = \"Small\"", "unknown field `nmae`", "nmae"),
            (
                "budget = 0.01",
                "budget = -0.01",
                "a budget is a finite number of at least 0",
                "-0.01",
            ),
            ("budget = 0.01", "budget = nan", "a budget is a finite number of at least 0", "nan"),
            (
                "protocol = \"evaluator\"",
                "protocol = \"other\"",
                "there is no protocol `other`",
                "\"other\"",
            ),
            ("id = \"table-1\"", "id = \"Table 1\"", "expected lower-case words", "\"Table 1\""),
            (
                "id = \"table-1\"",
                "id = \"../../etc\"",
                "expected lower-case words",
                "\"../../etc\"",
            ),
            (
                "direction = \"lower-is-better\"",
                "direction = \"down\"",
                "unknown variant `down`",
                "\"down\"",
            ),
            ("units = [\"none\"]", "units = []", "`units` is empty", "\"gFID\""),
            ("version = 1", "version = -1", "invalid value: integer `-1`", "-1"),
            ("title = \"A table.\"", "title = \"A table.", "", ""),
        ];
        for (good, bad, message, place) in cases {
            assert!(MINIMAL.contains(good), "{good}");
            let (found, marked) = refused(&MINIMAL.replacen(good, bad, 1));
            assert!(
                found.contains(message) && found.starts_with("suite.toml: "),
                "{bad:?} gave {found:?}"
            );
            assert!(
                place.is_empty() || marked == place,
                "{bad:?} marked {marked:?}, expected {place:?}"
            );
        }
    }

    #[test]
    fn doubles_and_unknown_references_are_refused() {
        let twice = format!("{MINIMAL}\n[[table]]\nid = \"table-1\"\nlabel = \"\"\ntitle = \"\"\n");
        assert!(
            refused(&twice)
                .0
                .contains("the table, figure, picture or group `table-1` is defined twice")
        );
        let measured = format!("{MINIMAL}source = {{ run = \"images\" }}\ncolumns = [\"gFID\"]\n");
        assert!(refused(&measured).0.contains("the data set `images` is neither among `datasets`"));
        let keys = format!("{MINIMAL}source = {{ typo = \"images\" }}\n");
        assert!(refused(&keys).0.contains("unknown variant `typo`"));
        let figure = format!(
            "{MINIMAL}\n[[figure]]\nid = \"figure-1\"\nlabel = \"\"\ntitle = \"\"\npoints = {{ cells = \"table-1\" }}\n\
             [[figure.panel]]\ntitle = \"\"\nx = \"LDS\"\ny = \"gFID\"\n"
        );
        let (message, marked) = refused(&figure);
        assert!(message.contains("there is no metric `LDS`; defined are: gFID"), "{message}");
        assert_eq!(marked, "\"LDS\"");
    }

    const WORLD_MODELS: &str = "
[miniature.world_models]
dataset = \"images\"
models = [\"small\"]
images = 4
seed = 0
";

    const TOKENIZER: &str = "
[miniature.tokenizer]
dataset = \"images\"
model = \"small\"
tap = \"last\"
patch = 16
dimensions = [8, 16]
sigmas = [0.0, 0.5]
pixels = true
seed = 0
probe = { seed = 0, neighbours = 1 }
pictures = { filters = 8, dimensions = 8 }
";

    #[test]
    fn a_tokenizer_is_swept_as_the_plan_says() {
        let definition = Definition::parse("suite.toml", &format!("{MINIMAL}{TOKENIZER}")).unwrap();
        let plan = definition.miniature.unwrap().into_inner().tokenizer.unwrap();
        assert_eq!((plan.centring, plan.scaling), Default::default());
        assert_eq!(plan.dimensions, [8, 16]);
    }

    #[test]
    fn a_miniature_measures_into_tables() {
        let text = format!(
            "{MINIMAL}source = {{ run = \"images\" }}\ncolumns = [\"gFID\"]\n{WORLD_MODELS}"
        );
        let definition = Definition::parse("suite.toml", &text).unwrap();
        let plan = definition.miniature.unwrap().into_inner().world_models.unwrap();
        assert_eq!(plan.retrieval, RetrievalPlan::default());
        assert_eq!(plan.retrieval.bank, 256);
    }

    #[test]
    fn a_miniature_without_sense_is_refused() {
        let bank = "retrieval = { bank = 1 }\n";
        let changed = |from: &str, to: &str| {
            assert!(TOKENIZER.contains(from));
            TOKENIZER.replacen(from, to, 1)
        };
        let cases = [
            ("\n[miniature]\n".to_owned(), "a miniature needs a part"),
            (format!("{WORLD_MODELS}{bank}"), "a bank of 1 ranks nothing"),
            (WORLD_MODELS.replace("images = 4", "images = 0"), "`images` of the world models is 0"),
            (
                format!("{WORLD_MODELS}{TOKENIZER}"),
                "both parts of the miniature measure on `images`",
            ),
            (changed("patch = 16", "patch = 0"), "the tokenizer's `patch` is 0"),
            (changed("[8, 16]", "[16, 8]"), "`dimensions` must be at least 1 each, and rise"),
            (changed("[8, 16]", "[0, 8]"), "`dimensions` must be at least 1 each, and rise"),
            (changed("[8, 16]", "[]"), "`dimensions` must be at least 1 each, and rise"),
            (changed("[0.0, 0.5]", "[0.5, 0.5]"), "`sigmas` must be finite, at least 0 each"),
            (changed("[0.0, 0.5]", "[-0.5]"), "`sigmas` must be finite, at least 0 each"),
            (changed("[0.0, 0.5]", "[nan]"), "`sigmas` must be finite, at least 0 each"),
            (changed("filters = 8", "filters = 0"), "`pictures` must show at least 1 filter"),
        ];
        for (section, problem) in cases {
            let (message, _) = refused(&format!("{MINIMAL}{section}"));
            assert!(message.contains(problem), "{section} gave {message}");
        }
    }

    #[test]
    fn a_picture_has_words_and_an_id_of_its_own() {
        let picture = |id: &str, alt: &str| {
            format!(
                "{MINIMAL}\n[[picture]]\nid = \"{id}\"\nlabel = \"\"\ntitle = \"\"\nalt = \"{alt}\"\n"
            )
        };
        let parsed = Definition::parse("suite.toml", &picture("gallery", "Images")).unwrap();
        assert_eq!(parsed.pictures[0].alt.get_ref(), "Images");
        assert!(refused(&picture("gallery", "")).0.contains("`alt` is empty"));
        assert!(refused(&picture("../x", "Images")).0.contains("expected lower-case words"));
        assert!(refused(&picture("table-1", "Images")).0.contains("`table-1` is defined twice"));
    }

    #[test]
    fn selectors_choose_models_and_taps() {
        let select = |text: &str| EncoderSelector::from(text.to_owned());
        assert!(select("all").selects("a", "b"));
        assert!(select("a").selects("a", "b") && !select("a").selects("c", "b"));
        assert!(select("a/b").selects("a", "b") && !select("a/b").selects("a", "c"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            let _ = Definition::parse("suite.toml", &text);
            let _ = Definition::parse("suite.toml", &format!("{MINIMAL}{text}"));
        }
    }
}
