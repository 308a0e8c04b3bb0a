//! JPEG, through the crate `mozjpeg`, whose decoder is libjpeg-turbo's.

use super::{DecodeError, Decoded, check_size};
use crate::images::raster::Rgb;
use mozjpeg::{ColorSpace, Decompress};
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

const FORMAT: &str = "JPEG";

/// Grey becomes RGB; CMYK and YCCK become RGB as Pillow does it, which takes every four-channel file for an inverted
/// one (Adobe's convention), with or without Adobe's marker.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let ended = Cell::new(false);
    let source = Source { rest: bytes, ended: &ended };
    // libjpeg leaves through its error handler, which the crate turns into an unwinding; nothing outlives the closure
    // but `ended`, a plain flag.
    let outcome = catch_unwind(AssertUnwindSafe(|| read_image(source)));
    if ended.get() {
        return Err(DecodeError::Truncated { format: FORMAT });
    }
    outcome.unwrap_or_else(|payload| {
        let reason = payload.downcast_ref::<String>().map_or("unknown", String::as_str);
        let reason = reason.trim_start_matches("libjpeg fatal error: ").to_owned();
        Err(DecodeError::Damaged { format: FORMAT, reason })
    })
}

fn read_image(source: Source<'_>) -> Result<Decoded, DecodeError> {
    let damaged =
        |error: io::Error| DecodeError::Damaged { format: FORMAT, reason: error.to_string() };
    let header = Decompress::builder().from_reader(source).map_err(damaged)?;
    let (width, height) = header.size();
    check_size(width, height)?;
    let channels = header.components().len();
    let mut image = match channels {
        1 | 3 => header.rgb(),
        4 => header.to_colorspace(ColorSpace::JCS_CMYK),
        other => {
            let what = format!("{other} channels");
            return Err(DecodeError::Unsupported { format: FORMAT, what });
        }
    }
    .map_err(damaged)?;
    let values: Vec<u8> = image.read_scanlines().map_err(damaged)?;
    // Reads up to the end marker, so that a file cut behind its last pixel is found too.
    image.finish().map_err(damaged)?;
    let values = if channels == 4 { inverted_cmyk_to_rgb(&values) } else { values };
    let rgb = Rgb::new(width, height, values).ok_or(DecodeError::Size { width, height })?;
    Ok(Decoded { rgb, alpha: None })
}

/// Pillow's `CMYK;I` unpacker followed by its CMYK to RGB conversion: with stored values c and k,
/// `out = clip(k - MULDIV255(255 - c, k))`, MULDIV255 being the rounded product over 255.
fn inverted_cmyk_to_rgb(values: &[u8]) -> Vec<u8> {
    let convert = |stored: u8, black: u8| {
        let product = u32::from(255 - stored) * u32::from(black) + 128;
        let share = ((product >> 8) + product) >> 8;
        u32::from(black).saturating_sub(share) as u8
    };
    values
        .chunks_exact(4)
        .flat_map(|pixel| [0, 1, 2].map(|channel| convert(pixel[channel], pixel[3])))
        .collect()
}

/// The file's bytes. Asking for more is an error: by itself libjpeg would invent an end marker and fill up with grey.
struct Source<'a> {
    rest: &'a [u8],
    ended: &'a Cell<bool>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() {
            self.ended.set(true);
            return Err(io::Error::other("read past the end of the file"));
        }
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest = self.rest.get(amount..).unwrap_or_default();
    }
}
