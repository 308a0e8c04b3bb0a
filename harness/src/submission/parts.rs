//! The parts of a submission: each data set with its samples, and each model over it with its chunks.

use super::bundle_manifest::BundleManifest;
use crate::failure::Failure;
use crate::images::prepare::Preparer;
use crate::onnx::device::Device;
use crate::pipeline::encode::ChunkNaming;
use crate::pipeline::execution::{library_id, session_id};
use crate::pipeline::{ListedSamples, SampleList};
use retally_manifests::{Dataset, Digest, Model};
use retally_metrics::spatial::Definition;
use retally_submissions::documents::{
    DatasetSamples, DatasetUse, ModelUse, RunDocument, SamplesDocument,
};
use retally_submissions::limits::{MOST_SCORE_ROWS, MOST_TAP_VALUES};

/// A data set with its samples, as a bundle tells them.
#[derive(Debug)]
pub(super) struct DatasetPart {
    samples: ListedSamples,
    pub(super) models: Vec<ModelPart>,
}

/// A model over a data set.
#[derive(Debug)]
pub(super) struct ModelPart {
    pub(super) model: Model,
    /// Of its file.
    pub(super) digest: Digest,
    /// Names of its chunks, in sample order.
    pub(super) keys: Vec<Digest>,
}

impl DatasetPart {
    pub(super) fn list(&self) -> SampleList<'_> {
        self.samples.list()
    }

    pub(super) fn dataset(&self) -> &Dataset {
        self.samples.list().dataset
    }
}

/// How the models were run, by the record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming<'a> {
    pub(super) run: &'a RunDocument,
    pub(super) device: Device,
    pub(super) spatial: Definition,
}

/// The parts of a submission, or what does not fit together.
pub(super) fn parts(
    naming: Naming<'_>,
    manifest: &BundleManifest,
    samples: &SamplesDocument,
) -> Result<Vec<DatasetPart>, Vec<String>> {
    let run = naming.run;
    let ids: Vec<&str> = run.datasets.iter().map(|dataset| dataset.id.as_str()).collect();
    let listed: Vec<&str> = samples.datasets.iter().map(|dataset| dataset.id.as_str()).collect();
    let mut reasons = Vec::new();
    if ids != listed {
        reasons.push(format!(
            "samples.json has the samples of {listed:?}, run.json says that {ids:?} were measured"
        ));
        return Err(reasons);
    }
    // Before anything is named: names are digests of all samples, once for each model.
    if score_rows(run, manifest, samples) > MOST_SCORE_ROWS {
        reasons.push(format!(
            "it has more than {MOST_SCORE_ROWS} rows of scores (samples × taps), which is the limit of a bundle"
        ));
        return Err(reasons);
    }
    let mut parts = Vec::new();
    for (used, listed) in run.datasets.iter().zip(&samples.datasets) {
        match dataset_part(naming, manifest, used, listed) {
            Ok(part) => parts.push(part),
            Err(found) => reasons.extend(found),
        }
    }
    let placed: usize = parts.iter().map(|part| part.models.len()).sum();
    if reasons.is_empty() && placed != run.models.len() {
        reasons.push("run.json has a model on a data set that was not measured".to_owned());
    }
    if reasons.is_empty() { Ok(parts) } else { Err(reasons) }
}

/// Samples × taps over all models. A model without taps counts as one with a tap.
fn score_rows(run: &RunDocument, manifest: &BundleManifest, samples: &SamplesDocument) -> usize {
    let rows = run.models.iter().map(|used| {
        let listed = samples.datasets.iter().find(|listed| listed.id == used.dataset);
        let taps = manifest.model(&used.id).map_or(1, |model| model.taps.len().max(1));
        listed.map_or(0, |listed| listed.samples.len()).saturating_mul(taps)
    });
    rows.fold(0, usize::saturating_add)
}

