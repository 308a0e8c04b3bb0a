//! A model that is ready to run, with settings under which the same input gives the same bits.

mod bound;
mod buffer;
mod cuda;
mod error;
mod record;

pub use super::device::Device;
use super::library::Library;
use super::{external, graph, raw};
pub use bound::{Binding, BoundSession};
pub use buffer::{Buffer, Number};
pub use error::OnnxError;
use error::reason;
use ndarray::{ArrayD, ArrayViewD};
use ort::session::builder::{AutoDevicePolicy, GraphOptimizationLevel, SessionBuilder};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};
pub use record::{Element, ProviderNodes, SessionRecord, TensorInfo};
use std::path::Path;

/// Level of graph optimisation. It moves bits by some 1e-6, so there is one, and it is recorded.
pub const OPTIMISATION: &str = "all";

/// Protobuf, and so ONNX Runtime, reads no message from 2 GiB on; larger models keep their weights in other files.
const MAX_MODEL_BYTES: u64 = (1 << 31) - 1;

/// A model's bytes, and the folder that the paths in it are relative to.
#[derive(Clone, Copy, Debug)]
pub struct ModelSource<'a> {
    /// The ONNX file.
    pub bytes: &'a [u8],
    /// Where its external data is; a model without external data needs none.
    pub folder: Option<&'a Path>,
}

/// How a session runs.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Where.
    pub device: Device,
    /// Threads of one call. They change no bit (0 counts as 1).
    pub threads: usize,
    /// Faster kernels whose results may differ between runs: TensorFloat-32, searched convolutions.
    pub fast: bool,
    /// The tensors to return, in this order, inner ones included; what they do not need is not computed. Empty: the
    /// model's own outputs, and the graph as it is.
    pub outputs: Vec<String>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { device: Device::Cpu, threads: 1, fast: false, outputs: Vec::new() }
    }
}

/// A model with one input, that of the images, that is ready to run. [`BoundSession`] takes several.
#[derive(Debug)]
pub struct Session {
    session: ort::session::Session,
    record: SessionRecord,
    input: TensorInfo,
}

impl Session {
    /// Opens a model file.
    ///
    /// # Errors
    /// If the file cannot be read, is no model with one f32 input and f32 outputs, lacks an output that is asked for or
    /// a file that it refers to, or if the device cannot be used.
    pub fn open(
        library: &Library,
        path: &Path,
        options: &SessionOptions,
    ) -> Result<Self, OnnxError> {
        read_model(path, |source| Self::open_source(library, source, options))
    }

    /// Opens a model in memory.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_source(
        library: &Library,
        source: ModelSource<'_>,
        options: &SessionOptions,
    ) -> Result<Self, OnnxError> {
        let (session, record) = open(library, source, options)?;
        let input = only_input(&record)?;
        Ok(Self { session, record, input })
    }

    /// The input: its name, and the shape that a batch must have.
    #[must_use]
    pub fn expects(&self) -> &TensorInfo {
        &self.input
    }

    /// What is to be recorded of this session.
    #[must_use]
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// Runs one batch and returns the outputs in the order asked for. Whether they are finite, the caller checks.
    ///
    /// # Errors
    /// If the batch does not fit the input, or ONNX Runtime fails.
    pub fn run(&mut self, batch: ArrayViewD<'_, f32>) -> Result<Vec<ArrayD<f32>>, OnnxError> {
        if !self.input.accepts(batch.shape()) {
            return Err(OnnxError::Shape {
                expected: self.input.clone(),
                found: batch.shape().to_vec(),
            });
        }
        self.outputs_of(batch.view()).map_err(|error| OnnxError::Run {
            shape: batch.shape().to_vec(),
            reason: reason(&error),
        })
    }

    fn outputs_of(&mut self, batch: ArrayViewD<'_, f32>) -> ort::Result<Vec<ArrayD<f32>>> {
        let batch = batch.as_standard_layout();
        let tensor = TensorRef::from_array_view(&batch)?;
        let values = self.session.run(ort::inputs![self.input.name.as_str() => tensor])?;
        self.record
            .outputs
            .iter()
            .map(|output| {
                let value = values.get(&output.name).ok_or_else(|| {
                    ort::Error::new(format!("output `{}` was not returned", output.name))
                })?;
                Ok(value.try_extract_array::<f32>()?.to_owned())
            })
            .collect()
    }
}

