//! From images to chunks: every image is decoded once and goes through all conditions.

use super::chunk::{self, FORMAT, Identity, Measured, SweepChunk};
use super::conditions::{Condition, Place, image_number};
use super::{Digest, Failure, Model, PatchImages, Samples, TokenizerPlan};
use crate::images::float_resize::Scale;
use crate::images::normalise::Normaliser;
use crate::onnx::session::{Session, SessionRecord};
use crate::pipeline::chunk_job::{self, ChunkJob, PreparedBatch};
use crate::pipeline::{Execution, tokens};
use crate::progress::Progress;
use crate::run::directory::RunDirectory;
use crate::run::record::{ModelRecord, to_value};
use crate::tokenizer::PixelScale;
use ndarray::{Array2, ArrayD, Axis, IxDyn, s};
use retally_metrics::tokenizer::{NoiseLevel, NoisePlace, PatchGrid, Tokenizer, noise};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Images of a chunk: some ten seconds of one core's work.
const CHUNK: usize = 32;

/// Everything that a sweep needs.
pub(super) struct Sweep<'a> {
    pub(super) plan: &'a TokenizerPlan,
    /// The encoder, with the tap that is read.
    pub(super) model: &'a Model,
    pub(super) model_digest: Digest,
    pub(super) file: &'a Path,
    pub(super) images: &'a PatchImages,
    pub(super) basis_digest: Digest,
    pub(super) conditions: &'a [Condition],
    pub(super) samples: &'a Samples,
    pub(super) execution: Execution<'static>,
    pub(super) directory: &'a RunDirectory,
}

/// All images, swept.
pub(super) struct Swept {
    pub(super) keys: Vec<Digest>,
    pub(super) chunks: Vec<SweepChunk>,
    pub(super) record: ModelRecord,
}

