//! The part of a miniature that measures world models: retrieval among augmented views, and probes of the encoders.

use super::attentive::{self, AttentiveProbe};
use super::{PartDescription, Workbench};
use crate::context::Context;
use crate::failure::Failure;
use crate::pipeline::{
    EncodeSettings, Encoding, MeasureSettings, Samples, TapContext, measure_model,
};
use crate::run::record::{ModelRecord, RunRecord, UNKNOWN_OF_IWM, WorldModelRecord, to_value};
use crate::world_model::{
    Gallery, NetworkFile, Ranked, RetrievalJob, ViewMaker, WorldModelFiles, WorldModelIdentity,
    retrieval_method,
};
use retally_manifests::{ArtifactId, Model, Tap, TapLayout, WorldModel};
use retally_metrics::Measurement;
use retally_metrics::Unit;
use retally_metrics::probe::{KnnOptions, ProbeOptions};
use retally_metrics::random::Stream;
use retally_metrics::retrieval::{
    ChanceLevels, Placement, RetrievalOptions, TieRule, retrieval_measurements,
};
use retally_metrics::spatial::Definition;
use retally_suites::DatasetMeasurements;
use retally_suites::evaluation::MeasuredModel;
use retally_suites::miniature::{EncoderRole, RetrievalPlan, RetrievalTies, WorldModelPlan};
use retally_suites::run::method;
use retally_suites::schema::ProbePlan;
use std::collections::BTreeMap;

/// Id of the picture of retrieved views.
const GALLERY: &str = "retrieval-gallery";
/// Metrics of the retrieval.
const RETRIEVAL_METRICS: [&str; 5] = ["MRR", "H@1", "H@5", "H@10", "chance MRR"];

/// Keys of the probes' accuracies, as the tables of papers tell them apart.
const LINEAR: &str = "accuracy|linear";
const NEAREST: &str = "accuracy|k-NN";
const ATTENTIVE: &str = "accuracy|attentive";

/// What they need beside their data set.
pub(super) fn artifacts(
    plan: &WorldModelPlan,
    context: &Context,
) -> Result<Vec<ArtifactId>, Failure> {
    let models = plan.models.iter().map(|id| Ok(context.manifest.world_model(id)?.artifacts()));
    Ok(models.collect::<Result<Vec<_>, Failure>>()?.concat())
}

/// What they would measure.
pub(super) fn describe(
    plan: &WorldModelPlan,
    context: &Context,
) -> Result<PartDescription, Failure> {
    let mut work = Vec::new();
    for id in &plan.models {
        let model = context.manifest.world_model(id)?;
        work.push(format!(
            "{id}: {} images x {} views, conditioning {}",
            plan.images,
            plan.retrieval.bank,
            model.predictor.conditioning.as_str()
        ));
    }
    Ok(PartDescription { part: "world models", dataset: plan.dataset.clone(), work })
}

/// Measures them; `None` if an interruption stopped it.
pub(super) fn measure(
    plan: &WorldModelPlan,
    bench: &Workbench<'_>,
    record: &mut RunRecord,
) -> Result<Option<DatasetMeasurements>, Failure> {
    let manifest = &bench.context.manifest;
    let models: Vec<&WorldModel> = plan
        .models
        .iter()
        .map(|id| Ok(manifest.world_model(id)?))
        .collect::<Result<_, Failure>>()?;
    let samples = bench.samples(manifest.dataset(&plan.dataset)?, record)?;
    let part = Part { plan, bench, samples: &samples, images: chosen_images(plan, &samples)? };
    let (mut rows, mut ranked) = (Vec::new(), Vec::new());
    for model in models {
        let Some((row, images)) = part.measure(model, record)? else { return Ok(None) };
        rows.push(row);
        ranked.push((model, images));
    }
    if let Some(count) = plan.gallery {
        part.draw_gallery(&ranked, count as usize)?;
    }
    let retrieval = retrieval_name(&plan.retrieval);
    let mut methods: BTreeMap<String, String> =
        RETRIEVAL_METRICS.map(|metric| (metric.to_owned(), retrieval.clone())).into();
    methods.insert(LINEAR.to_owned(), method::LINEAR_PROBE.to_owned());
    methods.insert(NEAREST.to_owned(), method::NEAREST_NEIGHBOURS.to_owned());
    methods.insert(ATTENTIVE.to_owned(), attentive::method()?);
    Ok(Some(DatasetMeasurements {
        dataset: plan.dataset.clone(),
        samples: samples.count() as u64,
        samples_in_dataset: samples.count_in_dataset() as u64,
        methods,
        models: rows,
    }))
}

/// The word by which suites tell how a number was made: options that are not IWM's reading make another number.
fn retrieval_name(plan: &RetrievalPlan) -> String {
    let name = method::WORLD_MODEL_RETRIEVAL;
    if *plan == RetrievalPlan::default() {
        name.to_owned()
    } else {
        format!("{name} with other options")
    }
}

