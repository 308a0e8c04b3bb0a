//! Encoded bytes to 8-bit RGB, as Pillow's `Image.open(...).convert("RGB")` gives it.
//!
//! The format is told by the first bytes, never by a file name. EXIF orientation, gamma and colour profiles are
//! ignored, as the peers ignore them.

mod jpeg;
mod png;

use super::raster::{MAX_PIXELS, MAX_SIDE, Plane, Rgb, is_size_accepted};

/// Names the decoders in preprocessing ids.
pub const DECODER_ID: &str = "jpeg=libjpeg-turbo;png=image-rs;rgb=pillow-convert/1";

/// A decoded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Colours as Pillow's `convert("RGB")`; transparency is dropped, not blended.
    pub rgb: Rgb,
    /// Alpha as Pillow's `convert("RGBA")`, of the same size; `None` if the file has no transparency.
    pub alpha: Option<Plane>,
}

/// Why bytes are no image that retally reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Neither PNG nor JPEG.
    #[error("{found} is not read; expected PNG or JPEG: convert the file")]
    UnknownFormat {
        /// What the first bytes are.
        found: &'static str,
    },
    /// More pixels than [`MAX_PIXELS`], a side beyond [`MAX_SIDE`], or none at all.
    #[error(
        "{width}x{height} pixels are outside the accepted sizes (1 to {MAX_SIDE} a side, at most {MAX_PIXELS} pixels): \
         scale the file down or leave it out"
    )]
    Size {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The file ends before the image does.
    #[error("the {format} file is truncated: it ends before the image does; fetch it again")]
    Truncated {
        /// PNG or JPEG.
        format: &'static str,
    },
    /// The decoder refused the bytes.
    #[error("the {format} file is damaged: {reason}")]
    Damaged {
        /// PNG or JPEG.
        format: &'static str,
        /// The decoder's words.
        reason: String,
    },
    /// A valid file of a kind that Pillow does not read as an image either.
    #[error("a {format} file with {what} is not read")]
    Unsupported {
        /// PNG or JPEG.
        format: &'static str,
        /// What is unusual.
        what: String,
    },
}

/// Decodes a PNG or JPEG file.
///
/// # Errors
/// If the bytes are something else, are damaged or truncated, or hold an image outside the accepted sizes. Never
/// panics.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png::decode(bytes)
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        jpeg::decode(bytes)
    } else {
        Err(DecodeError::UnknownFormat { found: name_of_format(bytes) })
    }
}

/// Names what a user may have given by mistake.
fn name_of_format(bytes: &[u8]) -> &'static str {
    let is_riff = bytes.starts_with(b"RIFF");
    match bytes {
        [] => "an empty file",
        _ if is_riff && bytes.get(8..12) == Some(b"WEBP") => "WebP",
        _ if bytes.starts_with(b"GIF8") => "GIF",
        _ if bytes.starts_with(b"BM") => "BMP",
        _ if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") => "TIFF",
        _ if bytes.get(4..8) == Some(b"ftyp") => "AVIF or HEIF",
        _ if bytes.starts_with(b"\0\0\0\x0cjP  ") => "JPEG 2000",
        _ if bytes.starts_with(b"\xff\x0a") => "JPEG XL",
        _ => "this file",
    }
}

fn check_size(width: usize, height: usize) -> Result<(), DecodeError> {
    if is_size_accepted(width, height) { Ok(()) } else { Err(DecodeError::Size { width, height }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/images/sources/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn a_jpeg_cut_anywhere_is_truncated_or_damaged_as_pillow_says() {
        for name in ["420-baseline-67x45.jpg", "444-progressive-67x45.jpg", "cmyk-34x24.jpg"] {
            let bytes = golden(name);
            assert!(decode(&bytes).is_ok());
            for length in 3..bytes.len() {
                let error = decode(&bytes[..length]).unwrap_err();
                assert_eq!(
                    error,
                    DecodeError::Truncated { format: "JPEG" },
                    "{name} cut at {length}"
                );
            }
        }
    }

    /// Pillow 13 accepts a file that lacks its last 20 bytes (end chunk and checksums), and no shorter one.
    #[test]
    fn a_png_cut_within_its_pixels_is_truncated() {
        let bytes = golden("rgb-31x13.png");
        for length in 8..bytes.len() - 21 {
            assert_eq!(
                decode(&bytes[..length]).unwrap_err(),
                DecodeError::Truncated { format: "PNG" },
                "{length}"
            );
        }
    }

    #[test]
    fn bytes_behind_the_image_are_ignored() {
        for name in ["rgb-31x13.png", "420-8x8.jpg"] {
            let bytes = golden(name);
            let longer = [bytes.as_slice(), b"more"].concat();
            assert_eq!(decode(&bytes).unwrap(), decode(&longer).unwrap());
        }
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, name) in [
            (b"".as_slice(), "an empty file"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
            (b"GIF89a", "GIF"),
            (b"BM\0\0", "BMP"),
            (b"II*\0", "TIFF"),
            (b"hello", "this file"),
        ] {
            assert_eq!(decode(bytes).unwrap_err(), DecodeError::UnknownFormat { found: name });
        }
    }

    #[test]
    fn sizes_are_checked_before_memory_is_asked_for() {
        let mut png = golden("grey-8bit-29x23.png");
        png[16..24].copy_from_slice(&[0, 0x03, 0xff, 0xff, 0, 0x03, 0xff, 0xff]);
        // The header's checksum must fit again.
        let checksum = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(
            decode(&png).unwrap_err(),
            DecodeError::Size { width: 0x3ffff, height: 0x3ffff }
        );

        let mut jpeg = golden("420-8x8.jpg");
        let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert_eq!(decode(&jpeg).unwrap_err(), DecodeError::Size { width: 0xffdc, height: 0xffdc });
    }

    /// CRC-32 of PNG chunks, bit by bit.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
            })
        })
    }
}
