//! Papers as data: printed cells, tables, figures, verdicts.
//!
//! A [`Suite`] holds what one paper prints and how it is judged. [`evaluate()`] puts a run's measurements beside it and
//! [`check()`] says whether everything is as claimed. Nothing here runs a model, uses the network or draws.

pub mod cells;
pub mod check;
pub mod claims;
pub mod evaluation;
pub mod generation;
pub mod identity;
pub mod labels;
pub mod lock;
pub mod miniature;
pub mod printed;
pub mod probes;
pub mod reachability;
pub mod relock;
pub mod run;
pub mod schema;
pub mod texts;
pub mod verdict;

mod chance;
mod claim;
mod curve;
mod derived;
mod evaluate;
mod layout;
mod reach;
mod suite;
mod versions;

pub use check::{CheckOutcome, CheckReport, check};
pub use evaluate::evaluate;
pub use evaluation::EvaluatedSuite;
pub use run::{DatasetMeasurements, RunMeasurements};
pub use suite::{FurtherData, Suite, SuiteError, SuiteFiles};