impl Sweep<'_> {
    /// The chunks in order, computing those that the run directory lacks; `None` if an interruption stopped it.
    pub(super) fn run(&self, progress: &Progress) -> Result<Option<Swept>, Failure> {
        let count = self.samples.count();
        let ranges: Vec<Range<usize>> =
            (0..count).step_by(CHUNK).map(|start| start..count.min(start + CHUNK)).collect();
        let keys = ranges.iter().map(|range| self.key(range)).collect::<Result<Vec<_>, _>>()?;
        let channels = self.model.taps.first().map_or(0, |tap| tap.channels as usize);
        let mut chunks = Vec::with_capacity(ranges.len());
        for (range, key) in ranges.iter().zip(&keys) {
            let path = self.directory.chunk(key);
            let note = |damage: String| progress.note(damage);
            chunks.push(chunk::read(&path, key, (range.len(), channels), self.conditions, note)?);
        }
        let missing: Vec<usize> =
            (0..chunks.len()).filter(|&index| chunks[index].is_none()).collect();
        let session = match missing.as_slice() {
            [] => None,
            _ => Some(self.compute(&missing, (&ranges, &keys), &mut chunks, progress)?),
        };
        let chunks: Option<Vec<SweepChunk>> = chunks.into_iter().collect();
        let record = ModelRecord {
            id: self.model.id.clone(),
            name: self.model.name.clone(),
            artifact: self.model.artifact.to_string(),
            dataset: self.samples.dataset().id.clone(),
            preprocessing: self.images.pixels_id(),
            batch: self.model.input.batch,
            session: session.as_ref().map(to_value).transpose()?,
            chunks: keys.clone(),
        };
        Ok(chunks.map(|chunks| Swept { keys, chunks, record }))
    }

    fn key(&self, range: &Range<usize>) -> Result<Digest, Failure> {
        let tap = self.model.taps.first();
        Identity {
            format: FORMAT,
            first: range.start,
            inputs: &self.samples.digests()[range.clone()],
            basis: self.basis_digest,
            scaling: self.plan.scaling.name(),
            conditions: self.conditions.iter().map(|one| (one.key(), one.sigma)).collect(),
            seed: self.plan.seed,
            model: self.model_digest,
            preprocessing: self.images.pixels_id(),
            normalise: self.model.input.normalise,
            output: tap.map_or("", |tap| tap.tensor.as_str()),
            batch: self.model.input.batch,
            provider: self.execution.device.provider(),
            onnxruntime: self.execution.library_id(),
            session: self.execution.session_id(),
        }
        .key()
    }

    fn compute(
        &self,
        missing: &[usize],
        (ranges, keys): (&[Range<usize>], &[Digest]),
        chunks: &mut [Option<SweepChunk>],
        progress: &Progress,
    ) -> Result<SessionRecord, Failure> {
        let outputs = self.model.taps.iter().map(|tap| tap.tensor.clone()).collect();
        let (sessions, record) = self
            .execution
            .open(self.file, outputs)
            .map_err(|failure| failure.within(format_args!("model `{}`", self.model.id)))?;
        let normaliser = Normaliser::new(self.model.input.normalise, self.model.input.layout)
            .map_err(|error| {
                Failure::invalid(format_args!("model `{}`: {error}", self.model.id))
            })?;
        let images: usize = missing.iter().map(|&chunk| ranges[chunk].len()).sum();
        let title = format!("tokenizer sweep, {} conditions", self.conditions.len());
        let mut job = progress.job(title, images as u64, "images");
        let chunk_job = ChunkJob {
            ranges,
            batch: self.model.input.batch as usize,
            shape: self.images.preparer().shape(),
            preparers: self.execution.preparers(sessions.len()),
            prepare: &|samples, out| {
                chunk_job::prepare_each(
                    self.images.preparer(),
                    |index| self.samples.read(index),
                    samples,
                    out,
                )
            },
        };
        chunk_job.compute(
            missing,
            sessions,
            &mut job,
            |session: &mut Session, batch| self.sweep_batch(session, &normaliser, batch),
            |index, parts| {
                let chunk = chunk::join(&parts)?;
                chunk::write(&self.directory.chunk(&keys[index]), &keys[index], &chunk)?;
                chunks[index] = Some(chunk);
                Ok(())
            },
        )?;
        chunk_job::end(job);
        Ok(record)
    }

    fn sweep_batch(
        &self,
        session: &mut Session,
        normaliser: &Normaliser,
        batch: &PreparedBatch,
    ) -> Result<SweepChunk, Failure> {
        let images = batch
            .samples
            .clone()
            .zip(batch.input.outer_iter())
            .map(|(index, bytes)| {
                let bytes: Vec<f32> = bytes.iter().copied().collect();
                SweptImage::new(self, index, &PatchImages::scaled(&bytes))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        self.conditions
            .iter()
            .map(|condition| self.measure(session, normaliser, (condition, &images), batch))
            .collect()
    }

    fn measure(
        &self,
        session: &mut Session,
        normaliser: &Normaliser,
        (condition, images): (&Condition, &[SweptImage]),
        batch: &PreparedBatch,
    ) -> Result<Measured, Failure> {
        let mut input = ArrayD::<f32>::zeros(IxDyn(&self.input_shape()));
        let mut errors = Vec::with_capacity(images.len());
        let mut pooled = Vec::new();
        for (image, mut target) in images.iter().zip(input.outer_iter_mut()) {
            let shown = image.under(condition)?;
            errors.push(mean_square(&shown.patches, &image.patches));
            pooled.extend(shown.pooled);
            let planes = self.images.grid().image(shown.patches.view())?;
            let written = target.as_slice_mut().is_some_and(|out| write(normaliser, &planes, out));
            if !written {
                return Err(Failure::invalid(format_args!(
                    "model `{}` takes images of another size than its manifest entry gives",
                    self.model.id
                )));
            }
        }
        let outputs = session.run(input.view()).map_err(|error| {
            let key = &self.samples.infos()[batch.samples.start].key;
            Failure::from(error).within(format_args!("batch of sample `{key}`"))
        })?;
        let (Some(output), Some(tap)) = (outputs.first(), self.model.taps.first()) else {
            return Err(Failure::invalid("the encoder gave no output"));
        };
        tokens::check_shape(output, self.model.input.batch as usize, tap)?;
        let mut features = Array2::zeros((images.len(), tap.channels as usize));
        for (row, mut feature) in features.outer_iter_mut().enumerate() {
            feature.assign(&tokens::mean(tokens::of_sample(output, row, tap)?.view()));
        }
        let width = pooled.len() / images.len().max(1);
        let pooled = Array2::from_shape_vec((images.len(), width), pooled).map_err(|error| {
            Failure::invalid(format_args!("cannot shape pooled latents: {error}"))
        })?;
        Ok(Measured { features, pooled, errors })
    }

    fn input_shape(&self) -> [usize; 4] {
        let (width, height) = self.images.grid().size();
        let batch = self.model.input.batch as usize;
        match self.model.input.layout {
            retally_manifests::ImageLayout::Nchw => [batch, 3, height, width],
            retally_manifests::ImageLayout::Nhwc => [batch, height, width, 3],
        }
    }
}

/// An image with all that conditions share.
struct SweptImage {
    grid: PatchGrid,
    /// [T, D].
    patches: Array2<f64>,
    /// Latents without noise, by their number of dimensions.
    latents: BTreeMap<usize, Array2<f64>>,
    /// Standard normal numbers of the largest number of dimensions, and of the pixels.
    latent_noise: Array2<f64>,
    pixel_noise: Array2<f64>,
}

/// An image under a condition.
struct Shown {
    patches: Array2<f64>,
    pooled: Vec<f32>,
}

impl SweptImage {
    fn new(sweep: &Sweep<'_>, index: usize, planes: &[f64]) -> Result<Self, Failure> {
        let grid = sweep.images.grid();
        let patches = grid.patches(planes)?;
        let mut latents = BTreeMap::new();
        let mut has_pixels = false;
        for condition in sweep.conditions {
            match &condition.place {
                Place::Latent(tokenizer) if !latents.contains_key(&condition.dimensions) => {
                    latents.insert(condition.dimensions, tokenizer.encode(patches.view())?);
                }
                Place::Latent(_) => {}
                Place::Pixel => has_pixels = true,
            }
        }
        let widest = latents.keys().next_back().copied().unwrap_or(0);
        let pixels = if has_pixels { grid.dimensions() } else { 0 };
        let (seed, image, tokens) = (sweep.plan.seed, image_number(index)?, grid.tokens());
        Ok(Self {
            grid,
            patches,
            latents,
            latent_noise: noise(NoisePlace::Latent, seed, image, [tokens, widest]),
            pixel_noise: noise(NoisePlace::Pixel, seed, image, [tokens, pixels]),
        })
    }

    fn under(&self, condition: &Condition) -> Result<Shown, Failure> {
        let level = NoiseLevel::added(condition.sigma);
        match &condition.place {
            Place::Pixel => {
                let mut patches = self.patches.clone();
                Tokenizer::add_noise(&mut patches, level, self.pixel_noise.view())?;
                Ok(Shown { patches, pooled: Vec::new() })
            }
            Place::Latent(tokenizer) => {
                let d = condition.dimensions;
                let empty = || Array2::zeros((self.grid.tokens(), d));
                let mut latents = self.latents.get(&d).cloned().unwrap_or_else(empty);
                Tokenizer::add_noise(&mut latents, level, self.latent_noise.slice(s![.., ..d]))?;
                let patches = tokenizer.decode(latents.view())?;
                Ok(Shown { patches, pooled: pool(&latents) })
            }
        }
    }
}

/// Mean, then standard deviation (divisor T), of each latent over the tokens.
fn pool(latents: &Array2<f64>) -> Vec<f32> {
    let count = latents.nrows() as f64;
    let means: Vec<f64> = latents.axis_iter(Axis(1)).map(|column| column.sum() / count).collect();
    let deviations = latents.axis_iter(Axis(1)).zip(&means).map(|(column, mean)| {
        let squares: f64 = column.iter().map(|value| (value - mean) * (value - mean)).sum();
        (squares / count).sqrt()
    });
    let deviations: Vec<f64> = deviations.collect();
    means.into_iter().chain(deviations).map(|number| number as f32).collect()
}

/// Mean squared difference of two arrays of one shape.
fn mean_square(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    squares / a.len() as f64
}

/// Numbers in [-1, 1], or beyond where noise has brought them there, as the encoder takes them. Nothing is rounded to bytes.
fn write(normaliser: &Normaliser, planes: &[f64], out: &mut [f32]) -> bool {
    let pixels = planes.len() / 3;
    planes.chunks_exact(pixels.max(1)).enumerate().all(|(channel, plane)| {
        let bytes: Vec<f32> =
            plane.iter().map(|&value| PixelScale::to_byte(value) as f32).collect();
        normaliser.write_channel(channel, &bytes, Scale::Byte, out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_gives_means_and_deviations() {
        let latents = ndarray::array![[1.0, 5.0], [3.0, 5.0]];
        assert_eq!(pool(&latents), [2.0, 5.0, 1.0, 0.0]);
        assert_eq!(mean_square(&latents, &ndarray::array![[0.0, 5.0], [3.0, 3.0]]), 1.25);
    }
}
