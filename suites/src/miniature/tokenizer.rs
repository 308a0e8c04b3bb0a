//! The part of a miniature that measures a PCA tokenizer.

use serde::Deserialize;

/// What is measured of a PCA tokenizer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerPlan {
    /// Id of the data set that it is fitted to and measured on.
    pub dataset: String,
}