/// Reads a model file and hands its bytes and its folder on.
///
/// # Errors
/// If the file cannot be read or is larger than a model can be, and those of `open`.
pub(crate) fn read_model<T>(
    path: &Path,
    open: impl FnOnce(ModelSource<'_>) -> Result<T, OnnxError>,
) -> Result<T, OnnxError> {
    let unreadable = |error| OnnxError::Unreadable { path: path.to_owned(), error };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    if metadata.len() > MAX_MODEL_BYTES {
        return Err(OnnxError::TooLarge { bytes: metadata.len() });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    // The folder of `model.onnx` is the current one, not "".
    let folder =
        path.parent().map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    open(ModelSource { bytes: &bytes, folder })
}

/// Opens a model, whatever its inputs are.
fn open(
    library: &Library,
    source: ModelSource<'_>,
    options: &SessionOptions,
) -> Result<(ort::session::Session, SessionRecord), OnnxError> {
    let edited;
    let mut model = source.bytes;
    if !options.outputs.is_empty() {
        edited = graph::with_outputs(model, &options.outputs)?;
        model = &edited;
    }
    let folder = external::folder(model, source.folder)?;
    let refused = |error: ort::Error| OnnxError::Refused { reason: reason(&error) };
    let builder = with_device(builder(library, options).map_err(refused)?, options)?;
    let session = commit(builder, model, folder).map_err(refused)?;
    let nodes = nodes(&session, options.device)?;
    let record = SessionRecord {
        onnxruntime: library.record().version.clone(),
        device: options.device,
        optimisation: OPTIMISATION,
        deterministic: !options.fast,
        tensor_float_32: (options.device != Device::Cpu).then_some(options.fast),
        nvidia_tf32_override: match options.device {
            Device::Cpu => None,
            Device::Cuda(_) => std::env::var("NVIDIA_TF32_OVERRIDE").ok(),
        },
        threads: options.threads.max(1),
        inputs: session.inputs().iter().map(tensor_info).collect::<Result<_, _>>()?,
        outputs: session.outputs().iter().map(tensor_info).collect::<Result<_, _>>()?,
        nodes,
    };
    Ok((session, record))
}

/// The settings that every session has. One function, since `ort`'s builder errors convert at its end alone.
fn builder(library: &Library, options: &SessionOptions) -> ort::Result<SessionBuilder> {
    Ok(ort::session::Session::builder(library.environment())?
        // ort would choose a provider by itself.
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_parallel_execution(false)?
        .with_inter_threads(1)?
        .with_intra_threads(options.threads.max(1))?
        // Threads that spin while they wait take the cores from the threads that decode images.
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(!options.fast)?
        .with_config_entry("session.record_ep_graph_assignment_info", "1")?)
}

fn with_device(
    builder: SessionBuilder,
    options: &SessionOptions,
) -> Result<SessionBuilder, OnnxError> {
    match options.device {
        Device::Cpu => Ok(builder),
        Device::Cuda(number) => cuda::register(builder, number, options.fast),
    }
}

fn commit(
    mut builder: SessionBuilder,
    model: &[u8],
    folder: Option<&str>,
) -> ort::Result<ort::session::Session> {
    if let Some(folder) = folder {
        builder = builder
            .with_config_entry("session.model_external_initializers_file_folder_path", folder)?;
    }
    builder.commit_from_memory(model)
}

/// Where the nodes run; a GPU that was registered and got nothing to do is an error as well.
fn nodes(session: &ort::session::Session, device: Device) -> Result<Vec<ProviderNodes>, OnnxError> {
    let nodes = raw::nodes_by_provider(session)
        .map_err(|error| OnnxError::Refused { reason: reason(&error) })?;
    if device != Device::Cpu && !nodes.contains_key(device.provider()) {
        return Err(OnnxError::Device {
            device,
            reason: format!("{} supports no node of this model", device.provider()),
            advice: "Run it with --device cpu.".to_owned(),
        });
    }
    Ok(nodes.into_iter().map(|(provider, nodes)| ProviderNodes { provider, nodes }).collect())
}

/// The only input of a session whose tensors are all 32-bit floats.
fn only_input(record: &SessionRecord) -> Result<TensorInfo, OnnxError> {
    let [input] = record.inputs.as_slice() else {
        let names = record.inputs.iter().map(|input| input.name.clone()).collect();
        return Err(OnnxError::Inputs { names });
    };
    let mut tensors = std::iter::once(input).chain(&record.outputs);
    match tensors.find(|tensor| tensor.element != Element::Float32) {
        None => Ok(input.clone()),
        Some(tensor) => Err(OnnxError::ElementType {
            name: tensor.name.clone(),
            found: tensor.element.to_string(),
        }),
    }
}

fn tensor_info(outlet: &Outlet) -> Result<TensorInfo, OnnxError> {
    let name = outlet.name().to_owned();
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(OnnxError::ElementType { name, found: outlet.dtype().to_string() });
    };
    let element = match ty {
        TensorElementType::Bool => Element::Bool,
        TensorElementType::Int32 => Element::Int32,
        TensorElementType::Float16 => Element::Float16,
        TensorElementType::Bfloat16 => Element::Bfloat16,
        TensorElementType::Float32 => Element::Float32,
        TensorElementType::Float64 => Element::Float64,
        TensorElementType::Int64 => Element::Int64,
        _ => return Err(OnnxError::ElementType { name, found: ty.to_string() }),
    };
    // Open sizes are -1.
    let shape = shape.iter().map(|size| usize::try_from(*size).ok()).collect();
    Ok(TensorInfo { name, element, shape })
}

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;
