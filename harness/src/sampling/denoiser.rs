//! The network that is called at every step: the rows of one call, their times, classes and guidance.
//!
//! A call always has the same number of rows, that of the manifest: the last bits of a sample may depend on it. Rows and
//! results stay where they are bound; a call allocates nothing.

use super::Step;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::onnx::session::{Binding, BoundSession, Buffer, Element, OnnxError};
use retally_manifests::{
    ClassEncoding, Classes, Generator, GeneratorNetwork, GuidanceCalls, TimeElement,
};
use std::ops::Range;
use std::time::{Duration, Instant};

/// A network that is ready to be called.
pub(super) struct Denoiser {
    session: BoundSession,
    /// For the class of each sample; with fused guidance in a graph of fixed size, for none as well.
    plain: Call,
    /// With guidance: twice the rows for fused calls, and for separate ones the rows for none.
    guided: Option<Call>,
    fused: bool,
    /// Samples of a call.
    samples: usize,
    /// Numbers of one sample's output.
    outputs: usize,
    /// Time spent in ONNX Runtime.
    spent: Duration,
}

/// What the network answered for some samples, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    /// Asked for the class of each.
    pub(super) class: &'a [f32],
    /// Asked for no class, in a step with guidance.
    pub(super) none: Option<&'a [f32]>,
}

/// The same where it lies in the memory of a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceAnswer<'a> {
    /// Of all rows of the call; in a fused one the first half is for the classes, the second for none.
    pub(super) rows: &'a Buffer,
    /// Of a separate call for none.
    pub(super) none: Option<&'a Buffer>,
}

/// Where states and answers lie.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// In the memory of the processor.
    Host,
    /// In that of the network's device, between the calls too. What the calls of these steps take beside the states is
    /// brought there beforehand.
    Device(&'a [Step]),
}

/// The buffers of a call with a certain number of rows.
struct Call {
    binding: Binding,
    /// The input of the states, and whether it must be bound again when they have changed.
    state_name: String,
    rebind: bool,
    /// None in a separate call for no class, which reads the states of the plain one.
    state: Option<Buffer>,
    times: Vec<TimeSlot>,
    class: Option<ClassSlot>,
    output: Buffer,
}

/// An input for times.
struct TimeSlot {
    name: String,
    takes: TimeOf,
    /// On the processor, for any step.
    buffer: Buffer,
    /// On the device, for each step; empty where the states are not there.
    of_steps: Vec<Buffer>,
}

/// Which time of a step an input takes.
#[derive(Clone, Copy, Debug)]
enum TimeOf {
    Beginning,
    End,
}

/// The input for classes.
struct ClassSlot {
    name: String,
    buffer: Buffer,
}

impl Denoiser {
    /// Binds the inputs and outputs of an opened network. `outputs` is the shape of one sample's output, `guided` whether
    /// some step has guidance.
    ///
    /// # Errors
    /// If the graph has other inputs than the manifest names, or other shapes.
    pub(super) fn new(
        session: BoundSession,
        generator: &Generator,
        outputs: &[usize],
        (guided, place): (bool, Place<'_>),
    ) -> Result<Self, Failure> {
        let network = &generator.network;
        let samples = network.batch as usize;
        let calls = generator.guidance.as_ref().map(|guidance| guidance.calls).unwrap_or_default();
        let fused = guided && calls == GuidanceCalls::Fused;
        let fixed = fixed_batch(&session, &network.state);
        let layout = Layout { session: &session, generator, outputs, fixed, place };
        let plain_rows = if fused && fixed == Some(2 * samples) { 2 * samples } else { samples };
        let plain = layout.call(plain_rows, 0..0, None)?;
        let guided = match (guided, fused) {
            (false, _) => None,
            (true, true) => Some(layout.call(2 * samples, samples..2 * samples, None)?),
            (true, false) => Some(layout.call(samples, 0..samples, plain.state.as_ref())?),
        };
        let outputs = outputs.iter().product();
        Ok(Self { plain, guided, fused, samples, outputs, spent: Duration::ZERO, session })
    }

    /// Says of which classes the next samples are.
    ///
    /// # Errors
    /// If there are more than a call has rows, which is a bug.
    pub(super) fn set_classes(&mut self, rule: &Classes, classes: &[u32]) -> Result<(), Failure> {
        let rows = self.plain.rows();
        // Both halves of a call that has twice the rows.
        let plain: Vec<u32> = classes.iter().cycle().take(rows).copied().collect();
        self.plain.set_classes(rule, &plain)?;
        // The other half of a fused call, and all of a separate one, is for none and stays as it is.
        match self.guided.as_mut().filter(|_| self.fused) {
            Some(guided) => guided.set_classes(rule, classes),
            None => Ok(()),
        }
    }

    /// Calls the network. `fill` writes the states of the samples, one after the other.
    ///
    /// # Errors
    /// If ONNX Runtime fails.
    pub(super) fn predict(
        &mut self,
        (number, step): (usize, &Step),
        fill: impl Fn(&mut [f32]) -> Result<(), Failure>,
    ) -> Result<Answer<'_>, Failure> {
        let samples = self.samples;
        self.fill(step, fill)?;
        self.call((number, step))?;
        let answers = 0..samples * self.outputs;
        let Some(guided) = self.guided.as_ref().filter(|_| step.guided) else {
            return Ok(Answer { class: part(&self.plain.output, answers)?, none: None });
        };
        if self.fused {
            let none = answers.end..2 * answers.end;
            let class = part(&guided.output, answers)?;
            return Ok(Answer { class, none: Some(part(&guided.output, none)?) });
        }
        let none = Some(part(&guided.output, answers.clone())?);
        Ok(Answer { class: part(&self.plain.output, answers)?, none })
    }

