//! A maze or a sliding puzzle with its answers, wherever they come from.

use retally_metrics::unified::Protocol;
use retally_metrics::unified::answers::PythonValue;
use std::path::PathBuf;

/// What one candidate answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidate {
    /// Its text, tags and all.
    pub(super) text: String,
    /// Its frames, in their order.
    pub(super) frames: Vec<PathBuf>,
}

/// A maze or a sliding puzzle.
#[derive(Clone, Debug)]
pub(super) struct PuzzleCase {
    /// The case's name.
    pub(super) id: String,
    /// The picture before the first move, if the case's record names it.
    pub(super) first: Option<PathBuf>,
    /// The right moves as stored; none if the data set has none.
    pub(super) moves: Vec<PythonValue>,
    /// The data set's pictures after each move, where it has some.
    pub(super) frames: Vec<PathBuf>,
    /// The answers.
    pub(super) candidates: Vec<Candidate>,
}

/// In the fixed protocol a case without any answer is one wrong answer.
pub(super) fn answer_nothing(candidates: &mut Vec<Candidate>, protocol: Protocol) {
    if candidates.is_empty() && protocol == Protocol::Fixed {
        candidates.push(Candidate::default());
    }
}
