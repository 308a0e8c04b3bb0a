//! From the stored chunks of a model to the measurements of each of its taps.

use super::chunk::{Chunk, TapChunk};
use super::samples::SampleList;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::run::directory::RunDirectory;
use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;
use retally_manifests::{Digest, Model, Tap};
use retally_metrics::probe::{
    KnnOptions, Labelled, ProbeError, ProbeOptions, knn_probe, linear_probe,
};
use retally_metrics::spatial::{Definition, Lattice, SpatialOptions, summarise};
use retally_metrics::{Absence, AbsenceReason, Measurement, Unit};
use retally_suites::evaluation::MeasuredModel;
use serde::{Deserialize, Serialize};
use std::sync::Mutex;

/// What is measured on every tap.
#[derive(Clone, Debug, Serialize)]
pub struct MeasureSettings {
    /// Definition of the spatial metrics.
    pub spatial: Definition,
    /// The linear probe.
    pub probe: ProbeOptions,
    /// The nearest-neighbour probe.
    pub knn: KnnOptions,
}

/// The measurements of one tap, with the class that its probe gave each test sample.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredTap {
    /// The row of retally's tables.
    pub encoder: MeasuredModel,
    /// Predicted class of each test sample, in the order of the test set; empty without a probe.
    pub predictions: Vec<u32>,
}

/// A model over a data set, encoded.
#[derive(Debug)]
pub struct TapContext<'a> {
    /// The model.
    pub model: &'a Model,
    /// Those of its taps that are measured.
    pub taps: &'a [Tap],
    /// Names of its chunks.
    pub keys: &'a [Digest],
    /// These taps of its chunks, in sample order.
    pub chunks: &'a [Chunk],
    /// The samples.
    pub samples: SampleList<'a>,
    /// What is measured.
    pub settings: &'a MeasureSettings,
}

/// Measures taps of a model, on as many threads as the caller's pool has; no result depends on their number.
///
/// What was measured before on the same chunks with the same settings is read from the run directory.
///
/// # Errors
/// If a probe is not possible on this data set, or a result cannot be stored.
pub fn measure_model(
    context: &TapContext<'_>,
    directory: &RunDirectory,
    progress: &Progress,
) -> Result<Vec<MeasuredTap>, Failure> {
    let model = context.model;
    let job = Mutex::new(progress.job(
        format!("{}: probes", model.name),
        context.taps.len() as u64,
        "taps",
    ));
    let measure = |(index, tap): (usize, &Tap)| {
        let name = context.key(tap)?;
        let measured = match directory.read_measured(name, progress)? {
            Some(measured) => measured,
            None => {
                let measured = context.measure(index, tap)?;
                directory.write_measured(name, &measured)?;
                measured
            }
        };
        if let Ok(mut job) = job.lock() {
            job.advance(1);
        }
        Ok(measured)
    };
    let measured: Result<Vec<_>, Failure> =
        context.taps.par_iter().enumerate().map(measure).collect();
    if let (Ok(job), true) = (job.into_inner(), measured.is_ok()) {
        job.finish();
    }
    measured
}

impl TapContext<'_> {
    /// Everything that decides a tap's measurements.
    fn key(&self, tap: &Tap) -> Result<Digest, Failure> {
        let Self { model, samples, .. } = self;
        let identity = (
            env!("CARGO_PKG_VERSION"),
            (&model.id, &model.name, &model.family, tap),
            self.keys,
            (&samples.dataset.id, samples.labels_digest()),
            self.settings,
        );
        let json = serde_json::to_vec(&identity).map_err(|error| {
            Failure::invalid(format_args!("cannot name a measurement: {error}"))
        })?;
        Ok(Digest::of_bytes(&json))
    }

    fn measure(&self, index: usize, tap: &Tap) -> Result<MeasuredTap, Failure> {
        let parts: Vec<&TapChunk> = self.chunks.iter().map(|chunk| &chunk[index]).collect();
        let measurer =
            Measurer { model: self.model, samples: self.samples, settings: self.settings };
        measurer.measure(tap, &parts)
    }
}

/// From features and scores to measurements: the same for a run and for whoever computes them again.
#[derive(Clone, Copy, Debug)]
pub struct Measurer<'a> {
    /// The model, with all the taps that are measured.
    pub model: &'a Model,
    /// The samples.
    pub samples: SampleList<'a>,
    /// What is measured.
    pub settings: &'a MeasureSettings,
}

