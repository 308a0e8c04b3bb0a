//! A model with several inputs, which are bound to memory once and read there by every run.

use super::error::reason;
use super::{
    Buffer, ModelSource, OnnxError, SessionOptions, SessionRecord, TensorInfo, open, read,
};
use crate::onnx::graph;
use crate::onnx::library::Library;
use ort::session::{IoBinding, SharedSessionInner};
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
    /// If the file cannot be read, is no model with f32, f64 and i64 inputs and outputs alone, lacks an output that is asked
    /// for or a file that it refers to, or if the device cannot be used.
    pub fn open(
        library: &Library,
        path: &Path,
        options: &SessionOptions,
    ) -> Result<Self, OnnxError> {
        read(path, |source| Self::open_source(library, source, options))
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

fn failed(error: ort::Error) -> OnnxError {
    OnnxError::BoundRun { reason: reason(&error) }
}

#[cfg(test)]
mod tests;
