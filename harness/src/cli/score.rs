//! `retally score`: a metric on the user's own files, without a suite.

mod benchmarks;
mod cmmd;
mod correlation;
mod detailed;
mod features;
mod frechet;
pub(super) mod generation;
mod inception;
mod interaction;
mod judge;
mod kid;
mod mind;
mod precision_recall;
mod probe;
mod retrieval;
mod spatial;
mod uni_mmmu;

use super::Document;
use crate::arrays::ArrayError;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::generation::{MetricChoice, ScoreRecord};
use clap::{Args, Subcommand};
use probe::protocol::ProbeRecord;
use retally_metrics::retrieval::ChanceLevels;
use retally_metrics::statistics::Correlation;
use retally_metrics::{Measurement, Outcome, Unit};
use serde::Serialize;

/// Measure something on your own files, without a suite.
#[derive(Debug, Args)]
pub(super) struct ScoreCommand {
    #[command(subcommand)]
    metric: Metric,
}

#[derive(Debug, Subcommand)]
enum Metric {
    /// LDS, CDS, SRSS and RMSC of patch tokens (iREPA, arXiv:2512.10794).
    Spatial(spatial::SpatialArguments),
    /// How well a classifier reads classes off features: logistic regression, k-NN, or a named protocol of a paper.
    Probe(probe::ProbeArguments),
    /// Pearson and Spearman correlation of two columns of a CSV file.
    Correlation(correlation::CorrelationArguments),
    /// FID of generated images against a reference, by a named protocol.
    Fid(generation::GenerationArguments),
    /// All metrics of a protocol from one pass: FID, sFID, IS, KID, precision and recall.
    Generation(generation::GenerationArguments),
    /// Fréchet distance of two sets of features or statistics.
    Frechet(frechet::FrechetArguments),
    /// Inception Score of logits.
    Inception(inception::InceptionArguments),
    /// Kernel distance (KID) of two sets of features.
    Kid(kid::KidArguments),
    /// Precision, recall, density and coverage of two sets of features.
    PrecisionRecall(precision_recall::PrecisionRecallArguments),
    /// CMMD of two sets of embeddings.
    Cmmd(cmmd::CmmdArguments),
    /// MRR and H@k: the rank of each prediction's target in a bank (SIE, IWM), with the values of chance.
    Mrr(retrieval::MrrArguments),
    /// PRE: the rotation error of the nearest member of a bank (SIE).
    Pre(retrieval::PreArguments),
    /// Cohen's kappa and Pearson's r of a judge's marks against a golden set, column by column.
    JudgeAgreement(judge::JudgeAgreementArguments),
    /// How much one modality attends to the other, layer by layer (AIA, arXiv:2511.22663).
    Interaction(interaction::InteractionArguments),
    /// MME: accuracy, accuracy+ and points of each subtask, and their totals.
    Mme(benchmarks::MmeArguments),
    /// POPE: accuracy, precision, recall and F1 of yes by category, and the mean F1.
    Pope(benchmarks::PopeArguments),
    /// MMVP: pairs with both answers right.
    Mmvp(benchmarks::MmvpArguments),
    /// MMMU, validation split: accuracy overall, by discipline and by subject.
    Mmmu(benchmarks::MmmuArguments),
    /// GenEval from detections: objects, counts, colours, places.
    Geneval(benchmarks::GenevalArguments),
    /// DPG-Bench from answers to propositions, pooled and per prompt.
    Dpg(benchmarks::DpgArguments),
    /// MIND (sliced Wasserstein distance) of two sets of features.
    Mind(mind::MindArguments),
    /// Uni-MMMU (arXiv:2510.13759): a model's answers, picture and text, by the released rules and by mended ones.
    UniMmmu(Box<uni_mmmu::UniMmmuArguments>),
}

/// What was measured.
#[derive(Debug, Serialize)]
struct ScoreReport {
    measurements: Vec<Measurement>,
    /// Everything about a correlation, beside its measurements.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    correlation: Option<Correlation>,
    /// What the measurements would be by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    chance: Option<ChanceLevels>,
    /// What a reader should know, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// What decided the numbers, where images went through a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<ScoreRecord>,
    /// What decided the numbers of a probe protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<ProbeRecord>,
}

