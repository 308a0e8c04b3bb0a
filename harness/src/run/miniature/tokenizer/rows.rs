//! From chunks to the rows of the suite's table: an error and two probes for each condition.

use super::chunk::{SweepChunk, join};
use super::conditions::{Condition, Place};
use super::{Digest, Failure, Model, Samples, TokenizerPlan};
use crate::pipeline::absent_accuracy;
use crate::progress::Progress;
use crate::run::directory::RunDirectory;
use crate::tokenizer::{PixelScale, RECONSTRUCTION_ERROR, mean_error};
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use retally_metrics::probe::{Labelled, ProbeOptions, linear_probe};
use retally_metrics::{Measurement, Unit};
use retally_suites::evaluation::MeasuredModel;
use retally_suites::run::method;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Names of the columns, beside those of the probe.
/// What the probe calls its top-1 share.
const PROBE_ACCURACY: &str = "accuracy";
const IMAGE_ACCURACY: &str = "image accuracy";
const TOKEN_ACCURACY: &str = "token accuracy";
const DIMENSIONS: &str = "d-per-token";
const SIGMA: &str = "sigma";
/// The error on a scale that people know.
const LEVELS: &str = "RMS error";

/// All that rows are made of.
pub(super) struct Rows<'a> {
    pub(super) plan: &'a TokenizerPlan,
    pub(super) model: &'a Model,
    pub(super) samples: &'a Samples,
    pub(super) conditions: &'a [Condition],
    pub(super) keys: &'a [Digest],
    pub(super) chunks: &'a [SweepChunk],
    pub(super) directory: &'a RunDirectory,
}

/// The method behind each column.
pub(super) fn methods() -> BTreeMap<String, String> {
    let all = [
        (IMAGE_ACCURACY, method::LINEAR_PROBE),
        (TOKEN_ACCURACY, method::TOKEN_PROBE),
        (RECONSTRUCTION_ERROR, method::PATCH_PCA),
        (LEVELS, method::PATCH_PCA),
    ];
    all.map(|(metric, method)| (metric.to_owned(), method.to_owned())).into()
}

