//! A model with several inputs, which are bound to memory once and read there by every run.

use super::error::reason;
use super::{
    Buffer, ModelSource, OnnxError, SessionOptions, SessionRecord, TensorInfo, open, read_model,
};
use crate::onnx::graph;
use crate::onnx::library::Library;
use ort::session::{IoBinding, SessionInputValue, SessionOutputs, SharedSessionInner};
use ort::value::DynTensor;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A model that is ready to run on numbers in [`Buffer`]s, with any number of inputs of several types.
#[derive(Debug)]
pub struct BoundSession {
    session: ort::session::Session,
    record: SessionRecord,
}

/// Buffers for the inputs and outputs of a session. A run reads and writes them in place and allocates nothing for them.
#[derive(Debug)]
pub struct Binding {
    binding: IoBinding,
    session: Arc<SharedSessionInner>,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
}

/// A tensor of the session, and whether it has a buffer.
#[derive(Clone, Debug)]
struct Slot {
    tensor: TensorInfo,
    bound: bool,
}

impl BoundSession {
    /// Opens a model file.
    ///
    /// # Errors
    /// If the file cannot be read, is no model with numbers of an [`Element`](super::Element) as inputs and outputs alone, lacks an output that is asked
    /// for or a file that it refers to, or if the device cannot be used.
    pub fn open(
        library: &Library,
        path: &Path,
        options: &SessionOptions,
    ) -> Result<Self, OnnxError> {
        read_model(path, |source| Self::open_source(library, source, options))
    }

    /// Opens a model in memory. A graph that has the outputs asked for and no other is taken as it is, with inputs that
    /// decide nothing.
    ///
    /// # Errors
    /// As [`BoundSession::open`].
    pub fn open_source(
        library: &Library,
        source: ModelSource<'_>,
        options: &SessionOptions,
    ) -> Result<Self, OnnxError> {
        let mut options = options.clone();
        let tensors = graph::tensors(source.bytes)?;
        let own = tensors.iter().filter(|tensor| tensor.is_output).map(|tensor| tensor.name);
        if own.eq(options.outputs.iter().map(String::as_str)) {
            options.outputs.clear();
        }
        let (session, record) = open(library, source, &options)?;
        Ok(Self { session, record })
    }

    /// What is to be recorded of this session.
    #[must_use]
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// Places for buffers, all of them free. A session may have several, for batches of several sizes.
    ///
    /// # Errors
    /// If ONNX Runtime fails.
    pub fn binding(&self) -> Result<Binding, OnnxError> {
        let slots = |tensors: &[TensorInfo]| {
            tensors.iter().map(|tensor| Slot { tensor: tensor.clone(), bound: false }).collect()
        };
        Ok(Binding {
            binding: self.session.create_binding().map_err(failed)?,
            session: self.session.inner(),
            inputs: slots(&self.record.inputs),
            outputs: slots(&self.record.outputs),
        })
    }

    /// Runs once, from the bound inputs to the bound outputs of a binding of this session. Whether these are finite, the
    /// caller checks.
    ///
    /// # Errors
    /// If an input or output has no buffer, the binding is of another session, or ONNX Runtime fails.
    pub fn run(&mut self, binding: &Binding) -> Result<(), OnnxError> {
        if !Arc::ptr_eq(&binding.session, &self.session.inner()) {
            let reason = "the buffers are bound to another session".to_owned();
            return Err(OnnxError::BoundRun { reason });
        }
        binding.check_complete()?;
        self.session.run_binding(&binding.binding).map(drop).map_err(failed)
    }

    /// Runs once on numbers in the memory of the processor and returns the outputs there, in the order of the record, with
    /// the shapes that the model gives them. Inputs that the session does not have are passed over.
    ///
    /// # Errors
    /// If an input is missing or does not fit, an output is no tensor of numbers, or ONNX Runtime fails.
    pub fn outputs_of(
        &mut self,
        inputs: &BTreeMap<String, Buffer>,
    ) -> Result<Vec<Buffer>, OnnxError> {
        let fed = |tensor: &&TensorInfo| !inputs.contains_key(&tensor.name);
        let unfed: Vec<_> = self.record.inputs.iter().filter(fed).cloned().collect();
        if !unfed.is_empty() {
            return Err(OnnxError::Unfed { inputs: unfed });
        }
        let mut given = Vec::with_capacity(self.record.inputs.len());
        for tensor in &self.record.inputs {
            let Some(buffer) = inputs.get(&tensor.name) else { continue };
            if tensor.element != buffer.element() || !tensor.admits(buffer.shape()) {
                let (role, expected) = ("input", tensor.clone());
                return Err(OnnxError::Misfit { role, expected, found: buffer.describe() });
            }
            given.push((tensor.name.as_str(), SessionInputValue::from(buffer.tensor())));
        }
        let mut values = self.session.run(given).map_err(failed)?;
        self.record.outputs.iter().map(|output| take(&mut values, output)).collect()
    }

