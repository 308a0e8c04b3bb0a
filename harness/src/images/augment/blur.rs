//! Pillow's `ImageFilter.GaussianBlur`, as MoCo v2 and BYOL use it: three box blurs with fractional ends (Gwosdek,
//! Grewenig, Bruhn and Weickert 2011), each rounded to 8 bits; along the rows first, then along the columns.

use super::scalars::BlurRadius;
use crate::images::raster::Raster;

const PASSES: u32 = 3;
/// Fractional bits of a weight.
const BITS: u32 = 24;
const HALF: u64 = 1 << (BITS - 1);

/// Blurs with a standard deviation of `radius` pixels; beyond the edges, the last pixels go on.
#[must_use]
pub fn gaussian_blur<const CHANNELS: usize>(
    image: Raster<CHANNELS>,
    radius: BlurRadius,
) -> Raster<CHANNELS> {
    let window = BoxWindow::new(box_radius(radius.get() as f32));
    let rows_done = blur_rows(image, window).transposed();
    blur_rows(rows_done, window).transposed()
}

/// The radius of the box, a whole number and a fraction, whose three passes have the variance of the Gaussian.
///
/// In f32, square root and division by 2 in f64: the last bit decides how the ends are weighted.
fn box_radius(sigma: f32) -> f32 {
    let variance = sigma * sigma / PASSES as f32;
    let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
    let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
    let numerator = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance);
    let denominator = 6.0 * (variance - (whole + 1.0) * (whole + 1.0));
    whole + numerator / denominator
}

/// Weights of the pixels of a box, in units of 2^-24; together they are at most 1.
#[derive(Clone, Copy, Debug)]
struct BoxWindow {
    /// Whole pixels to each side of the centre.
    radius: usize,
    /// Of the `2 radius + 1` whole pixels.
    inner: u64,
    /// Of the pixel beyond, on each side.
    end: u64,
}

impl BoxWindow {
    fn new(radius: f32) -> Self {
        let whole = radius as usize;
        let one = 1_u64 << BITS;
        let inner = (one as f32 / (radius * 2.0 + 1.0)) as u64;
        let end = one.saturating_sub((2 * whole as u64 + 1) * inner) / 2;
        Self { radius: whole, inner, end }
    }
}

/// All passes along the rows.
fn blur_rows<const CHANNELS: usize>(
    mut image: Raster<CHANNELS>,
    window: BoxWindow,
) -> Raster<CHANNELS> {
    let mut line = Vec::with_capacity(image.width());
    for row in image.rows_mut() {
        let (pixels, _) = row.as_chunks_mut::<CHANNELS>();
        for channel in 0..CHANNELS {
            for _ in 0..PASSES {
                line.clear();
                line.extend(pixels.iter().map(|pixel| pixel[channel]));
                let blurred = blurred_line(&line, window);
                for (pixel, value) in pixels.iter_mut().zip(blurred) {
                    pixel[channel] = value;
                }
            }
        }
    }
    image
}

/// One pass over a line of at least one value.
fn blurred_line(line: &[u8], window: BoxWindow) -> impl Iterator<Item = u8> {
    let last = line.len() - 1;
    let at = move |position: usize| u64::from(line[position.min(last)]);
    let before = move |position: usize, distance: usize| at(position.saturating_sub(distance));
    let radius = window.radius;
    // The whole pixels around position 0: itself, those after it, and the first pixel again and again.
    let within = radius.min(last);
    let mut sum = (0..=within).map(at).sum::<u64>()
        + (radius - within) as u64 * at(last)
        + radius as u64 * at(0);
    (0..line.len()).map(move |position| {
        let beyond = position + radius + 1;
        let ends = before(position, radius + 1) + at(beyond);
        let value = (sum * window.inner + ends * window.end + HALF) >> BITS;
        sum = sum + at(beyond) - before(position, radius);
        // The weights are at most 1 together, so the value is at most 255.
        value.min(255) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::raster::Plane;

    fn blurred(values: &[u8], radius: f64) -> Vec<u8> {
        let line = Plane::new(values.len(), 1, values.to_vec()).unwrap();
        gaussian_blur(line, BlurRadius::new(radius).unwrap()).into_values()
    }

    #[test]
    fn nothing_is_done_with_radius_0() {
        assert_eq!(blurred(&[0, 255, 7, 9], 0.0), [0, 255, 7, 9]);
    }

    #[test]
    fn one_colour_stays() {
        for radius in [0.1, 1.0, 7.5, 1000.0] {
            assert_eq!(blurred(&[213; 9], radius), [213; 9]);
        }
    }

    #[test]
    fn a_point_spreads_as_far_as_the_standard_deviation_says() {
        let mut line = [0; 61];
        line[30] = 255;
        let spread = blurred(&line, 3.0);
        let mass: f64 = spread.iter().map(|&value| f64::from(value)).sum();
        let second: f64 = spread
            .iter()
            .zip(-30_i32..)
            .map(|(&value, offset)| f64::from(value) * f64::from(offset * offset))
            .sum();
        // 8-bit rounding in three passes; the tail that rounds to 0 is missing.
        assert!((second / mass - 9.0).abs() < 0.5, "{}", second / mass);
        assert!(spread.iter().eq(spread.iter().rev()));
    }
}
