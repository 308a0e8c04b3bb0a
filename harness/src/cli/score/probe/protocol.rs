//! `retally score probe --protocol ID`.

use super::super::ScoreReport;
use super::watch::Watch;
use crate::arrays::{ArrayFile, StoredTable, TableAxes, is_temporary, read_features};
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::threads::Threads;
use clap::Args;
use retally_metrics::probe::descent::{
    DescentError, Head, LabelledTable, Selection, Training, descent_probe,
};
use retally_metrics::probe::{
    CSearch, KnnOptions, Labelled, LogisticOptions, ProbeOptions, knn_probes, logistic_probe,
};
use retally_metrics::table::FeatureTable;
use retally_metrics::{Absence, AbsenceReason, Measurement, Unit};
use retally_suites::probes::{LogisticPlan, NearestNeighboursPlan, ProbeMethod, ProbeProtocol};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::Path;

/// Changes in a protocol.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "With --protocol")]
pub(super) struct ProtocolArguments {
    /// A named protocol: see `retally list protocols`. Features of `attentive` are tokens [N, T, D].
    #[arg(long, value_name = "ID", conflicts_with_all = ["kind", "c", "tolerance", "neighbours", "similarity", "temperature"])]
    pub(super) protocol: Option<String>,
    /// How many epochs.
    #[arg(long, value_name = "N", requires = "protocol")]
    epochs: Option<usize>,
    /// Epochs of rising rate at the beginning.
    #[arg(long, value_name = "N", requires = "protocol")]
    warm_up: Option<usize>,
    /// Samples of a step. Rates that are given for 256 samples follow it.
    #[arg(long, value_name = "N", requires = "protocol")]
    batch: Option<usize>,
    /// The rate, in the protocol's unit, in place of its own rate or rates.
    #[arg(long, value_name = "RATE", requires = "protocol")]
    base_rate: Option<f64>,
    /// Attention heads of an attentive probe. Default: as many as give each 64 numbers.
    #[arg(long, value_name = "N", requires = "protocol")]
    attention_heads: Option<usize>,
    /// Train features hold so many augmented views of each sample, one after the other: row n · N + v is view v of sample n.
    /// Not needed for an axis of views, [N, V, D].
    #[arg(long, value_name = "V", requires = "protocol")]
    views: Option<usize>,
    /// Report what the original reports, where that is chosen on the test set. The output says so.
    #[arg(long, requires = "protocol")]
    as_original: bool,
    /// Threads; the result does not depend on them. Default: all cores.
    #[arg(long, value_name = "N", requires = "protocol")]
    threads: Option<NonZeroUsize>,
}

/// What decided the numbers.
#[derive(Debug, Serialize)]
pub(in super::super) struct ProbeRecord {
    /// Id and version.
    protocol: String,
    follows: String,
    /// What was done, every change made.
    method: ProbeMethod,
    /// The options that changed it.
    changed: Vec<String>,
    seed: u64,
    peculiarities: Vec<String>,
    differs: Vec<String>,
}

impl ProbeRecord {
    /// Protocol, changes, and how the original came to its numbers.
    pub(in super::super) fn details(&self) -> String {
        let mut text = format!("protocol   {}, following {}\n", self.protocol, self.follows);
        if !self.changed.is_empty() {
            text.push_str(&format!("changed    {}\n", self.changed.join(", ")));
        }
        text.extend(self.peculiarities.iter().map(|line| format!("note       {line}\n")));
        text
    }
}

/// Where the data are.
pub(super) struct Files<'a> {
    pub(super) train: &'a Path,
    pub(super) train_labels: &'a Path,
    pub(super) test: &'a Path,
    pub(super) test_labels: &'a Path,
}

impl Files<'_> {
    fn labels(&self) -> Result<[Vec<u32>; 2], Failure> {
        let read = |path| ArrayFile::open(path)?.read_labels();
        Ok([read(self.train_labels)?, read(self.test_labels)?])
    }
}

