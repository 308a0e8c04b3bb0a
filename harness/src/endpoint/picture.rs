//! Pictures that are shown to a model.

use super::error::EndpointError;
use crate::images::decode::{DecodeError, decode};
use crate::images::png_file;
use crate::images::raster::Rgb;
use crate::images::resize::Resampler;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use retally_manifests::{Digest, Filter};
use serde::Serialize;
use std::fmt;
use std::path::Path;

/// No side of a picture that is sent has more pixels; larger ones are made smaller first.
pub const LONGEST_SIDE: usize = 2048;

/// The format of an image's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum MediaType {
    /// Portable Network Graphics.
    #[serde(rename = "image/png")]
    Png,
    /// JPEG.
    #[serde(rename = "image/jpeg")]
    Jpeg,
}

impl MediaType {
    /// The name in a data URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }

    /// The extension of a file's name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
        }
    }

    /// The format that the first bytes tell; `None` for formats that retally does not read.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else {
            None
        }
    }
}

/// A picture as it is sent: PNG or JPEG that can be decoded, at most [`LONGEST_SIDE`] a side.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    media_type: MediaType,
    bytes: Vec<u8>,
    digest: Digest,
}

impl Picture {
    /// Takes the bytes of a file: as they are, or scaled down with Lanczos's filter (Pillow's, byte for byte) and written as
    /// PNG, without transparency, where a side is longer than [`LONGEST_SIDE`].
    ///
    /// # Errors
    /// If the bytes are no PNG or JPEG that can be decoded. `place` names them in the error.
    pub fn of_bytes(bytes: Vec<u8>, place: impl fmt::Display) -> Result<Self, EndpointError> {
        let unusable = |source| EndpointError::Picture { place: place.to_string(), source };
        let decoded = decode(&bytes).map_err(unusable)?;
        match MediaType::of(&bytes) {
            Some(media_type) if fits(&decoded.rgb) => Ok(Self::new(media_type, bytes)),
            _ => Self::of_image(&decoded.rgb, place),
        }
    }

    /// A picture of pixels, as PNG; scaled down like a file's.
    ///
    /// # Errors
    /// If the image cannot be encoded, which is a bug. `place` names it in the error.
    pub fn of_image(image: &Rgb, place: impl fmt::Display) -> Result<Self, EndpointError> {
        let encoded = scaled_down(image).and_then(|image| encode(&image));
        let bytes = encoded.map_err(|reason| EndpointError::Picture {
            place: place.to_string(),
            source: DecodeError::Damaged { format: "PNG", reason },
        })?;
        Ok(Self::new(MediaType::Png, bytes))
    }

    /// Reads a file; see [`Picture::of_bytes`].
    ///
    /// # Errors
    /// If the file cannot be read or is no PNG or JPEG that can be decoded.
    pub fn of_file(path: &Path) -> Result<Self, EndpointError> {
        let bytes = std::fs::read(path).map_err(|error| {
            EndpointError::file(&crate::failure::Failure::file("read the image", path, &error))
        })?;
        Self::of_bytes(bytes, format_args!("`{}`", path.display()))
    }

    fn new(media_type: MediaType, bytes: Vec<u8>) -> Self {
        let digest = Digest::of_bytes(&bytes);
        Self { media_type, bytes, digest }
    }

    /// PNG or JPEG.
    #[must_use]
    pub fn media_type(&self) -> MediaType {
        self.media_type
    }

    /// The bytes as they are sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes as they are sent.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The picture as an address.
    pub(crate) fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.media_type.as_str(), STANDARD.encode(&self.bytes))
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Picture({}, {})", self.media_type.as_str(), self.digest)
    }
}

fn fits(image: &Rgb) -> bool {
    image.width().max(image.height()) <= LONGEST_SIDE
}

/// The image with its longer side [`LONGEST_SIDE`], the other one in proportion, halves rounded up; as it is if it fits.
fn scaled_down(image: &Rgb) -> Result<Rgb, String> {
    if fits(image) {
        return Ok(image.clone());
    }
    let (width, height) = (image.width(), image.height());
    let longer = width.max(height);
    let scaled = |side: usize| ((2 * side * LONGEST_SIDE + longer) / (2 * longer)).max(1);
    Resampler::default()
        .resize(image, scaled(width), scaled(height), Filter::Lanczos)
        .map_err(|error| error.to_string())
}

fn encode(image: &Rgb) -> Result<Vec<u8>, String> {
    png_file::encode(image.values(), (image.width(), image.height()), None)
        .map_err(|failure| failure.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: usize, height: usize) -> Vec<u8> {
        encode(&Rgb::filled(width, height, [10, 200, 30]).unwrap()).unwrap()
    }

    #[test]
    fn small_files_are_sent_as_they_are() {
        let bytes = png(LONGEST_SIDE, 3);
        let picture = Picture::of_bytes(bytes.clone(), "test").unwrap();
        assert_eq!((picture.bytes(), picture.media_type()), (bytes.as_slice(), MediaType::Png));
        assert_eq!(picture.digest(), Digest::of_bytes(&bytes));
        let url = picture.data_url();
        let encoded = url.strip_prefix("data:image/png;base64,").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), bytes);
    }

    #[test]
    fn long_sides_are_scaled_down_in_proportion() {
        for (from, to) in [
            ((4096, 10), (2048, 5)),
            ((10, 4096), (5, 2048)),
            ((2049, 2049), (2048, 2048)),
            ((5000, 1), (2048, 1)),
        ] {
            let picture = Picture::of_bytes(png(from.0, from.1), "test").unwrap();
            let image = decode(picture.bytes()).unwrap().rgb;
            assert_eq!((image.width(), image.height()), to, "{from:?}");
            assert_eq!(image.values()[..3], [10, 200, 30]);
        }
    }

    #[test]
    fn what_is_no_picture_is_refused_with_its_place() {
        for bytes in [&b"GIF89a"[..], b"", &png(4, 4)[..30]] {
            let error = Picture::of_bytes(bytes.to_vec(), "`there.png`").unwrap_err().to_string();
            assert!(error.contains("`there.png`"), "{error}");
        }
    }
}