fn dataset_part(
    naming: Naming<'_>,
    manifest: &BundleManifest,
    used: &DatasetUse,
    listed: &DatasetSamples,
) -> Result<DatasetPart, Vec<String>> {
    let id = &used.id;
    let Some(dataset) = manifest.dataset(id) else {
        return Err(vec![format!("manifest.toml does not describe data set `{id}`")]);
    };
    let mut reasons = Vec::new();
    let samples = match ListedSamples::new(dataset, listed) {
        Ok(samples) => samples,
        Err(reason) => return Err(vec![format!("data set `{id}` in samples.json: {reason}")]),
    };
    let list = samples.list();
    let counts = list.split.map_or((0, 0), |split| (split.train.len(), split.test.len()));
    if (used.samples, used.train, used.test) != (list.count(), counts.0, counts.1) {
        reasons.push(format!(
            "data set `{id}`: run.json says {} samples ({} train, {} test), samples.json has {} ({} train, {} test by the data \
             set's rule)",
            used.samples, used.train, used.test, list.count(), counts.0, counts.1
        ));
    }
    if used.classes != listed.classes {
        reasons.push(format!("data set `{id}`: run.json and samples.json name other classes"));
    }
    let mut part = DatasetPart { samples, models: Vec::new() };
    for used in naming.run.models.iter().filter(|model| model.dataset == *id) {
        match model_part(naming, manifest, used, &part) {
            Ok(model) => part.models.push(model),
            Err(reason) => reasons.push(reason),
        }
    }
    if reasons.is_empty() { Ok(part) } else { Err(reasons) }
}

fn model_part(
    naming: Naming<'_>,
    manifest: &BundleManifest,
    used: &ModelUse,
    part: &DatasetPart,
) -> Result<ModelPart, String> {
    let id = &used.id;
    let model =
        manifest.model(id).ok_or(format!("manifest.toml does not describe model `{id}`"))?;
    if part.models.iter().any(|known| known.model.id == *id) {
        return Err(format!("run.json has model `{id}` twice on data set `{}`", part.dataset().id));
    }
    let digest = naming.run.artifact(model.artifact.as_str()).map(|artifact| artifact.sha256);
    let digest = digest.ok_or(format!(
        "run.json has no digest of `{}`, the file of model `{id}`",
        model.artifact
    ))?;
    for tap in &model.taps {
        if part.list().count().saturating_mul(tap.channels as usize) > MOST_TAP_VALUES {
            return Err(format!(
                "model `{id}`, tap `{}`: {} samples × {} channels are more than {MOST_TAP_VALUES} values, which is the limit of a \
                 bundle",
                tap.id,
                part.list().count(),
                tap.channels
            ));
        }
    }
    let named = |failure: Failure| format!("model `{id}`: {}", failure.message());
    let preparer =
        Preparer::for_model(&model.input, part.dataset()).map_err(|error| named(error.into()))?;
    let preprocessing = preparer.id();
    if (&used.name, &used.preprocessing, used.batch)
        != (&model.name, &preprocessing, model.input.batch)
    {
        return Err(format!(
            "model `{id}`: name, preprocessing or batch in run.json do not follow from manifest.toml, which gives `{}`, \
             `{preprocessing}`, {}",
            model.name, model.input.batch
        ));
    }
    let library = &naming.run.onnxruntime;
    let chunk_naming = ChunkNaming {
        model,
        digest,
        preprocessing,
        provider: naming.device.provider(),
        onnxruntime: library_id(&library.version, &library.sha256),
        session: session_id(naming.run.options.fast),
        spatial: naming.spatial,
    };
    let keys = chunk_naming.keys(&part.list()).map_err(named)?;
    if keys == used.chunks {
        return Ok(ModelPart { model: model.clone(), digest, keys });
    }
    Err(format!(
        "model `{id}` on `{}`: the names of its chunks in run.json do not follow from samples, model, preprocessing, provider and \
         library: {}",
        part.dataset().id,
        first_difference(&used.chunks, &keys)
    ))
}

fn first_difference(found: &[Digest], expected: &[Digest]) -> String {
    if found.len() != expected.len() {
        return format!("there are {} of them, expected {}", found.len(), expected.len());
    }
    let pairs = found.iter().zip(expected).enumerate();
    let different = pairs.into_iter().find(|(_, (found, expected))| found != expected);
    different.map_or_else(String::new, |(index, (found, expected))| {
        format!("chunk {} is {found}, expected {expected}", index + 1)
    })
}
