//! How often a prediction finds its own target among others: mean reciprocal rank (MRR), hits at k (H@k), and the error of
//! the rotation that is found (PRE).
//!
//! Predictions and banks are rows of one width. A [`Placement`] counts the members of a bank that are nearer to a
//! prediction than its target, and those that are as near; a [`TieRule`] makes a rank of it; [`retrieval_measurements`]
//! averages reciprocal ranks and hits and puts the values of pure chance beside them.

mod bank;
mod distance;
mod error;
mod placement;
mod rotation;
mod scores;

pub use bank::{BankScan, place};
pub use distance::{Coordinate, Distance};
pub use error::RetrievalError;
pub use placement::{Placement, TieRule};
pub use rotation::{rotation_error, rotation_measurement};
pub use scores::{
    ChanceLevels, RetrievalOptions, RetrievalResult, hits_chance, mean_reciprocal_rank_chance,
    retrieval_measurements,
};
