//! Pictures of judged cases.

use crate::endpoint::{EndpointError, Picture};
use crate::images::decode::DecodeError;
use crate::images::raster::Rgb;
use crate::unified::files::read_picture_bytes;
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree};
use std::path::Path;

/// No side of a drawn reference may be longer.
const LONGEST_DRAWN_SIDE: f32 = 8192.0;

/// A picture that a model made. `None` if its bytes are no picture at all, which is the model's fault.
///
/// # Errors
/// If the file cannot be read, or holds a picture in a format that retally does not read: that is nobody's fault and has to be converted.
pub(super) fn made(path: &Path) -> Result<Option<Picture>, EndpointError> {
    match reference(path) {
        Ok(picture) => Ok(Some(picture)),
        Err(EndpointError::Picture { source, .. }) if !is_another_format(&source) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_another_format(error: &DecodeError) -> bool {
    match error {
        DecodeError::UnknownFormat { found } => !["this file", "an empty file"].contains(found),
        DecodeError::Unsupported { .. } | DecodeError::Size { .. } => true,
        DecodeError::Truncated { .. } | DecodeError::Damaged { .. } => false,
    }
}

/// A picture of the data set.
///
/// # Errors
/// If it cannot be read or is no picture.
pub(super) fn reference(path: &Path) -> Result<Picture, EndpointError> {
    let bytes = read_picture_bytes(path).map_err(|failure| EndpointError::file(&failure))?;
    Picture::of_bytes(bytes, format_args!("`{}`", path.display()))
}

/// What an SVG file draws, on white, at its own size. References inside the file to other files are not followed.
///
/// # Errors
/// If the file cannot be read; `Ok(None)` if it is no SVG that can be drawn.
pub(super) fn drawn(path: &Path) -> Result<Option<Picture>, EndpointError> {
    let source = read_picture_bytes(path).map_err(|failure| EndpointError::file(&failure))?;
    rasterise(&source)
        .map(|image| Picture::of_image(&image, format_args!("`{}`", path.display())))
        .transpose()
}

fn rasterise(source: &[u8]) -> Option<Rgb> {
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_string: Box::new(|_: &str, _: &Options<'_>| None),
            ..ImageHrefResolver::default()
        },
        ..Options::default()
    };
    let tree = Tree::from_data(source, &options).ok()?;
    let size = tree.size();
    if size.width() > LONGEST_DRAWN_SIDE || size.height() > LONGEST_DRAWN_SIDE {
        return None;
    }
    let size = size.to_int_size();
    let mut pixels = Pixmap::new(size.width(), size.height())?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    let values =
        pixels.data().chunks_exact(4).flat_map(|pixel| pixel.get(..3).unwrap_or_default()).copied();
    Rgb::new(size.width() as usize, size.height() as usize, values.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::decode::decode;

    #[test]
    fn svg_is_drawn_on_white_and_reads_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        let inner = folder.path().join("inner.svg");
        std::fs::write(&inner, r##"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4" fill="#000000"/></svg>"##).unwrap();
        let source = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect x="4" width="4" height="6" fill="#E74C3C"/><image href="{}" width="4" height="4"/></svg>"##,
            inner.display()
        );
        std::fs::write(&path, source).unwrap();
        let image = decode(drawn(&path).unwrap().unwrap().bytes()).unwrap().rgb;
        assert_eq!((image.width(), image.height()), (8, 6));
        assert_eq!(image.values()[..3], [255, 255, 255]);
        assert_eq!(image.values()[7 * 3..8 * 3], [0xe7, 0x4c, 0x3c]);
        for bad in ["no SVG", r#"<svg xmlns="http://www.w3.org/2000/svg" width="1e9" height="9"/>"#]
        {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(drawn(&path).unwrap(), None, "{bad}");
        }
    }

    #[test]
    fn broken_pictures_are_the_models_fault_and_other_formats_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model_image_01.png");
        for broken in [&b""[..], b"no picture", b"\x89PNG\r\n\x1a\nrest"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(made(&path).unwrap(), None);
            assert!(reference(&path).is_err());
        }
        std::fs::write(&path, b"RIFF\0\0\0\0WEBPVP8 ").unwrap();
        assert!(made(&path).unwrap_err().to_string().contains("convert the file"));
    }
}
