//! Encoded images, and files of many.

use super::scratch;
use crate::images::decode::decode;
use crate::images::error::ImageError;
use crate::images::mask::Mask;
use crate::images::prepare::decode_sample;
use crate::images::reader::{self, Content, ImageSource};
use retally_manifests::DatasetFormat;
use std::path::Path;

/// Samples of a file that are read.
const MOST_SAMPLES: usize = 16;
/// A larger PNG is left out: its decoder clears so much memory before it finds out that there is no picture.
const MOST_PIXELS: usize = 1 << 16;

/// A PNG or a JPEG.
pub fn image(input: &[u8]) -> bool {
    if is_large_png(input) {
        return false;
    }
    let Ok(decoded) = decode(input) else { return false };
    let (width, height) = (decoded.rgb.width(), decoded.rgb.height());
    assert!(width > 0 && height > 0);
    assert_eq!(decoded.rgb.values().len(), 3 * width * height);
    let mask = Mask::from_alpha(&decoded, 128);
    assert_eq!(mask.view().dim(), (height, width));
    true
}

fn is_large_png(input: &[u8]) -> bool {
    let Some(sides) = input.get(16..24).filter(|_| input.starts_with(b"\x89PNG")) else {
        return false;
    };
    let sides = sides.as_chunks::<4>().0.iter().map(|side| u32::from_be_bytes(*side) as usize);
    sides.fold(1_usize, usize::saturating_mul) > MOST_PIXELS
}

/// Images of an idx file, with or without their labels.
pub fn idx(input: &[u8]) -> bool {
    let [images, labels] = super::parts(input);
    let images = scratch::file("images-idx3-ubyte", images);
    if labels.is_empty() {
        return all(DatasetFormat::Idx, &images);
    }
    let labels = scratch::file("labels-idx1-ubyte", labels);
    read(reader::open(DatasetFormat::Idx, &[images, labels]))
}

/// Images of a tar.
pub fn tar(input: &[u8]) -> bool {
    all(DatasetFormat::Tar, &scratch::file("images.tar", input))
}

/// Reads the images of a file.
pub(super) fn all(format: DatasetFormat, path: &Path) -> bool {
    read(reader::open(format, &[path.to_owned()]))
}

fn read(source: Result<Box<dyn ImageSource>, ImageError>) -> bool {
    let Ok(source) = source else { return false };
    let count = source.catalogue().len();
    assert!(source.read(count).is_err(), "a sample beyond the last");
    for index in 0..count.min(MOST_SAMPLES) {
        let Ok(sample) = source.read(index) else { continue };
        if let Content::Pixels { layout, values } = &sample.content {
            assert_eq!(layout.bytes(), Some(values.len()));
            let _ = decode_sample(&sample);
        }
    }
    true
}
