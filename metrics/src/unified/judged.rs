//! The judged tasks of Uni-MMMU: what a judge's reply says, and what a case is worth.
//!
//! A reply is read in two ways. [`Protocol::Official`](super::Protocol::Official) does what the released script does with the same reply: the first balanced
//! braces, Python's truth and numbers, 0 for what is missing. [`Protocol::Fixed`](super::Protocol::Fixed) leaves reasoning out, takes the last object that has the
//! expected members, checks their types, and asks again where there is none.

mod case;
mod code;
mod geometry;
mod object;
mod python;
mod reading;
mod science;

pub use case::{CaseOutcome, CaseValue};
pub use code::{
    DescriptionJudgement, DrawingJudgement, Verdict, best_drawing, read_description, read_drawing,
    render_summary,
};
pub use geometry::{
    GeometryKind, OverlayJudgement, SolutionJudgement, read_overlay, read_solution,
};
pub use object::{first_balanced_object, last_object_with, without_reasoning};
pub use reading::Reading;
pub use science::{ExplanationJudgement, StateJudgement, read_explanation, read_state};
