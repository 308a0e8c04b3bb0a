//! The part of a miniature that measures a PCA tokenizer: a sweep over latent dimensions and noise.

use crate::schema::ProbePlan;
use retally_metrics::tokenizer::{Centring, LatentScaling};
use serde::{Deserialize, Serialize};

/// What is measured of a PCA tokenizer: for each number of latent dimensions and each level of noise, what is lost of an image, how
/// well its classes are read off pooled tokens, and how well off what an encoder makes of the decoded image.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerPlan {
    /// Id of the data set that it is fitted to (its training set) and measured on. It needs labels and a split.
    pub dataset: String,
    /// Id of the model that decoded images are shown to.
    pub model: String,
    /// Id of the model's tap whose mean token is probed.
    pub tap: String,
    /// Side of a patch in pixels of the model's input.
    pub patch: u32,
    /// Numbers of latent dimensions, rising.
    pub dimensions: Vec<u32>,
    /// Standard deviations of the noise, rising, on the scale of pixels in [-1, 1]; 0 is no noise.
    pub sigmas: Vec<f64>,
    /// Whether each level is also added to the pixels themselves, without a tokenizer.
    pub pixels: bool,
    /// What patches are measured from.
    #[serde(default)]
    pub centring: Centring,
    /// What latents are divided by before noise is added.
    #[serde(default)]
    pub scaling: LatentScaling,
    /// Seed of the noise.
    pub seed: u64,
    /// The linear probe.
    pub probe: ProbePlan,
    /// Pictures for the report; none are made if absent.
    pub pictures: Option<TokenizerPictures>,
}

/// Pictures of a tokenizer: `pca-filters`, and `pca-noise`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerPictures {
    /// Directions in the picture of filters.
    pub filters: u32,
    /// Key of the image that noise is shown in; the first of the test set if absent.
    pub image: Option<String>,
    /// Latent dimensions of the picture of noise.
    pub dimensions: u32,
}

impl TokenizerPlan {
    /// What is wrong with it, if anything. Whether it fits the images is found out when they are opened.
    pub(super) fn problem(&self) -> Option<String> {
        let refuse = |problem: &str| Some(format!("the tokenizer's {problem}"));
        if self.patch == 0 {
            return refuse("`patch` is 0; name the side of a patch in pixels");
        }
        let rise = |dimensions: &[u32]| dimensions.is_sorted_by(|a, b| a < b);
        if self.dimensions.first().is_none_or(|&first| first == 0) || !rise(&self.dimensions) {
            return refuse("`dimensions` must be at least 1 each, and rise");
        }
        let is_level = |sigma: &f64| sigma.is_finite() && *sigma >= 0.0;
        let levels = &self.sigmas;
        if levels.is_empty() || !levels.iter().all(is_level) || !levels.is_sorted_by(|a, b| a < b) {
            return refuse("`sigmas` must be finite, at least 0 each, and rise");
        }
        match &self.pictures {
            Some(pictures) if pictures.filters == 0 || pictures.dimensions == 0 => {
                refuse("`pictures` must show at least 1 filter and 1 dimension")
            }
            _ => None,
        }
    }
}
