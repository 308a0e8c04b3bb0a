//! What GitHub shows of a check: annotations in the log and on changed lines, a summary of the step, a comment.

pub mod escape;

mod annotations;
mod page;

pub use annotations::{annotations, fenced};
pub use page::{LARGEST_COMMENT, LARGEST_SUMMARY, page};
