//! One network and one decoder: consecutive samples from noise to bytes. Each thread has one.

use super::chunk_store::SampleChunk;
use super::clock::Spent;
use super::decoder::LatentDecoder;
use super::denoiser::{Answer, Denoiser};
use super::device_registers::DeviceRegisters;
use super::recipe::{GuidedValues, Recipe};
use super::{Guide, NoiseSource, NoiseTerm, Output, Registers, StateError, Step, quantise};
use crate::failure::Failure;
use crate::onnx::session::{Buffer, Element};
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

/// The states of the samples of a call.
pub(super) enum States {
    /// On the processor.
    Host(Registers),
    /// In the memory of the network's device.
    Device(Box<DeviceStates>),
}

/// States in the memory of a device, and the noise that goes there.
pub(super) struct DeviceStates {
    registers: DeviceRegisters,
    /// The noise of a step on the processor.
    host: Buffer,
    /// The noise of every step that adds some, brought to the device before the first call. One buffer for all in turn where
    /// that would be too much.
    noise: Vec<Buffer>,
}

/// Most bytes of noise that wait in the memory of a device.
const MOST_NOISE_BYTES: usize = 1 << 30;

/// Makes samples.
pub(super) struct SampleWorker<'a> {
    recipe: &'a Recipe,
    denoiser: Denoiser,
    decoder: Option<LatentDecoder>,
    states_of_call: States,
    source: NoiseSource,
    /// Noise of all samples of a call.
    noise: Vec<f64>,
    guidance: Option<GuidedValues>,
    /// The last states of a unit's samples.
    states: Vec<f64>,
}

