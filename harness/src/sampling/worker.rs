//! One network and one decoder: consecutive samples from noise to bytes. Each thread has one.

use super::chunk_store::SampleChunk;
use super::clock::Spent;
use super::decoder::LatentDecoder;
use super::denoiser::Denoiser;
use super::recipe::Recipe;
use super::trajectory::{Trajectory, Walk};
use super::{NoiseSource, quantise};
use crate::failure::Failure;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Channels of every image in bytes.
const CHANNELS: usize = 3;

/// Samples that one thread makes together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// All of them: whole calls of the networks from the chunk's beginning on.
    pub(super) samples: Range<usize>,
    /// The first that is wanted; those before are computed along and dropped.
    pub(super) wanted_from: usize,
}

/// Makes samples.
pub(super) struct SampleWorker<'a> {
    recipe: &'a Recipe,
    denoiser: Denoiser,
    decoder: Option<LatentDecoder>,
    trajectory: Trajectory,
    source: NoiseSource,
    /// Noise of all samples of a call.
    noise: Vec<f64>,
    /// The last states of a unit's samples.
    states: Vec<f64>,
}

impl<'a> SampleWorker<'a> {
    /// A worker with its own networks. `trajectory` has room for the samples of one call of the network.
    ///
    /// # Errors
    /// If the noise cannot have the seed.
    pub(super) fn new(
        recipe: &'a Recipe,
        denoiser: Denoiser,
        decoder: Option<LatentDecoder>,
        trajectory: Trajectory,
    ) -> Result<Self, Failure> {
        let batch = recipe.generator.network.batch as usize;
        Ok(Self {
            source: recipe.noise_source()?,
            noise: vec![0.0; batch * recipe.state_values()],
            states: Vec::new(),
            trajectory,
            recipe,
            denoiser,
            decoder,
        })
    }

    /// Makes the samples of a unit. `tick` is called after every call of the network with the number of samples in it that
    /// are part of the unit.
    ///
    /// # Errors
    /// If ONNX Runtime fails, or a network gives what is no finite number.
    pub(super) fn sample(
        &mut self,
        unit: &Unit,
        tick: &dyn Fn(usize),
    ) -> Result<(SampleChunk, Spent), Failure> {
        let started = Instant::now();
        let before = (self.network_spent(), self.decoder_spent());
        self.states.clear();
        let batch = self.recipe.generator.network.batch as usize;
        for first in unit.samples.clone().step_by(batch) {
            let within = batch.min(unit.samples.end - first);
            self.advance(first, within, tick)?;
        }
        let chunk = self.images(unit)?;
        let network = self.network_spent().saturating_sub(before.0);
        let decoder = self.decoder_spent().saturating_sub(before.1);
        let update = started.elapsed().saturating_sub(network + decoder);
        Ok((chunk, Spent { network, decoder, update }))
    }

    /// Time in the network, and in the steps where a device computes them.
    fn network_spent(&self) -> Duration {
        self.denoiser.spent() + self.trajectory.spent()
    }

    fn decoder_spent(&self) -> Duration {
        self.decoder.as_ref().map(LatentDecoder::spent).unwrap_or_default()
    }

    /// Takes the samples of one call through all steps and keeps the last states of the first `within`. Rows beyond the
    /// unit's end hold the samples that come next, so that a call has the same content whatever the number of samples is.
    fn advance(
        &mut self,
        first: usize,
        within: usize,
        tick: &dyn Fn(usize),
    ) -> Result<(), Failure> {
        let Self { recipe, denoiser, source, noise, .. } = self;
        let rows = recipe.generator.network.batch as usize;
        let indices = (first..first + rows).map(index).collect::<Result<Vec<u32>, _>>()?;
        if let Some(rule) = recipe.classes() {
            let classes = indices.iter().filter_map(|sample| recipe.class(*sample, source));
            denoiser.set_classes(rule, &classes.collect::<Vec<u32>>())?;
        }
        let values = recipe.state_values();
        for (sample, noise) in indices.iter().zip(noise.chunks_exact_mut(values)) {
            source.start(*sample, noise)?;
        }
        let (indices, tick) = (indices.as_slice(), &|| tick(within));
        let last = self.trajectory.run(Walk { recipe, denoiser, source, noise, indices, tick })?;
        self.states.extend_from_slice(&last[..last.len() / rows * within]);
        Ok(())
    }

    /// The last states as bytes.
    fn images(&mut self, unit: &Unit) -> Result<SampleChunk, Failure> {
        let image = self.recipe.generator.image;
        let (width, height) = self.recipe.size();
        let bytes = width * height * CHANNELS;
        let values = width * height * image.channels as usize;
        let wanted = unit.wanted_from..unit.samples.end;
        let mut images = vec![0; wanted.len() * bytes];
        let one = self.states.len() / unit.samples.len().max(1);
        let at_a_time = self.decoder.as_ref().map_or(1, LatentDecoder::batch);
        let mut undecoded = Vec::new();
        let mut next = unit.samples.start;
        for states in self.states.chunks(at_a_time * one.max(1)) {
            let decoded = match &mut self.decoder {
                Some(decoder) => decoder.decode(states)?,
                None => {
                    undecoded.clear();
                    undecoded.extend(states.iter().map(|&value| value as f32));
                    &undecoded
                }
            };
            for row in decoded.chunks(values.max(1)).take(states.len() / one.max(1)) {
                if let Some(place) = next.checked_sub(wanted.start) {
                    let pixels = &mut images[place * bytes..(place + 1) * bytes];
                    quantise(&image, row, pixels).map_err(|error| {
                        Failure::invalid(error).within(format_args!("sample {next}"))
                    })?;
                }
                next += 1;
            }
        }
        let mut labels = self.recipe.classes().is_some().then(Vec::new);
        if let Some(labels) = &mut labels {
            for sample in wanted.clone() {
                let class = self.recipe.class(index(sample)?, &mut self.source);
                labels.extend(class.map(i64::from));
            }
        }
        Ok(SampleChunk { first: wanted.start, count: wanted.len(), images, labels })
    }
}

/// The number of a sample as noise and labels take it.
fn index(sample: usize) -> Result<u32, Failure> {
    u32::try_from(sample)
        .map_err(|_| Failure::invalid(format_args!("sample {sample} is beyond the last number")))
}
