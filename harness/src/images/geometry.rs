//! From any image size to the size that a model takes: which resizes, then which crop.

use super::raster::{MAX_PIXELS, MAX_SIDE, Raster, Window, is_size_accepted};
use super::resize::{Resampler, ResizeError};
use retally_manifests::{Filter, Resize};

/// A size that the geometry cannot bring to the model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// The crop needs more than the shorter side has.
    #[error(
        "a central crop of {crop} does not fit a shorter side of {shorter_side}: make the crop at most as large"
    )]
    CropTooLarge {
        /// Side of the crop.
        crop: usize,
        /// Length of the shorter side.
        shorter_side: usize,
    },
    /// The resized image would be too large, as happens to very long, thin images.
    #[error(
        "{width}x{height} pixels would have to be resized to {to_width}x{to_height}, \
         which is empty or beyond {MAX_SIDE} pixels a side and {MAX_PIXELS} in all"
    )]
    TooLarge {
        /// Columns of the image.
        width: usize,
        /// Rows of the image.
        height: usize,
        /// Columns after resizing.
        to_width: usize,
        /// Rows after resizing.
        to_height: usize,
    },
    /// A resize was refused.
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

/// The 8-bit resizes and the crop for one image size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// (width, height, filter) of each resize, in order.
    pub resizes: Vec<(usize, usize, Filter)>,
    /// The crop of the last size. It is the whole image where nothing is cut off.
    pub window: Window,
    /// (width, height) before the crop.
    resized: (usize, usize),
    /// (width, height) before everything.
    original: (usize, usize),
}

impl Plan {
    /// Plans for images of `width` x `height`, both at least 1.
    ///
    /// # Errors
    /// If the crop does not fit or the resized image would be too large.
    pub fn new(resize: Resize, width: usize, height: usize) -> Result<Self, GeometryError> {
        let (resizes, crop) = match resize {
            Resize::Stretch { width, height, filter } => {
                (vec![(width as usize, height as usize, filter)], None)
            }
            // Its only resize is in floating point, afterwards.
            Resize::FloatStretch { .. } => (Vec::new(), None),
            Resize::ShorterSideCrop { shorter_side, crop, filter } => {
                let (to_width, to_height) = shorter_side_to(shorter_side as usize, width, height);
                (vec![(to_width, to_height, filter)], Some((crop as usize, Centre::HalfToEven)))
            }
            Resize::AdmCrop { size } => {
                (adm_resizes(size as usize, width, height), Some((size as usize, Centre::Down)))
            }
        };
        let (last_width, last_height) = resize.output_size();
        let sizes = resizes.iter().map(|&(width, height, _)| (width, height));
        for (to_width, to_height) in sizes.chain([(last_width as usize, last_height as usize)]) {
            if !is_size_accepted(to_width, to_height) {
                return Err(GeometryError::TooLarge { width, height, to_width, to_height });
            }
        }
        let resized = resizes.last().map_or((width, height), |&(width, height, _)| (width, height));
        let window = central_window(resized, crop)?;
        Ok(Self { resizes, window, resized, original: (width, height) })
    }

    /// Resizes and crops.
    ///
    /// # Errors
    /// If `image` is not of the size that was planned for and its resizes are refused.
    pub fn apply<const CHANNELS: usize>(
        &self,
        image: Raster<CHANNELS>,
        resampler: &Resampler,
    ) -> Result<Raster<CHANNELS>, GeometryError> {
        let mut current = image;
        for &(width, height, filter) in &self.resizes {
            if (current.width(), current.height()) != (width, height) {
                current = resampler.resize(&current, width, height, filter)?;
            }
        }
        let whole = (self.window.width, self.window.height) == (current.width(), current.height());
        if whole {
            return Ok(current);
        }
        let (width, height) = (self.window.width, self.window.height);
        Ok(current.crop(self.window).ok_or(ResizeError { width, height })?)
    }

    /// The window in the pixels of the original image: what a mask that is never resized has to keep so that it stays
    /// registered with the model's input. A pixel that the crop cuts through is kept.
    #[must_use]
    pub fn original_window(&self) -> Window {
        let (left, width) =
            widen(self.window.left, self.window.width, self.resized.0, self.original.0);
        let (top, height) =
            widen(self.window.top, self.window.height, self.resized.1, self.original.1);
        Window { left, top, width, height }
    }
}

/// [start, start + length) of `from` pixels, in units of `to` pixels, rounded outwards.
fn widen(start: usize, length: usize, from: usize, to: usize) -> (usize, usize) {
    let first = start * to / from;
    let end = ((start + length) * to).div_ceil(from).min(to);
    (first, end - first)
}

/// torchvision's `Resize(side)`: the longer side is `int(side * long / short)`.
fn shorter_side_to(side: usize, width: usize, height: usize) -> (usize, usize) {
    let longer = |long: usize, short: usize| ((side * long) as f64 / short as f64) as usize;
    if width <= height { (side, longer(height, width)) } else { (longer(width, height), side) }
}