    /// Writes the states of the samples into the input of a step's call; a call with twice the rows takes them twice.
    fn fill(
        &mut self,
        step: &Step,
        fill: impl Fn(&mut [f32]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let samples = self.samples;
        let mut calls = self.calls(step)?;
        let Some(Call { state: Some(state), binding, state_name, rebind, output, .. }) =
            calls.next()
        else {
            return Err(Failure::invalid("a call of the network without states came unexpected"));
        };
        let rows = output.shape().first().copied().unwrap_or_default();
        let states = state.values_mut::<f32>()?;
        let (first, second) = states.split_at_mut(states.len() / rows.max(1) * samples);
        fill(first)?;
        for half in second.chunks_exact_mut(first.len().max(1)) {
            half.copy_from_slice(first);
        }
        if *rebind {
            binding.input(state_name, state)?;
            for call in calls {
                call.binding.input(&call.state_name, state)?;
            }
        }
        Ok(())
    }

    /// Calls the network on the states that lie in its input. `number` is that of the step in its plan.
    ///
    /// # Errors
    /// If ONNX Runtime fails.
    pub(super) fn call(&mut self, (number, step): (usize, &Step)) -> Result<(), Failure> {
        self.calls(step)?.try_for_each(|call| call.prepare((number, step)))?;
        let Self { session, plain, guided, fused, spent, .. } = self;
        let guided = guided.as_ref().filter(|_| step.guided);
        let plain = Some(plain).filter(|_| guided.is_none() || !*fused);
        let started = Instant::now();
        for binding in
            plain.map(|call| &call.binding).into_iter().chain(guided.map(|call| &call.binding))
        {
            session.run(binding)?;
        }
        *spent += started.elapsed();
        Ok(())
    }

    /// The answer to the last call, and the input that the call of `next` will read; none after the last step.
    pub(super) fn between(
        &mut self,
        step: &Step,
        next: Option<&Step>,
    ) -> (DeviceAnswer<'_>, Option<&mut Buffer>) {
        let Self { plain, guided, fused, .. } = self;
        let (guided_state, guided_output) = match guided {
            Some(Call { state, output, .. }) => (state.as_mut(), Some(&*output)),
            None => (None, None),
        };
        let answer = match guided_output.filter(|_| step.guided) {
            Some(rows) if *fused => DeviceAnswer { rows, none: None },
            none => DeviceAnswer { rows: &plain.output, none },
        };
        let fused_next = next.is_some_and(|next| next.guided && *fused);
        let state = if fused_next { guided_state } else { plain.state.as_mut() };
        (answer, state.filter(|_| next.is_some()))
    }

    /// The input that the first call will read.
    pub(super) fn first_input(&mut self, step: &Step) -> Option<&mut Buffer> {
        self.between(step, Some(step)).1
    }

    /// Rows of the call, or of each of two separate ones, of a step.
    pub(super) fn rows(&self, step: &Step) -> usize {
        let both = self.guided.as_ref().filter(|_| step.guided && self.fused);
        both.unwrap_or(&self.plain).rows()
    }

    /// The calls of a step.
    fn calls(&mut self, step: &Step) -> Result<impl Iterator<Item = &mut Call>, Failure> {
        if step.guided && self.guided.is_none() {
            return Err(Failure::invalid("a step with guidance came unexpected"));
        }
        let Self { plain, guided, fused, .. } = self;
        let guided = guided.as_mut().filter(|_| step.guided);
        let plain = Some(plain).filter(|_| guided.is_none() || !*fused);
        Ok(plain.into_iter().chain(guided))
    }

    /// Time spent in ONNX Runtime so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }
}

impl Call {
    fn rows(&self) -> usize {
        self.output.shape().first().copied().unwrap_or_default()
    }

