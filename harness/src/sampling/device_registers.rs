//! The states of some samples in the memory of the device that the network runs on. Between two calls of the network nothing
//! is copied to the processor or from it.

use super::denoiser::DeviceAnswer;
use super::plan::{Plan, Step};
use super::update_graph::{
    COEFFICIENT_COUNT, NextRows, StateShape, UpdateKind, coefficients, names,
};
use crate::failure::Failure;
use crate::onnx::library::Library;
use crate::onnx::session::{Binding, BoundSession, Buffer, Element, ModelSource, SessionOptions};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// States on a device. What [`Registers`](super::Registers) computes, ONNX Runtime computes here, in the same precision and
/// order: all but the exponential function of a learned variance gives the same bits on a CPU.
pub(super) struct DeviceRegisters {
    shape: StateShape,
    updates: HashMap<UpdateKind, Update>,
    kinds: Vec<UpdateKind>,
    coefficients: Vec<Buffer>,
    state: Buffer,
    /// Where the next state is made.
    next: Buffer,
    /// State and prediction that the last step with `keep` left.
    kept: Buffer,
    kept_prediction: Buffer,
    prediction: Buffer,
    check: Buffer,
    next_check: Buffer,
    /// The states on the processor, on their way to the device or back.
    host: Buffer,
    /// Zeros and results of the check on the processor.
    host_check: Buffer,
    spent: Duration,
}

/// The graph of a kind of steps.
struct Update {
    session: BoundSession,
    binding: Binding,
}

impl DeviceRegisters {
    /// Room for states on the device of `options`, and the graphs of all steps. `rows` says how many rows the network's call,
    /// or each of its calls, has in a step.
    ///
    /// # Errors
    /// If the device cannot be used or has not enough memory.
    pub(super) fn new(
        (library, options): (&Library, &SessionOptions),
        plan: &Plan,
        (shape, scale): (StateShape, f64),
        rows: impl Fn(&Step) -> usize,
    ) -> Result<Self, Failure> {
        let two_rows = |step: &Step| rows(step) == 2 * shape.samples;
        let next = |number: usize| {
            let next = plan.steps.get(number + 1)?;
            Some(if two_rows(next) { NextRows::Two } else { NextRows::One })
        };
        let steps = plan.steps.iter().enumerate();
        let kinds: Vec<UpdateKind> = steps
            .map(|(number, step)| UpdateKind::of(step, two_rows(step), next(number)))
            .collect();
        let mut updates = HashMap::new();
        for kind in &kinds {
            if !updates.contains_key(kind) {
                updates.insert(*kind, Update::open(library, options, *kind, &shape)?);
            }
        }
        let Some(device) = updates.values().next().map(|update| &update.session) else {
            return Err(Failure::invalid("a plan without steps came unexpected"));
        };
        let sizes = [&[shape.samples], shape.sizes.as_slice()].concat();
        let states = || Buffer::on_device(device, Element::Float64, &sizes);
        let checks = || Buffer::on_device(device, Element::Float64, &[shape.samples]);
        let coefficients = plan.steps.iter().map(|step| {
            Buffer::of(&coefficients(step, scale), &[COEFFICIENT_COUNT])?.moved_to(device)
        });
        Ok(Self {
            coefficients: coefficients.collect::<Result<_, _>>()?,
            state: states()?,
            next: states()?,
            kept: states()?,
            kept_prediction: states()?,
            prediction: states()?,
            check: checks()?,
            next_check: checks()?,
            host: Buffer::zeros(Element::Float64, &sizes)?,
            host_check: Buffer::zeros(Element::Float64, &[shape.samples])?,
            spent: Duration::ZERO,
            updates,
            kinds,
            shape,
        })
    }

    /// Sets the first states: standard normal `noise` times the plan's `start`; and the input of the network's first call.
    ///
    /// # Errors
    /// If the noise has another length, or the copy fails.
    pub(super) fn start(
        &mut self,
        plan: &Plan,
        noise: &[f64],
        input: &mut Buffer,
    ) -> Result<(), Failure> {
        let states = self.host.values_mut::<f64>()?;
        if states.len() != noise.len() {
            return Err(Failure::invalid("noise of another number of samples came unexpected"));
        }
        for (state, noise) in states.iter_mut().zip(noise) {
            *state = plan.start * noise;
        }
        self.host.copy_to(&mut self.state)?;
        self.host_check.values_mut::<f64>()?.fill(0.0);
        self.host_check.copy_to(&mut self.check)?;
        let states = self.host.values::<f64>()?;
        let mut rows = Buffer::zeros(Element::Float32, input.shape())?;
        for half in rows.values_mut::<f32>()?.chunks_mut(states.len().max(1)) {
            for (value, state) in half.iter_mut().zip(states) {
                *value = *state as f32;
            }
        }
        rows.copy_to(input)?;
        Ok(())
    }

