//! PNG, through the crate `image`.

use super::{DecodeError, Decoded, check_size};
use crate::images::raster::{Plane, Rgb};
use image::codecs::png::PngDecoder;
use image::error::ImageError as PngError;
use image::{ColorType, ImageDecoder, Limits};
use std::io::{Cursor, ErrorKind};

const FORMAT: &str = "PNG";

/// Memory that chunks beside the pixels (text, profiles) may take once inflated.
const MAX_ANCILLARY_BYTES: u64 = 64 << 20;

/// Palettes and bit depths below 8 are expanded; of 16-bit colour and grey with alpha the high byte is taken.
///
/// Two facts to know about Pillow's conversions:
/// - **16-bit grey is clipped at 255, not scaled** (its mode `I;16`), so most such images become white. So do ours.
/// - A transparent *colour key* (`tRNS` of grey and RGB files) of 2, 4 or 16 bits is compared by Pillow 13 with pixels
///   of another depth and matches the wrong ones. Ours follows the PNG specification. Colours are not affected.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    check_palette(bytes)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_ANCILLARY_BYTES);
    let decoder =
        PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(|error| describe(&error))?;
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    check_size(width, height)?;
    let colour = decoder.color_type();
    let mut values = vec![0; width * height * usize::from(colour.bytes_per_pixel())];
    decoder.read_image(&mut values).map_err(|error| describe(&error))?;

    let (rgb, alpha) = convert(colour, values, is_grey_of_16_bits(bytes))?;
    let wrong_size = || DecodeError::Size { width, height };
    let rgb = Rgb::new(width, height, rgb).ok_or_else(wrong_size)?;
    let alpha =
        alpha.map(|alpha| Plane::new(width, height, alpha).ok_or_else(wrong_size)).transpose()?;
    Ok(Decoded { rgb, alpha })
}

/// Refuses an image of palette colours (colour type 3) whose palette is not of 1 to 256 colours of 3 bytes each: the decoder (png 0.18.1)
/// panics at part of a colour.
fn check_palette(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.get(25) != Some(&3) {
        return Ok(());
    }
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((header, content)) = rest.split_first_chunk::<8>() {
        let [length @ .., a, b, c, d] = *header;
        let length = u32::from_be_bytes(length);
        match &[a, b, c, d] {
            b"PLTE" if length % 3 != 0 || !(3..=3 * 256).contains(&length) => {
                let reason =
                    format!("its palette has {length} bytes, not 3 for each of 1 to 256 colours");
                return Err(DecodeError::Damaged { format: FORMAT, reason });
            }
            // A palette stands before the pixels.
            b"IDAT" => return Ok(()),
            _ => {}
        }
        // After the content comes its checksum.
        rest = content.get(length as usize..).and_then(|after| after.get(4..)).unwrap_or_default();
    }
    Ok(())
}

/// Whether the header says 16 bits and colour type 0; the decoder does not tell a colour key from an alpha channel.
fn is_grey_of_16_bits(bytes: &[u8]) -> bool {
    bytes.get(24..26) == Some(&[16, 0])
}

/// Decoder output to the values of RGB and alpha.
fn convert(
    colour: ColorType,
    values: Vec<u8>,
    clip_grey: bool,
) -> Result<(Vec<u8>, Option<Vec<u8>>), DecodeError> {
    Ok(match colour {
        ColorType::L8 => (grey_to_rgb(values.into_iter()), None),
        ColorType::L16 => (grey_to_rgb(wide(&values).map(clip)), None),
        ColorType::La8 => (grey_to_rgb(every(&values, 2, 0)), Some(every(&values, 2, 1).collect())),
        ColorType::La16 => {
            let narrow = if clip_grey { clip } else { high_byte };
            let grey = wide(&values).step_by(2).map(narrow);
            let alpha = wide(&values).skip(1).step_by(2).map(high_byte);
            (grey_to_rgb(grey), Some(alpha.collect()))
        }
        ColorType::Rgb8 => (values, None),
        ColorType::Rgb16 => (wide(&values).map(high_byte).collect(), None),
        ColorType::Rgba8 => split_rgba(&values),
        ColorType::Rgba16 => split_rgba(&wide(&values).map(high_byte).collect::<Vec<u8>>()),
        other => {
            let what = format!("colour type {other:?}");
            return Err(DecodeError::Unsupported { format: FORMAT, what });
        }
    })
}

fn grey_to_rgb(grey: impl Iterator<Item = u8>) -> Vec<u8> {
    grey.flat_map(|value| [value; 3]).collect()
}

fn every(values: &[u8], step: usize, offset: usize) -> impl Iterator<Item = u8> {
    values.iter().skip(offset).step_by(step).copied()
}

fn split_rgba(values: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let rgb = values.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    (rgb, Some(every(values, 4, 3).collect()))
}

/// 16-bit values, which the decoder gives in native byte order.
fn wide(values: &[u8]) -> impl Iterator<Item = u16> {
    values.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]]))
}

fn high_byte(value: u16) -> u8 {
    value.to_be_bytes()[0]
}

fn clip(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn describe(error: &PngError) -> DecodeError {
    match error {
        PngError::Limits(_) => {
            let what = format!("more than {MAX_ANCILLARY_BYTES} bytes of text or profiles");
            DecodeError::Unsupported { format: FORMAT, what }
        }
        PngError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format: FORMAT }
        }
        _ => DecodeError::Damaged { format: FORMAT, reason: error.to_string() },
    }
}