    /// Sets the times of a step.
    fn prepare(&mut self, (number, step): (usize, &Step)) -> Result<(), Failure> {
        for slot in &mut self.times {
            if let Some(uploaded) = slot.of_steps.get(number) {
                self.binding.input(&slot.name, uploaded)?;
                continue;
            }
            write_time(&mut slot.buffer, slot.takes.of(step))?;
            if self.rebind {
                self.binding.input(&slot.name, &slot.buffer)?;
            }
        }
        Ok(())
    }

    /// Sets the classes of the leading rows.
    fn set_classes(&mut self, rule: &Classes, classes: &[u32]) -> Result<(), Failure> {
        let Some(slot) = &mut self.class else { return Ok(()) };
        for (row, class) in classes.iter().enumerate() {
            write_class(rule, &mut slot.buffer, row, *class)?;
        }
        // On the processor this changes nothing.
        Ok(self.binding.input(&slot.name, &slot.buffer)?)
    }
}

impl TimeOf {
    fn of(self, step: &Step) -> f64 {
        match self {
            Self::Beginning => step.time,
            Self::End => step.end_time.unwrap_or_default(),
        }
    }
}

fn part(buffer: &Buffer, range: Range<usize>) -> Result<&[f32], Failure> {
    let values = buffer.values::<f32>()?;
    values.get(range).ok_or_else(|| Failure::invalid("a network's output is shorter than its rows"))
}

/// The batch that a graph was exported for, if for one alone.
fn fixed_batch(session: &BoundSession, state: &str) -> Option<usize> {
    let inputs = &session.record().inputs;
    *inputs.iter().find(|input| input.name == state)?.shape.first()?
}

/// From the manifest to buffers.
struct Layout<'a> {
    session: &'a BoundSession,
    generator: &'a Generator,
    outputs: &'a [usize],
    fixed: Option<usize>,
    place: Place<'a>,
}

