//! `retally list`: what there is to run, to measure with and to fetch.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::sampling::Plan;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use retally_manifests::{ArtifactKind, Digest, Platform, Store};
use retally_metrics::probe::descent::Selection;
use retally_suites::Suite;
use retally_suites::evaluation::Direction;
use retally_suites::generation::GenerationProtocol;
use retally_suites::probes::{ProbeMethod, ProbeProtocol};
use serde::Serialize;

/// Arguments of `retally list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListCommand {
    /// What to list; everything if absent.
    kind: Option<ListKind>,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ListKind {
    /// Papers, and retally's own starter.
    Suites,
    /// Encoders and the tensors that are read as their features.
    Models,
    /// Makers of images.
    Generators,
    /// Encoders with a predictor of augmented views.
    WorldModels,
    /// Data sets.
    Data,
    /// Metrics of the suites.
    Metrics,
    /// Ways to score generated images, and to probe features.
    Protocols,
    /// Files with their digests.
    Artifacts,
}

/// What there is. A kind that was not asked for is absent.
#[derive(Debug, Default, Serialize)]
struct ListReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    suites: Option<Vec<SuiteLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<ModelLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generators: Option<Vec<GeneratorLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    world_models: Option<Vec<WorldModelLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<DatasetLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<MetricLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocols: Option<Vec<GenerationProtocol>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<Vec<ProbeProtocol>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifacts: Option<Vec<ArtifactLine>>,
}

#[derive(Debug, Serialize)]
struct SuiteLine {
    id: String,
    name: String,
    version: u32,
    content_sha256: Digest,
    /// `None` for a suite that is about no paper.
    paper: Option<String>,
    tables: usize,
    figures: usize,
    printed_cells: usize,
    /// Whether `retally run` has something to do.
    runnable: bool,
    /// Whether `retally run --miniature` has.
    miniature: bool,
}

#[derive(Debug, Serialize)]
struct ModelLine {
    id: String,
    name: String,
    family: String,
    artifact: String,
    taps: Vec<String>,
}

#[derive(Debug, Serialize)]
struct GeneratorLine {
    id: String,
    name: String,
    family: String,
    artifacts: Vec<String>,
    /// Kind of its sampler.
    sampler: &'static str,
    /// Calls of the network for one image.
    calls: Option<u64>,
    /// `None` for an unconditional generator.
    classes: Option<u32>,
    width: u32,
    height: u32,
}

#[derive(Debug, Serialize)]
struct WorldModelLine {
    id: String,
    name: String,
    family: String,
    artifacts: Vec<String>,
    /// `none`, `feature` or `sequence`.
    conditioning: &'static str,
    tokens: usize,
    channels: u32,
}

