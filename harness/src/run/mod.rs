//! One execution of a suite: what is selected, what is done in which order, what is written.

mod conclusion;
pub mod directory;
mod encoders;
mod execute;
mod generators;
pub mod merge;
pub mod miniature;
mod outcome;
mod probe;
mod record;
pub(crate) mod samples_table;
mod sealed_document;
mod selection;
mod shard_record;
pub mod status;
mod to_fetch;
mod work_file;
mod work_list;

pub use execute::{Ended, Plan, ShardChunks, ShardDone, execute, execute_shard, plan};
pub(crate) use outcome::MEASUREMENTS_DIGEST;
pub use outcome::{FinishedRun, StoredRun, status, write_report};
pub use probe::{ProbedModel, probe};
pub use selection::{GeneratorRequest, RunRequest};
pub(crate) use selection::{Selection, measure_settings, methods};
pub use to_fetch::ToFetch;
