//! `torchvision.transforms.functional.adjust_saturation`: towards each pixel's grey, or away from it.

use super::blend::blend;
use super::grayscale::luma;
use super::scalars::Factor;
use crate::images::raster::Rgb;

/// Blends every pixel with its grey.
#[must_use]
pub fn adjust_saturation(image: Rgb, factor: Factor) -> Rgb {
    let factor = factor.get() as f32;
    image.mapped_pixels(|pixel| {
        let grey = luma(pixel);
        pixel.map(|value| blend(grey, value, factor))
    })
}
