//! Which models, taps and data sets a run takes.

use super::place::RunPlace;
use super::record::OptionsRecord;
use crate::context::Context;
use crate::driving;
use crate::failure::Failure;
use crate::generation::ModelReference;
use crate::onnx::device::Device;
use crate::pipeline::{MeasureSettings, spatial_method};
use retally_manifests::{ArtifactId, Dataset, Generator, Manifest, Model};
use retally_metrics::probe::{KnnOptions, ProbeOptions};
use retally_metrics::spatial::Definition;
use retally_suites::Suite;
use retally_suites::generation::GenerationProtocol;
use retally_suites::run::method;
use retally_suites::schema::{RunPlan, SpatialDefinition};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;

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
    pub out: RunPlace,
    /// Only the first samples of each data set.
    pub limit: Option<usize>,
    /// The generators.
    pub generators: GeneratorRequest<'a>,
}

/// What the user asks for of encoders: the suite's own where it is empty.
#[derive(Clone, Copy, Debug, Default)]
struct EncoderRequest<'a> {
    models: &'a [String],
    datasets: &'a [String],
}

/// What the user asks for of generators. What is left out is the suite's.
#[derive(Clone, Copy, Debug, Default)]
pub struct GeneratorRequest<'a> {
    /// Their ids; none are run if empty.
    pub ids: &'a [String],
    /// Samples of each.
    pub samples: Option<NonZeroUsize>,
    /// Seed of noise and labels.
    pub seed: Option<u64>,
    /// Id of the data set that samples are compared with.
    pub reference: Option<&'a str>,
    /// The network whose outputs are compared.
    pub network: Option<&'a ModelReference>,
    /// Id of the protocol.
    pub protocol: Option<&'a str>,
    /// Keep the images, and write them to the run directory.
    pub keep_images: bool,
}

impl RunRequest<'_> {
    /// What is recorded of it.
    pub(super) fn options(&self) -> OptionsRecord {
        OptionsRecord {
            device: self.device.to_string(),
            threads: self.threads,
            fast: self.fast,
            limit: self.limit,
            miniature: false,
        }
    }

    /// What is asked for, resolved against the manifests.
    pub(super) fn selection(&self, manifest: &Manifest) -> Result<Selection, Failure> {
        let encoders = EncoderRequest { models: self.models, datasets: self.datasets };
        Selection::new(self.suite, encoders, self.generators, manifest)
    }
}

/// What a run takes, resolved against the manifests.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(super) plan: RunPlan,
    pub(super) models: Vec<Model>,
    pub(super) datasets: Vec<Dataset>,
    pub(super) generators: Option<GeneratorSelection>,
}

/// The generators of a run, and how they are scored.
#[derive(Debug)]
pub(super) struct GeneratorSelection {
    pub(super) generators: Vec<Generator>,
    pub(super) protocol: GenerationProtocol,
    pub(super) reference: Dataset,
    pub(super) network: ModelReference,
    pub(super) samples: usize,
    pub(super) seed: u64,
}

impl Selection {
    /// What a suite takes of itself.
    pub(crate) fn of_suite(suite: &Suite, manifest: &Manifest) -> Result<Self, Failure> {
        Self::new(suite, EncoderRequest::default(), GeneratorRequest::default(), manifest)
    }

    /// What a suite takes; models, data sets and generators, where given, stand in for the suite's own. Generators alone
    /// are run without the suite's encoders.
    fn new(
        suite: &Suite,
        EncoderRequest { models, datasets }: EncoderRequest<'_>,
        generators: GeneratorRequest<'_>,
        manifest: &Manifest,
    ) -> Result<Self, Failure> {
        let Some(plan) = suite.run_plan() else {
            return Err(nothing_to_run(suite));
        };
        let generators = select_generators(suite, generators, plan, manifest)?;
        let (mut selected, mut sets) = (Vec::new(), Vec::new());
        if generators.is_none() || !models.is_empty() {
            selected = select_models(suite, models, plan, manifest)?;
            sets = select_datasets(suite, datasets, plan, manifest)?;
        } else if !datasets.is_empty() {
            return Err(Failure::invalid(
                "--data is the images of encoders, and no --model is given; generators are compared with --reference",
            ));
        }
        if let Some(both) = generators
            .as_ref()
            .and_then(|chosen| sets.iter().find(|set| set.id == chosen.reference.id))
        {
            return Err(Failure::invalid(format_args!(
                "data set `{}` is the generators' reference and the encoders' images at once: run them one after the other",
                both.id
            )));
        }
        Ok(Self { plan: plan.clone(), models: selected, datasets: sets, generators })
    }

    /// Everything that must be in the store: data, models and, where no library is named, ONNX Runtime.
    pub(crate) fn artifacts(&self, context: &Context) -> Result<Vec<ArtifactId>, Failure> {
        let mut ids = Vec::new();
        if context.library.is_none() {
            ids.push(context.onnxruntime_id()?);
        }
        ids.extend(self.datasets.iter().flat_map(|dataset| dataset.artifacts.iter().cloned()));
        ids.extend(self.models.iter().map(|model| model.artifact.clone()));
        if let Some(generators) = &self.generators {
            ids.extend(generators.artifacts(context)?);
        }
        Ok(ids)
    }
}

