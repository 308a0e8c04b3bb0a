//! What is recorded of a session, and the shapes that it takes and gives.

use super::Device;
use serde::Serialize;
use std::fmt;

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// True or false, a byte each.
    Bool,
    /// 32-bit integers.
    Int32,
    /// IEEE 754 binary16.
    Float16,
    /// The upper half of a binary32.
    Bfloat16,
    /// 32-bit floating point.
    Float32,
    /// 64-bit floating point.
    Float64,
    /// 64-bit integers.
    Int64,
}

impl Element {
    /// Bytes of one number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Float16 | Self::Bfloat16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int64 => "int64",
        })
    }
}

/// A tensor of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Name in the graph.
    pub name: String,
    /// What it holds.
    pub element: Element,
    /// Size of each axis; `None` where the model leaves it open.
    pub shape: Vec<Option<usize>>,
}

impl TensorInfo {
    /// Name, element type and shape: `` `x` of float32 [any, 4] ``.
    pub(super) fn typed(&self) -> String {
        format!("`{}` of {} [{}]", self.name, self.element, self.sizes())
    }

    fn sizes(&self) -> String {
        let size =
            |size: &Option<usize>| size.map_or_else(|| "any".to_owned(), |size| size.to_string());
        self.shape.iter().map(size).collect::<Vec<_>>().join(", ")
    }

    /// Whether an array of this shape can be given.
    pub(super) fn accepts(&self, shape: &[usize]) -> bool {
        fits(&self.shape, shape)
    }

    /// As [`TensorInfo::accepts`]; an axis that is left open may also be empty, as that of a cache without a past.
    pub(super) fn admits(&self, shape: &[usize]) -> bool {
        self.shape.len() == shape.len()
            && self
                .shape
                .iter()
                .zip(shape)
                .all(|(expected, found)| expected.is_none_or(|size| size == *found))
    }

    /// The batch size that the model fixes, if nothing but the batch size of `shape` is wrong. The commonest misfit is
    /// a model that was exported for one batch size.
    pub(super) fn only_misfit_is_batch(&self, shape: &[usize]) -> Option<usize> {
        let (batch, sizes) = self.shape.split_first()?;
        let (_, found) = shape.split_first()?;
        batch.filter(|_| fits(sizes, found))
    }
}

fn fits(expected: &[Option<usize>], found: &[usize]) -> bool {
    expected.len() == found.len()
        && expected
            .iter()
            .zip(found)
            .all(|(expected, found)| *found > 0 && expected.is_none_or(|size| size == *found))
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` of shape [{}]", self.name, self.sizes())
    }
}

/// What is recorded of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionRecord {
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Where it runs.
    pub device: Device,
    /// Level of graph optimisation.
    pub optimisation: &'static str,
    /// Whether ONNX Runtime was told to take deterministic kernels.
    pub deterministic: bool,
    /// Whether TensorFloat-32 is allowed; `None` on a CPU, which has none.
    pub tensor_float_32: Option<bool>,
    /// On a GPU the variable `NVIDIA_TF32_OVERRIDE`: only "0" keeps cuDNN's fallback plans from TensorFloat-32 as well.
    pub nvidia_tf32_override: Option<String>,
    /// Threads of one call.
    pub threads: usize,
    /// The inputs, in the graph's order.
    pub inputs: Vec<TensorInfo>,
    /// The outputs, in order.
    pub outputs: Vec<TensorInfo>,
    /// How many nodes run where.
    pub nodes: Vec<ProviderNodes>,
}

/// The share of a graph that an execution provider runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderNodes {
    /// ONNX Runtime's name of it.
    pub provider: String,
    /// Nodes after the basic optimisations.
    pub nodes: usize,
}
