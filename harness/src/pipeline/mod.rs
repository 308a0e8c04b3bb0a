//! From verified artifacts to per-chunk features and scores, and from those to measurements.

mod chunk;
pub(crate) mod chunk_job;
mod encode;
mod execution;
mod measure;
mod samples;
pub(crate) mod sealed;
pub(crate) mod tokens;
mod worker;
pub(crate) mod workers;

pub use chunk::{Chunk, ChunkIdentity, TapChunk};
pub use encode::{EncodeSettings, Encoded, Encoding, spatial_method};
pub use execution::Execution;
pub(crate) use measure::absent_accuracy;
pub use measure::{MeasureSettings, MeasuredTap, TapContext, measure_model};
pub use samples::Samples;
