//! Distances between two sets of images, seen through an encoder, and scores of one set.
//!
//! Features are rows of `f32`: [samples, dimensions]. One file holds one formula.

pub mod cmmd;
pub mod inception_score;
pub mod kernel_distance;
pub mod manifold;
pub mod mind;

mod error;
mod features;
mod half_precision;
mod kernel_sums;
mod tiles;
mod two_sample;

pub use cmmd::{Cmmd, CmmdOptions, cmmd};
pub use error::DistributionError;
pub use inception_score::{
    InceptionScore, InceptionScoreOptions, OrderSensitivity, inception_score, order_sensitivity,
};
pub use kernel_distance::{KernelDistance, KernelDistanceOptions, kernel_distance};
pub use manifold::{Arithmetic, Boundary, Manifold, ManifoldOptions, manifold};
pub use mind::{Mind, MindOptions, mind};