/// Images of the test set, or of all where there is no split: chosen by the seed, in the order of the data set.
fn chosen_images(plan: &WorldModelPlan, samples: &Samples) -> Result<Vec<usize>, Failure> {
    let mut all: Vec<usize> = match samples.split() {
        Some(split) => split.test.clone(),
        None => (0..samples.count()).collect(),
    };
    if all.is_empty() {
        return Err(Failure::invalid(format_args!(
            "data set `{}` has no image to measure world models on",
            plan.dataset
        )));
    }
    Stream::new(plan.seed, "world model images", 0).shuffle(&mut all);
    all.truncate(plan.images as usize);
    all.sort_unstable();
    Ok(all)
}

/// Everything that the world models of a part share.
struct Part<'a> {
    plan: &'a WorldModelPlan,
    bench: &'a Workbench<'a>,
    samples: &'a Samples,
    /// Indices of the images whose views are predicted.
    images: Vec<usize>,
}

impl Part<'_> {
    fn measure(
        &self,
        model: &WorldModel,
        record: &mut RunRecord,
    ) -> Result<Option<(MeasuredModel, Ranked)>, Failure> {
        let files = self.files(model, record)?;
        let views = self.views(model)?;
        let execution = self.bench.execution();
        let plan = &self.plan.retrieval;
        let identity = WorldModelIdentity::new((model, &files), (plan, &views), &execution);
        let job = RetrievalJob {
            model,
            files: &files,
            plan,
            views: &views,
            samples: self.samples,
            images: &self.images,
            identity: &identity,
        };
        let progress = &self.bench.context.progress;
        let Some(ranked) = job.run(&execution, self.bench.directory, progress)? else {
            return Ok(None);
        };
        let mut measurements = self.retrieval_measurements(model, &ranked)?;
        // A probe needs classes and a split.
        let probe = self.plan.probe.as_ref().filter(|_| self.samples.split().is_some());
        if let Some(probe) = probe {
            let Some(probes) = self.probe(model, &files, probe, record)? else { return Ok(None) };
            measurements.extend(probes);
        }
        let attentive = self.plan.attentive.as_ref().filter(|_| self.samples.split().is_some());
        if let Some(plan) = attentive {
            let (encoder, file) = probed_encoder(model, &files);
            let probe = AttentiveProbe {
                encoder: &encoder,
                entry: &model.encoder,
                file,
                plan,
                samples: self.samples,
                bench: self.bench,
            };
            let Some(accuracy) = probe.measure()? else { return Ok(None) };
            measurements.push(Measurement { metric: ATTENTIVE.to_owned(), ..accuracy });
        }
        record.world_models.push(WorldModelRecord {
            id: model.id.clone(),
            name: model.name.clone(),
            dataset: self.plan.dataset.clone(),
            conditioning: model.predictor.conditioning,
            images: self.images.len(),
            image_set: if self.samples.split().is_some() { "test set" } else { "whole data set" },
            seed: self.plan.seed,
            augmentation: *views.family(),
            retrieval: *plan,
            targets: model.predictor.targets,
            preprocessing: views.preprocessing(),
            unknown_of_iwm: &UNKNOWN_OF_IWM,
            sessions: ranked.sessions.clone(),
            results: ranked.keys.clone(),
        });
        let row = MeasuredModel {
            key: model.id.clone(),
            label: model.name.clone(),
            family: model.family.clone(),
            measurements,
        };
        Ok(Some((row, ranked)))
    }

    fn files(
        &self,
        model: &WorldModel,
        record: &mut RunRecord,
    ) -> Result<WorldModelFiles, Failure> {
        let mut file = |id: &ArtifactId| -> Result<NetworkFile, Failure> {
            let path = self.bench.fetch(id, record)?;
            Ok(NetworkFile { path, digest: self.bench.context.manifest.artifact(id)?.sha256 })
        };
        Ok(WorldModelFiles {
            encoder: file(&model.encoder.artifact)?,
            teacher: model.teacher.as_ref().map(|teacher| file(&teacher.artifact)).transpose()?,
            predictor: file(&model.predictor.artifact)?,
        })
    }

    fn views(&self, model: &WorldModel) -> Result<ViewMaker, Failure> {
        ViewMaker::new(
            &model.encoder.input,
            self.samples.dataset(),
            (self.plan.retrieval.augmentation, self.plan.seed),
        )
    }

    /// MRR and H@k with intervals over images, and the MRR of chance as a measurement that tables can show.
    fn retrieval_measurements(
        &self,
        model: &WorldModel,
        ranked: &Ranked,
    ) -> Result<Vec<Measurement>, Failure> {
        let plan = &self.plan.retrieval;
        let groups: Vec<Vec<Placement>> =
            ranked.images.iter().map(|image| image.placements.clone()).collect();
        let options = RetrievalOptions { ties: tie_rule(plan), ..RetrievalOptions::default() };
        let method = retrieval_method(plan, model, self.images.len());
        let result = retrieval_measurements(
            &groups,
            (u64::from(plan.bank), "images"),
            &method,
            &options,
            &self.bench.threads,
        )?;
        let mut measurements = result.measurements;
        measurements.extend(chance(&result.chance));
        Ok(measurements)
    }

    /// Probes on the mean patch tokens of the clean images, by the pipeline of every run. `None` if interrupted.
    fn probe(
        &self,
        model: &WorldModel,
        files: &WorldModelFiles,
        plan: &ProbePlan,
        record: &mut RunRecord,
    ) -> Result<Option<Vec<Measurement>>, Failure> {
        let (encoder, file) = probed_encoder(model, files);
        let settings =
            EncodeSettings { execution: self.bench.execution(), spatial: Definition::Code };
        let entry = (&encoder, file.digest, file.path.as_path());
        let encoding = Encoding::new(entry, self.samples, &settings, self.bench.directory)?;
        let progress = &self.bench.context.progress;
        let Some(encoded) = encoding.encode(progress)? else { return Ok(None) };
        record.models.push(ModelRecord {
            id: encoder.id.clone(),
            name: encoder.name.clone(),
            artifact: encoder.artifact.to_string(),
            dataset: self.samples.dataset().id.clone(),
            preprocessing: encoding.preprocessing(),
            batch: encoder.input.batch,
            session: encoded.session.as_ref().map(to_value).transpose()?,
            chunks: encoding.keys().to_vec(),
        });
        let context = TapContext {
            model: &encoder,
            taps: &encoder.taps,
            keys: encoding.keys(),
            chunks: &encoded.chunks,
            samples: self.samples.list(),
            settings: &measure_settings(plan),
        };
        let measured = self
            .bench
            .threads
            .install(|| measure_model(&context, self.bench.directory, progress))?;
        let measurements = measured.into_iter().flat_map(|tap| tap.encoder.measurements);
        let renamed = measurements.filter_map(|measured| {
            let key = match measured.metric.as_str() {
                "accuracy" => LINEAR,
                "k-NN accuracy" => NEAREST,
                _ => return None,
            };
            Some(Measurement { metric: key.to_owned(), ..measured })
        });
        Ok(Some(renamed.collect()))
    }

    fn draw_gallery(&self, ranked: &[(&WorldModel, Ranked)], count: usize) -> Result<(), Failure> {
        let Some((first, _)) = ranked.first() else { return Ok(()) };
        let views = self.views(first)?;
        let gallery = Gallery {
            views: &views,
            samples: self.samples,
            images: &self.images,
            models: ranked.iter().map(|(model, ranked)| (*model, ranked)).collect(),
            plan: &self.plan.retrieval,
        };
        let picture = gallery.draw(count)?;
        let path = self.bench.directory.picture(GALLERY)?;
        crate::run::directory::write_durably(&path, &picture)
    }
}

