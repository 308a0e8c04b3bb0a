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
    /// An input or output that the model does not have.
    #[error("the model has no {role} `{name}`; its {role}s are {}", listed(.known))]
    NoTensor {
        /// "input" or "output".
        role: &'static str,
        /// The tensor.
        name: String,
        /// What there is.
        known: Vec<TensorInfo>,
    },
    /// Inputs that nothing was bound to.
    #[error(
        "the model needs further inputs, and nothing says what they take: {}",
        listed(.inputs)
    )]
    Unfed {
        /// The inputs.
        inputs: Vec<TensorInfo>,
    },
    /// Numbers of another type or shape than the model's.
    #[error("the model's {role} is {}, and {found} does not fit it", .expected.typed())]
    Misfit {
        /// "input" or "output".
        role: &'static str,
        /// The model's tensor.
        expected: TensorInfo,
        /// What was bound to it.
        found: String,
    },
    /// Memory that cannot be had, or is not where it was looked for.
    #[error("ONNX Runtime cannot give memory for {what}: {reason}")]
    Memory {
        /// Type and shape of the numbers.
        what: String,
        /// What it says.
        reason: String,
    },
    /// A run with bound inputs and outputs failed.
    #[error("ONNX Runtime failed: {reason}")]
    BoundRun {
        /// What it says.
        reason: String,
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
            Self::Memory { .. } => true,
            Self::Run { reason, .. } | Self::BoundRun { reason } | Self::Refused { reason } => {
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

/// `x` of float32 [1, 4], `t` of int64 [1].
fn listed(tensors: &[TensorInfo]) -> String {
    tensors.iter().map(TensorInfo::typed).collect::<Vec<_>>().join(", ")
}

fn batch_advice(expected: &TensorInfo, found: &[usize]) -> String {
    expected.only_misfit_is_batch(found).map_or_else(String::new, |batch| {
        format!(": the model fixes the batch; set `batch = {batch}` in its manifest")
    })
}
