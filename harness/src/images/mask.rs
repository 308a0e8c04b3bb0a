//! Object masks, registered with the pixels that a model sees.

use super::decode::Decoded;
use super::geometry::Plan;
use ndarray::{Array2, ArrayView2, s};

/// Which pixels belong to the object, [rows, columns]. It is never resized: it has the canvas's resolution, cut to the
/// part that the model sees, so any token lattice can be pooled from it exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    object: Array2<bool>,
}

/// A mask of another size than its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mask has {}x{} pixels, its image {}x{}: give both the same size", mask.0, mask.1, image.0, image.1)]
pub struct MaskSizeError {
    /// (width, height) of the mask.
    pub mask: (usize, usize),
    /// (width, height) of the image.
    pub image: (usize, usize),
}

impl Mask {
    /// Object = alpha of at least `threshold`. An image without transparency is object everywhere.
    #[must_use]
    pub fn from_alpha(image: &Decoded, threshold: u8) -> Self {
        let size = (image.rgb.height(), image.rgb.width());
        let object = image.alpha.as_ref().map_or_else(
            || Array2::from_elem(size, true),
            |alpha| {
                Array2::from_shape_fn(size, |(y, x)| alpha.values()[y * size.1 + x] >= threshold)
            },
        );
        Self { object }
    }

    /// Object = any colour other than black in the mask image.
    ///
    /// # Errors
    /// If the mask is not of the image's size.
    pub fn from_mask_image(mask: &Decoded, image: &Decoded) -> Result<Self, MaskSizeError> {
        let size = |image: &Decoded| (image.rgb.width(), image.rgb.height());
        if size(mask) != size(image) {
            return Err(MaskSizeError { mask: size(mask), image: size(image) });
        }
        let (width, height) = size(mask);
        let (pixels, _) = mask.rgb.values().as_chunks::<3>();
        let object =
            Array2::from_shape_fn((height, width), |(y, x)| pixels[y * width + x] != [0, 0, 0]);
        Ok(Self { object })
    }

    /// Adds a margin of background on every side, as the canvas does.
    #[must_use]
    pub fn with_margin(self, margin: u32) -> Self {
        let margin = margin as usize;
        let (rows, columns) = self.object.dim();
        let mut object = Array2::from_elem((rows + 2 * margin, columns + 2 * margin), false);
        object.slice_mut(s![margin..margin + rows, margin..margin + columns]).assign(&self.object);
        Self { object }
    }

    /// Cuts the mask to what `plan`, made for a canvas of this size, leaves of it.
    #[must_use]
    pub fn cropped(self, plan: &Plan) -> Self {
        let window = plan.original_window();
        let rows = window.top..window.top + window.height;
        let columns = window.left..window.left + window.width;
        Self { object: self.object.slice_move(s![rows, columns]) }
    }

    /// `true` = object, [rows, columns].
    #[must_use]
    pub fn view(&self) -> ArrayView2<'_, bool> {
        self.object.view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::raster::{Plane, Rgb};
    use ndarray::array;
    use retally_manifests::{Filter, Resize};

    fn image(width: usize, height: usize, alpha: Option<Vec<u8>>) -> Decoded {
        Decoded {
            rgb: Rgb::filled(width, height, [9, 9, 9]).unwrap(),
            alpha: alpha.map(|alpha| Plane::new(width, height, alpha).unwrap()),
        }
    }

    #[test]
    fn alpha_margin_and_crop() {
        let mask = Mask::from_alpha(&image(2, 1, Some(vec![127, 128])), 128);
        assert_eq!(mask.view(), array![[false, true]]);
        let mask = mask.with_margin(1);
        assert_eq!(mask.view().dim(), (3, 4));
        assert_eq!(mask.view().iter().filter(|&&object| object).count(), 1);
        assert!(mask.view()[[1, 2]]);
        // 4 x 3 cropped to its central pixel, (1.5, 1): torchvision rounds 1.5 to 2.
        let resize = Resize::ShorterSideCrop { shorter_side: 3, crop: 1, filter: Filter::Box };
        let cropped = mask.cropped(&Plan::new(resize, 4, 3).unwrap());
        assert_eq!(cropped.view(), array![[true]]);
        assert_eq!(Mask::from_alpha(&image(2, 1, None), 1).view(), array![[true, true]]);
    }

    #[test]
    fn mask_images_are_black_where_there_is_no_object() {
        let mut mask = image(2, 1, None);
        mask.rgb = Rgb::new(2, 1, vec![0, 0, 0, 0, 0, 1]).unwrap();
        let read = Mask::from_mask_image(&mask, &image(2, 1, None)).unwrap();
        assert_eq!(read.view(), array![[false, true]]);
        assert!(Mask::from_mask_image(&mask, &image(1, 2, None)).is_err());
    }
}
