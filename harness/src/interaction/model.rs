//! Attention that an ONNX model computes: tensors of its graph, as many layers at a time as memory is given for.

use super::description::SampleDescription;
use super::layers::{Axes, Measured, SampleInProgress};
use super::model_inputs;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::onnx::graph::{self, Origin};
use crate::onnx::session::{
    BoundSession, Buffer, Device, Element, ModelSource, SessionOptions, SessionRecord, TensorInfo,
    read_model,
};
use crate::threads::thread_count;
use retally_manifests::Digest;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::Path;

/// Bytes of attention that a session gives at a time, if one layer is not more: of a sample, all layers of 32 heads over
/// 512 tokens.
const ATTENTION_BYTES: usize = 1 << 30;

/// Where models run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelRuntime<'a> {
    pub(crate) context: &'a Context,
    pub(crate) device: Device,
    /// Threads of a call; all cores by default.
    pub(crate) threads: Option<NonZeroUsize>,
}

/// A model that was run, and how.
#[derive(Debug, Serialize)]
pub(crate) struct ModelUsed {
    /// Name of its file.
    file: String,
    /// Digest of the file; of weights in other files nothing is said.
    sha256: Digest,
    /// Of each tensor of attention, in the order of the layers.
    tensors: Vec<String>,
    /// The sessions, each for the next of these tensors.
    sessions: Vec<SessionRecord>,
}

/// A sample and its name.
pub(super) type Named<'a> = (String, &'a SampleDescription);

/// Measures samples that ask the same tensors of the same model.
pub(super) fn measure(
    samples: &[Named<'_>],
    folder: &Path,
    tolerance: Option<f64>,
    runtime: ModelRuntime<'_>,
) -> Result<(Vec<Measured>, Option<ModelUsed>), Failure> {
    let Some((_, first)) = samples.first() else { return Ok((Vec::new(), None)) };
    let Some(model) = &first.model else {
        return Err(Failure::invalid("the description names no `model`"));
    };
    let path = folder.join(model);
    let tensors = first.places()?;
    let mut run = ModelRun {
        path: &path,
        folder,
        runtime,
        samples: samples
            .iter()
            .map(|(id, sample)| (id.as_str(), SampleInProgress::new(sample, tolerance)))
            .collect(),
        largest: 0,
    };
    let sha256 = Digest::of_file(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let sessions = run.all(&tensors)?;
    let finish = |(id, sample): (&str, SampleInProgress<'_>)| {
        sample.finish(id).map_err(|failure| in_sample(failure, id))
    };
    let measured = run.samples.into_iter().map(finish).collect::<Result<_, _>>()?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((measured, Some(ModelUsed { file, sha256, tensors, sessions })))
}

fn in_sample(failure: Failure, id: &str) -> Failure {
    failure.within(format_args!("sample `{id}`"))
}

struct ModelRun<'a> {
    path: &'a Path,
    folder: &'a Path,
    runtime: ModelRuntime<'a>,
    samples: Vec<(&'a str, SampleInProgress<'a>)>,
    /// Bytes of the largest tensor that was seen.
    largest: usize,
}

impl ModelRun<'_> {
    /// The first tensor alone, whose size says how many fit; then as many of the others at a time.
    fn all(&mut self, tensors: &[String]) -> Result<Vec<SessionRecord>, Failure> {
        let title = format!("attention of {}", self.path.display());
        let total = (tensors.len() * self.samples.len()) as u64;
        let mut job = self.runtime.context.progress.job(title, total, "layers");
        let mut sessions = Vec::new();
        let mut waiting = tensors;
        while !waiting.is_empty() {
            let fit = ATTENTION_BYTES.checked_div(self.largest).unwrap_or(1).max(1);
            let (now, later) = waiting.split_at(fit.min(waiting.len()));
            let mut session = self.open(now)?;
            for index in 0..self.samples.len() {
                if interrupt::requested() {
                    return Err(Failure::new(
                        ExitStatus::Incomplete,
                        "stopped before all samples went through the model; nothing was stored, and the same command begins again",
                    ));
                }
                self.one(index, now, &mut session)?;
                job.advance(now.len() as u64);
            }
            sessions.push(session.record().clone());
            waiting = later;
        }
        job.finish();
        Ok(sessions)
    }

    fn open(&self, tensors: &[String]) -> Result<BoundSession, Failure> {
        let library = self.runtime.context.onnxruntime()?;
        let options = SessionOptions {
            device: self.runtime.device,
            threads: thread_count(self.runtime.threads)?,
            outputs: tensors.to_vec(),
            ..SessionOptions::default()
        };
        let session = read_model(self.path, |source| {
            let session = BoundSession::open_source(library, source, &options)?;
            Ok((session, input_names(source)?))
        });
        let within = |failure: Failure| failure.within(format_args!("`{}`", self.path.display()));
        let (session, names) = session.map_err(|error| within(error.into()))?;
        for (id, sample) in &self.samples {
            let unknown = sample.sample().given_inputs().find(|name| !names.contains(*name));
            if let Some(name) = unknown {
                let failure = Failure::invalid(format_args!(
                    "the model has no input `{name}`; its inputs are {}",
                    names.join(", ")
                ));
                return Err(in_sample(within(failure), id));
            }
        }
        Ok(session)
    }

    fn one(
        &mut self,
        index: usize,
        tensors: &[String],
        session: &mut BoundSession,
    ) -> Result<(), Failure> {
        let Some((id, sample)) = self.samples.get_mut(index) else { return Ok(()) };
        let outputs = run(sample.sample(), self.folder, session);
        let outputs = outputs.map_err(|failure| in_sample(failure, id))?;
        for (name, output) in tensors.iter().zip(&outputs) {
            self.largest = self.largest.max(bytes(output));
            add(sample, output).map_err(|failure| {
                in_sample(failure.within(format_args!("tensor `{name}`")), id)
            })?;
        }
        Ok(())
    }
}

