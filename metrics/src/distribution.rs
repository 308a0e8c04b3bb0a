//! Distances between two sets of images, seen through an encoder, and scores of one set.
//!
//! Features are rows of `f32`: [samples, dimensions]. One file holds one formula.

mod error;
mod fd_infinity;
mod frechet;
mod linear_algebra;
mod moments;

pub use error::DistributionError;
pub use fd_infinity::{FdInfinity, FdInfinityOptions, fd_infinity};
pub use frechet::{
    FrechetDistance, FrechetOptions, FrechetSide, FrechetUncertainty, SmallSampleBias, TracePath,
    frechet_bias, frechet_distance, frechet_distance_with_uncertainty, frechet_measurements,
};
pub use moments::{BLOCK_ROWS, Gaussian, Moments, MomentsStream};
