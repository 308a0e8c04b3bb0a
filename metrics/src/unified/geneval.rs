//! GenEval (arXiv:2310.11513): does a picture hold the objects of its prompt, so many, in these colours, so placed? The rules that follow detection: which detector and which
//! colour classifier said it, is not known here.

mod position;
mod rules;
mod summary;

pub use position::{BoundingBox, Relation, relations};
pub use rules::{Detection, GenevalError, GenevalOptions, Judgement, judge};
pub use summary::{JudgedPicture, measurements};

/// An object that a prompt asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Its class, as the detector names it.
    pub class: String,
    /// At least so many.
    pub count: usize,
    /// All of them in this colour.
    pub color: Option<String>,
    /// All of them so placed to all objects of an earlier entry, given by its number from 0.
    pub position: Option<(Relation, usize)>,
}

/// An object of which there must not be so many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Excluded {
    /// Its class.
    pub class: String,
    /// Fewer than so many.
    pub count: usize,
}

/// What a prompt asks for, as a line of GenEval's `evaluation_metadata.jsonl` has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Specification {
    /// `single_object`, `two_object`, `counting`, `colors`, `position`, `color_attr`.
    pub tag: String,
    /// The prompt itself.
    pub prompt: String,
    /// What must be there.
    pub include: Vec<Wanted>,
    /// What must not.
    pub exclude: Vec<Excluded>,
}
