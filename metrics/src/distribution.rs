//! Distances between two sets of images, seen through an encoder, and scores of one set.
//!
//! Features are rows of `f32`: [samples, dimensions]. One file holds one formula.

pub mod cmmd;
pub mod inception_score;
pub mod kernel_distance;
pub mod manifold;
pub mod mind;

mod checked_set;
mod error;
mod fd_infinity;
mod features;
mod frechet;
mod half_precision;
mod kernel_sums;
pub(crate) mod linear_algebra;
mod moments;
mod set_rows;
mod strassen;
mod tile_products;
mod tiles;
mod two_sample;

pub use cmmd::{Cmmd, CmmdOptions, cmmd};
pub use error::DistributionError;
pub use fd_infinity::{FdInfinity, FdInfinityOptions, fd_infinity};
pub use frechet::{
    FrechetDistance, FrechetOptions, FrechetSide, FrechetUncertainty, SmallSampleBias, TracePath,
    frechet_bias, frechet_distance, frechet_distance_with_uncertainty, frechet_measurements,
};
pub use inception_score::{
    InceptionScore, InceptionScoreOptions, OrderSensitivity, inception_score, order_sensitivity,
};
pub use kernel_distance::{KernelDistance, KernelDistanceOptions, kernel_distance};
pub use manifold::{Arithmetic, Boundary, Manifold, ManifoldOptions, manifold};
pub use mind::{Mind, MindOptions, mind};
pub use moments::{BLOCK_ROWS, Gaussian, Moments, MomentsStream};
pub use set_rows::SetRows;
