//! `torchvision.transforms.functional.adjust_contrast`: towards the image's mean grey, or away from it.

use super::blend::table;
use super::grayscale::luma;
use super::scalars::Factor;
use crate::images::raster::Rgb;

/// Blends with the mean of the grey image, rounded half up.
#[must_use]
pub fn adjust_contrast(image: Rgb, factor: Factor) -> Rgb {
    let table = table(mean_grey(&image), factor.get() as f32);
    image.mapped(|value| table[usize::from(value)])
}

/// The mean of the 8-bit grey image, rounded half up.
fn mean_grey(image: &Rgb) -> u8 {
    let (pixels, _) = image.values().as_chunks::<3>();
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(luma(pixel))).sum();
    // At most 2^27 pixels of at most 255: the sum is exact.
    (sum as f64 / pixels.len() as f64 + 0.5) as u8
}
