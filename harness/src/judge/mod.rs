//! Judges: models behind chat endpoints that mark what no program can, used as instruments. A result says which model and version
//! judged, by which words and parameters, and has the digest of all replies; [`golden`] says how far the judge agrees with people.
//!
//! Without an endpoint or a key there is no judge, and what it would measure is *not run*: nothing takes its place.

pub(crate) mod golden;
mod instrument;
mod prepared;
mod prompts;
mod questions;

pub(crate) use instrument::{Judge, JudgeModels, JudgeParameters, JudgeRecord, Judging};
pub(crate) use prepared::Prepared;
pub(crate) use prompts::Prompt;
pub(crate) use questions::Unasked;
