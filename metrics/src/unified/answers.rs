//! Answers in a model's text: what stands between the tags, and how it is scored.
//!
//! The released script searches with Python's `re` and reads with Python's `json`; both differ from their namesakes elsewhere
//! in ways that a score can see, so their rules are kept here: what counts as white space, which letters are equal in
//! upper and lower case, `NaN` in JSON, and `str()` of values.

mod choice;
mod moves;
mod python;
mod tags;

pub use choice::{Choice, ChoiceStatus, final_choice};
pub use moves::{MoveScore, answered_moves};
pub use python::{PythonJsonError, PythonValue};
pub use tags::first_between;
