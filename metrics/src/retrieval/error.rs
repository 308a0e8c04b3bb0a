//! What can be wrong with the input of a retrieval metric.

/// Input that has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RetrievalError {
    /// No rows, or rows of width 0.
    #[error("{set} has shape [{rows}, {width}]: at least one row and one dimension are needed")]
    Empty {
        /// Which set: "the predictions", "the bank".
        set: &'static str,
        /// Rows there are.
        rows: usize,
        /// Numbers in each.
        width: usize,
    },
    /// Predictions and bank have different widths.
    #[error(
        "the predictions have {predictions} dimensions, the bank has {bank}: both must be tokens of one model"
    )]
    Width {
        /// Dimensions of the predictions.
        predictions: usize,
        /// Dimensions of the bank.
        bank: usize,
    },
    /// Not one target for each prediction.
    #[error(
        "there are {predictions} predictions and {targets} targets: one target for each is needed"
    )]
    Targets {
        /// Predictions there are.
        predictions: usize,
        /// Targets there are.
        targets: usize,
    },
    /// A target that is not in the bank.
    #[error(
        "the target of prediction {prediction} (counted from 0) is row {target}, but the bank has {bank} rows"
    )]
    NoSuchTarget {
        /// Index of the prediction.
        prediction: usize,
        /// Its target.
        target: usize,
        /// Rows of the bank.
        bank: usize,
    },
    /// A distance that is no number: NaN or an infinity in a row, or numbers whose squares overflow.
    #[error(
        "row {row} of {set} (counted from 0) holds NaN, an infinity or numbers too large to be squared"
    )]
    NotFinite {
        /// Which set.
        set: &'static str,
        /// Index of the first such row.
        row: usize,
    },
    /// A row of length 0, whose cosine with others is undefined.
    #[error(
        "row {row} of {set} (counted from 0) is zero and has no direction: cosine distance is undefined, take l2"
    )]
    ZeroRow {
        /// Which set.
        set: &'static str,
        /// Index of the first such row.
        row: usize,
    },
    /// A bank that was not given whole.
    #[error("{actual} rows of the bank were given, {expected} were promised")]
    Incomplete {
        /// Rows given.
        actual: usize,
        /// Rows promised.
        expected: usize,
    },
    /// No query at all.
    #[error("no query was ranked: there is nothing to average")]
    NoQueries,
    /// A quaternion that stands for no rotation.
    #[error(
        "quaternion {row} (counted from 0) has length {length}; those of rotations have length 1: divide them by their length"
    )]
    NotUnit {
        /// Index of the quaternion.
        row: usize,
        /// Its length.
        length: f64,
    },
}
