//! Probes trained by gradient descent on stored features: the linear probes of MAE, MoCo v3 and DINOv2, and the attentive
//! probe of V-JEPA.
//!
//! A [`Recipe`] says how, [`descent_probe`] does it. Features stay where they are
//! ([`FeatureTable`](crate::table::FeatureTable)); only batches are copied.

mod assess;
mod attentive;
mod attentive_pooling;
mod batch_norm;
mod cross_entropy;
mod dense;
mod fit;
mod labelled_table;
mod linear_heads;
mod model;
mod optimiser;
mod order;
mod outcome;
mod recipe;
mod schedule;
mod train;

pub use batch_norm::BatchNormOptions;
pub use fit::{Observer, Progress, Stage, Unwatched};
pub use labelled_table::LabelledTable;
pub use optimiser::Optimiser;
pub use recipe::{EpochLength, Head, RateScale, Recipe, Selection};
pub use schedule::{Schedule, ScheduleRead};
pub use train::{Training, descent_probe};

use super::ProbeError;
use crate::table::ReadError;

/// A training without a result.
#[derive(Debug, thiserror::Error)]
pub enum DescentError {
    /// Data or recipe are wrong.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// Rows could not be read.
    #[error("{0}")]
    Read(#[source] ReadError),
    /// The observer asked to stop.
    #[error(
        "stopped in epoch {epoch} of {epochs}; nothing is kept of a training that has not ended"
    )]
    Stopped {
        /// The epoch that was running, counted from 1.
        epoch: usize,
        /// Epochs in all.
        epochs: usize,
    },
}
