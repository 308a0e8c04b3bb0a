//! Attention of a unified model, in files or computed by an ONNX model, to curves of interaction intensity: one row block of one layer of one sample is in memory at a time.

mod collect;
mod description;
mod dump;
mod layers;
mod masses;
mod model;
mod model_inputs;

pub(crate) use collect::{Collected, collect, read_stored};
pub(crate) use model::{ModelRuntime, ModelUsed};