#[derive(Debug, Serialize)]
struct DatasetLine {
    id: String,
    name: String,
    artifacts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct MetricLine {
    suite: String,
    key: String,
    label: String,
    unit: String,
    direction: Direction,
    /// Whether a run of the suite measures it.
    measured: bool,
}

#[derive(Debug, Serialize)]
struct ArtifactLine {
    id: String,
    kind: ArtifactKind,
    bytes: u64,
    sha256: Digest,
    licence: String,
    platform: Option<Platform>,
    /// Whether the store has a file of this size under this digest (`retally verify` recomputes it).
    stored: bool,
}

pub(super) fn run(command: &ListCommand, context: &Context) -> Result<Document, Failure> {
    let wanted = |kind| command.kind.is_none_or(|chosen| chosen == kind);
    let suites: Vec<Suite> = Suite::builtin_ids().map(Suite::builtin).collect::<Result<_, _>>()?;
    let mut report = ListReport::default();
    if wanted(ListKind::Suites) {
        report.suites = Some(suites.iter().map(suite_line).collect());
    }
    if wanted(ListKind::Models) {
        report.models = Some(model_lines(context));
    }
    if wanted(ListKind::Generators) {
        report.generators = Some(generator_lines(context));
    }
    if wanted(ListKind::WorldModels) {
        report.world_models = Some(world_model_lines(context));
    }
    if wanted(ListKind::Data) {
        report.data = Some(dataset_lines(context));
    }
    if wanted(ListKind::Metrics) {
        report.metrics = Some(suites.iter().flat_map(metric_lines).collect());
    }
    if wanted(ListKind::Protocols) {
        let protocols = GenerationProtocol::builtin_ids().map(GenerationProtocol::builtin);
        report.protocols = Some(protocols.collect::<Result<_, _>>()?);
        let probes = ProbeProtocol::builtin_ids().map(ProbeProtocol::builtin);
        report.probes = Some(probes.collect::<Result<_, _>>()?);
    }
    if wanted(ListKind::Artifacts) {
        report.artifacts = Some(artifact_lines(context, &context.store()?));
    }
    Document::new(report.to_text(), &report)
}

fn suite_line(suite: &Suite) -> SuiteLine {
    let definition = suite.definition();
    SuiteLine {
        id: suite.id().to_owned(),
        name: definition.name.clone(),
        version: definition.version,
        content_sha256: *suite.content_digest(),
        paper: definition.paper.as_ref().map(|paper| paper.identifier.clone()),
        tables: definition.tables.len(),
        figures: definition.figures.len(),
        printed_cells: suite.cells().len(),
        runnable: suite.run_plan().is_some(),
        miniature: suite.miniature().is_some(),
    }
}

fn model_lines(context: &Context) -> Vec<ModelLine> {
    let lines = context.manifest.models().map(|model| ModelLine {
        id: model.id.clone(),
        name: model.name.clone(),
        family: model.family.clone(),
        artifact: model.artifact.to_string(),
        taps: model.taps.iter().map(|tap| tap.id.clone()).collect(),
    });
    lines.collect()
}

fn generator_lines(context: &Context) -> Vec<GeneratorLine> {
    let lines = context.manifest.generators().map(|generator| {
        GeneratorLine {
            id: generator.id.clone(),
            name: generator.name.clone(),
            family: generator.family.clone(),
            artifacts: generator.artifacts().iter().map(ToString::to_string).collect(),
            sampler: generator.sampler.kind(),
            // A plan that is not possible is an error of `retally sample`, which says why.
            calls: Plan::new(generator).ok().map(|plan| plan.calls()),
            classes: generator.classes.as_ref().map(|classes| classes.count),
            width: generator.image.width,
            height: generator.image.height,
        }
    });
    lines.collect()
}

fn world_model_lines(context: &Context) -> Vec<WorldModelLine> {
    let lines = context.manifest.world_models().map(|model| WorldModelLine {
        id: model.id.clone(),
        name: model.name.clone(),
        family: model.family.clone(),
        artifacts: model.artifacts().iter().map(ToString::to_string).collect(),
        conditioning: model.predictor.conditioning.as_str(),
        tokens: model.encoder.token_count(),
        channels: model.encoder.channels,
    });
    lines.collect()
}

fn dataset_lines(context: &Context) -> Vec<DatasetLine> {
    let lines = context.manifest.datasets().map(|dataset| DatasetLine {
        id: dataset.id.clone(),
        name: dataset.name.clone(),
        artifacts: dataset.artifacts.iter().map(ToString::to_string).collect(),
    });
    lines.collect()
}

fn metric_lines(suite: &Suite) -> Vec<MetricLine> {
    let measured = |key: &str| {
        suite
            .run_plan()
            .is_some_and(|plan| plan.metrics.iter().any(|metric| metric.get_ref() == key))
    };
    let lines = suite.definition().metrics.iter().map(|metric| MetricLine {
        suite: suite.id().to_owned(),
        key: metric.key.get_ref().clone(),
        label: metric.label.clone(),
        unit: metric.units.first().cloned().unwrap_or_default(),
        direction: metric.direction,
        measured: measured(metric.key.get_ref()),
    });
    lines.collect()
}

fn artifact_lines(context: &Context, store: &Store) -> Vec<ArtifactLine> {
    let lines = context.manifest.artifacts().map(|artifact| ArtifactLine {
        id: artifact.id.to_string(),
        kind: artifact.kind,
        bytes: artifact.bytes,
        sha256: artifact.sha256,
        licence: artifact.licence.clone(),
        platform: artifact.platform,
        // A damaged or unreadable file is as good as none here; `verify` is the command that says why.
        stored: store.get(artifact).is_ok_and(|path| path.is_some()),
    });
    lines.collect()
}

impl ListReport {
    fn to_text(&self) -> String {
        let sections = [
            section("Suites", SUITE_HEAD, self.suites.as_deref(), suite_row),
            section("Models", MODEL_HEAD, self.models.as_deref(), model_row),
            section("Generators", GENERATOR_HEAD, self.generators.as_deref(), generator_row),
            section(
                "World models",
                WORLD_MODEL_HEAD,
                self.world_models.as_deref(),
                world_model_row,
            ),
            section("Data sets", DATASET_HEAD, self.data.as_deref(), dataset_row),
            section("Metrics", METRIC_HEAD, self.metrics.as_deref(), metric_row),
            section("Protocols", PROTOCOL_HEAD, self.protocols.as_deref(), protocol_row),
            section("Probes", PROBE_HEAD, self.probes.as_deref(), probe_row),
            section("Artifacts", ARTIFACT_HEAD, self.artifacts.as_deref(), artifact_row),
        ];
        sections.into_iter().flatten().collect::<Vec<String>>().join("\n\n")
    }
}

const SUITE_HEAD: &[&str] =
    &["id", "version", "paper", "tables", "figures", "printed cells", "run", "miniature"];
const MODEL_HEAD: &[&str] = &["id", "name", "taps"];
const GENERATOR_HEAD: &[&str] = &["id", "name", "sampler", "calls", "classes", "size"];
const WORLD_MODEL_HEAD: &[&str] = &["id", "name", "conditioning", "tokens"];
const DATASET_HEAD: &[&str] = &["id", "name", "artifacts"];
const METRIC_HEAD: &[&str] = &["suite", "key", "unit", "better", "measured"];
const PROTOCOL_HEAD: &[&str] = &["id", "version", "follows", "metrics"];
const PROBE_HEAD: &[&str] = &["id", "version", "follows", "reports"];
const ARTIFACT_HEAD: &[&str] = &["id", "kind", "MB", "stored", "licence"];

/// One kind as a table under its title.
fn section<T>(
    title: &str,
    head: &[&str],
    lines: Option<&[T]>,
    row: fn(&T) -> Vec<String>,
) -> Option<String> {
    let lines = lines?;
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(head);
    table.add_rows(lines.iter().map(row));
    Some(format!("{title}\n{}", table.trim_fmt()))
}

fn suite_row(suite: &SuiteLine) -> Vec<String> {
    vec![
        suite.id.clone(),
        suite.version.to_string(),
        suite.paper.clone().unwrap_or_else(|| "none".to_owned()),
        suite.tables.to_string(),
        suite.figures.to_string(),
        suite.printed_cells.to_string(),
        yes_or_no(suite.runnable),
        yes_or_no(suite.miniature),
    ]
}

fn model_row(model: &ModelLine) -> Vec<String> {
    vec![model.id.clone(), model.name.clone(), model.taps.join(", ")]
}

fn generator_row(generator: &GeneratorLine) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "none".to_owned(), |n| n.to_string());
    vec![
        generator.id.clone(),
        generator.name.clone(),
        generator.sampler.to_owned(),
        number(generator.calls),
        number(generator.classes.map(u64::from)),
        format!("{}x{}", generator.width, generator.height),
    ]
}

