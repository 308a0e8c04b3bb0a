//! One network and one decoder: consecutive samples from noise to bytes. Each thread has one.

use super::chunk_store::SampleChunk;
use super::clock::Spent;
use super::decoder::LatentDecoder;
use super::denoiser::{Answer, Denoiser, guided_values};
use super::recipe::Recipe;
use super::{Guide, NoiseSource, NoiseTerm, Output, Registers, StateError, quantise};
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
    registers: Registers,
    source: NoiseSource,
    /// Noise of all samples of a call.
    noise: Vec<f64>,
    /// Leading values of a sample that guidance changes, and its scale.
    guidance: Option<(usize, f64)>,
    /// The last states of a unit's samples.
    states: Vec<f64>,
}

impl<'a> SampleWorker<'a> {
    /// A worker with its own networks.
    ///
    /// # Errors
    /// If the noise cannot have the seed.
    pub(super) fn new(
        recipe: &'a Recipe,
        denoiser: Denoiser,
        decoder: Option<LatentDecoder>,
    ) -> Result<Self, Failure> {
        let batch = recipe.generator.network.batch as usize;
        // The "state" after the only call of a GAN is the image.
        let values = if recipe.plan.is_one_call() {
            recipe.output_shape().iter().product()
        } else {
            recipe.state_values()
        };
        let shape: Vec<u32> = recipe.output_shape().iter().map(|&size| size as u32).collect();
        let shape =
            if recipe.plan.is_one_call() { shape } else { recipe.generator.network.shape.clone() };
        Ok(Self {
            source: recipe.noise_source()?,
            recipe,
            denoiser,
            decoder,
            registers: Registers::new(&recipe.plan, batch, values),
            noise: vec![0.0; batch * recipe.state_values()],
            guidance: recipe
                .guided()
                .map(|guidance| (guided_values(guidance, &shape), guidance.scale)),
            states: Vec::new(),
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
        let before = (self.denoiser.spent(), self.decoder_spent());
        self.states.clear();
        let batch = self.recipe.generator.network.batch as usize;
        for first in unit.samples.clone().step_by(batch) {
            let within = batch.min(unit.samples.end - first);
            self.advance(first, within, tick)?;
            let values = self.registers.state().len() / batch * within;
            self.states.extend_from_slice(&self.registers.state()[..values]);
        }
        let chunk = self.images(unit)?;
        let network = self.denoiser.spent().saturating_sub(before.0);
        let decoder = self.decoder_spent().saturating_sub(before.1);
        let update = started.elapsed().saturating_sub(network + decoder);
        Ok((chunk, Spent { network, decoder, update }))
    }

    fn decoder_spent(&self) -> Duration {
        self.decoder.as_ref().map(LatentDecoder::spent).unwrap_or_default()
    }

    /// Takes the samples of one call through all steps. Rows beyond the unit's end hold the samples that come next, so that a
    /// call has the same content whatever the number of samples is.
    fn advance(
        &mut self,
        first: usize,
        within: usize,
        tick: &dyn Fn(usize),
    ) -> Result<(), Failure> {
        let plan = &self.recipe.plan;
        let rows = self.recipe.generator.network.batch as usize;
        let indices = (first..first + rows).map(index).collect::<Result<Vec<u32>, _>>()?;
        let Self { recipe, denoiser, registers, source, noise, guidance, .. } = self;
        if let Some(rule) = recipe.classes() {
            let classes = indices.iter().filter_map(|sample| recipe.class(*sample, source));
            denoiser.set_classes(rule, &classes.collect::<Vec<u32>>())?;
        }
        let values = recipe.state_values();
        for (sample, noise) in indices.iter().zip(noise.chunks_exact_mut(values)) {
            source.start(*sample, noise)?;
        }
        if !plan.is_one_call() {
            registers.start(plan, noise).map_err(misfit)?;
        }
        for (number, step) in plan.steps.iter().enumerate() {
            let answer = denoiser.predict(step, |input| {
                if !plan.is_one_call() {
                    return registers.network_input(input).map_err(misfit);
                }
                for (input, noise) in input.iter_mut().zip(noise.iter()) {
                    *input = (plan.start * noise) as f32;
                }
                Ok(())
            })?;
            let mut added = &[][..];
            if step.combination.noise != NoiseTerm::None {
                for (sample, noise) in indices.iter().zip(noise.chunks_exact_mut(values)) {
                    source.step(*sample, number as u32, noise)?;
                }
                added = noise;
            }
            registers.advance(step, output(answer, *guidance), added).map_err(|error| {
                let of_steps = format!("step {} of {}", number + 1, plan.steps.len());
                failed_step(error, first, &of_steps)
            })?;
            tick(within);
        }
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

/// What the network answered, as the registers take it.
fn output<'a>(answer: Answer<'a>, guidance: Option<(usize, f64)>) -> Output<'a> {
    let guide =
        answer.none.zip(guidance).map(|(none, (values, scale))| Guide { none, scale, values });
    Output { class: answer.class, guide }
}

/// The number of a sample as noise and labels take it.
fn index(sample: usize) -> Result<u32, Failure> {
    u32::try_from(sample)
        .map_err(|_| Failure::invalid(format_args!("sample {sample} is beyond the last number")))
}

fn failed_step(error: StateError, first: usize, step: &str) -> Failure {
    match error {
        StateError::NotFinite { sample, .. } => Failure::invalid(format_args!(
            "sample {}, {step}: its state became infinite or NaN; the network's output or the guidance scale is too \
             large, or the network's precision too low",
            first + sample
        )),
        other => misfit(other),
    }
}

fn misfit(error: StateError) -> Failure {
    Failure::invalid(error).within("sampler")
}
