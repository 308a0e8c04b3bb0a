//! From a generator's values to bytes.

use retally_manifests::{GeneratedImage, Quantise};

/// Values that do not become an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    /// A slice has the wrong length.
    #[error("{what}: {found} values instead of {expected}")]
    Length {
        /// Which.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// NaN or infinity.
    #[error(
        "the image has a value that is infinite or NaN: channel {channel}, row {row}, column {column}"
    )]
    NotFinite {
        /// Channel, from 0.
        channel: usize,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
    },
}

/// Makes an RGB image, `pixels` [height, width, 3], of `values` [channels, height, width]. Grey becomes three equal channels.
///
/// # Errors
/// When a length does not fit, or a value is NaN or infinite.
pub fn quantise(
    image: &GeneratedImage,
    values: &[f32],
    pixels: &mut [u8],
) -> Result<(), PixelError> {
    let (width, plane) = (image.width as usize, image.width as usize * image.height as usize);
    check_length("values of an image", values.len(), plane * image.channels as usize)?;
    check_length("pixels of an image", pixels.len(), plane * 3)?;
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        let (channel, within) = (place / plane, place % plane);
        return Err(PixelError::NotFinite { channel, row: within / width, column: within % width });
    }
    let scale = Scale::new(image);
    for channel in 0..3 {
        // Grey has one plane for all three.
        let plane_index = if image.channels == 1 { 0 } else { channel };
        let source = values.iter().skip(plane_index * plane);
        for (pixel, &value) in pixels.chunks_exact_mut(3).zip(source) {
            pixel[channel] = scale.byte(value);
        }
    }
    Ok(())
}

/// From values to bytes.
#[derive(Clone, Copy)]
struct Scale {
    rule: Quantise,
    low: f32,
    range: f32,
    /// 255 v + 1/2 as one product and one sum.
    slope: f32,
    offset: f32,
}

impl Scale {
    fn new(image: &GeneratedImage) -> Self {
        let range = image.high - image.low;
        let slope = 255.0 / range;
        Self { rule: image.quantise, low: image.low, range, slope, offset: 0.5 - image.low * slope }
    }

    /// The operations of the sampling scripts, in their order and in f32: where a value is next to a border, the last bit
    /// decides. With values from -1 to 1, `range` is 2, `slope` 127.5 and `offset` 128.
    ///
    /// SOURCE: REPA (generate.py at 67f7145); DiT (sample_ddp.py at ed81ce2) and SiT (sample_ddp.py at 947f95b); JiT
    /// (engine_jit.py, as in iREPA at 99ad4ac).
    fn byte(self, value: f32) -> u8 {
        let unit = (value - self.low) / self.range;
        let level = match self.rule {
            Quantise::Truncate255 => 255.0 * unit,
            Quantise::HalfUp255 => self.slope * value + self.offset,
            Quantise::HalfEven255 => (unit * 255.0).clamp(0.0, 255.0).round_ties_even(),
            Quantise::Truncate256 => unit * 256.0,
        };
        level.clamp(0.0, 255.0) as u8
    }
}

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), PixelError> {
    if found == expected { Ok(()) } else { Err(PixelError::Length { what, found, expected }) }
}