fn run(
    sample: &SampleDescription,
    folder: &Path,
    session: &mut BoundSession,
) -> Result<Vec<Buffer>, Failure> {
    let Some(locations) = &sample.inputs else {
        return Err(Failure::invalid(
            "`inputs` says nothing of what the model is given: name an .npz with an array for each input",
        ));
    };
    let wanted: Vec<TensorInfo> = session.record().inputs.clone();
    let inputs = model_inputs::read(locations, &wanted, folder)?;
    Ok(session.outputs_of(&inputs)?)
}

fn add(sample: &mut SampleInProgress<'_>, output: &Buffer) -> Result<(), Failure> {
    let axes = Axes::of(output.shape(), sample.sample().batch).map_err(|expected| {
        Failure::invalid(format_args!("{expected} was expected, it has shape {:?}", output.shape()))
    })?;
    let bits = match output.element() {
        Element::Bfloat16 => 8,
        Element::Float16 => 11,
        Element::Float32 => 24,
        Element::Float64 => 53,
        other @ (Element::Bool | Element::Int32 | Element::Int64) => {
            return Err(Failure::invalid(format_args!(
                "it holds {other}, and attention is floating-point numbers"
            )));
        }
    };
    let keys = axes.keys();
    let mut read = |rows: std::ops::Range<usize>, values: &mut Vec<f64>| {
        Ok(output.read_f64(rows.start * keys..rows.end * keys, values)?)
    };
    sample.add(axes, bits, &mut read)
}

fn bytes(output: &Buffer) -> usize {
    output.shape().iter().product::<usize>() * output.element().bytes()
}

fn input_names(source: ModelSource<'_>) -> Result<Vec<String>, graph::GraphError> {
    let tensors = graph::tensors(source.bytes)?;
    let inputs = tensors.iter().filter(|tensor| tensor.origin == Origin::Input);
    Ok(inputs.map(|tensor| tensor.name.to_owned()).collect())
}
