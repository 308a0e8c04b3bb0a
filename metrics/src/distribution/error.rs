//! What can be wrong with the input of a distribution metric.

use crate::table::ReadError;

/// Input that has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistributionError {
    /// Fewer rows than the definition needs.
    #[error("{actual} rows in {set}; the definition needs at least {needed}")]
    TooFewRows {
        /// Which set: "the reference", "the samples".
        set: &'static str,
        /// Rows there are.
        actual: usize,
        /// Rows that are needed.
        needed: usize,
    },
    /// The two sets have different widths.
    #[error(
        "the reference has {reference} dimensions, the samples have {samples}: take both from the same encoder"
    )]
    Dimensions {
        /// Dimensions of the reference.
        reference: usize,
        /// Dimensions of the samples.
        samples: usize,
    },
    /// Rows of width 0.
    #[error("no dimensions in {set}")]
    NoDimensions {
        /// Which set.
        set: &'static str,
    },
    /// NaN or infinity among the features.
    #[error("row {row} of {set} (counted from 0) holds NaN or an infinity")]
    NotFinite {
        /// Which set.
        set: &'static str,
        /// Index of the first such row.
        row: usize,
    },
    /// Rows that are not in memory could not be read.
    #[error("the features of {set} cannot be read: {source}")]
    Unreadable {
        /// Which set.
        set: &'static str,
        /// What the table says.
        source: ReadError,
    },
    /// Options that make no sense, or do not fit the input.
    #[error("{0}")]
    Options(String),
    /// Statistics that no set of samples has.
    #[error("the statistics of {set} cannot be used: {problem}")]
    Statistics {
        /// Which set.
        set: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A row of length 0 that was to be divided by its length.
    #[error("row {row} of {set} (counted from 0) is zero and has no direction")]
    ZeroRow {
        /// Which set.
        set: &'static str,
        /// Index of the first such row.
        row: usize,
    },
    /// Features so large that the arithmetic of the definition overflows.
    #[error(
        "{what} overflow the 32-bit numbers that the definition computes with; scale the features down"
    )]
    Overflow {
        /// What became infinite.
        what: &'static str,
    },
    /// A decomposition did not converge, on finite input.
    #[error("{0} did not converge; please report this with the input")]
    NotConverged(&'static str),
}
