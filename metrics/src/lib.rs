//! Pure functions from arrays to [`Measurement`]s.
//!
//! Nothing here reads a file or a clock, starts a thread or draws ambient randomness: what a function returns depends on
//! its arguments alone. Heavy functions cut their work into tasks and hand them to the caller's [`executor::Executor`].

pub mod distribution;
pub mod executor;
pub mod measurement;
pub mod probe;
pub mod random;
pub mod retrieval;
pub mod spatial;
pub mod statistics;
pub mod table;
pub mod tokenizer;
pub mod unified;

pub use measurement::{Absence, AbsenceReason, Finite, Interval, Measurement, Outcome, Unit};