    /// Makes the next states, and the input of the network's next call.
    ///
    /// # Errors
    /// If something is missing that the step needs, or ONNX Runtime fails.
    pub(super) fn advance(
        &mut self,
        number: usize,
        answer: &DeviceAnswer<'_>,
        noise: Option<&Buffer>,
        input: Option<&mut Buffer>,
    ) -> Result<(), Failure> {
        let misfit =
            |what: &str| Failure::invalid(format_args!("a sampling step came without its {what}"));
        let kind = *self.kinds.get(number).ok_or_else(|| misfit("plan"))?;
        let update = self.updates.get_mut(&kind).ok_or_else(|| misfit("graph"))?;
        let binding = &mut update.binding;
        binding.input(names::STATE, &self.state)?;
        binding.input(names::ANSWER, answer.rows)?;
        if kind.takes_none() {
            binding
                .input(names::NONE, answer.none.ok_or_else(|| misfit("answer for no class"))?)?;
        }
        if kind.takes_noise() {
            binding.input(names::NOISE, noise.ok_or_else(|| misfit("noise"))?)?;
        }
        if kind.uses_kept() {
            binding.input(names::KEPT_STATE, &self.kept)?;
            binding.input(names::KEPT_PREDICTION, &self.kept_prediction)?;
        }
        binding.input(names::CHECK, &self.check)?;
        let coefficients = self.coefficients.get(number).ok_or_else(|| misfit("coefficients"))?;
        binding.input(names::COEFFICIENTS, coefficients)?;
        binding.output(names::NEXT, &mut self.next)?;
        binding.output(names::NEXT_CHECK, &mut self.next_check)?;
        if kind.keeps() {
            binding.output(names::PREDICTION, &mut self.prediction)?;
        }
        if kind.next_rows().is_some() {
            binding.output(names::INPUT, input.ok_or_else(|| misfit("next input"))?)?;
        }
        let started = Instant::now();
        update.session.run(&update.binding)?;
        self.spent += started.elapsed();
        std::mem::swap(&mut self.check, &mut self.next_check);
        std::mem::swap(&mut self.state, &mut self.next);
        if kind.keeps() {
            std::mem::swap(&mut self.kept, &mut self.next);
            std::mem::swap(&mut self.kept_prediction, &mut self.prediction);
        }
        Ok(())
    }

    /// The states on the processor, [samples, values]; an error with the place of the first sample that was not finite at
    /// some step.
    ///
    /// # Errors
    /// If the copy fails.
    pub(super) fn finish(&mut self) -> Result<Result<&[f64], usize>, Failure> {
        self.check.copy_to(&mut self.host_check)?;
        let checks = self.host_check.values::<f64>()?;
        if let Some(sample) = checks.iter().position(|check| !check.is_finite()) {
            return Ok(Err(sample));
        }
        self.state.copy_to(&mut self.host)?;
        Ok(Ok(self.host.values()?))
    }

    /// Room for the noise of a step.
    ///
    /// # Errors
    /// If the device has not enough memory.
    pub(super) fn noise_buffer(&self) -> Result<Buffer, Failure> {
        let sizes = [&[self.shape.samples], self.shape.sizes.as_slice()].concat();
        match self.updates.values().next() {
            Some(update) => Ok(Buffer::on_device(&update.session, Element::Float32, &sizes)?),
            None => Ok(Buffer::zeros(Element::Float32, &sizes)?),
        }
    }

    /// Time spent in ONNX Runtime so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }
}

impl Update {
    fn open(
        library: &Library,
        options: &SessionOptions,
        kind: UpdateKind,
        shape: &StateShape,
    ) -> Result<Self, Failure> {
        let bytes = kind.model(shape);
        let options = SessionOptions { outputs: kind.outputs(), ..options.clone() };
        let source = ModelSource { bytes: &bytes, folder: None };
        let session = BoundSession::open_source(library, source, &options)
            .map_err(|error| Failure::from(error).within("graph of a sampling step"))?;
        let binding = session.binding()?;
        Ok(Self { session, binding })
    }
}

#[cfg(test)]
mod tests;
