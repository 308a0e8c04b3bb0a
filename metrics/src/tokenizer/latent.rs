//! Patches to latents and back.

use super::{NoiseLevel, PatchPca, TokenizerError};
use ndarray::{Array2, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

/// What latents are divided by before noise is added.
///
/// The paper's noise levels are absolute numbers (σ up to √2), so this decides how strong they are; the paper does not say what
/// it does. Figure 7 compares pixel noise and latent noise "at the same σ", which means the same of both only without scaling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatentScaling {
    /// Nothing: V is orthonormal, so noise of σ in the latents has σ along each kept direction of the pixels.
    #[default]
    None,
    /// One number, the root of the mean eigenvalue of the kept directions: latents have unit mean square over all of them, as
    /// latent diffusion models scale theirs.
    Global,
    /// The root of each direction's own eigenvalue: every latent has unit mean square, and noise of σ hides all equally.
    PerDimension,
}

impl LatentScaling {
    /// The word for it in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Global => "global",
            Self::PerDimension => "per-dimension",
        }
    }
}

/// The first d directions of a basis, with a scaling: patches [T, D] to latents [T, d] and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokenizer {
    pca: PatchPca,
    scaling: LatentScaling,
    /// [D, d]: V_dᵀ, columns divided by their scale.
    projection: Array2<f64>,
    /// [d, D]: V_d, rows multiplied by their scale.
    expansion: Array2<f64>,
}

impl Tokenizer {
    /// A tokenizer with `dimensions` latent dimensions.
    ///
    /// # Errors
    /// `Dimensions` for none or more than the basis has, `NoVariance` if a scaling would divide by zero.
    pub fn new(
        pca: PatchPca,
        dimensions: usize,
        scaling: LatentScaling,
    ) -> Result<Self, TokenizerError> {
        if !(1..=pca.dimensions()).contains(&dimensions) {
            return Err(TokenizerError::Dimensions { dimensions, most: pca.dimensions() });
        }
        let scales = scales(&pca, dimensions, scaling)?;
        let kept = pca.components().slice_move(s![..dimensions, ..]);
        let mut projection = kept.t().as_standard_layout().into_owned();
        let mut expansion = kept.to_owned();
        for (mut row, scale) in expansion.outer_iter_mut().zip(&scales) {
            row.mapv_inplace(|entry| entry * scale);
        }
        for (mut column, scale) in projection.axis_iter_mut(Axis(1)).zip(&scales) {
            column.mapv_inplace(|entry| entry / scale);
        }
        Ok(Self { pca, scaling, projection, expansion })
    }

    /// The basis.
    #[must_use]
    pub fn pca(&self) -> &PatchPca {
        &self.pca
    }

    /// Latent dimensions: d.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.expansion.nrows()
    }

    /// What latents are divided by.
    #[must_use]
    pub fn scaling(&self) -> LatentScaling {
        self.scaling
    }

    /// [D, d]: latents are (x - mean) times this.
    #[must_use]
    pub fn projection(&self) -> ArrayView2<'_, f64> {
        self.projection.view()
    }

    /// [d, D]: patches are latents times this, plus the mean.
    #[must_use]
    pub fn expansion(&self) -> ArrayView2<'_, f64> {
        self.expansion.view()
    }

    /// Latents [T, d] of patches [T, D].
    ///
    /// # Errors
    /// `Shape` for patches of another width, or none.
    pub fn encode(&self, patches: ArrayView2<'_, f64>) -> Result<Array2<f64>, TokenizerError> {
        Ok(self.pca.centred(patches)?.dot(&self.projection))
    }

    /// Patches [T, D] of latents [T, d]; with d = D the inverse of [`Tokenizer::encode`].
    ///
    /// # Errors
    /// `Shape` for latents of another width.
    pub fn decode(&self, latents: ArrayView2<'_, f64>) -> Result<Array2<f64>, TokenizerError> {
        if latents.ncols() != self.dimensions() {
            return Err(TokenizerError::Shape {
                what: "latents have shape",
                found: latents.shape().to_vec(),
                expected: vec![latents.nrows(), self.dimensions()],
            });
        }
        let mut patches = latents.dot(&self.expansion);
        for mut patch in patches.outer_iter_mut() {
            patch.iter_mut().zip(self.pca.mean()).for_each(|(number, mean)| *number += mean);
        }
        Ok(patches)
    }

    /// γ z + σ ε, number by number.
    ///
    /// # Errors
    /// `Shape` if latents and noise differ in shape.
    pub fn add_noise(
        latents: &mut Array2<f64>,
        level: NoiseLevel,
        noise: ArrayView2<'_, f64>,
    ) -> Result<(), TokenizerError> {
        if latents.dim() != noise.dim() {
            return Err(TokenizerError::Shape {
                what: "noise has shape",
                found: noise.shape().to_vec(),
                expected: latents.shape().to_vec(),
            });
        }
        latents.zip_mut_with(&noise, |latent, noise| {
            *latent = level.signal * *latent + level.noise * noise;
        });
        Ok(())
    }
}

/// What each latent is divided by.
fn scales(
    pca: &PatchPca,
    dimensions: usize,
    scaling: LatentScaling,
) -> Result<Vec<f64>, TokenizerError> {
    let (kept, rank) = (&pca.eigenvalues()[..dimensions], pca.rank());
    let no_variance = |direction| Err(TokenizerError::NoVariance { direction, rank });
    match scaling {
        LatentScaling::None => Ok(vec![1.0; dimensions]),
        LatentScaling::Global if rank == 0 => no_variance(0),
        LatentScaling::Global => {
            let mean = kept.iter().sum::<f64>() / dimensions as f64;
            Ok(vec![mean.sqrt(); dimensions])
        }
        LatentScaling::PerDimension if rank < dimensions => no_variance(rank),
        LatentScaling::PerDimension => Ok(kept.iter().map(|value| value.sqrt()).collect()),
    }
}