fn tie_rule(plan: &RetrievalPlan) -> TieRule {
    match plan.ties {
        RetrievalTies::MidRank => TieRule::MidRank,
        RetrievalTies::Optimistic => TieRule::Optimistic,
        RetrievalTies::Pessimistic => TieRule::Pessimistic,
    }
}

fn chance(levels: &ChanceLevels) -> Option<Measurement> {
    let method =
        format!("H_N / N, the mean of 1/rank over N = {} equally likely ranks", levels.bank);
    let value = levels.of("MRR")?;
    Some(Measurement::of("chance MRR", value, Unit::None, levels.bank, method))
}

/// The encoder whose tokens are probed: the teacher where there is one, as I-JEPA evaluates (IWM does not say).
fn probed_encoder<'a>(model: &WorldModel, files: &'a WorldModelFiles) -> (Model, &'a NetworkFile) {
    let entry = &model.encoder;
    let mut input = entry.input.clone();
    let (mut tensor, mut artifact, mut file) =
        (entry.tokens.clone(), entry.artifact.clone(), &files.encoder);
    let mut role = EncoderRole::Student;
    if let (Some(teacher), Some(teacher_file)) = (&model.teacher, &files.teacher) {
        role = EncoderRole::Teacher;
        artifact = teacher.artifact.clone();
        file = teacher_file;
        if let Some(name) = &teacher.input {
            name.clone_into(&mut input.tensor);
        }
        if let Some(name) = &teacher.tokens {
            name.clone_into(&mut tensor);
        }
    }
    let role = match role {
        EncoderRole::Student => "encoder",
        EncoderRole::Teacher => "teacher",
    };
    let tap = Tap {
        id: "tokens".to_owned(),
        label: "tokens".to_owned(),
        tensor,
        layout: TapLayout::Tokens { skip: entry.skip },
        grid: entry.grid,
        channels: entry.channels,
    };
    let encoder = Model {
        id: format!("{}-{role}", model.id),
        name: format!("{}, {role}", model.name),
        family: model.family.clone(),
        artifact,
        input,
        taps: vec![tap],
    };
    (encoder, file)
}

fn measure_settings(plan: &ProbePlan) -> MeasureSettings {
    MeasureSettings {
        spatial: Definition::Code,
        probe: ProbeOptions { seed: plan.seed, c: plan.c, ..ProbeOptions::default() },
        knn: KnnOptions { k: plan.neighbours as usize, ..KnnOptions::default() },
    }
}
