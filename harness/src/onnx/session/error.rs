//! Why a model cannot be opened or run.

use super::{Device, TensorInfo};
use crate::onnx::external::ExternalError;
use crate::onnx::graph::GraphError;
use std::path::PathBuf;

/// Why a model cannot be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file cannot be read.
    #[error("model `{}` cannot be read: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// More bytes than a protobuf file may have.
    #[error(
        "the model has {bytes} bytes, and ONNX files end at 2 GiB: export it with external data"
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The graph cannot be read, or lacks a tensor.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Files that the model refers to.
    #[error(transparent)]
    External(#[from] ExternalError),
    /// CUDA cannot be used.
    #[error("device {device} cannot be used: {reason}\n{advice}")]
    Device {
        /// The device.
        device: Device,
        /// What ONNX Runtime says.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// ONNX Runtime refuses the model.
    #[error("ONNX Runtime cannot open the model: {reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
    /// Not exactly one input.
    #[error("the model must have one input for the images, it has {}: {}", .names.len(), .names.join(", "))]
    Inputs {
        /// Names of its inputs.
        names: Vec<String>,
    },
    /// An element type that is not f32.
    #[error(
        "tensor `{name}` holds {found}, and only 32-bit floats are supported: \
         export the model with float32 inputs and outputs"
    )]
    ElementType {
        /// The tensor.
        name: String,
        /// What it holds.
        found: String,
    },
    /// A batch that does not fit the model's input.
    #[error(
        "the model takes {expected}, not a batch of {found:?}{}",
        batch_advice(.expected, .found)
    )]
    Shape {
        /// The model's input.
        expected: TensorInfo,
        /// Shape of the batch.
        found: Vec<usize>,
    },
    /// The run failed.
    #[error("ONNX Runtime failed on a batch of {shape:?}: {reason}")]
    Run {
        /// Shape of the batch.
        shape: Vec<usize>,
        /// What it says.
        reason: String,
    },
}

impl OnnxError {
    /// Whether another try may succeed: an I/O error, memory that was not there, a lost GPU.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        use std::io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
        const SIGNS: [&str; 6] = [
            "allocate memory",
            "bad_alloc",
            "out of memory",
            "CUDA failure",
            "CUDNN failure",
            "CUBLAS failure",
        ];
        match self {
            Self::Unreadable { error, .. } => {
                !matches!(error.kind(), NotFound | NotADirectory | IsADirectory | InvalidInput)
            }
            Self::Run { reason, .. } | Self::Refused { reason } => {
                SIGNS.iter().any(|sign| reason.contains(sign))
            }
            _ => false,
        }
    }
}

/// ONNX Runtime's words; some end with empty lines.
pub(super) fn reason<R>(error: &ort::Error<R>) -> String {
    error.message().trim().to_owned()
}

fn batch_advice(expected: &TensorInfo, found: &[usize]) -> String {
    expected.only_misfit_is_batch(found).map_or_else(String::new, |batch| {
        format!(": the model fixes the batch; set `batch = {batch}` in its manifest")
    })
}
