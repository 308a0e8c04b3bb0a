//! `torchvision.transforms.functional.adjust_brightness`: towards black, or away from it.

use super::blend::table;
use super::scalars::Factor;
use crate::images::raster::Rgb;

/// Every value times `factor`, cut off and clipped.
#[must_use]
pub fn adjust_brightness(image: Rgb, factor: Factor) -> Rgb {
    let table = table(0, factor.get() as f32);
    image.mapped(|value| table[usize::from(value)])
}
