//! Pictures for jigsaws without pictures of the user: emoji on a ground whose colour changes from corner to corner.

use super::cut::{PATCH, PICTURE};
use crate::failure::Failure;
use crate::images::decode::Decoded;
use crate::images::raster::{Raster, Rgb};
use crate::images::resize::Resampler;
use retally_manifests::Filter;
use retally_metrics::random::Stream;

/// Emoji anywhere in a scene, beside those that lie across the seams of the missing patch.
const ANYWHERE: u64 = 14;
/// Pixels on a side of an emoji in a scene.
const SIZES: std::ops::RangeInclusive<u64> = 80..=128;
/// Values of the ground: no shade so dark that it looks like the covered patch.
const GROUND: std::ops::RangeInclusive<u64> = 90..=245;

/// Where an emoji lies in a scene.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// Which one.
    pub(super) emoji: usize,
    size: usize,
    left: i64,
    top: i64,
}

/// A scene before it is painted.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    corners: [[u8; 3]; 4],
    /// From the lowest to the one on top.
    pub(super) placed: Vec<Placed>,
}

impl Scene {
    /// Draws a scene of `emoji` different images.
    pub(super) fn draw(random: &mut Stream, emoji: usize) -> Self {
        let corners =
            std::array::from_fn(|_| std::array::from_fn(|_| between(random, GROUND) as u8));
        let mut placed: Vec<Placed> = (0..ANYWHERE)
            .map(|_| {
                let picture = PICTURE as u64;
                let centre = (random.below(picture) as i64, random.below(picture) as i64);
                Placed::around(centre, random, emoji)
            })
            .collect();
        // Across the upper and across the left seam of the missing patch.
        let seam = PATCH as i64;
        let mut along = || seam + between(random, 24..=104) as i64;
        let (above, beside) = ((along(), seam), (seam, along()));
        placed.push(Placed::around(above, random, emoji));
        placed.push(Placed::around(beside, random, emoji));
        Self { corners, placed }
    }

    /// Paints it. `image_of` gives an emoji.
    ///
    /// # Errors
    /// If an emoji cannot be read.
    pub(super) fn paint(
        &self,
        resampler: &Resampler,
        mut image_of: impl FnMut(usize) -> Result<Decoded, Failure>,
    ) -> Result<Rgb, Failure> {
        let mut image = self.ground()?;
        for placed in &self.placed {
            let emoji = premultiplied(&image_of(placed.emoji)?)?;
            let emoji = resampler
                .resize(&emoji, placed.size, placed.size, Filter::Bicubic)
                .map_err(Failure::invalid)?;
            lay(&mut image, &emoji, (placed.left, placed.top));
        }
        Ok(image)
    }

    /// Every colour is a mean of the four corners' colours, weighted by the distances.
    fn ground(&self) -> Result<Rgb, Failure> {
        let last = PICTURE - 1;
        let pixels = (0..PICTURE * PICTURE).map(|pixel| (pixel / PICTURE, pixel % PICTURE));
        let values = pixels.flat_map(|(row, column)| {
            let weights = [
                (last - row) * (last - column),
                (last - row) * column,
                row * (last - column),
                row * column,
            ];
            [0, 1, 2].map(|channel| {
                let sum: usize = weights
                    .iter()
                    .zip(&self.corners)
                    .map(|(weight, corner)| weight * usize::from(corner[channel]))
                    .sum();
                (sum / (last * last)) as u8
            })
        });
        Rgb::new(PICTURE, PICTURE, values.collect())
            .ok_or_else(|| Failure::invalid("no picture has the size of a scene"))
    }
}

impl Placed {
    fn around((x, y): (i64, i64), random: &mut Stream, emoji: usize) -> Self {
        let size = between(random, SIZES) as usize;
        let emoji = random.below(emoji as u64) as usize;
        Self { emoji, size, left: x - size as i64 / 2, top: y - size as i64 / 2 }
    }
}

fn between(random: &mut Stream, range: std::ops::RangeInclusive<u64>) -> u64 {
    range.start() + random.below(range.end() - range.start() + 1)
}

/// Colours times opacity, and opacity: so that resizing mixes no colour of transparent pixels in.
fn premultiplied(image: &Decoded) -> Result<Raster<4>, Failure> {
    let (width, height) = (image.rgb.width(), image.rgb.height());
    let opaque;
    let alphas = match &image.alpha {
        Some(alpha) => alpha.values(),
        None => {
            opaque = vec![u8::MAX; width * height];
            &opaque
        }
    };
    let pixels = image.rgb.values().chunks_exact(3).zip(alphas);
    let values = pixels.flat_map(|(colour, &alpha)| {
        let times = |value: u8| ((u16::from(value) * u16::from(alpha) + 127) / 255) as u8;
        [times(colour[0]), times(colour[1]), times(colour[2]), alpha]
    });
    Raster::new(width, height, values.collect())
        .ok_or_else(|| Failure::invalid("an emoji has no pixels"))
}

/// Lays an image over another; what lies outside is left out.
fn lay(image: &mut Rgb, over: &Raster<4>, (left, top): (i64, i64)) {
    let width = image.width();
    for (y, row) in image.rows_mut().enumerate() {
        let Ok(from_row) = usize::try_from(y as i64 - top) else { continue };
        let Some(over_row) = over.rows().nth(from_row) else { continue };
        for (x, pixel) in over_row.chunks_exact(4).enumerate() {
            let Ok(column) = usize::try_from(left + x as i64) else { continue };
            if column >= width {
                continue;
            }
            for (below, &above) in row[3 * column..3 * column + 3].iter_mut().zip(pixel) {
                let through = u16::from(*below) * u16::from(u8::MAX - pixel[3]);
                *below = (u16::from(above) + (through + 127) / 255).min(255) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::raster::Plane;

    #[test]
    fn transparent_pixels_let_the_ground_through() {
        let mut image = Rgb::filled(4, 4, [200, 100, 0]).unwrap();
        let half = Decoded {
            rgb: Rgb::filled(2, 2, [0, 100, 200]).unwrap(),
            alpha: Some(Plane::new(2, 2, vec![0, 255, 255, 128]).unwrap()),
        };
        lay(&mut image, &premultiplied(&half).unwrap(), (1, -1));
        let pixel = |row: usize, column: usize| &image.values()[3 * (4 * row + column)..][..3];
        assert_eq!(pixel(0, 1), [0, 100, 200]);
        assert_eq!(pixel(0, 2), [100, 100, 100]);
        assert_eq!(pixel(0, 0), [200, 100, 0]);
        assert_eq!(pixel(1, 1), [200, 100, 0]);
        lay(&mut image, &premultiplied(&half).unwrap(), (3, 3));
        lay(&mut image, &premultiplied(&half).unwrap(), (90, 90));
    }
}
