//! What can be wrong with attention and with what is said of it.

use super::{InteractionTask, RowPlace};
use std::ops::Range;

/// Input that has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InteractionError {
    /// An empty set of tokens.
    #[error("the {what} are an empty set: name at least one range of them")]
    NoIndices {
        /// `keys`, `queries`.
        what: &'static str,
    },
    /// A range that is none, or that lies where it cannot.
    #[error("range [{start}, {end}) of the {what}: it {reason}")]
    BadRange {
        /// Whose range.
        what: &'static str,
        /// First index.
        start: usize,
        /// One past the last.
        end: usize,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A role that the rule needs.
    #[error("the slices `{rule}` of {task} need {needed}")]
    MissingRole {
        /// The rule.
        rule: &'static str,
        /// The task.
        task: InteractionTask,
        /// The tokens that are missing.
        needed: &'static str,
    },
    /// A row of attention that is too short or too long.
    #[error("{place}: the row has {found} keys, {expected} were expected")]
    RowLength {
        /// Where.
        place: RowPlace,
        /// Keys there are.
        found: usize,
        /// Keys there should be.
        expected: usize,
    },
    /// A value that is no probability.
    #[error(
        "{place}, key {key}: {value} is no probability; attention after the softmax is needed, without a mask added to it"
    )]
    NoProbability {
        /// Where.
        place: RowPlace,
        /// Index of the key.
        key: usize,
        /// The value.
        value: f64,
    },
    /// Probabilities that do not sum to 1.
    #[error(
        "{place}: the probabilities sum to {sum}, more than {tolerance} away from 1; attention after the softmax, before dropout and with all its keys is needed \
         (a larger tolerance can be given)"
    )]
    RowSum {
        /// Where.
        place: RowPlace,
        /// The sum.
        sum: f64,
        /// What was allowed.
        tolerance: f64,
    },
    /// Attention to a token that comes later.
    #[error(
        "{place} is at position {position} and attends to later keys ({mass} of its attention): the attention is not causal, or its first query is at another \
         position than {first_query}"
    )]
    NotCausal {
        /// Where.
        place: RowPlace,
        /// Position of the query among the keys.
        position: usize,
        /// Attention on later keys.
        mass: f64,
        /// Position of the first row.
        first_query: usize,
    },
    /// A query without any key.
    #[error(
        "query {query} (counted from 0) sees no key: look at the padding and at the first query's position"
    )]
    SeesNothing {
        /// Row of the query axis.
        query: usize,
    },
    /// No attention at all.
    #[error("there is nothing to average: {what}")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// Samples that are not of one model.
    #[error(
        "{task}: sample {sample} has {found} layers, the ones before it have {expected}: all must come from one model"
    )]
    LayerCount {
        /// The task.
        task: InteractionTask,
        /// Which sample.
        sample: String,
        /// Layers it has.
        found: usize,
        /// Layers of the others.
        expected: usize,
    },
    /// A mass that cannot be one.
    #[error(
        "{task}, sample {sample}, layer {layer} (counted from 0): {value} is no share of attention, which is between 0 and 1"
    )]
    NoShare {
        /// The task.
        task: InteractionTask,
        /// Which sample.
        sample: String,
        /// Index of the layer.
        layer: usize,
        /// The value.
        value: f64,
    },
}

impl InteractionError {
    pub(super) fn bad_range(
        what: &'static str,
        range: &Range<usize>,
        reason: impl Into<String>,
    ) -> Self {
        Self::BadRange { what, start: range.start, end: range.end, reason: reason.into() }
    }
}
