//! Scoring generated images against a reference, as the tools that people quote do it.
//!
//! ```text
//! folder, .npz, .tar … ─► sides ─► extraction (network outputs, chunk by chunk; stored) ─┐
//! .npz of mu and sigma ─────────► provenance (same protocol? same network?) ────────────┴─► metrics of the protocol
//! ```
//!
//! What a protocol is, is data: [`retally_suites::generation`]. Formulas are in `retally_metrics::distribution`.

mod comparison;
mod extraction;
pub(crate) mod feature_chunk;
mod feature_output;
mod feature_side;
pub(crate) mod image_set;
mod metrics;
mod network;
mod provenance;
mod record;
mod request;
mod sample_stream;
mod side;
mod statistics;

pub use feature_side::{FeatureSide, compare_origins};
pub use metrics::MetricChoice;
pub(crate) use network::read_model;
pub use network::{ModelReference, NetworkRequest, OutputName};
pub(crate) use provenance::path_beside;
pub use record::ScoreRecord;
pub use request::{GenerationRequest, ReferenceSource, Scored, score, score_stream};
pub use sample_stream::SampleStream;
pub use statistics::{StatisticsRequest, StatisticsWritten, write_statistics};
