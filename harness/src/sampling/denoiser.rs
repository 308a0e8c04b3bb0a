//! The network that is called at every step: the rows of one call, their times, classes and guidance.
//!
//! A call always has the same number of rows, that of the manifest: the last bits of a sample may depend on it. Rows and
//! results stay where they are bound; a call allocates nothing.

use super::Step;
use crate::failure::Failure;
use crate::onnx::session::{Binding, BoundSession, Buffer, Element, OnnxError};
use retally_manifests::{
    ClassEncoding, Classes, Generator, GeneratorNetwork, Guidance, GuidanceCalls, TimeElement,
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

/// The buffers of a call with a certain number of rows.
struct Call {
    binding: Binding,
    state: Buffer,
    time: Option<Buffer>,
    end_time: Option<Buffer>,
    class: Option<Buffer>,
    output: Buffer,
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
        guided: bool,
    ) -> Result<Self, Failure> {
        let network = &generator.network;
        let samples = network.batch as usize;
        let calls = generator.guidance.as_ref().map(|guidance| guidance.calls).unwrap_or_default();
        let fused = guided && calls == GuidanceCalls::Fused;
        let fixed = fixed_batch(&session, &network.state);
        let layout = Layout { generator, outputs, fixed };
        let plain_rows = if fused && fixed == Some(2 * samples) { 2 * samples } else { samples };
        let plain = layout.call(&session, plain_rows, 0..0)?;
        let guided = match (guided, fused) {
            (false, _) => None,
            (true, true) => Some(layout.call(&session, 2 * samples, samples..2 * samples)?),
            (true, false) => Some(layout.call(&session, samples, 0..samples)?),
        };
        let outputs = outputs.iter().product();
        Ok(Self { session, plain, guided, fused, samples, outputs, spent: Duration::ZERO })
    }

    /// Says of which classes the next samples are.
    ///
    /// # Errors
    /// If there are more than a call has rows, which is a bug.
    pub(super) fn set_classes(&mut self, rule: &Classes, classes: &[u32]) -> Result<(), Failure> {
        let plain = &mut self.plain;
        if let Some(buffer) = &mut plain.class {
            let rows = buffer.shape()[0];
            // Both halves of a call that has twice the rows.
            for (row, class) in (0..rows).zip(classes.iter().cycle()) {
                write_class(rule, buffer, row, *class)?;
            }
        }
        // The other half of a fused call, and all of a separate one, is for none and stays as it is.
        if let Some(buffer) =
            self.guided.as_mut().filter(|_| self.fused).and_then(|call| call.class.as_mut())
        {
            for (row, class) in classes.iter().enumerate() {
                write_class(rule, buffer, row, *class)?;
            }
        }
        Ok(())
    }

    /// Calls the network. `fill` writes the states of the samples, one after the other.
    ///
    /// # Errors
    /// If ONNX Runtime fails.
    pub(super) fn predict(
        &mut self,
        step: &Step,
        fill: impl Fn(&mut [f32]) -> Result<(), Failure>,
    ) -> Result<Answer<'_>, Failure> {
        let answers = 0..self.samples * self.outputs;
        let Self { session, plain, guided, fused, samples, spent, .. } = self;
        let Some(guided) = guided.as_mut().filter(|_| step.guided) else {
            if step.guided {
                return Err(Failure::invalid("a step with guidance came unexpected"));
            }
            plain.run(session, step, *samples, fill, spent)?;
            return Ok(Answer { class: part(&plain.output, answers)?, none: None });
        };
        guided.run(session, step, *samples, &fill, spent)?;
        if *fused {
            let none = answers.end..2 * answers.end;
            let class = part(&guided.output, answers)?;
            return Ok(Answer { class, none: Some(part(&guided.output, none)?) });
        }
        plain.run(session, step, *samples, &fill, spent)?;
        let none = Some(part(&guided.output, answers.clone())?);
        Ok(Answer { class: part(&plain.output, answers)?, none })
    }

    /// Time spent in ONNX Runtime so far.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }
}

