//! Which models, taps and data sets a run takes.

use crate::context::Context;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::pipeline::spatial_method;
use retally_manifests::{ArtifactId, Dataset, Manifest, Model};
use retally_metrics::spatial::Definition;
use retally_suites::Suite;
use retally_suites::run::method;
use retally_suites::schema::{RunPlan, SpatialDefinition};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the user asks for.
#[derive(Debug)]
pub struct RunRequest<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// Only these models; the suite's own if empty.
    pub models: &'a [String],
    /// Only these data sets; the suite's own if empty.
    pub datasets: &'a [String],
    /// Where sessions run.
    pub device: Device,
    /// Cores to use.
    pub threads: usize,
    /// Faster kernels whose results may differ between runs.
    pub fast: bool,
    /// The run directory.
    pub out: PathBuf,
    /// Only the first samples of each data set.
    pub limit: Option<usize>,
}

impl RunRequest<'_> {
    /// What is asked for, resolved against the manifests.
    pub(super) fn selection(&self, manifest: &Manifest) -> Result<Selection, Failure> {
        Selection::new(self.suite, self.models, self.datasets, manifest)
    }
}

/// What a run takes, resolved against the manifests.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(super) plan: RunPlan,
    pub(super) models: Vec<Model>,
    pub(super) datasets: Vec<Dataset>,
}

impl Selection {
    /// What a suite takes; `models` and `datasets`, where given, stand in for the suite's own.
    pub(crate) fn new(
        suite: &Suite,
        models: &[String],
        datasets: &[String],
        manifest: &Manifest,
    ) -> Result<Self, Failure> {
        let Some(plan) = suite.run_plan() else {
            return Err(Failure::invalid(format_args!(
                "suite `{0}` has nothing to run; `retally report {0}` rebuilds its tables and figures",
                suite.id()
            )));
        };
        Ok(Self {
            plan: plan.clone(),
            models: select_models(suite, models, plan, manifest)?,
            datasets: select_datasets(suite, datasets, plan, manifest)?,
        })
    }

    /// The definition of the spatial metrics that the suite asks for.
    pub(super) fn spatial(&self) -> Definition {
        match self.plan.spatial {
            SpatialDefinition::Code => Definition::Code,
            SpatialDefinition::Paper => Definition::Paper,
        }
    }

    /// The method behind each metric, in the words that suites compare.
    pub(super) fn methods(&self) -> BTreeMap<String, String> {
        let spatial = spatial_method(self.spatial());
        let methods = ["LDS", "CDS", "SRSS", "RMSC"].map(|metric| (metric, spatial));
        let probes =
            [("accuracy", method::LINEAR_PROBE), ("k-NN accuracy", method::NEAREST_NEIGHBOURS)];
        let all = methods.into_iter().chain(probes);
        all.map(|(metric, method)| (metric.to_owned(), method.to_owned())).collect()
    }

    /// Everything that must be in the store: data, models and, where no library is named, ONNX Runtime.
    pub(crate) fn artifacts(&self, context: &Context) -> Result<Vec<ArtifactId>, Failure> {
        let mut ids = Vec::new();
        if context.library.is_none() {
            ids.push(context.onnxruntime_id()?);
        }
        ids.extend(self.datasets.iter().flat_map(|dataset| dataset.artifacts.iter().cloned()));
        ids.extend(self.models.iter().map(|model| model.artifact.clone()));
        Ok(ids)
    }
}

fn select_models(
    suite: &Suite,
    chosen: &[String],
    plan: &RunPlan,
    manifest: &Manifest,
) -> Result<Vec<Model>, Failure> {
    if !chosen.is_empty() {
        let models = chosen.iter().map(|id| Ok(manifest.model(id)?.clone()));
        return models.collect();
    }
    let mut models = Vec::new();
    for model in manifest.models() {
        let mut model = model.clone();
        model.taps.retain(|tap| plan.selects(&model.id, &tap.id));
        if !model.taps.is_empty() {
            models.push(model);
        }
    }
    if models.is_empty() {
        return Err(Failure::invalid(format_args!(
            "suite `{}` names no encoder that a manifest holds: give --manifest FILE with your models and choose them \
             with --model ID (docs/manifests.md)",
            suite.id()
        )));
    }
    Ok(models)
}

fn select_datasets(
    suite: &Suite,
    chosen: &[String],
    plan: &RunPlan,
    manifest: &Manifest,
) -> Result<Vec<Dataset>, Failure> {
    let ids = if chosen.is_empty() { plan.datasets.as_slice() } else { chosen };
    if ids.is_empty() {
        return Err(Failure::invalid(format_args!(
            "suite `{}` names no data set: give --manifest FILE with yours and choose it with --data ID \
             (docs/manifests.md)",
            suite.id()
        )));
    }
    ids.iter().map(|id| Ok(manifest.dataset(id)?.clone())).collect()
}
