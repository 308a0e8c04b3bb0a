//! Rectangles of one colour, and what every picture of an instance needs.

use crate::failure::Failure;
use crate::images::png_file;
use crate::images::raster::{Rgb, Window};

/// A file of an instance, to be written below a folder.
#[derive(Debug)]
pub(super) struct NewFile {
    /// Its name below the folder, with `/` between the parts.
    pub(super) path: String,
    /// Its content.
    pub(super) bytes: Vec<u8>,
}

impl NewFile {
    /// A picture.
    pub(super) fn png(path: impl Into<String>, image: &Rgb) -> Result<Self, Failure> {
        let bytes = png_file::encode(image.values(), (image.width(), image.height()), None)?;
        Ok(Self { path: path.into(), bytes })
    }

    /// A JSON document, indented, with a final newline.
    pub(super) fn json(
        path: impl Into<String>,
        document: &impl serde::Serialize,
    ) -> Result<Self, Failure> {
        let path = path.into();
        let mut bytes = serde_json::to_vec_pretty(document).map_err(|error| {
            Failure::invalid(format_args!("cannot write `{path}` as JSON: {error}"))
        })?;
        bytes.push(b'\n');
        Ok(Self { path, bytes })
    }

    /// A text.
    pub(super) fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), bytes: text.into().into_bytes() }
    }
}

/// A white square.
pub(super) fn white(side: usize) -> Result<Rgb, Failure> {
    Rgb::filled(side, side, [u8::MAX; 3])
        .ok_or_else(|| Failure::invalid(format_args!("no image has {side}x{side} pixels")))
}

/// Fills a rectangle; what lies outside of the image is left out.
pub(super) fn fill(image: &mut Rgb, window: Window, colour: [u8; 3]) {
    let right = (window.left + window.width).min(image.width());
    let left = window.left.min(right);
    for row in image.rows_mut().skip(window.top).take(window.height) {
        for pixel in row[3 * left..3 * right].chunks_exact_mut(3) {
            pixel.copy_from_slice(&colour);
        }
    }
}

/// Puts an image onto another; what does not fit is left out.
pub(super) fn paste(image: &mut Rgb, part: &Rgb, (left, top): (usize, usize)) {
    let width = part.width().min(image.width().saturating_sub(left));
    for (to, from) in image.rows_mut().skip(top).zip(part.rows()) {
        to[3 * left..3 * (left + width)].copy_from_slice(&from[..3 * width]);
    }
}

/// The window of a square.
pub(super) fn square(left: usize, top: usize, side: usize) -> Window {
    Window { left, top, width: side, height: side }
}