pub(super) fn run(
    id: &str,
    arguments: &ProtocolArguments,
    files: &Files<'_>,
    seed: u64,
    context: &Context,
) -> Result<ScoreReport, Failure> {
    let protocol = ProbeProtocol::builtin(id)?;
    let threads = Threads::new(arguments.threads)?;
    let (method, changed) = arguments.changed(&protocol)?;
    let (measurements, notes) = match &method {
        ProbeMethod::Descent(recipe) => {
            let training = Training { recipe, seed, executor: &threads };
            train(files, training, arguments.views, context)?
        }
        ProbeMethod::Logistic(plan) => logistic(files, plan, seed)?,
        ProbeMethod::NearestNeighbours(plan) => nearest_neighbours(files, plan)?,
    };
    let record = ProbeRecord {
        protocol: protocol.versioned_id(),
        follows: protocol.follows,
        method,
        changed,
        seed,
        peculiarities: protocol.peculiarities,
        differs: protocol.differs,
    };
    Ok(ScoreReport::of(named(measurements, &record.protocol)).with_notes(notes).with_probe(record))
}

/// The protocol's name in front of every method.
fn named(mut measurements: Vec<Measurement>, protocol: &str) -> Vec<Measurement> {
    for measurement in &mut measurements {
        measurement.method = format!("{protocol}: {}", measurement.method);
    }
    measurements
}

type Measured = (Vec<Measurement>, Vec<String>);

fn train(
    files: &Files<'_>,
    training: Training<'_>,
    views: Option<usize>,
    context: &Context,
) -> Result<Measured, Failure> {
    interrupt::listen()?;
    let axes = match training.recipe.head {
        Head::Linear => TableAxes::Pooled,
        Head::Attentive { .. } => TableAxes::Tokens,
    };
    let [train_labels, test_labels] = files.labels()?;
    let train = StoredTable::open(files.train, axes, views)?;
    let test = StoredTable::open(files.test, axes, None)?;
    if test.shape().views > 1 {
        return Err(Failure::invalid(format_args!(
            "`{}` holds {} views of each sample; a test set is one view",
            files.test.display(),
            test.shape().views
        )));
    }
    let notes = train.note.iter().chain(&test.note).cloned().collect();
    let (train, test) = (
        LabelledTable { features: &train, labels: &train_labels },
        LabelledTable { features: &test, labels: &test_labels },
    );
    let mut watch = Watch::new(&context.progress);
    let outcome = descent_probe(train, test, training, &mut watch);
    watch.finish(outcome.is_ok());
    Ok((outcome?.measurements, notes))
}

fn logistic(files: &Files<'_>, plan: &LogisticPlan, seed: u64) -> Result<Measured, Failure> {
    let [train_labels, test_labels] = files.labels()?;
    let (train, test) = (read_features(files.train)?, read_features(files.test)?);
    let options = LogisticOptions {
        probe: ProbeOptions { seed, ..ProbeOptions::default() },
        search: CSearch {
            grid: plan.grid.values(),
            held_out: plan.held_out,
            tolerance: 1e-5,
            iterations: plan.iterations,
            must_converge: false,
        },
        standardise: plan.standardise,
    };
    let outcome = logistic_probe(
        Labelled { features: train.rows.view(), labels: &train_labels },
        Labelled { features: test.rows.view(), labels: &test_labels },
        &options,
    )?;
    Ok((outcome.measurements, train.note.into_iter().chain(test.note).collect()))
}

