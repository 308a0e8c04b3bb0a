//! How well a simple classifier reads the classes off frozen features: multinomial logistic regression, k-NN, and heads
//! trained by gradient descent ([`descent`]).
//!
//! Train and test features go in, measurements and predictions come out. Logistic regression and k-NN are `f64` and
//! single-threaded, so the number of threads changes nothing; callers run encoders side by side.

mod accuracy;
pub mod descent;
mod error;
mod exponential;
mod knn;
mod labelled;
mod lbfgs;
mod linear;
mod logistic;
mod precision;
mod rows;
mod scaled_rows;
mod selection;
mod standardise;

pub use accuracy::ClassAccuracy;
pub use error::ProbeError;
pub use knn::{KnnOptions, Similarity, Weighting, knn_probe, knn_probes};
pub use labelled::Labelled;
pub use linear::{LogisticOptions, ProbeOptions, linear_probe, logistic_probe};
pub use selection::CSearch;

use crate::Measurement;
use serde::{Deserialize, Serialize};

/// What a probe measured on the test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeOutcome {
    /// `accuracy` (top-1), `top-5`, `mean-per-class accuracy` in percent; for the linear probe also `loss`,
    /// `train loss` in nats, `train objective` and `C`.
    pub measurements: Vec<Measurement>,
    /// The predicted label of each test sample.
    pub predictions: Vec<u32>,
    /// Top-1 counts of each label of the test set, in rising order of the label.
    pub per_class: Vec<ClassAccuracy>,
}