/// What a plan measures on every tap.
pub(crate) fn measure_settings(plan: &RunPlan) -> MeasureSettings {
    let spatial = match plan.spatial {
        SpatialDefinition::Code => Definition::Code,
        SpatialDefinition::Paper => Definition::Paper,
    };
    MeasureSettings {
        spatial,
        probe: ProbeOptions { seed: plan.probe.seed, c: plan.probe.c, ..ProbeOptions::default() },
        knn: KnnOptions { k: plan.probe.neighbours as usize, ..KnnOptions::default() },
    }
}

/// The method behind each metric of a plan, in the words that suites compare.
pub(crate) fn methods(plan: &RunPlan) -> BTreeMap<String, String> {
    let spatial = spatial_method(measure_settings(plan).spatial);
    let methods = ["LDS", "CDS", "SRSS", "RMSC"].map(|metric| (metric, spatial));
    let probes =
        [("accuracy", method::LINEAR_PROBE), ("k-NN accuracy", method::NEAREST_NEIGHBOURS)];
    let all = methods.into_iter().chain(probes);
    all.map(|(metric, method)| (metric.to_owned(), method.to_owned())).collect()
}

impl GeneratorSelection {
    fn artifacts(&self, context: &Context) -> Result<Vec<ArtifactId>, Failure> {
        let mut ids = self.reference.artifacts.clone();
        ids.extend(self.generators.iter().flat_map(Generator::artifacts));
        if let ModelReference::Id(id) = &self.network {
            ids.push(context.manifest.model(id)?.artifact.clone());
        }
        Ok(ids)
    }
}

fn select_generators(
    suite: &Suite,
    request: GeneratorRequest<'_>,
    plan: &RunPlan,
    manifest: &Manifest,
) -> Result<Option<GeneratorSelection>, Failure> {
    if request.ids.is_empty() {
        request.refuse_words_without_generators()?;
        return Ok(None);
    }
    let Some(plan) = &plan.generation else {
        return Err(Failure::invalid(format_args!(
            "suite `{}` does not say how generators are scored; `retally score generation` scores images by any protocol",
            suite.id()
        )));
    };
    let generators = request.ids.iter().map(|id| Ok(manifest.generator(id)?.clone()));
    let generators = generators.collect::<Result<Vec<_>, Failure>>()?;
    if let Some(twice) =
        request.ids.iter().enumerate().find(|(index, id)| request.ids[..*index].contains(id))
    {
        return Err(Failure::invalid(format_args!("--generator {} is given twice", twice.1)));
    }
    let protocol =
        GenerationProtocol::builtin(request.protocol.unwrap_or(plan.protocol.get_ref()))?;
    let network = match (request.network, &plan.network) {
        (Some(network), _) => network.clone(),
        (None, Some(id)) if request.protocol.is_none() => ModelReference::Id(id.clone()),
        _ => {
            return Err(Failure::invalid(format_args!(
                "images are scored by protocol {} with a network: say with --network which one (an .onnx file, or a model of \
                 a manifest; docs/generation.md says how the FID network is made)",
                protocol.id
            )));
        }
    };
    let reference = request.reference.unwrap_or(&plan.reference);
    let reference = manifest.dataset(reference).map_err(|error| {
        Failure::from(error)
            .within("the reference of generated images (--reference, docs/manifests.md)")
    })?;
    Ok(Some(GeneratorSelection {
        generators,
        protocol,
        reference: reference.clone(),
        network,
        samples: request.samples.map_or(plan.samples as usize, NonZeroUsize::get),
        seed: request.seed.unwrap_or(plan.seed),
    }))
}

impl GeneratorRequest<'_> {
    /// What would be ignored is a mistake.
    fn refuse_words_without_generators(&self) -> Result<(), Failure> {
        let words = [
            ("--samples", self.samples.is_some()),
            ("--seed", self.seed.is_some()),
            ("--reference", self.reference.is_some()),
            ("--network", self.network.is_some()),
            ("--protocol", self.protocol.is_some()),
            ("--keep-images", self.keep_images),
        ];
        match words.iter().find(|(_, given)| *given) {
            Some((word, _)) => Err(Failure::invalid(format_args!(
                "{word} is about generators, and none is named: add --generator ID, or leave it out"
            ))),
            None => Ok(()),
        }
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

/// A suite that measures nothing by itself; what can be done with it instead.
fn nothing_to_run(suite: &Suite) -> Failure {
    let id = suite.id();
    let mut ways = vec![format!("`retally report {id}` rebuilds its tables and figures")];
    if suite.miniature().is_some() {
        ways.push(format!("`retally run {id} --miniature` measures its miniature"));
    }
    if id == driving::SUITE {
        ways.push(format!(
            "`retally run {id} --endpoint URL --model NAME --data DIR` drives a model behind a chat endpoint through Uni-MMMU"
        ));
    }
    Failure::invalid(format_args!(
        "suite `{id}` has no encoders or generators to run: {}",
        ways.join("; ")
    ))
}
