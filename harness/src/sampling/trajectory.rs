//! The states of the samples of one call of the network, from noise to the last step.

use super::denoiser::{Answer, Denoiser};
use super::device_registers::DeviceRegisters;
use super::recipe::{GuidedValues, Recipe};
use super::{Guide, NoiseSource, NoiseTerm, Output, Registers, StateError, Step};
use crate::failure::Failure;
use crate::onnx::session::{Buffer, Element};
use std::time::Duration;

/// Most bytes of noise that wait in the memory of a device.
const MOST_NOISE_BYTES: usize = 1 << 30;

/// The samples of a call, and what takes them through the steps.
pub(super) struct Walk<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) denoiser: &'a mut Denoiser,
    pub(super) source: &'a mut NoiseSource,
    /// Standard normal noise of the first states, [samples, values]; overwritten by that of the steps.
    pub(super) noise: &'a mut [f64],
    /// Numbers of the samples.
    pub(super) indices: &'a [u32],
    /// Called after every step.
    pub(super) tick: &'a dyn Fn(),
}

/// Where the states are.
pub(super) enum Trajectory {
    /// On the processor.
    Host(Registers),
    /// In the memory of the network's device.
    Device(Box<DeviceTrajectory>),
}

/// States in the memory of a device, and the noise that goes there.
pub(super) struct DeviceTrajectory {
    registers: DeviceRegisters,
    /// The noise of a step on the processor.
    host: Buffer,
    /// The noise of every step that adds some, brought to the device before the first call. One buffer for all in turn where
    /// that would be too much.
    noise: Vec<Buffer>,
}

impl Trajectory {
    /// Takes the samples through all steps; gives their last states, [samples, values].
    ///
    /// # Errors
    /// If ONNX Runtime fails, or a state is no longer finite.
    pub(super) fn run(&mut self, walk: Walk<'_>) -> Result<&[f64], Failure> {
        match self {
            Self::Host(registers) => {
                walk.on_host(registers)?;
                Ok(registers.state())
            }
            Self::Device(trajectory) => trajectory.run(walk),
        }
    }

    /// Time spent in ONNX Runtime so far, that of the network left out.
    pub(super) fn spent(&self) -> Duration {
        match self {
            Self::Host(_) => Duration::ZERO,
            Self::Device(trajectory) => trajectory.registers.spent(),
        }
    }
}

impl Walk<'_> {
    fn on_host(self, registers: &mut Registers) -> Result<(), Failure> {
        let Self { recipe, denoiser, source, noise, indices, tick } = self;
        let guidance = recipe.guidance();
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
            registers.advance(step, output(answer, guidance), added).map_err(|error| {
                let of_steps = format!("step {} of {}", number + 1, plan.steps.len());
                failed_step(error, indices, &of_steps)
            })?;
            tick();
        }
        Ok(())
    }
}

impl DeviceTrajectory {
    /// Room for the noise of a plan.
    ///
    /// # Errors
    /// If the device has not enough memory.
    pub(super) fn new(registers: DeviceRegisters, recipe: &Recipe) -> Result<Self, Failure> {
        let first = registers.noise_buffer()?;
        let host = Buffer::zeros(Element::Float32, first.shape())?;
        let bytes = first.shape().iter().product::<usize>() * size_of::<f32>();
        let noisy = recipe.plan.steps.iter().filter(|step| adds_noise(step)).count();
        let waiting = if noisy.saturating_mul(bytes) <= MOST_NOISE_BYTES { noisy } else { 1 };
        let further = (1..waiting).map(|_| registers.noise_buffer());
        let noise = std::iter::once(Ok(first)).chain(further).collect::<Result<_, Failure>>()?;
        Ok(Self { registers, host, noise })
    }

    fn run(&mut self, walk: Walk<'_>) -> Result<&[f64], Failure> {
        let Walk { recipe, denoiser, source, noise, indices, tick } = walk;
        let plan = &recipe.plan;
        let first = plan.steps.first().and_then(|step| denoiser.first_input(step));
        let first =
            first.ok_or_else(|| Failure::invalid("a plan without steps came unexpected"))?;
        self.registers.start(plan, noise, first)?;
        let noisy = || plan.steps.iter().enumerate().filter(|(_, step)| adds_noise(step));
        let Self { registers, host, noise: waiting } = self;
        let mut bring = StepNoise { source, drawn: noise, host, indices };
        let all_wait = waiting.len() >= noisy().count();
        if all_wait {
            for ((number, _), target) in noisy().zip(waiting.iter_mut()) {
                bring.bring(number, target)?;
            }
        }
        let mut used = 0;
        for (number, step) in plan.steps.iter().enumerate() {
            let mut added = None;
            if adds_noise(step) {
                let place = if all_wait { used } else { 0 };
                used += 1;
                if let Some(target) = waiting.get_mut(place).filter(|_| !all_wait) {
                    bring.bring(number, target)?;
                }
                added = waiting.get(place);
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

/// Noise on its way to a device.
struct StepNoise<'a> {
    source: &'a mut NoiseSource,
    /// Room for that of the samples.
    drawn: &'a mut [f64],
    /// The same, rounded to f32: the counter's noise is of f32 anyway, that of a script may be of f64.
    host: &'a mut Buffer,
    indices: &'a [u32],
}

impl StepNoise<'_> {
    fn bring(&mut self, number: usize, target: &mut Buffer) -> Result<(), Failure> {
        let values = self.drawn.len() / self.indices.len().max(1);
        let rows = self.drawn.chunks_exact_mut(values.max(1));
        for (sample, row) in self.indices.iter().zip(rows) {
            self.source.step(*sample, number as u32, row)?;
        }
        for (value, drawn) in self.host.values_mut::<f32>()?.iter_mut().zip(self.drawn.iter()) {
            *value = *drawn as f32;
        }
        Ok(self.host.copy_to(target)?)
    }
}

fn adds_noise(step: &Step) -> bool {
    step.combination.noise != NoiseTerm::None
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
