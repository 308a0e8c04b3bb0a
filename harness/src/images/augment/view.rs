//! Geometric views of an image: a random crop brought to the model's size, mirrored or not.

use super::crop::RandomResizedCrop;
use super::draw::Draw;
use super::flip::flip_horizontally;
use super::photometric::happens;
use super::scalars::Probability;
use crate::images::raster::{Rgb, Window};
use crate::images::resize::{Resampler, ResizeError};
use retally_manifests::Filter;
use serde::{Deserialize, Serialize};

/// Which crops and flips are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ViewAugmentation {
    /// The window.
    pub crop: RandomResizedCrop,
    /// How often left and right are exchanged.
    pub flip: Probability,
}

/// One view of one image size: parameters without pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewParameters {
    /// What is cut out.
    pub window: Window,
    /// Whether left and right are exchanged.
    pub flip: bool,
}

/// A view that cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The parameters were drawn for a larger image.
    #[error(
        "a view takes {} columns from {} and {} rows from {} on, and the image is {width}x{height}: draw for this size",
        window.width, window.left, window.height, window.top
    )]
    Window {
        /// What was to be cut out.
        window: Window,
        /// Columns of the image.
        width: usize,
        /// Rows of the image.
        height: usize,
    },
    /// The target size cannot be made.
    #[error(transparent)]
    Resize(#[from] ResizeError),
}

impl ViewAugmentation {
    /// The view of this name of an image of `width` x `height`, both at least 1.
    #[must_use]
    pub fn draw(&self, draw: &Draw<'_>, width: usize, height: usize) -> ViewParameters {
        let mut stream = draw.stream();
        let flip = happens(self.flip, &mut stream);
        let window = self.crop.draw(&mut stream, (width.max(1), height.max(1)));
        ViewParameters { window, flip }
    }

    /// What decides the views of an image beside seed, purpose, sample and view: part of preprocessing ids.
    #[must_use]
    pub fn id(&self) -> String {
        let ([least, most], [narrow, wide]) = (self.crop.scale(), self.crop.ratio());
        format!("random-resized-crop={least}..{most},{narrow}..{wide};flip={}", self.flip.get())
    }
}

impl ViewParameters {
    /// Cuts, resizes to `width` x `height` as Pillow does, and mirrors: `RandomResizedCrop` then `RandomHorizontalFlip`.
    ///
    /// # Errors
    /// If the window reaches outside the image, or the size cannot be made.
    pub fn apply(
        &self,
        image: &Rgb,
        (width, height): (usize, usize),
        filter: Filter,
        resampler: &Resampler,
    ) -> Result<Rgb, ViewError> {
        let cut = image.crop(self.window).ok_or(ViewError::Window {
            window: self.window,
            width: image.width(),
            height: image.height(),
        })?;
        let resized = resampler.resize(&cut, width, height, filter)?;
        Ok(if self.flip { flip_horizontally(resized) } else { resized })
    }
}
