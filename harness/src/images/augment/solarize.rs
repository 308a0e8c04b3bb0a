//! `torchvision.transforms.functional.solarize`.

use crate::images::raster::Rgb;

/// Inverts the values from `threshold` on: `v` becomes `255 - v` where `v >= threshold`.
#[must_use]
pub fn solarize(image: Rgb, threshold: u8) -> Rgb {
    image.mapped(|value| if value < threshold { value } else { 255 - value })
}