pub(super) fn run(command: &ScoreCommand, context: &Context) -> Result<Document, Failure> {
    let report = match &command.metric {
        Metric::Spatial(arguments) => ScoreReport::of(spatial::run(arguments)?),
        Metric::Probe(arguments) => probe::run(arguments, context)?,
        Metric::Correlation(arguments) => correlation::run(arguments)?,
        Metric::Fid(arguments) => generation::run(arguments, MetricChoice::Frechet, context)?,
        Metric::Generation(arguments) => generation::run(arguments, MetricChoice::All, context)?,
        Metric::Frechet(arguments) => frechet::run(arguments)?,
        Metric::Inception(arguments) => inception::run(arguments)?,
        Metric::Kid(arguments) => kid::run(arguments)?,
        Metric::PrecisionRecall(arguments) => precision_recall::run(arguments)?,
        Metric::Cmmd(arguments) => cmmd::run(arguments)?,
        Metric::Mrr(arguments) => retrieval::mrr(arguments)?,
        Metric::Pre(arguments) => retrieval::pre(arguments)?,
        Metric::JudgeAgreement(arguments) => judge::agreement(arguments)?,
        Metric::Interaction(arguments) => return interaction::run(arguments, context),
        Metric::Mme(arguments) => return benchmarks::mme(arguments),
        Metric::Pope(arguments) => return benchmarks::pope(arguments),
        Metric::Mmvp(arguments) => return benchmarks::mmvp(arguments),
        Metric::Mmmu(arguments) => return benchmarks::mmmu(arguments),
        Metric::Geneval(arguments) => return benchmarks::geneval(arguments),
        Metric::Dpg(arguments) => return benchmarks::dpg(arguments),
        Metric::Mind(arguments) => mind::run(arguments)?,
        Metric::UniMmmu(arguments) => return uni_mmmu::run(arguments, context),
    };
    Document::new(report.to_text(), &report)
}

impl ScoreReport {
    fn of(measurements: Vec<Measurement>) -> Self {
        Self {
            measurements,
            correlation: None,
            chance: None,
            notes: Vec::new(),
            record: None,
            probe: None,
        }
    }

    fn with_probe(self, probe: ProbeRecord) -> Self {
        Self { probe: Some(probe), ..self }
    }

    fn with_notes(self, notes: impl IntoIterator<Item = String>) -> Self {
        Self { notes: notes.into_iter().collect(), ..self }
    }

    fn to_text(&self) -> String {
        let chance = |metric: &str| self.chance.as_ref()?.of(metric);
        let lines = self.measurements.iter();
        let mut text: String =
            lines.map(|measured| line(measured, chance(&measured.metric))).collect();
        if let Some(correlation) = &self.correlation {
            text.push_str(&correlation::details(correlation));
        }
        text.extend(self.notes.iter().map(|note| format!("note       {note}\n")));
        if let Some(probe) = &self.probe {
            text.push_str(&probe.details());
        }
        if let Some(record) = &self.record {
            text.push_str(&generation::details(record));
        }
        text
    }
}

/// `LDS                         0.112019  [0.098145, 0.125894]  n = 10`
fn line(measurement: &Measurement, chance: Option<f64>) -> String {
    let Measurement { metric, unit, n, .. } = measurement;
    let value = match &measurement.outcome {
        Outcome::Value { value, interval } => {
            let range = interval.as_ref().map_or(String::new(), |interval| {
                let [low, high] = [interval.low, interval.high].map(|end| number(end.get(), *unit));
                format!("  [{low}, {high}]")
            });
            format!("{:>12}{range}", number(value.get(), *unit))
        }
        Outcome::Absent(absence) => format!("{:>12}  {}", "absent", absence.detail),
    };
    // A metric has no samples only where a file of statistics does not say how many it is of.
    let n = if *n == 0 { "unknown".to_owned() } else { n.to_string() };
    let chance =
        chance.map_or(String::new(), |chance| format!("  chance {}", number(chance, *unit)));
    format!("{metric:<24}{value}  n = {n}{chance}\n")
}

fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Percent => format!("{value:.2} %"),
        Unit::Count => format!("{value:.0}"),
        Unit::None | Unit::Fraction | Unit::Nats => format!("{value:.6}"),
    }
}

impl From<ArrayError> for Failure {
    fn from(error: ArrayError) -> Self {
        let status = if error.is_temporary() { ExitStatus::Temporary } else { ExitStatus::Invalid };
        Self::new(status, error)
    }
}