/// ADM's `center_crop_arr`: halvings with a box filter while the shorter side is at least twice too long, then bicubic.
fn adm_resizes(size: usize, width: usize, height: usize) -> Vec<(usize, usize, Filter)> {
    let (mut width, mut height) = (width, height);
    let mut resizes = Vec::new();
    while size > 0 && width.min(height) >= 2 * size {
        (width, height) = (width / 2, height / 2);
        resizes.push((width, height, Filter::Box));
    }
    let scale = size as f64 / width.min(height) as f64;
    // Python's `round` takes halves to the even neighbour.
    let scaled = |length: usize| (length as f64 * scale).round_ties_even() as usize;
    resizes.push((scaled(width), scaled(height), Filter::Bicubic));
    resizes
}

/// How half a pixel is settled when the cut-off margins are of odd total.
#[derive(Clone, Copy, Debug)]
enum Centre {
    /// torchvision's `CenterCrop`: `int(round((length - crop) / 2))`, halves to even.
    HalfToEven,
    /// ADM: `(length - crop) // 2`.
    Down,
}

fn central_window(
    (width, height): (usize, usize),
    crop: Option<(usize, Centre)>,
) -> Result<Window, GeometryError> {
    let Some((crop, centre)) = crop else {
        return Ok(Window { left: 0, top: 0, width, height });
    };
    let shorter_side = width.min(height);
    if crop == 0 || crop > shorter_side {
        return Err(GeometryError::CropTooLarge { crop, shorter_side });
    }
    let margin = |length: usize| match centre {
        Centre::HalfToEven => ((length - crop) as f64 / 2.0).round_ties_even() as usize,
        Centre::Down => (length - crop) / 2,
    };
    Ok(Window { left: margin(width), top: margin(height), width: crop, height: crop })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(resize: Resize, width: usize, height: usize) -> Plan {
        Plan::new(resize, width, height).unwrap()
    }

    #[test]
    fn shorter_side_follows_torchvision() {
        let resize =
            Resize::ShorterSideCrop { shorter_side: 256, crop: 224, filter: Filter::Bicubic };
        // 256 * 500 / 375 = 341.33, truncated; (341 - 224) / 2 = 58.5, to even 58.
        let landscape = plan(resize, 500, 375);
        assert_eq!(landscape.resizes, [(341, 256, Filter::Bicubic)]);
        assert_eq!(landscape.window, Window { left: 58, top: 16, width: 224, height: 224 });
        // (343 - 224) / 2 = 59.5, to even 60.
        assert_eq!(plan(resize, 343, 256).window.left, 60);
        assert_eq!(plan(resize, 375, 500).resizes, [(256, 341, Filter::Bicubic)]);
    }

    #[test]
    fn adm_halves_then_rounds_to_even() {
        let halved = plan(Resize::AdmCrop { size: 64 }, 400, 300);
        assert_eq!(
            halved.resizes,
            [(200, 150, Filter::Box), (100, 75, Filter::Box), (85, 64, Filter::Bicubic)]
        );
        assert_eq!(halved.window, Window { left: 10, top: 0, width: 64, height: 64 });
        // 5 * 0.5 = 2.5, to even 2.
        assert_eq!(plan(Resize::AdmCrop { size: 3 }, 5, 5).resizes, [(3, 3, Filter::Bicubic)]);
    }

    #[test]
    fn refuses_impossible_geometry() {
        let crop = Resize::ShorterSideCrop { shorter_side: 8, crop: 9, filter: Filter::Box };
        assert!(matches!(Plan::new(crop, 10, 10), Err(GeometryError::CropTooLarge { .. })));
        let thin = Resize::ShorterSideCrop { shorter_side: 256, crop: 224, filter: Filter::Box };
        assert!(matches!(Plan::new(thin, 1, 200_000), Err(GeometryError::TooLarge { .. })));
        let nothing = Resize::Stretch { width: 0, height: 5, filter: Filter::Box };
        assert!(Plan::new(nothing, 10, 10).is_err());
        assert!(Plan::new(Resize::AdmCrop { size: 0 }, 10, 10).is_err());
    }

    #[test]
    fn the_original_window_covers_the_crop() {
        let resize =
            Resize::ShorterSideCrop { shorter_side: 32, crop: 28, filter: Filter::Bicubic };
        let window = plan(resize, 100, 64).original_window();
        // 50 x 32 cropped at (11, 2): columns 22..78 of 100, rows 4..60 of 64.
        assert_eq!(window, Window { left: 22, top: 4, width: 56, height: 56 });
        let stretch = Resize::Stretch { width: 7, height: 9, filter: Filter::Box };
        let whole = plan(stretch, 100, 64).original_window();
        assert_eq!(whole, Window { left: 0, top: 0, width: 100, height: 64 });
    }
}
