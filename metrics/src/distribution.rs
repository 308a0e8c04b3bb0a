//! Distances between two sets of images, seen through an encoder, and scores of one set.
//!
//! Features are rows of `f32`: [samples, dimensions]. One file holds one formula.

pub mod cmmd;
pub mod kernel_distance;
pub mod manifold;

mod error;
mod features;
mod half_precision;
mod kernel_sums;
mod tiles;
mod two_sample;

pub use cmmd::{Cmmd, CmmdOptions, cmmd};
pub use error::DistributionError;
pub use kernel_distance::{KernelDistance, KernelDistanceOptions, kernel_distance};
pub use manifold::{Arithmetic, Boundary, Manifold, ManifoldOptions, manifold};
