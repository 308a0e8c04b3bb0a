//! torchvision's `RandomResizedCrop`: which window of an image is taken.

use super::scalars::ParameterError;
use crate::images::raster::Window;
use retally_metrics::random::Stream;
use serde::{Deserialize, Serialize};

/// Windows are tried so often before the central one is taken.
const TRIES: usize = 10;

/// A window of random area and aspect ratio.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CropFields", into = "CropFields")]
pub struct RandomResizedCrop {
    scale: [f64; 2],
    ratio: [f64; 2],
}

/// A crop as a file spells it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CropFields {
    scale: [f64; 2],
    ratio: [f64; 2],
}

impl RandomResizedCrop {
    /// torchvision's default range of width over height.
    pub const USUAL_RATIO: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];

    /// The area is `scale[0]` to `scale[1]` of the image's, equally likely; the width over the height is `ratio[0]` to
    /// `ratio[1]`, its logarithm equally likely.
    ///
    /// # Errors
    /// If a scale is not within 0 (excluded) and 1, a ratio not within 1/1000 and 1000, or the first is larger than the
    /// second.
    pub fn new(scale: [f64; 2], ratio: [f64; 2]) -> Result<Self, ParameterError> {
        check("the scale of a crop", scale, (f64::MIN_POSITIVE, 1.0))?;
        check("the ratio of a crop", ratio, (1e-3, 1e3))?;
        Ok(Self { scale, ratio })
    }

    /// The areas, as parts of the image's.
    #[must_use]
    pub fn scale(&self) -> [f64; 2] {
        self.scale
    }

    /// The widths over the heights.
    #[must_use]
    pub fn ratio(&self) -> [f64; 2] {
        self.ratio
    }

    /// The window of an image of `width` x `height`, both at least 1. It is inside, and not empty.
    ///
    /// Logarithm and exponential are the same on every machine.
    pub(super) fn draw(&self, stream: &mut Stream, (width, height): (usize, usize)) -> Window {
        let [low, high] = self.ratio.map(libm::log);
        let [least, most] = self.scale;
        for _ in 0..TRIES {
            let area = least + (most - least) * stream.uniform();
            let aspect = libm::exp(low + (high - low) * stream.uniform());
            if let Some((crop_width, crop_height)) = window_size((width, height), area, aspect) {
                let top = below(stream, height - crop_height + 1);
                let left = below(stream, width - crop_width + 1);
                return Window { left, top, width: crop_width, height: crop_height };
            }
        }
        central_window((width, height), self.ratio)
    }
}

impl TryFrom<CropFields> for RandomResizedCrop {
    type Error = ParameterError;

    fn try_from(fields: CropFields) -> Result<Self, ParameterError> {
        Self::new(fields.scale, fields.ratio)
    }
}

impl From<RandomResizedCrop> for CropFields {
    fn from(crop: RandomResizedCrop) -> Self {
        Self { scale: crop.scale, ratio: crop.ratio }
    }
}

fn check(
    what: &'static str,
    [first, second]: [f64; 2],
    (least, most): (f64, f64),
) -> Result<(), ParameterError> {
    for found in [first, second] {
        if !(least..=most).contains(&found) {
            return Err(ParameterError { what, found, least, most });
        }
    }
    if first > second {
        return Err(ParameterError { what, found: first, least, most: second });
    }
    Ok(())
}

fn below(stream: &mut Stream, count: usize) -> usize {
    stream.below(count as u64) as usize
}

/// Width and height of the window that one try asks for, or `None` if it does not fit. Python's `round` takes halves to the
/// even neighbour.
pub(super) fn window_size(
    (width, height): (usize, usize),
    area: f64,
    aspect: f64,
) -> Option<(usize, usize)> {
    let target = (width * height) as f64 * area;
    let rounded = |length: f64| length.sqrt().round_ties_even() as usize;
    let (crop_width, crop_height) = (rounded(target * aspect), rounded(target / aspect));
    let fits = (1..=width).contains(&crop_width) && (1..=height).contains(&crop_height);
    fits.then_some((crop_width, crop_height))
}

/// Where no try fits: the largest central window whose ratio is within bounds.
///
/// At least one pixel each way, where torchvision would fail on an empty image.
pub(super) fn central_window((width, height): (usize, usize), ratio: [f64; 2]) -> Window {
    let rounded = |length: f64| (length.round_ties_even() as usize).max(1);
    let found = width as f64 / height as f64;
    let (crop_width, crop_height) = if found < ratio[0] {
        (width, rounded(width as f64 / ratio[0]).min(height))
    } else if found > ratio[1] {
        (rounded(height as f64 * ratio[1]).min(width), height)
    } else {
        (width, height)
    };
    let (left, top) = ((width - crop_width) / 2, (height - crop_height) / 2);
    Window { left, top, width: crop_width, height: crop_height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_ranges_that_cannot_be() {
        let usual = RandomResizedCrop::USUAL_RATIO;
        assert!(RandomResizedCrop::new([0.3, 1.0], usual).is_ok());
        for (scale, ratio) in [
            ([0.0, 1.0], usual),
            ([0.5, 0.4], usual),
            ([0.3, 1.1], usual),
            ([f64::NAN, 1.0], usual),
            ([0.3, 1.0], [0.0, 1.0]),
            ([0.3, 1.0], [1.0, f64::INFINITY]),
            ([0.3, 1.0], [2.0, 1.0]),
        ] {
            assert!(RandomResizedCrop::new(scale, ratio).is_err(), "{scale:?} {ratio:?}");
        }
        let error = RandomResizedCrop::new([0.5, 0.4], usual).unwrap_err().to_string();
        assert!(error.starts_with("the scale of a crop is 0.5; expected"), "{error}");
    }

    #[test]
    fn fallback_is_never_empty() {
        let window = central_window((10, 1), [0.1, 0.2]);
        assert_eq!((window.width, window.height), (1, 1));
    }
}