impl Measurer<'_> {
    /// Measures one tap; `parts` are its share of the chunks, in sample order.
    ///
    /// # Errors
    /// If the parts do not fit together, or a sample of the split has no label.
    pub fn measure(&self, tap: &Tap, parts: &[&TapChunk]) -> Result<MeasuredTap, Failure> {
        let Self { model, settings, .. } = self;
        let scores: Vec<_> = parts.iter().flat_map(|part| part.scores.iter().cloned()).collect();
        let [rows, columns] = tap.grid.map(|side| side as usize);
        let options = SpatialOptions::of(settings.spatial, Lattice { rows, columns });
        let mut measurements = summarise(&scores, &options);
        let (probes, predictions) = self.probes(parts)?;
        measurements.extend(probes);
        let encoder = MeasuredModel {
            key: format!("{}/{}", model.id, tap.id),
            label: label(model, tap),
            family: model.family.clone(),
            measurements,
        };
        Ok(MeasuredTap { encoder, predictions })
    }

    /// The probes' measurements and the linear probe's classes of the test samples; nothing without a split. A probe that
    /// cannot be trained is an absence with its reason: other taps and metrics stand without it.
    fn probes(&self, parts: &[&TapChunk]) -> Result<(Vec<Measurement>, Vec<u32>), Failure> {
        let Some(split) = self.samples.split else { return Ok((Vec::new(), Vec::new())) };
        let [train, test] = [&split.train, &split.test].map(|set| self.labelled(parts, set));
        let (train, test) = (train?, test?);
        let settings = self.settings;
        let (mut measurements, predictions) =
            match linear_probe(train.view(), test.view(), &settings.probe) {
                Ok(linear) => (linear.measurements, linear.predictions),
                Err(error) => {
                    (vec![absent_accuracy("accuracy", test.labels.len(), &error)], Vec::new())
                }
            };
        // A small data set has fewer training samples than neighbours are asked for; the method says how many voted.
        let knn = KnnOptions { k: settings.knn.k.min(train.labels.len()), ..settings.knn };
        measurements.push(match knn_probe(train.view(), test.view(), &knn) {
            Ok(neighbours) => neighbour_accuracy(neighbours.measurements),
            Err(error) => absent_accuracy(NEIGHBOUR_ACCURACY, test.labels.len(), &error),
        });
        Ok((measurements, predictions))
    }

    fn labelled(&self, parts: &[&TapChunk], set: &[usize]) -> Result<OwnedLabelled, Failure> {
        let labels: Option<Vec<u32>> =
            set.iter().map(|&index| self.samples.infos[index].class).collect();
        let labels =
            labels.ok_or_else(|| Failure::invalid("a sample of the split has no label"))?;
        Ok(OwnedLabelled { features: gather(parts, set)?, labels })
    }
}

/// The features of some samples, in this order, straight from the chunks: no other copy of all of them is made.
fn gather(parts: &[&TapChunk], set: &[usize]) -> Result<Array2<f32>, Failure> {
    let rows: Vec<ArrayView1<'_, f32>> =
        parts.iter().flat_map(|part| part.features.outer_iter()).collect();
    let width = rows.first().map_or(0, |row| row.len());
    let mut gathered = Array2::zeros((set.len(), width));
    for (mut target, &index) in gathered.outer_iter_mut().zip(set) {
        match rows.get(index) {
            Some(row) if row.len() == width => target.assign(row),
            _ => {
                return Err(Failure::invalid(format_args!(
                    "the features of sample {index} are not there or of another width"
                )));
            }
        }
    }
    Ok(gathered)
}

/// A model with one tap is called by its name alone, as a row of a paper's table would be; of several taps each is told apart.
fn label(model: &Model, tap: &Tap) -> String {
    match model.taps.as_slice() {
        [_] => model.name.clone(),
        _ => format!("{}, {}", model.name, tap.label),
    }
}

/// Both probes call their top-1 share `accuracy`; a table needs to tell them apart.
const NEIGHBOUR_ACCURACY: &str = "k-NN accuracy";

fn neighbour_accuracy(measurements: Vec<Measurement>) -> Measurement {
    let accuracy = measurements.into_iter().find(|measurement| measurement.metric == "accuracy");
    match accuracy {
        Some(accuracy) => Measurement { metric: NEIGHBOUR_ACCURACY.to_owned(), ..accuracy },
        None => {
            let absence =
                Absence::new(AbsenceReason::Undefined, "the probe gave no top-1 accuracy");
            Measurement::absent(NEIGHBOUR_ACCURACY, Unit::Percent, 0, "k-NN", absence)
        }
    }
}

/// The absence of an accuracy whose probe failed.
pub(crate) fn absent_accuracy(metric: &str, samples: usize, error: &ProbeError) -> Measurement {
    let reason = match error {
        ProbeError::NotConverged { .. } => AbsenceReason::NotConverged,
        ProbeError::NonFinite { .. } => AbsenceReason::NotFinite,
        ProbeError::Empty { .. } | ProbeError::NothingToHoldOut { .. } => {
            AbsenceReason::TooFewSamples
        }
        _ => AbsenceReason::Undefined,
    };
    let absence = Absence::new(reason, error.to_string());
    Measurement::absent(
        metric,
        Unit::Percent,
        samples as u64,
        "probe on mean patch tokens",
        absence,
    )
}

struct OwnedLabelled {
    features: Array2<f32>,
    labels: Vec<u32>,
}

impl OwnedLabelled {
    fn view(&self) -> Labelled<'_> {
        Labelled { features: self.features.view(), labels: &self.labels }
    }
}
