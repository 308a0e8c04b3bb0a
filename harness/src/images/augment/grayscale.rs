//! `torchvision.transforms.functional.rgb_to_grayscale(image, 3)`: Pillow's mode `L` in all three channels.

use crate::images::raster::Rgb;

/// ITU-R BT.601 weights of red, green and blue in units of 2^-16; together they are 2^16.
const WEIGHTS: [u32; 3] = [19_595, 38_470, 7_471];
const HALF: u32 = 1 << 15;

/// Pillow's grey of a pixel: the weighted sum, rounded half up.
#[must_use]
pub fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = WEIGHTS[0] * u32::from(red)
        + WEIGHTS[1] * u32::from(green)
        + WEIGHTS[2] * u32::from(blue)
        + HALF;
    // At most 255 * 2^16 + 2^15, so the quotient fits.
    (sum >> 16) as u8
}

/// Every pixel's grey, three times.
#[must_use]
pub fn to_grayscale(image: Rgb) -> Rgb {
    image.mapped_pixels(|pixel| [luma(pixel); 3])
}
