//! The patch tokenizer of l-DAE: principal components of image patches, and noise in their coordinates.
//!
//! SOURCE: Chen, Liu, Xie and He 2024, "Deconstructing Denoising Diffusion Models for Self-Supervised Learning"
//! (arXiv:2401.14404v1), sections 4.2 and 4.3. There is no official code. What the paper does not say is an option here: whether
//! patches are centred ([`Centring`]), how latents are scaled before noise is added ([`LatentScaling`]), and how many patches a basis is made of.
//!
//! ```text
//! image [3, H, W] ─ patches [T, D] ─ V_d (x - mean) ─► latents [T, d] ─ γ z + σ ε ─► noisy latents ─ V_dᵀ ─► patches ─► image
//! ```
//!
//! T tokens of D = 3 p² numbers: the values of a patch of p x p pixels, channel by channel, row by row, as a patch embedding's
//! convolution flattens them. Pixels are numbers on a scale that the caller chooses; noise levels are on the same scale.

mod draw;
mod error;
mod latent;
mod loss;
mod noise;
mod patches;
mod pca;
mod schedule;

pub use draw::{PatchPlace, draw_patches};
pub use error::TokenizerError;
pub use latent::{LatentScaling, Tokenizer};
pub use loss::{DISCARDED_WEIGHT, denoising_loss, direction_weights};
pub use noise::{NoisePlace, noise};
pub use patches::PatchGrid;
pub use pca::{Centring, MOST_DIMENSIONS, PatchPca, PatchStream};
pub use schedule::{NoiseLevel, NoiseSchedule, SINGLE_LEVEL, STEPS};