impl Call {
    /// Runs the network on the samples' states; a call with twice the rows takes them twice.
    fn run(
        &mut self,
        session: &mut BoundSession,
        step: &Step,
        samples: usize,
        fill: impl Fn(&mut [f32]) -> Result<(), Failure>,
        spent: &mut Duration,
    ) -> Result<(), Failure> {
        let rows = self.state.shape()[0];
        let states = self.state.values_mut::<f32>()?;
        let (first, second) = states.split_at_mut(states.len() / rows.max(1) * samples);
        fill(first)?;
        for half in second.chunks_exact_mut(first.len().max(1)) {
            half.copy_from_slice(first);
        }
        if let Some(time) = &mut self.time {
            write_time(time, step.time)?;
        }
        if let Some(end) = &mut self.end_time {
            write_time(end, step.end_time.unwrap_or_default())?;
        }
        let started = Instant::now();
        let ran = session.run(&self.binding);
        *spent += started.elapsed();
        Ok(ran?)
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
    generator: &'a Generator,
    outputs: &'a [usize],
    fixed: Option<usize>,
}

impl Layout<'_> {
    /// The buffers of a call of `rows` rows, of which `none` are for no class.
    fn call(
        &self,
        session: &BoundSession,
        rows: usize,
        none: Range<usize>,
    ) -> Result<Call, Failure> {
        let network = &self.generator.network;
        let shape = |sizes: &[usize]| [&[rows], sizes].concat();
        let sizes: Vec<usize> = network.shape.iter().map(|&size| size as usize).collect();
        let state = Buffer::zeros(Element::Float32, &shape(&sizes))?;
        let time = network.time.as_ref().map(|input| (input.tensor.as_str(), input.element));
        let end = network.end_time.as_ref().map(|input| (input.tensor.as_str(), input.element));
        let mut call = Call {
            binding: session.binding()?,
            state,
            time: time.map(|(_, element)| time_buffer(element, rows)).transpose()?,
            end_time: end.map(|(_, element)| time_buffer(element, rows)).transpose()?,
            class: self.class_buffer(rows, none)?,
            output: Buffer::zeros(Element::Float32, &shape(self.outputs))?,
        };
        self.bind(network, &mut call).map_err(|error| self.advise(error, rows))?;
        Ok(call)
    }

    fn bind(&self, network: &GeneratorNetwork, call: &mut Call) -> Result<(), OnnxError> {
        let Call { binding, state, time, end_time, class, output } = call;
        binding.input(&network.state, state)?;
        if let (Some(input), Some(buffer)) = (&network.time, time) {
            binding.input(&input.tensor, buffer)?;
        }
        if let (Some(input), Some(buffer)) = (&network.end_time, end_time) {
            binding.input(&input.tensor, buffer)?;
        }
        if let (Some(classes), Some(buffer)) = (&self.generator.classes, class) {
            binding.input(&classes.tensor, buffer)?;
        }
        let rows = state.shape()[0];
        for constant in &network.constants {
            binding.input(&constant.tensor, &Buffer::of(&vec![constant.value; rows], &[rows])?)?;
        }
        binding.output(&network.output, output)?;
        binding.check_complete()
    }

    /// The classes of a call, those of `none` rows set.
    fn class_buffer(&self, rows: usize, none: Range<usize>) -> Result<Option<Buffer>, Failure> {
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
        Ok(Some(buffer))
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

/// Numbers of one sample that guidance changes, the leading ones.
pub(super) fn guided_values(guidance: &Guidance, shape: &[u32]) -> usize {
    let values: usize = shape.iter().map(|&size| size as usize).product();
    match (guidance.channels, shape.first()) {
        (Some(channels), Some(&all)) if all > 0 => {
            values / all as usize * channels.min(all) as usize
        }
        _ => values,
    }
}

#[cfg(test)]
mod tests;
