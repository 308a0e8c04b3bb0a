//! From verified artifacts to per-chunk features and scores, and from those to measurements.

mod chunk;
mod encode;
mod measure;
mod samples;
mod worker;
mod workers;

pub use chunk::{Chunk, ChunkIdentity, TapChunk};
pub use encode::{EncodeSettings, Encoded, Encoding, spatial_method};
pub use measure::{MeasureSettings, MeasuredTap, TapContext, measure_model};
pub use samples::Samples;