impl Layout<'_> {
    /// The buffers of a call of `rows` rows, of which `none` are for no class; perhaps with the states of another one.
    fn call(
        &self,
        rows: usize,
        none: Range<usize>,
        others: Option<&Buffer>,
    ) -> Result<Call, Failure> {
        let network = &self.generator.network;
        let sizes: Vec<usize> = network.shape.iter().map(|&size| size as usize).collect();
        let on_gpu = self.session.record().device != Device::Cpu;
        let mut call = Call {
            binding: self.session.binding()?,
            state_name: network.state.clone(),
            rebind: on_gpu && matches!(self.place, Place::Host),
            state: if others.is_none() { Some(self.buffer(rows, &sizes)?) } else { None },
            times: self.times(rows)?,
            class: self.class_slot(rows, none)?,
            output: self.buffer(rows, self.outputs)?,
        };
        self.bind(network, &mut call, others).map_err(|error| self.advise(error, rows))?;
        Ok(call)
    }

    /// Room for states or answers.
    fn buffer(&self, rows: usize, sizes: &[usize]) -> Result<Buffer, OnnxError> {
        let shape = [&[rows], sizes].concat();
        match self.place {
            Place::Host => Buffer::zeros(Element::Float32, &shape),
            Place::Device(_) => Buffer::on_device(self.session, Element::Float32, &shape),
        }
    }

    fn times(&self, rows: usize) -> Result<Vec<TimeSlot>, Failure> {
        let network = &self.generator.network;
        let begin = network.time.iter().map(|time| (&time.tensor, time.element, TimeOf::Beginning));
        let end = network.end_time.iter().map(|time| (&time.tensor, time.element, TimeOf::End));
        let slots = begin.chain(end).map(|(name, element, takes)| {
            let mut of_steps = Vec::new();
            if let Place::Device(steps) = self.place {
                for step in steps {
                    let mut of_step = time_buffer(element, rows)?;
                    write_time(&mut of_step, takes.of(step))?;
                    of_steps.push(of_step.moved_to(self.session)?);
                }
            }
            let buffer = time_buffer(element, rows)?;
            Ok(TimeSlot { name: name.clone(), takes, buffer, of_steps })
        });
        slots.collect()
    }

    fn bind(
        &self,
        network: &GeneratorNetwork,
        call: &mut Call,
        others: Option<&Buffer>,
    ) -> Result<(), OnnxError> {
        let rows = call.rows();
        let Call { binding, state, times, class, output, .. } = call;
        if let Some(state) = state.as_ref().or(others) {
            binding.input(&network.state, state)?;
        }
        for slot in times {
            binding.input(&slot.name, &slot.buffer)?;
        }
        if let Some(slot) = class {
            binding.input(&slot.name, &slot.buffer)?;
        }
        for constant in &network.constants {
            binding.input(&constant.tensor, &Buffer::of(&vec![constant.value; rows], &[rows])?)?;
        }
        binding.output(&network.output, output)?;
        binding.check_complete()
    }

    /// The classes of a call, those of `none` rows set.
    fn class_slot(&self, rows: usize, none: Range<usize>) -> Result<Option<ClassSlot>, Failure> {
        let Some(classes) = &self.generator.classes else { return Ok(None) };
        let mut buffer = match classes.encoding {
            ClassEncoding::Index => Buffer::zeros(Element::Int64, &[rows])?,
            ClassEncoding::Fraction => Buffer::zeros(Element::Float32, &[rows])?,
            ClassEncoding::OneHot => {
                Buffer::zeros(Element::Float32, &[rows, classes.count as usize])?
            }
        };
        for row in none {
            let class = classes.none.ok_or_else(|| {
                Failure::invalid(
                    "guidance needs a class that stands for none: say with `none` in the manifest's classes which",
                )
            })?;
            write_class(classes, &mut buffer, row, class)?;
        }
        Ok(Some(ClassSlot { name: classes.tensor.clone(), buffer }))
    }

    /// What to do about a graph that was exported for another batch.
    fn advise(&self, error: OnnxError, rows: usize) -> Failure {
        let failure = Failure::from(error);
        match self.fixed.filter(|fixed| *fixed != rows) {
            None => failure,
            Some(fixed) => Failure::new(
                failure.status,
                format_args!(
                    "{}; the graph takes {fixed} rows and no other number: set `batch` of the network and `calls` of the \
                     guidance in the manifest accordingly (a fused call has twice the batch)",
                    failure.message()
                ),
            ),
        }
    }
}

fn time_buffer(element: TimeElement, rows: usize) -> Result<Buffer, Failure> {
    let element = match element {
        TimeElement::Float32 => Element::Float32,
        TimeElement::Int64 => Element::Int64,
    };
    Ok(Buffer::zeros(element, &[rows])?)
}

fn write_time(buffer: &mut Buffer, time: f64) -> Result<(), Failure> {
    match buffer.element() {
        Element::Int64 => buffer.values_mut::<i64>()?.fill(time.round() as i64),
        _ => buffer.values_mut::<f32>()?.fill(time as f32),
    }
    Ok(())
}

/// Writes the class of a row as the network takes it. A class beyond the last one, which stands for none, is all zeros as
/// one-hot.
fn write_class(
    classes: &Classes,
    buffer: &mut Buffer,
    row: usize,
    class: u32,
) -> Result<(), Failure> {
    match classes.encoding {
        ClassEncoding::Index => put(buffer.values_mut::<i64>()?, row, i64::from(class)),
        ClassEncoding::Fraction => {
            let last = classes.count.saturating_sub(1).max(1);
            put(buffer.values_mut::<f32>()?, row, class as f32 / last as f32)
        }
        ClassEncoding::OneHot => {
            let count = classes.count as usize;
            let values = buffer.values_mut::<f32>()?.iter_mut().skip(row * count).take(count);
            for (place, value) in values.enumerate() {
                *value = if place == class as usize { 1.0 } else { 0.0 };
            }
            Ok(())
        }
    }
}

fn put<T>(values: &mut [T], row: usize, value: T) -> Result<(), Failure> {
    match values.get_mut(row) {
        Some(place) => {
            *place = value;
            Ok(())
        }
        None => Err(Failure::invalid("more classes than rows in a call of the network")),
    }
}

#[cfg(test)]
mod tests;
