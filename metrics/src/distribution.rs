//! Distances between two sets of images, seen through an encoder, and scores of one set.
//!
//! Features are rows of `f32`: [samples, dimensions]. One file holds one formula.

mod error;

pub use error::DistributionError;
