//! What there is to judge of a case.

use crate::endpoint::ChatRequest;

/// A case before it is judged.
#[derive(Clone, Debug)]
pub(crate) enum Prepared {
    /// Ask this.
    Ask(Box<ChatRequest>),
    /// The model gave nothing that could be judged.
    NothingToJudge,
    /// The data set lacks what the judge compares with.
    NoReference(String),
    /// The model's outputs do not have this case.
    NoCase,
}
