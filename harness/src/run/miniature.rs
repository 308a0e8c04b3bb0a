//! A suite's miniature: the paper's experiment at a size that two cores can do, as rows of the suite's measured tables.
//!
//! Each part of the plan has a file here. A part fetches what it needs, measures, and gives the rows of its data set; what
//! takes long it stores in the run directory as it goes, so that the same command continues.

mod attentive;
mod retrieval_options;
mod tokenizer;
mod world_models;

use super::directory::RunDirectory;
use super::execute::{Ended, no_measurements};
use super::outcome::finish;
use super::record::{ArtifactRecord, DatasetRecord, OptionsRecord, RunRecord};
use super::to_fetch::ToFetch;
use crate::context::Context;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::onnx::library::Library;
use crate::pipeline::{Execution, Samples};
use crate::threads::Threads;
use retally_manifests::{ArtifactId, Dataset, Store};
use retally_suites::Suite;
use retally_suites::miniature::{MiniaturePlan, WorldModelPlan};
use serde::Serialize;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

/// What the user asks for.
#[derive(Debug)]
pub struct MiniatureRequest<'a> {
    /// The suite.
    pub suite: &'a Suite,
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
    /// The user's own choice of world models.
    pub world_models: WorldModelRequest<'a>,
}

/// World models of the user's choice. What is left out is the suite's.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorldModelRequest<'a> {
    /// Their ids; the suite's own if empty.
    pub ids: &'a [String],
    /// Id of the data set whose images are augmented.
    pub dataset: Option<&'a str>,
    /// Images whose views are predicted.
    pub images: Option<NonZeroU32>,
    /// Options of the retrieval, each as `distance=cosine`.
    pub retrieval: &'a [String],
}

impl MiniatureRequest<'_> {
    /// The suite's plan with the user's choices in it.
    fn plan(&self) -> Result<MiniaturePlan, Failure> {
        let suite = self.suite.id();
        let Some(plan) = self.suite.miniature() else {
            let with: Vec<&str> = suites_with_miniatures();
            return Err(Failure::invalid(format_args!(
                "suite `{suite}` has no miniature; {}",
                match with.as_slice() {
                    [] => "no suite has one".to_owned(),
                    with => format!("these suites have one: {}", with.join(", ")),
                }
            )));
        };
        let request = self.world_models;
        if request.is_empty() {
            return Ok(plan.clone());
        }
        let Some(world_models) = &plan.world_models else {
            return Err(Failure::invalid(format_args!(
                "suite `{suite}` does not say how world models are measured; leave --world-model, --images and \
                 --retrieval out"
            )));
        };
        let world_models = request.changed(world_models)?;
        if request.ids.is_empty() {
            return Ok(MiniaturePlan { world_models: Some(world_models), ..plan.clone() });
        }
        Ok(MiniaturePlan { world_models: Some(world_models), tokenizer: None })
    }
}

impl WorldModelRequest<'_> {
    fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.images.is_none() && self.retrieval.is_empty()
    }

    /// The suite's plan with these choices in it.
    fn changed(&self, plan: &WorldModelPlan) -> Result<WorldModelPlan, Failure> {
        let mut plan = plan.clone();
        if !self.ids.is_empty() {
            plan.models = self.ids.to_vec();
        }
        if let Some(dataset) = self.dataset {
            dataset.clone_into(&mut plan.dataset);
        }
        if let Some(images) = self.images {
            plan.images = images.get();
        }
        plan.retrieval = retrieval_options::changed(&plan.retrieval, self.retrieval)?;
        plan.problem().map_or(Ok(plan), |problem| Err(Failure::invalid(problem)))
    }
}

fn suites_with_miniatures() -> Vec<&'static str> {
    let has_one = |id: &&str| Suite::builtin(id).is_ok_and(|suite| suite.miniature().is_some());
    Suite::builtin_ids().filter(has_one).collect()
}

/// What a miniature would do.
#[derive(Debug, Serialize)]
pub struct MiniatureDryRun {
    /// Suite id.
    pub suite: String,
    /// What each part would measure.
    pub parts: Vec<PartDescription>,
    /// Artifacts that are not in the store.
    #[serde(flatten)]
    pub to_fetch: ToFetch,
    /// The run directory.
    pub out: PathBuf,
}

/// What a part of a miniature would measure.
#[derive(Debug, Serialize)]
pub struct PartDescription {
    /// Name of the part: `world models`, `tokenizer`.
    pub part: &'static str,
    /// Data set id.
    pub dataset: String,
    /// What is measured, one line each.
    pub work: Vec<String>,
}

impl MiniatureDryRun {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("suite      {}, miniature\n", self.suite);
        for part in &self.parts {
            text.push_str(&format!("part       {} on {}\n", part.part, part.dataset));
            for line in &part.work {
                text.push_str(&format!("           {line}\n"));
            }
        }
        text.push_str(&format!("to fetch   {}\n", self.to_fetch));
        text.push_str(&format!("out        {}\n", self.out.display()));
        text
    }
}