impl<'a> SampleWorker<'a> {
    /// A worker with its own networks. `states` are those of one call of the network.
    ///
    /// # Errors
    /// If the noise cannot have the seed.
    pub(super) fn new(
        recipe: &'a Recipe,
        denoiser: Denoiser,
        decoder: Option<LatentDecoder>,
        states: States,
    ) -> Result<Self, Failure> {
        let batch = recipe.generator.network.batch as usize;
        Ok(Self {
            source: recipe.noise_source()?,
            noise: vec![0.0; batch * recipe.state_values()],
            guidance: recipe.guidance(),
            states: Vec::new(),
            states_of_call: states,
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
        let steps = match &self.states_of_call {
            States::Host(_) => Duration::ZERO,
            States::Device(states) => states.registers.spent(),
        };
        self.denoiser.spent() + steps
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
        match &mut self.states_of_call {
            States::Host(registers) => {
                let mut steps = HostSteps {
                    recipe,
                    denoiser,
                    registers,
                    noise,
                    source,
                    guidance: self.guidance,
                };
                steps.run(&indices, &|| tick(within))?;
                let values = registers.state().len() / rows * within;
                self.states.extend_from_slice(&registers.state()[..values]);
            }
            States::Device(states) => {
                let last =
                    states.run(recipe, denoiser, (source, noise), &indices, &|| tick(within))?;
                self.states.extend_from_slice(&last[..last.len() / rows * within]);
            }
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

/// The steps of some samples whose states are on the processor.
struct HostSteps<'a, 'b> {
    recipe: &'a Recipe,
    denoiser: &'b mut Denoiser,
    registers: &'b mut Registers,
    /// That of the first states at the beginning.
    noise: &'b mut [f64],
    source: &'b mut NoiseSource,
    guidance: Option<GuidedValues>,
}

impl HostSteps<'_, '_> {
    fn run(&mut self, indices: &[u32], tick: &dyn Fn()) -> Result<(), Failure> {
        let Self { recipe, denoiser, registers, noise, source, guidance } = self;
        let plan = &recipe.plan;
        let values = recipe.state_values();
        if !plan.is_one_call() {
            registers.start(plan, noise).map_err(misfit)?;
        }
        for (number, step) in plan.steps.iter().enumerate() {
            let answer = denoiser.predict((number, step), |input| {
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
                failed_step(error, indices, &of_steps)
            })?;
            tick();
        }
        Ok(())
    }
}

impl DeviceStates {
    /// Room for the noise of a plan.
    ///
    /// # Errors
    /// If the device has not enough memory.
    pub(super) fn new(registers: DeviceRegisters, recipe: &Recipe) -> Result<Self, Failure> {
        let first = registers.noise_buffer()?;
        let host = Buffer::zeros(Element::Float32, first.shape())?;
        let bytes = first.shape().iter().product::<usize>() * size_of::<f32>();
        let steps = recipe.plan.steps.iter();
        let noisy = steps.filter(|step| step.combination.noise != NoiseTerm::None).count();
        let waiting = if noisy.saturating_mul(bytes) <= MOST_NOISE_BYTES { noisy } else { 1 };
        let further = (1..waiting).map(|_| registers.noise_buffer());
        let noise = std::iter::once(Ok(first)).chain(further).collect::<Result<_, Failure>>()?;
        Ok(Self { registers, host, noise })
    }

    /// Takes some samples through all steps; gives their last states.
    fn run(
        &mut self,
        recipe: &Recipe,
        denoiser: &mut Denoiser,
        (source, noise): (&mut NoiseSource, &mut [f64]),
        indices: &[u32],
        tick: &dyn Fn(),
    ) -> Result<&[f64], Failure> {
        let Self { registers, host, noise: waiting } = self;
        let plan = &recipe.plan;
        let values = recipe.state_values();
        let noisy = |step: &Step| step.combination.noise != NoiseTerm::None;
        let first = plan.steps.first().and_then(|step| denoiser.first_input(step));
        let first =
            first.ok_or_else(|| Failure::invalid("a plan without steps came unexpected"))?;
        registers.start(plan, noise, first)?;
        let mut bring = |number: usize, target: &mut Buffer| -> Result<(), Failure> {
            let rows = host.values_mut::<f32>()?.chunks_exact_mut(values);
            for (sample, row) in indices.iter().zip(rows) {
                let drawn = &mut noise[..values];
                source.step(*sample, number as u32, drawn)?;
                for (value, drawn) in row.iter_mut().zip(drawn.iter()) {
                    // The counter's noise is that of f32; a script's that draws f64 is rounded here.
                    *value = *drawn as f32;
                }
            }
            Ok(host.copy_to(target)?)
        };
        let all_wait = waiting.len() >= plan.steps.iter().filter(|step| noisy(step)).count();
        if all_wait {
            let steps = plan.steps.iter().enumerate().filter(|(_, step)| noisy(step));
            for ((number, _), target) in steps.zip(waiting.iter_mut()) {
                bring(number, target)?;
            }
        }
        let mut used = 0;
        for (number, step) in plan.steps.iter().enumerate() {
            let mut added = None;
            if noisy(step) {
                if !all_wait {
                    bring(number, &mut waiting[0])?;
                }
                added = waiting.get(if all_wait { used } else { 0 });
                used += 1;
            }
            denoiser.call((number, step))?;
            let (answer, next) = denoiser.between(step, plan.steps.get(number + 1));
            registers.advance(number, &answer, added, next)?;
            tick();
        }
        registers.finish()?.map_err(|sample| {
            let place = StateError::NotFinite { sample, value: 0 };
            failed_step(place, indices, "one of its steps")
        })
    }
}

/// What the network answered, as the registers take it.
fn output(answer: Answer<'_>, guidance: Option<GuidedValues>) -> Output<'_> {
    let guide = answer.none.zip(guidance).map(|(none, guidance)| Guide {
        none,
        scale: guidance.scale,
        values: guidance.values,
    });
    Output { class: answer.class, guide }
}

/// The number of a sample as noise and labels take it.
fn index(sample: usize) -> Result<u32, Failure> {
    u32::try_from(sample)
        .map_err(|_| Failure::invalid(format_args!("sample {sample} is beyond the last number")))
}

fn failed_step(error: StateError, indices: &[u32], step: &str) -> Failure {
    match error {
        StateError::NotFinite { sample, .. } => Failure::invalid(format_args!(
            "sample {}, {step}: its state became infinite or NaN; the network's output or the guidance scale is too \
             large, or the network's precision too low",
            indices.get(sample).copied().unwrap_or_default()
        )),
        other => misfit(other),
    }
}

fn misfit(error: StateError) -> Failure {
    Failure::invalid(error).within("sampler")
}
