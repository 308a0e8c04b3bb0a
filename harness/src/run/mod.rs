//! One execution of a suite: what is selected, what is done in which order, what is written.

pub mod directory;
mod execute;
mod generators;
pub mod miniature;
mod outcome;
mod record;
pub(crate) mod samples_table;
mod selection;
mod to_fetch;

pub use execute::{Ended, Plan, execute, plan};
pub(crate) use outcome::MEASUREMENTS_DIGEST;
pub use outcome::{FinishedRun, StoredRun, status, write_report};
pub use selection::{GeneratorRequest, RunRequest};
pub(crate) use selection::{Selection, measure_settings, methods};
pub use to_fetch::ToFetch;
