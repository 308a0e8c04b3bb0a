//! From image files to patches of numbers.

use crate::failure::Failure;
use crate::images::ImageError;
use crate::images::prepare::{Preparer, Recipe};
use crate::images::reader::RawSample;
use retally_manifests::{Canvas, ImageLayout, Normalise, Resize};
use retally_metrics::tokenizer::PatchGrid;

/// The scale of pixels, by name, as it stands in files.
pub const PIXEL_SCALE: &str = "(value - 127.5) / 127.5";

/// Images that are decoded side by side, and the memory that their numbers may take. They are taken in order, so neither changes a
/// result.
const IMAGES_AT_A_TIME: usize = 32;
const BYTES_AT_A_TIME: usize = 256 << 20;

/// From bytes 0 to 255 to numbers in [-1, 1], as diffusion models take images. Noise levels are on this scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PixelScale;

impl PixelScale {
    /// The middle of the bytes, and half their range.
    pub(crate) const HALF: f64 = 127.5;

    /// A number on the scale of bytes, as one in [-1, 1].
    pub(crate) fn of_byte(byte: f64) -> f64 {
        (byte - Self::HALF) / Self::HALF
    }

    /// A number on the scale of bytes. Neither rounded nor clipped.
    pub(crate) fn to_byte(number: f64) -> f64 {
        Self::HALF * number + Self::HALF
    }

    /// The nearest byte; what is outside becomes 0 or 255.
    pub(crate) fn to_shown(number: f64) -> u8 {
        Self::to_byte(number).round().clamp(0.0, 255.0) as u8
    }
}

/// Brings images to one size and cuts them into patches. Shared by threads.
#[derive(Debug)]
pub(crate) struct PatchImages {
    preparer: Preparer,
    grid: PatchGrid,
}

impl PatchImages {
    /// Images composed on `canvas` and resized by `resize`, in patches of `patch` x `patch` pixels.
    ///
    /// # Errors
    /// If the geometry is impossible, or patches do not cover the size that it gives.
    pub(crate) fn new(
        canvas: Option<Canvas>,
        resize: Resize,
        patch: usize,
    ) -> Result<Self, Failure> {
        // Bytes as they are: f32 holds them exactly.
        let normalise = Normalise::OffsetDivisor { offset: 0.0, divisor: 1.0 };
        let layout = ImageLayout::Nchw;
        let preparer = Preparer::new(Recipe { canvas, mask: None, resize, normalise, layout })?;
        let grid = PatchGrid::new(patch, preparer.output_size())?;
        Ok(Self { preparer, grid })
    }

    /// How an image is cut.
    pub(crate) fn grid(&self) -> PatchGrid {
        self.grid
    }

    /// How many images are decoded side by side.
    pub(super) fn at_a_time(&self) -> usize {
        let bytes = self.grid.tokens() * self.grid.dimensions() * size_of::<f64>();
        (BYTES_AT_A_TIME / bytes.max(1)).clamp(1, IMAGES_AT_A_TIME)
    }

    /// Makes the bytes of an image, [3, height, width].
    pub(crate) fn preparer(&self) -> &Preparer {
        &self.preparer
    }

    /// Id of every step up to the bytes.
    pub(crate) fn pixels_id(&self) -> String {
        self.preparer.pixels_id()
    }

    /// An image's numbers in [-1, 1], [3, height, width].
    ///
    /// # Errors
    /// If the sample's bytes are no usable image.
    pub(crate) fn planes(&self, sample: &RawSample) -> Result<Vec<f64>, ImageError> {
        let mut bytes = vec![0.0_f32; self.preparer.shape().iter().product()];
        self.preparer.prepare(sample, &mut bytes)?;
        Ok(Self::scaled(&bytes))
    }

    /// Bytes as numbers in [-1, 1].
    pub(crate) fn scaled(bytes: &[f32]) -> Vec<f64> {
        bytes.iter().map(|&byte| PixelScale::of_byte(f64::from(byte))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::reader::{Content, PixelLayout};
    use retally_manifests::Filter;

    #[test]
    fn bytes_become_numbers_and_come_back() {
        assert_eq!([0.0, 127.5, 255.0].map(PixelScale::of_byte), [-1.0, 0.0, 1.0]);
        for byte in 0..=u8::MAX {
            assert_eq!(PixelScale::to_shown(PixelScale::of_byte(f64::from(byte))), byte);
        }
        assert_eq!([-7.0, 7.0].map(PixelScale::to_shown), [0, 255]);
    }

    #[test]
    fn planes_are_channels_of_the_resized_image() {
        let resize = Resize::Stretch { width: 2, height: 2, filter: Filter::Box };
        let images = PatchImages::new(None, resize, 2).unwrap();
        let layout = PixelLayout { width: 2, height: 2, channels: 3 };
        let values = vec![0, 255, 0, 0, 255, 0, 0, 255, 255, 0, 255, 255];
        let content = Content::Pixels { layout, values };
        let sample = RawSample { place: "here".to_owned(), content, mask: None };
        let planes = images.planes(&sample).unwrap();
        assert_eq!(planes[..4], [-1.0; 4]);
        assert_eq!(planes[4..8], [1.0; 4]);
        assert_eq!(planes[8..], [-1.0, -1.0, 1.0, 1.0]);
        assert!(PatchImages::new(None, resize, 3).is_err());
    }
}
