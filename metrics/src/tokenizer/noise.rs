//! Noise of an image's patches: a function of (seed, place, image, patch), whoever asks for it.

use crate::random::{Stream, normal};
use ndarray::Array2;

/// Where noise is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoisePlace {
    /// To the latents.
    Latent,
    /// To the pixels.
    Pixel,
}

impl NoisePlace {
    fn purpose(self) -> &'static str {
        match self {
            Self::Latent => "tokenizer latent noise",
            Self::Pixel => "tokenizer pixel noise",
        }
    }
}

/// Standard normal numbers [tokens, width] of an image. A token's first numbers do not depend on how many follow: latents of 8 and of
/// 16 dimensions get the same noise in the first 8.
#[must_use]
pub fn noise(place: NoisePlace, seed: u64, image: u32, [tokens, width]: [usize; 2]) -> Array2<f64> {
    let mut numbers = Array2::zeros((tokens, width));
    for (token, mut row) in numbers.outer_iter_mut().enumerate() {
        let index = u64::from(image) << 32 | token as u64;
        if let Some(row) = row.as_slice_mut() {
            normal::fill(Stream::new(seed, place.purpose(), index), row);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    #[test]
    fn noise_depends_on_its_place_alone() {
        let few = noise(NoisePlace::Latent, 3, 7, [4, 8]);
        let many = noise(NoisePlace::Latent, 3, 7, [9, 16]);
        assert_eq!(few, many.slice(s![..4, ..8]));
        for other in [
            noise(NoisePlace::Latent, 4, 7, [4, 8]),
            noise(NoisePlace::Latent, 3, 8, [4, 8]),
            noise(NoisePlace::Pixel, 3, 7, [4, 8]),
        ] {
            assert_ne!(few, other);
        }
        assert_ne!(few.row(0), few.row(1));
    }

    #[test]
    fn noise_is_standard_normal() {
        let numbers = noise(NoisePlace::Pixel, 0, 1, [100, 768]);
        let count = numbers.len() as f64;
        let mean = numbers.sum() / count;
        let variance = numbers.mapv(|number| number * number).sum() / count;
        // Six standard errors of 76,800 draws.
        assert!(mean.abs() < 6.0 / count.sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 6.0 * (2.0 / count).sqrt(), "{variance}");
    }
}
