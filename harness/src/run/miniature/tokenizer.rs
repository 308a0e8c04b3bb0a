//! The part of a miniature that measures a PCA tokenizer: a sweep over latent dimensions and noise.
//!
//! ```text
//! training images ─► basis (pca.npz) ─┐
//! all images ─► patches ─► latents (+ noise) ─► decoded image ─► encoder ─► mean token ─┐
//!                              │                    └► squared error                    ├─► probes, rows
//!                              └► mean and standard deviation over tokens ──────────────┘
//! ```
//!
//! `conditions` says what is swept, `chunk` what is stored of some images, `sweep` makes it, `rows` probes it.

mod chunk;
mod conditions;
mod rows;
mod sweep;

use super::{PartDescription, Workbench};
use crate::context::Context;
use crate::failure::Failure;
use crate::pipeline::Samples;
use crate::run::directory::write_durably;
use crate::run::record::RunRecord;
use crate::tokenizer::{
    BasisFile, NoisePicture, PatchChoice, PatchImages, filters_png, fit_patches, fitted_origin,
    noise_png,
};
use conditions::{Condition, conditions};
use retally_manifests::{ArtifactId, Dataset, Digest, Hasher, Model};
use retally_metrics::tokenizer::Tokenizer;
use retally_suites::DatasetMeasurements;
use retally_suites::miniature::{TokenizerPictures, TokenizerPlan};
use sweep::Sweep;

/// The basis of the run.
const BASIS: &str = "pca.npz";

/// The pictures, by the ids that suites use.
const FILTERS_PICTURE: &str = "pca-filters";
const NOISE_PICTURE: &str = "pca-noise";

/// What it needs beside its data set.
pub(super) fn artifacts(
    plan: &TokenizerPlan,
    context: &Context,
) -> Result<Vec<ArtifactId>, Failure> {
    Ok(vec![encoder(plan, context)?.artifact])
}

/// What it would measure.
pub(super) fn describe(
    plan: &TokenizerPlan,
    context: &Context,
) -> Result<PartDescription, Failure> {
    let model = encoder(plan, context)?;
    let list = |numbers: Vec<String>| numbers.join(", ");
    let dimensions = list(plan.dimensions.iter().map(u32::to_string).collect());
    let sigmas = list(plan.sigmas.iter().map(|&sigma| conditions::short(sigma)).collect());
    let work = vec![
        format!("patch PCA of {0}x{0} pixels: d = {dimensions}; σ = {sigmas}", plan.patch),
        format!("probes on pooled tokens, and on {} of decoded images", model.name),
    ];
    Ok(PartDescription { part: "tokenizer", dataset: plan.dataset.clone(), work })
}

/// Measures it; `None` if an interruption stopped it.
pub(super) fn measure(
    plan: &TokenizerPlan,
    bench: &Workbench<'_>,
    record: &mut RunRecord,
) -> Result<Option<DatasetMeasurements>, Failure> {
    let model = encoder(plan, bench.context)?;
    let file = bench.fetch(&model.artifact, record)?;
    let dataset = bench.context.manifest.dataset(&plan.dataset)?.clone();
    let samples = bench.samples(&dataset, record)?;
    if samples.split().is_none() {
        return Err(Failure::invalid(format_args!(
            "data set `{}` has no training and test set, which a tokenizer is fitted to and probed on: give it labels and a \
             split (docs/manifests.md)",
            dataset.id
        )));
    }
    let images = PatchImages::new(dataset.canvas, model.input.resize, plan.patch as usize)
        .map_err(|failure| failure.within(format_args!("model `{}`", model.id)))?;
    let basis = basis(plan, bench, (&dataset, &model), (&samples, &images))?;
    let conditions = conditions(plan, &basis.pca)?;
    if let Some(pictures) = &plan.pictures {
        draw(pictures, plan, bench, (&samples, &images), &basis)?;
    }
    let digest = bench.context.manifest.artifact(&model.artifact)?.sha256;
    let sweep = Sweep {
        plan,
        model: &model,
        model_digest: digest,
        file: &file,
        images: &images,
        basis_digest: basis.sha256,
        conditions: &conditions,
        samples: &samples,
        execution: bench.execution(),
        directory: bench.directory,
    };
    let Some(swept) = sweep.run(&bench.context.progress)? else { return Ok(None) };
    record.models.push(swept.record);
    let rows = rows::Rows {
        plan,
        model: &model,
        samples: &samples,
        conditions: &conditions,
        keys: &swept.keys,
        chunks: &swept.chunks,
        directory: bench.directory,
    };
    let models = bench.threads.install(|| rows.measure(&bench.context.progress))?;
    Ok(Some(DatasetMeasurements {
        dataset: dataset.id.clone(),
        samples: samples.count() as u64,
        samples_in_dataset: samples.count_in_dataset() as u64,
        methods: rows::methods(),
        models,
    }))
}

