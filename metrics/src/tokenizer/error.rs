//! What can be wrong with patches and bases.

use crate::distribution::DistributionError;

/// Input of which no tokenizer, or no token, can be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TokenizerError {
    /// A size that patches do not cover.
    #[error(
        "{width}x{height} pixels are no whole number of {patch}x{patch} patches: both sides must be multiples of {patch}"
    )]
    Grid {
        /// Columns of the image.
        width: usize,
        /// Rows of the image.
        height: usize,
        /// Side of a patch.
        patch: usize,
    },
    /// Patches of no pixels, or of so many that their covariance does not fit into memory.
    #[error("patches of {patch}x{patch} pixels: a side is 1 to {most} pixels")]
    PatchSize {
        /// Side of a patch.
        patch: usize,
        /// Largest side.
        most: usize,
    },
    /// Numbers that do not fill the shape that is expected.
    #[error("{what} {found:?} where {expected:?} is expected")]
    Shape {
        /// What has the shape.
        what: &'static str,
        /// The shape.
        found: Vec<usize>,
        /// The one that is expected.
        expected: Vec<usize>,
    },
    /// More or fewer dimensions than a basis has.
    #[error("{dimensions} latent dimensions: this basis has 1 to {most}")]
    Dimensions {
        /// How many are asked for.
        dimensions: usize,
        /// How many there are.
        most: usize,
    },
    /// Scaling by a variance that is zero.
    #[error(
        "latents cannot be scaled to unit variance: direction {direction} (counted from 0) does not vary on the fitted patches, \
         which have rank {rank}; take at most {rank} dimensions, or leave latents as they are"
    )]
    NoVariance {
        /// The first such direction.
        direction: usize,
        /// Directions that vary.
        rank: usize,
    },
    /// A basis that is none.
    #[error("this is no basis of patches: {0}")]
    Basis(String),
    /// Patches or images that do not exist.
    #[error("{0}")]
    Draw(String),
    /// A step outside a schedule.
    #[error("step {step}: schedules have steps 0 to {steps}")]
    Step {
        /// The step.
        step: u32,
        /// The last one.
        steps: u32,
    },
    /// The moments of the patches.
    #[error(transparent)]
    Moments(#[from] DistributionError),
}
