//! `torchvision.transforms.functional.hflip`.

use crate::images::raster::Raster;

/// Left and right exchanged.
#[must_use]
pub fn flip_horizontally<const CHANNELS: usize>(mut image: Raster<CHANNELS>) -> Raster<CHANNELS> {
    for row in image.rows_mut() {
        row.as_chunks_mut::<CHANNELS>().0.reverse();
    }
    image
}