/// The accuracies of every k; absent where there are fewer train samples than that.
fn nearest_neighbours(
    files: &Files<'_>,
    plan: &NearestNeighboursPlan,
) -> Result<Measured, Failure> {
    let [train_labels, test_labels] = files.labels()?;
    let (train, test) = (read_features(files.train)?, read_features(files.test)?);
    let fits = |&&k: &&usize| k <= train_labels.len();
    let neighbours: Vec<usize> = plan.neighbours.iter().filter(fits).copied().collect();
    let (similarity, weighting) = (plan.similarity, plan.weighting);
    let outcomes = knn_probes(
        Labelled { features: train.rows.view(), labels: &train_labels },
        Labelled { features: test.rows.view(), labels: &test_labels },
        &KnnOptions { k: 1, similarity, weighting },
        &neighbours,
    )?;
    let mut measurements = Vec::new();
    for (outcome, k) in outcomes.into_iter().zip(neighbours) {
        measurements.extend(outcome.measurements.into_iter().map(|measurement| Measurement {
            metric: format!("{} (k = {k})", measurement.metric),
            ..measurement
        }));
    }
    for k in plan.neighbours.iter().filter(|k| **k > train_labels.len()) {
        let detail = format!("{k} neighbours of {} train samples", train_labels.len());
        let absence = Absence::new(AbsenceReason::TooFewSamples, detail);
        let (metric, n) = (format!("accuracy (k = {k})"), test_labels.len() as u64);
        measurements.push(Measurement::absent(metric, Unit::Percent, n, "k-NN", absence));
    }
    Ok((measurements, train.note.into_iter().chain(test.note).collect()))
}

impl ProtocolArguments {
    /// The protocol's method with the user's changes, and these in words.
    fn changed(&self, protocol: &ProbeProtocol) -> Result<(ProbeMethod, Vec<String>), Failure> {
        let options = [
            ("--epochs", self.epochs.map(|value| value.to_string())),
            ("--warm-up", self.warm_up.map(|value| value.to_string())),
            ("--batch", self.batch.map(|value| value.to_string())),
            ("--base-rate", self.base_rate.map(|value| value.to_string())),
            ("--attention-heads", self.attention_heads.map(|value| value.to_string())),
            ("--as-original", self.as_original.then(String::new)),
        ];
        let given = options.iter().filter_map(|(option, value)| Some((option, value.as_ref()?)));
        let changed: Vec<String> = given
            .map(|(option, value)| format!("{option} {value}").trim_end().to_owned())
            .collect();
        let refused = |option: &str| {
            Failure::invalid(format_args!("{option} means nothing to protocol {}", protocol.id))
        };
        let ProbeMethod::Descent(recipe) = &protocol.method else {
            let first = changed.first().map(String::as_str);
            return match first.or(self.views.map(|_| "--views")) {
                Some(option) => Err(refused(option)),
                None => Ok((protocol.method.clone(), changed)),
            };
        };
        let mut recipe = recipe.clone();
        if self.as_original {
            if recipe.original_selection.is_none() {
                return Err(refused("--as-original"));
            }
            recipe = recipe.with_original_selection();
        }
        if let Some(rate) = self.base_rate {
            recipe.rates = vec![rate];
            // One rate leaves nothing to choose.
            if matches!(recipe.selection, Selection::HeldOut(_) | Selection::BestHeadOnTest) {
                recipe.selection = Selection::LastEpoch;
            }
        }
        recipe.epochs = self.epochs.unwrap_or(recipe.epochs);
        recipe.schedule.warm_up_epochs = self.warm_up.unwrap_or(recipe.schedule.warm_up_epochs);
        recipe.batch = self.batch.unwrap_or(recipe.batch);
        if let Some(heads) = self.attention_heads {
            let Head::Attentive { attention_heads, .. } = &mut recipe.head else {
                return Err(refused("--attention-heads"));
            };
            *attention_heads = Some(heads);
        }
        Ok((ProbeMethod::Descent(recipe), changed))
    }
}

impl From<DescentError> for Failure {
    fn from(error: DescentError) -> Self {
        match error {
            DescentError::Read(error) if is_temporary(&error) => Self::temporary(error),
            DescentError::Read(error) => Self::invalid(error),
            DescentError::Stopped { .. } => Self::new(ExitStatus::Incomplete, error),
            DescentError::Probe(error) => Self::from(error),
        }
    }
}