/// The model with the one tap that is probed.
fn encoder(plan: &TokenizerPlan, context: &Context) -> Result<Model, Failure> {
    let mut model = context.manifest.model(&plan.model)?.clone();
    let taps: Vec<String> = model.taps.iter().map(|tap| tap.id.clone()).collect();
    model.taps.retain(|tap| tap.id == plan.tap);
    if model.taps.is_empty() {
        return Err(Failure::invalid(format_args!(
            "model `{}` has no tap `{}`; it has {}",
            model.id,
            plan.tap,
            taps.join(", ")
        )));
    }
    Ok(model)
}

/// The basis of the training images' patches: that of the run directory if it was made of the same, else a new one.
fn basis(
    plan: &TokenizerPlan,
    bench: &Workbench<'_>,
    (dataset, model): (&Dataset, &Model),
    (samples, images): (&Samples, &PatchImages),
) -> Result<BasisFile, Failure> {
    let train = samples.split().map_or(&[][..], |split| &split.train);
    let path = bench.directory.root().join(BASIS);
    let digest = digest_of(samples, train);
    if let Ok(stored) = BasisFile::read(&path)
        && stored.origin
            == fitted_origin(
                images,
                (dataset.canvas, model.input.resize),
                PatchChoice::All,
                &stored.pca,
                (train.len() as u64, digest),
            )
        && stored.pca.centring() == plan.centring
        && stored.pca.patches() == (train.len() * images.grid().tokens()) as u64
    {
        return Ok(stored);
    }
    let read = |index| samples.read(index);
    let (pca, digest) = fit_patches(
        images,
        (train, &read),
        PatchChoice::All,
        plan.centring,
        (&bench.threads, bench.context),
    )?;
    let origin = fitted_origin(
        images,
        (dataset.canvas, model.input.resize),
        PatchChoice::All,
        &pca,
        (train.len() as u64, digest),
    );
    BasisFile::write(&path, pca, origin)
}

/// One digest for some samples in their order.
fn digest_of(samples: &Samples, indices: &[usize]) -> Digest {
    let mut hasher = Hasher::new();
    for &index in indices {
        if let Some(digest) = samples.digests().get(index) {
            hasher.update(digest.as_bytes());
        }
    }
    hasher.finish()
}

fn draw(
    pictures: &TokenizerPictures,
    plan: &TokenizerPlan,
    bench: &Workbench<'_>,
    (samples, images): (&Samples, &PatchImages),
    basis: &BasisFile,
) -> Result<(), Failure> {
    let filters = filters_png(&basis.pca, plan.patch as usize, pictures.filters as usize)?;
    write_durably(&bench.directory.picture(FILTERS_PICTURE)?, &filters)?;
    let index = shown(pictures, samples)?;
    let planes = images.planes(&samples.read(index)?)?;
    let tokenizer = Tokenizer::new(basis.pca.clone(), pictures.dimensions as usize, plan.scaling)?;
    let sigmas: Vec<f64> = plan.sigmas.iter().copied().filter(|&sigma| sigma > 0.0).collect();
    if sigmas.is_empty() {
        return Ok(());
    }
    let picture = NoisePicture {
        tokenizer: &tokenizer,
        grid: images.grid(),
        planes: &planes,
        sigmas: &sigmas,
        seed: plan.seed,
        image: conditions::image_number(index)?,
    };
    write_durably(&bench.directory.picture(NOISE_PICTURE)?, &noise_png(&picture)?)
}

/// The image that noise is shown in.
fn shown(pictures: &TokenizerPictures, samples: &Samples) -> Result<usize, Failure> {
    let Some(key) = &pictures.image else {
        let first = samples.split().and_then(|split| split.test.first());
        return Ok(first.copied().unwrap_or(0));
    };
    // With --limit the suite's image may not be among the samples.
    let found = samples.infos().iter().position(|info| info.key == *key);
    match found {
        Some(index) => Ok(index),
        None if samples.count() < samples.count_in_dataset() => Ok(0),
        None => Err(Failure::invalid(format_args!(
            "the picture of noise is to show `{key}`, which data set `{}` does not have",
            samples.dataset().id
        ))),
    }
}
