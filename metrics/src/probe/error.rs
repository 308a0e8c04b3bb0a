//! What can go wrong with a probe.

/// A probe without a result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProbeError {
    /// Features and labels differ in number.
    #[error("the {set} set has {features} feature rows but {labels} labels")]
    RowCount {
        /// `train` or `test`.
        set: &'static str,
        /// Feature rows.
        features: usize,
        /// Labels.
        labels: usize,
    },
    /// No samples or no features.
    #[error(
        "the {set} set is {rows} x {columns}; a probe needs at least one sample and one feature"
    )]
    Empty {
        /// `train` or `test`.
        set: &'static str,
        /// Feature rows.
        rows: usize,
        /// Feature columns.
        columns: usize,
    },
    /// Train and test features differ in width.
    #[error(
        "train features have {train} columns and test features {test}; they must come from one encoder"
    )]
    Width {
        /// Columns of the train features.
        train: usize,
        /// Columns of the test features.
        test: usize,
    },
    /// NaN or infinity among the features.
    #[error("row {row}, column {column} of the {set} features (counted from 0) is not finite")]
    NonFinite {
        /// `train` or `test`.
        set: &'static str,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
    },
    /// Only one class to learn.
    #[error("all train labels are {label}; a probe needs at least two classes")]
    OneClass {
        /// The only label.
        label: u32,
    },
    /// A test label that no train sample has.
    #[error(
        "test label {label} (sample {row}, counted from 0) does not occur among the train labels"
    )]
    UnknownLabel {
        /// Index of the first such sample.
        row: usize,
        /// Its label.
        label: u32,
    },
    /// A parameter outside its range.
    #[error("{name} is {value}, but must be {expected}")]
    Option {
        /// Which parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// Too few samples to hold some out.
    #[error("no class has two train samples, so none can be held out to choose {what}; give it")]
    NothingToHoldOut {
        /// What is chosen on them.
        what: &'static str,
    },
    /// Train and test features differ in the number of tokens.
    #[error(
        "train features have {train} tokens a sample and test features {test}; they must come from one encoder"
    )]
    Tokens {
        /// Tokens of a train sample.
        train: usize,
        /// Tokens of a test sample.
        test: usize,
    },
    /// Tokens where one vector a sample is needed.
    #[error(
        "a linear head takes one vector a sample, but there are {tokens} tokens; average them, or take the attentive head"
    )]
    TokensForLinear {
        /// Tokens of a sample.
        tokens: usize,
    },
    /// The width cannot be shared out among attention heads.
    #[error("tokens of {width} numbers cannot be shared out evenly among {heads} attention heads")]
    AttentionHeads {
        /// Numbers of a token.
        width: usize,
        /// Heads.
        heads: usize,
    },
    /// A width that gives no number of attention heads.
    #[error(
        "tokens of {width} numbers are not whole heads of 64; say how many attention heads the encoder has"
    )]
    UnknownAttentionHeads {
        /// Numbers of a token.
        width: usize,
    },
    /// A batch that the train set cannot fill.
    #[error(
        "batches of {batch} samples need at least as many train samples, but {samples} are trained on; take smaller \
         batches (rates that are given for 256 samples follow them)"
    )]
    BatchExceedsTrain {
        /// Samples of a batch.
        batch: usize,
        /// Samples that are trained on.
        samples: usize,
    },
    /// More weights than are reasonable.
    #[error(
        "{heads} heads of {classes} classes and {width} numbers a sample are more weights than 2^30"
    )]
    TooManyWeights {
        /// Heads.
        heads: usize,
        /// Distinct train labels.
        classes: usize,
        /// Numbers of a sample.
        width: usize,
    },
    /// Parts of a recipe that do not fit together.
    #[error("{0}")]
    Recipe(&'static str),
    /// The optimiser stopped before the tolerance was reached.
    #[error(
        "logistic regression with C = {c} stopped after {iterations} iterations at gradient {gradient:e} (tolerance \
         {tolerance:e}); choose a smaller C or allow more iterations"
    )]
    NotConverged {
        /// Inverse regularisation strength.
        c: f64,
        /// Iterations done.
        iterations: usize,
        /// Largest absolute component of the gradient reached.
        gradient: f64,
        /// What was asked for.
        tolerance: f64,
    },
}