/// Everything that a suite's miniature needs in the store.
///
/// # Errors
/// If the plan names what no manifest holds.
pub(crate) fn artifacts_of_suite(
    suite: &Suite,
    context: &Context,
) -> Result<Vec<ArtifactId>, Failure> {
    suite.miniature().map_or(Ok(Vec::new()), |plan| artifacts(plan, context))
}

fn artifacts(plan: &MiniaturePlan, context: &Context) -> Result<Vec<ArtifactId>, Failure> {
    let mut ids = Vec::new();
    if context.library.is_none() {
        ids.push(context.onnxruntime_id()?);
    }
    for dataset in plan.datasets() {
        ids.extend(context.manifest.dataset(dataset)?.artifacts.iter().cloned());
    }
    if let Some(plan) = &plan.world_models {
        ids.extend(world_models::artifacts(plan, context)?);
    }
    if let Some(plan) = &plan.tokenizer {
        ids.extend(tokenizer::artifacts(plan, context)?);
    }
    Ok(ids)
}

/// Says what [`execute`] would do, and does nothing.
///
/// # Errors
/// If the suite has no miniature, or its plan does not fit the manifests.
pub fn plan(request: &MiniatureRequest<'_>, context: &Context) -> Result<MiniatureDryRun, Failure> {
    let plan = request.plan()?;
    let to_fetch = ToFetch::of(artifacts(&plan, context)?, context)?;
    let mut parts = Vec::new();
    if let Some(plan) = &plan.world_models {
        parts.push(world_models::describe(plan, context)?);
    }
    if let Some(plan) = &plan.tokenizer {
        parts.push(tokenizer::describe(plan, context)?);
    }
    Ok(MiniatureDryRun {
        suite: request.suite.id().to_owned(),
        parts,
        to_fetch,
        out: request.out.clone(),
    })
}

/// Runs a suite's miniature to its end, or until an interruption.
///
/// # Errors
/// No miniature, bad input, a failed fetch, a model that does not fit, a full disk. What a part has stored is kept.
pub fn execute(request: &MiniatureRequest<'_>, context: &Context) -> Result<Ended, Failure> {
    let plan = request.plan()?;
    let library = context.onnxruntime()?;
    let directory = RunDirectory::open(&request.out.clone().into())?;
    let bench = Workbench {
        request,
        context,
        library,
        directory: &directory,
        store: context.store()?,
        threads: Threads::new(NonZeroUsize::new(request.threads))?,
    };
    let options = OptionsRecord {
        device: request.device.to_string(),
        threads: request.threads,
        fast: request.fast,
        limit: request.limit,
        miniature: true,
    };
    let mut record = RunRecord::begin(request.suite, options, library.record())?;
    let mut measurements = no_measurements(request.suite);
    if let Some(plan) = &plan.world_models {
        let Some(measured) = world_models::measure(plan, &bench, &mut record)? else {
            return Ok(Ended::Interrupted { out: request.out.clone() });
        };
        measurements.datasets.push(measured);
    }
    if let Some(plan) = &plan.tokenizer {
        let Some(measured) = tokenizer::measure(plan, &bench, &mut record)? else {
            return Ok(Ended::Interrupted { out: request.out.clone() });
        };
        measurements.datasets.push(measured);
    }
    let finished = finish(request.suite, &directory, measurements, record.end()?)?;
    Ok(Ended::Complete(Box::new(finished)))
}

/// What every part of a miniature has at hand.
struct Workbench<'a> {
    request: &'a MiniatureRequest<'a>,
    context: &'a Context,
    library: &'static Library,
    directory: &'a RunDirectory,
    store: Store,
    threads: Threads,
}

impl Workbench<'_> {
    fn execution(&self) -> Execution<'static> {
        Execution {
            library: self.library,
            device: self.request.device,
            threads: self.request.threads,
            fast: self.request.fast,
        }
    }

    /// A file of the store, fetched if need be and noted in the record.
    fn fetch(&self, id: &ArtifactId, record: &mut RunRecord) -> Result<PathBuf, Failure> {
        let path = self.context.fetch(&self.store, id)?;
        record.artifacts.push(ArtifactRecord::of(self.context.manifest.artifact(id)?));
        Ok(path)
    }

    /// A data set, opened and noted in the record.
    fn samples(&self, dataset: &Dataset, record: &mut RunRecord) -> Result<Samples, Failure> {
        let files = match self.context.manifest.dataset_folder(dataset) {
            Some(folder) => vec![folder],
            None => dataset
                .artifacts
                .iter()
                .map(|id| self.fetch(id, record))
                .collect::<Result<_, _>>()?,
        };
        let samples = Samples::open(dataset, &files, self.request.limit)?;
        record.datasets.push(DatasetRecord::of(samples.list()));
        Ok(samples)
    }
}
