//! The loss of l-DAE's last step, which predicts the original image.

use super::{NoiseLevel, PatchPca, TokenizerError};
use ndarray::ArrayView2;

/// Weight of the directions that latents leave out.
pub const DISCARDED_WEIGHT: f64 = 0.1;

/// w of the paper: 1 for the first `kept` of `dimensions` directions, 0.1 for the others.
#[must_use]
pub fn direction_weights(dimensions: usize, kept: usize) -> Vec<f64> {
    (0..dimensions).map(|direction| if direction < kept { 1.0 } else { DISCARDED_WEIGHT }).collect()
}

/// λ Σ w_i r_i² with r = V (x₀ - prediction) of the whole basis, averaged over patches [T, D]. At least 0.
///
/// The paper writes it for one patch; that patches are averaged is ours.
///
/// # Errors
/// `Shape` if the two differ in shape or are no patches of this basis, `Dimensions` if more directions are kept than there are.
pub fn denoising_loss(
    pca: &PatchPca,
    (clean, predicted): (ArrayView2<'_, f64>, ArrayView2<'_, f64>),
    kept: usize,
    level: NoiseLevel,
) -> Result<f64, TokenizerError> {
    let dimensions = pca.dimensions();
    if kept > dimensions {
        return Err(TokenizerError::Dimensions { dimensions: kept, most: dimensions });
    }
    if clean.dim() != predicted.dim() || clean.ncols() != dimensions || clean.nrows() == 0 {
        return Err(TokenizerError::Shape {
            what: "predicted patches have shape",
            found: predicted.shape().to_vec(),
            expected: vec![clean.nrows().max(1), dimensions],
        });
    }
    let residuals = (&clean - &predicted).dot(&pca.components().t());
    let weights = direction_weights(dimensions, kept);
    let sum: f64 = residuals
        .outer_iter()
        .map(|patch| patch.iter().zip(&weights).map(|(r, w)| w * r * r).sum::<f64>())
        .sum();
    Ok(level.loss_weight() * sum / clean.nrows() as f64)
}