fn world_model_row(model: &WorldModelLine) -> Vec<String> {
    vec![
        model.id.clone(),
        model.name.clone(),
        model.conditioning.to_owned(),
        format!("{}x{}", model.tokens, model.channels),
    ]
}

fn dataset_row(dataset: &DatasetLine) -> Vec<String> {
    vec![dataset.id.clone(), dataset.name.clone(), dataset.artifacts.join(", ")]
}

fn metric_row(metric: &MetricLine) -> Vec<String> {
    let better = match metric.direction {
        Direction::HigherIsBetter => "higher",
        Direction::LowerIsBetter => "lower",
        Direction::Neutral => "neither",
    };
    let measured = yes_or_no(metric.measured);
    vec![metric.suite.clone(), metric.key.clone(), metric.unit.clone(), better.to_owned(), measured]
}

fn protocol_row(protocol: &GenerationProtocol) -> Vec<String> {
    let has = [
        (protocol.frechet.spatial.is_some(), "sFID"),
        (protocol.inception_score.is_some(), "IS"),
        (protocol.kernel_distance.is_some(), "KID"),
        (protocol.precision_recall.is_some(), "precision, recall"),
    ];
    let further = has.into_iter().filter_map(|(has, name)| has.then_some(name));
    let frechet = if protocol.image.is_some() { "FID" } else { "FD" };
    let metrics: Vec<&str> = std::iter::once(frechet).chain(further).collect();
    vec![
        protocol.id.clone(),
        protocol.version.to_string(),
        protocol.follows.clone(),
        metrics.join(", "),
    ]
}

fn probe_row(protocol: &ProbeProtocol) -> Vec<String> {
    let reports = match &protocol.method {
        ProbeMethod::Descent(recipe) => match recipe.selection {
            Selection::HeldOut(_) => "the rate that is best on held-out train samples",
            Selection::LastEpoch => "the last epoch",
            Selection::BestEpochOnTest => "the best epoch on the test set",
            Selection::BestHeadOnTest => "the best rate on the test set",
        },
        ProbeMethod::Logistic(_) => "the C that is best on held-out train samples",
        ProbeMethod::NearestNeighbours(_) => "every k",
    };
    vec![
        protocol.id.clone(),
        protocol.version.to_string(),
        protocol.follows.clone(),
        reports.to_owned(),
    ]
}

fn artifact_row(artifact: &ArtifactLine) -> Vec<String> {
    vec![
        artifact.id.clone(),
        artifact.kind.to_string(),
        format!("{:.1}", artifact.bytes as f64 / 1e6),
        yes_or_no(artifact.stored),
        artifact.licence.clone(),
    ]
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}