impl Rows<'_> {
    /// Measures every condition, on as many threads as the caller's pool has; what was measured before is read.
    pub(super) fn measure(&self, progress: &Progress) -> Result<Vec<MeasuredModel>, Failure> {
        let whole = join(self.chunks)?;
        let job = Mutex::new(progress.job("probes", self.conditions.len() as u64, "conditions"));
        let rows: Result<Vec<MeasuredModel>, Failure> = self
            .conditions
            .par_iter()
            .zip(&whole)
            .map(|(condition, measured)| {
                let name = self.key(condition)?;
                let row = match self.directory.read_measured(name, progress)? {
                    Some(row) => row,
                    None => {
                        let row = self.row(condition, measured)?;
                        self.directory.write_measured(name, &row)?;
                        row
                    }
                };
                if let Ok(mut job) = job.lock() {
                    job.advance(1);
                }
                Ok(row)
            })
            .collect();
        if let (Ok(job), true) = (job.into_inner(), rows.is_ok()) {
            job.finish();
        }
        rows
    }

    /// Everything that decides a row.
    fn key(&self, condition: &Condition) -> Result<Digest, Failure> {
        let identity = (
            env!("CARGO_PKG_VERSION"),
            (condition.key(), condition.label(), condition.family()),
            self.keys,
            (&self.samples.dataset().id, self.samples.list().labels_digest()),
            (&self.model.name, &self.model.taps),
            (
                self.options(),
                self.plan.seed,
                self.plan.centring,
                self.plan.scaling,
                self.plan.patch,
            ),
        );
        let json = serde_json::to_vec(&identity).map_err(|error| {
            Failure::invalid(format_args!("cannot name a measurement: {error}"))
        })?;
        Ok(Digest::of_bytes(&json))
    }

    fn options(&self) -> ProbeOptions {
        ProbeOptions { seed: self.plan.probe.seed, c: self.plan.probe.c, ..ProbeOptions::default() }
    }

    fn row(
        &self,
        condition: &Condition,
        measured: &super::chunk::Measured,
    ) -> Result<MeasuredModel, Failure> {
        let test = self.samples.split().map_or(&[][..], |split| &split.test);
        let errors: Vec<f64> = test.iter().map(|&index| measured.errors[index]).collect();
        let levels: Vec<f64> = errors.iter().map(|error| error.sqrt() * PixelScale::HALF).collect();
        let way = self.way(condition);
        let images = test.len() as u64;
        let mut measurements = vec![
            Measurement::of(
                DIMENSIONS,
                condition.dimensions as f64,
                Unit::Count,
                images,
                way.clone(),
            ),
            Measurement::of(SIGMA, condition.sigma, Unit::None, images, way.clone()),
            mean_error(
                RECONSTRUCTION_ERROR,
                &errors,
                format!(
                    "mean squared error of a pixel value in [-1, 1], mean over the test images; {way}"
                ),
            ),
            mean_error(
                LEVELS,
                &levels,
                format!(
                    "root of an image's mean squared error, in levels of 0 to 255, mean over the test images; {way}"
                ),
            ),
        ];
        if matches!(condition.place, Place::Latent(_)) {
            let pooled = self.accuracy(&measured.pooled)?;
            let about =
                format!("mean and standard deviation of each latent over the tokens; {way}");
            measurements.push(Measurement {
                metric: TOKEN_ACCURACY.to_owned(),
                method: format!("{}; {about}", pooled.method),
                ..pooled
            });
        }
        let features = self.accuracy(&measured.features)?;
        let tap = self.model.taps.first().map_or("", |tap| tap.label.as_str());
        let about =
            format!("mean token of {}, {tap}, of the decoded image; {way}", self.model.name);
        measurements.push(Measurement {
            metric: IMAGE_ACCURACY.to_owned(),
            method: format!("{}; {about}", features.method),
            ..features
        });
        Ok(MeasuredModel {
            key: condition.key(),
            label: condition.label(),
            family: condition.family(),
            measurements,
        })
    }

    /// What an image went through, in words.
    fn way(&self, condition: &Condition) -> String {
        let sigma = condition.sigma;
        match &condition.place {
            Place::Pixel => {
                format!("noise of {sigma} on pixels in [-1, 1], seed {}", self.plan.seed)
            }
            Place::Latent(tokenizer) => format!(
                "patch PCA of {0}x{0} pixels fitted to {1} patches of the training images, centring {2}, {3} dimensions, scaling {4}, \
                 noise of {sigma} on latents, seed {5}",
                self.plan.patch,
                tokenizer.pca().patches(),
                tokenizer.pca().centring().name(),
                condition.dimensions,
                tokenizer.scaling().name(),
                self.plan.seed
            ),
        }
    }

    /// Top-1 of the linear probe. A probe that cannot be trained is an absence with its reason.
    fn accuracy(&self, features: &Array2<f32>) -> Result<Measurement, Failure> {
        let Some(split) = self.samples.split() else {
            return Err(Failure::invalid("the data set has no split"));
        };
        let rows = |set: &[usize]| features.select(Axis(0), set);
        let labels = |set: &[usize]| -> Option<Vec<u32>> {
            set.iter().map(|&index| self.samples.infos()[index].class).collect()
        };
        let (Some(train_labels), Some(test_labels)) = (labels(&split.train), labels(&split.test))
        else {
            return Err(Failure::invalid("a sample of the split has no label"));
        };
        let (train, test) = (rows(&split.train), rows(&split.test));
        let train = Labelled { features: train.view(), labels: &train_labels };
        let test = Labelled { features: test.view(), labels: &test_labels };
        let found = match linear_probe(train, test, &self.options()) {
            Ok(outcome) => {
                outcome.measurements.into_iter().find(|one| one.metric == PROBE_ACCURACY)
            }
            Err(error) => Some(absent_accuracy(PROBE_ACCURACY, split.test.len(), &error)),
        };
        found.ok_or_else(|| Failure::invalid("the probe gave no top-1 accuracy"))
    }
}