    pub(super) fn inner(&self) -> &ort::session::Session {
        &self.session
    }
}

impl Binding {
    /// Binds an input. On the processor every run reads what the buffer then holds; a buffer of the processor is copied to a
    /// GPU when it is bound, and has to be bound again when it has changed.
    ///
    /// # Errors
    /// If the model has no such input, or the buffer does not fit it.
    pub fn input(&mut self, name: &str, buffer: &Buffer) -> Result<(), OnnxError> {
        find(&mut self.inputs, "input", name, buffer)?.bound = true;
        self.binding
            .bind_input(name, buffer.tensor())
            .and_then(|()| self.binding.synchronize_inputs())
            .map_err(failed)
    }

    /// Binds an output.
    ///
    /// # Errors
    /// If the model has no such output, or the buffer does not fit it.
    pub fn output(&mut self, name: &str, buffer: &mut Buffer) -> Result<(), OnnxError> {
        find(&mut self.outputs, "output", name, buffer)?.bound = true;
        self.binding.bind_output(name, buffer.tensor_mut()).map_err(failed)
    }

    /// Checks that every input and output has a buffer.
    ///
    /// # Errors
    /// If one has none.
    pub fn check_complete(&self) -> Result<(), OnnxError> {
        if self.inputs.iter().any(|slot| !slot.bound) {
            let unbound = self.inputs.iter().filter(|slot| !slot.bound);
            return Err(OnnxError::Unfed {
                inputs: unbound.map(|slot| slot.tensor.clone()).collect(),
            });
        }
        match self.outputs.iter().find(|slot| !slot.bound) {
            None => Ok(()),
            Some(slot) => Err(OnnxError::BoundRun {
                reason: format!("output `{}` has no buffer", slot.tensor.name),
            }),
        }
    }
}

/// The place of a tensor that the buffer fits.
fn find<'a>(
    slots: &'a mut [Slot],
    role: &'static str,
    name: &str,
    buffer: &Buffer,
) -> Result<&'a mut Slot, OnnxError> {
    let Some(index) = slots.iter().position(|slot| slot.tensor.name == name) else {
        let known = slots.iter().map(|slot| slot.tensor.clone()).collect();
        return Err(OnnxError::NoTensor { role, name: name.to_owned(), known });
    };
    let slot = &mut slots[index];
    // A tensor without axes is one whose shape the graph does not tell.
    let fits = slot.tensor.shape.is_empty() || slot.tensor.accepts(buffer.shape());
    if slot.tensor.element == buffer.element() && fits {
        return Ok(slot);
    }
    Err(OnnxError::Misfit { role, expected: slot.tensor.clone(), found: buffer.describe() })
}

/// An output of a run, which owns its memory from then on.
fn take(values: &mut SessionOutputs<'_>, output: &TensorInfo) -> Result<Buffer, OnnxError> {
    let missing = |reason: String| OnnxError::BoundRun {
        reason: format!("output `{}`: {reason}", output.name),
    };
    let value = values.remove(&output.name);
    let value = value.ok_or_else(|| missing("it was not returned".to_owned()))?;
    let tensor: DynTensor = value.downcast().map_err(|error| missing(reason(&error)))?;
    let shape = tensor.shape().iter().map(|&size| usize::try_from(size)).collect::<Result<_, _>>();
    let shape = shape.map_err(|_| missing("it has an axis of negative length".to_owned()))?;
    Ok(Buffer::given(tensor, output.element, shape))
}

fn failed(error: ort::Error) -> OnnxError {
    OnnxError::BoundRun { reason: reason(&error) }
}

#[cfg(test)]
mod tests;
