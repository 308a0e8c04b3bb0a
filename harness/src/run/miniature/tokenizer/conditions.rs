//! What is swept: every number of latent dimensions, and the pixels themselves, at every level of noise.

use crate::failure::Failure;
use retally_metrics::tokenizer::{PatchPca, Tokenizer};
use retally_suites::miniature::TokenizerPlan;
use std::sync::Arc;

/// What an image goes through.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// Noise is added to the latents, which are then decoded.
    Latent(Arc<Tokenizer>),
    /// Noise is added to the pixels; there is no tokenizer.
    Pixel,
}

/// One row of the result.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) place: Place,
    /// Numbers of a token that carry noise: d, or all of a patch's.
    pub(super) dimensions: usize,
    pub(super) sigma: f64,
}

/// All of them: levels in the plan's order, dimensions within a level, the pixels last.
pub(super) fn conditions(plan: &TokenizerPlan, pca: &PatchPca) -> Result<Vec<Condition>, Failure> {
    let tokenizers = plan
        .dimensions
        .iter()
        .map(|&dimensions| {
            let tokenizer = Tokenizer::new(pca.clone(), dimensions as usize, plan.scaling)?;
            Ok(Arc::new(tokenizer))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut all = Vec::new();
    for &sigma in &plan.sigmas {
        all.extend(tokenizers.iter().map(|tokenizer| Condition {
            place: Place::Latent(Arc::clone(tokenizer)),
            dimensions: tokenizer.dimensions(),
            sigma,
        }));
        if plan.pixels {
            all.push(Condition { place: Place::Pixel, dimensions: pca.dimensions(), sigma });
        }
    }
    Ok(all)
}

impl Condition {
    /// Key of the row.
    pub(super) fn key(&self) -> String {
        match self.place {
            Place::Latent(_) => {
                format!("patch-pca/d={}/sigma={}", self.dimensions, short(self.sigma))
            }
            Place::Pixel => format!("pixels/sigma={}", short(self.sigma)),
        }
    }

    /// Its heading.
    pub(super) fn label(&self) -> String {
        match self.place {
            Place::Latent(_) => format!("d = {}, σ = {}", self.dimensions, short(self.sigma)),
            Place::Pixel => format!("pixels, σ = {}", short(self.sigma)),
        }
    }

    /// Rows of one level are one curve.
    pub(super) fn family(&self) -> String {
        format!("σ = {}", short(self.sigma))
    }
}

/// A level with three digits behind the point, or as few as it has.
pub(super) fn short(sigma: f64) -> String {
    let text = format!("{sigma:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The number that an image's noise depends on: its place in the data set.
pub(super) fn image_number(index: usize) -> Result<u32, Failure> {
    u32::try_from(index)
        .map_err(|_| Failure::invalid("noise is numbered for at most 4294967296 images"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_short() {
        let shown = [0.0, 0.176_776_695, 0.5, std::f64::consts::SQRT_2, 10.0].map(short);
        assert_eq!(shown, ["0", "0.177", "0.5", "1.414", "10"]);
    }
}
