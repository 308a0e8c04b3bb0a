//! From verified artifacts to per-chunk features and scores, and from those to measurements.

pub(crate) mod chunk;
pub(crate) mod chunk_job;
pub(crate) mod encode;
pub(crate) mod execution;
mod measure;
mod samples;
pub(crate) mod sealed;
pub(crate) mod stored_chunks;
pub(crate) mod tokens;
pub(crate) mod worker;
pub(crate) mod workers;

pub use chunk::{Chunk, ChunkIdentity, TapChunk};
pub use encode::{EncodeSettings, Encoded, Encoding, Workers, spatial_method};
pub use execution::Execution;
pub(crate) use measure::absent_accuracy;
pub use measure::{MeasureSettings, MeasuredTap, Measurer, TapContext, measure_model};
pub use samples::{ListedSamples, SampleList, Samples};
