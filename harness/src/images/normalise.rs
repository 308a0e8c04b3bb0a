//! From 8-bit values to the f32 numbers that a model takes.

use super::float_resize::Scale;
use super::raster::Rgb;
use retally_manifests::{ImageLayout, Normalise};

/// Constants that give numbers which are not finite.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "channel {channel}: the value {value} normalises to {result}; \
     mean, std, offset and divisor must be finite, std and divisor not 0"
)]
pub struct NormaliseError {
    /// 0 red, 1 green, 2 blue.
    pub channel: usize,
    /// The 8-bit value.
    pub value: u8,
    /// What became of it.
    pub result: f32,
}

/// A checked normalisation: one table of 256 numbers a channel.
///
/// The numbers are computed in f32 in the order of torchvision's `ToTensor` and `Normalize`, `(p / 255 - mean) /
/// std`, or `(p - offset) / divisor`, so they equal a NumPy or torchvision reference bit for bit.
#[derive(Clone, Debug)]
pub struct Normaliser {
    normalise: Normalise,
    tables: [[f32; 256]; 3],
    layout: ImageLayout,
}

impl Normaliser {
    /// Computes the tables.
    ///
    /// # Errors
    /// If any of the 768 numbers is not finite.
    pub fn new(normalise: Normalise, layout: ImageLayout) -> Result<Self, NormaliseError> {
        let mut tables = [[0.0; 256]; 3];
        for (channel, table) in tables.iter_mut().enumerate() {
            for (value, number) in (0..=u8::MAX).zip(table) {
                let result = apply(normalise, channel, value);
                if !result.is_finite() {
                    return Err(NormaliseError { channel, value, result });
                }
                *number = result;
            }
        }
        Ok(Self { normalise, tables, layout })
    }

    /// The scale on which numbers that are no longer bytes are normalised first.
    #[must_use]
    pub fn scale(&self) -> Scale {
        match self.normalise {
            Normalise::MeanStd { .. } => Scale::Unit,
            Normalise::OffsetDivisor { .. } => Scale::Byte,
        }
    }

    /// Writes one channel of a resized image, on the scale given, in the model's layout.
    ///
    /// Returns `false`, and writes nothing, unless `out` holds 3 times as many numbers.
    #[must_use]
    pub fn write_channel(
        &self,
        channel: usize,
        values: &[f32],
        scale: Scale,
        out: &mut [f32],
    ) -> bool {
        if out.len() != 3 * values.len() || channel > 2 {
            return false;
        }
        match self.layout {
            ImageLayout::Nchw => {
                let plane = &mut out[channel * values.len()..(channel + 1) * values.len()];
                self.write_numbers(channel, values, scale, plane.iter_mut());
            }
            ImageLayout::Nhwc => {
                let numbers = out.iter_mut().skip(channel).step_by(3);
                self.write_numbers(channel, values, scale, numbers);
            }
        }
        true
    }

    fn write_numbers<'a>(
        &self,
        channel: usize,
        values: &[f32],
        scale: Scale,
        numbers: impl Iterator<Item = &'a mut f32>,
    ) {
        let pairs = numbers.zip(values);
        match (self.normalise, scale) {
            (Normalise::MeanStd { mean, std }, Scale::Byte) => {
                let (mean, std) = (mean[channel], std[channel]);
                pairs.for_each(|(number, value)| *number = (value / 255.0 - mean) / std);
            }
            (Normalise::MeanStd { mean, std }, Scale::Unit) => {
                let (mean, std) = (mean[channel], std[channel]);
                pairs.for_each(|(number, value)| *number = (value - mean) / std);
            }
            (Normalise::OffsetDivisor { offset, divisor }, Scale::Byte) => {
                pairs.for_each(|(number, value)| *number = (value - offset) / divisor);
            }
            (Normalise::OffsetDivisor { offset, divisor }, Scale::Unit) => {
                pairs.for_each(|(number, value)| *number = (value * 255.0 - offset) / divisor);
            }
        }
    }

    /// Writes an image in the model's layout.
    ///
    /// Returns `false`, and writes nothing, unless `out` holds exactly 3 x height x width numbers.
    #[must_use]
    pub fn write(&self, image: &Rgb, out: &mut [f32]) -> bool {
        let values = image.values();
        if out.len() != values.len() {
            return false;
        }
        match self.layout {
            ImageLayout::Nhwc => {
                for (pixel, numbers) in values.chunks_exact(3).zip(out.chunks_exact_mut(3)) {
                    for ((number, &value), table) in numbers.iter_mut().zip(pixel).zip(&self.tables)
                    {
                        *number = table[usize::from(value)];
                    }
                }
            }
            ImageLayout::Nchw => {
                let plane = out.len() / 3;
                for ((channel, numbers), table) in
                    out.chunks_exact_mut(plane).enumerate().zip(&self.tables)
                {
                    for (number, &value) in
                        numbers.iter_mut().zip(values.iter().skip(channel).step_by(3))
                    {
                        *number = table[usize::from(value)];
                    }
                }
            }
        }
        true
    }
}

fn apply(normalise: Normalise, channel: usize, value: u8) -> f32 {
    let value = f32::from(value);
    match normalise {
        Normalise::MeanStd { mean, std } => (value / 255.0 - mean[channel]) / std[channel],
        Normalise::OffsetDivisor { offset, divisor } => (value - offset) / divisor,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGENET: Normalise =
        Normalise::MeanStd { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

    /// `(np.float32([0, 1, 128, 255]) / np.float32(255) - np.float32(m)) / np.float32(s)` for the red channel, NumPy
    /// 2.4.6, as bits.
    #[test]
    fn equals_numpy_bit_for_bit() {
        let normaliser = Normaliser::new(IMAGENET, ImageLayout::Nchw).unwrap();
        let bits = [0, 1, 128, 255].map(|value: usize| normaliser.tables[0][value].to_bits());
        assert_eq!(bits, [0xc007_8bbd, 0xc006_732b, 0x3d97_af32, 0x400f_ee1d]);
    }

    #[test]
    fn layouts_hold_the_same_numbers() {
        let image = Rgb::new(2, 1, vec![0, 64, 128, 192, 255, 1]).unwrap();
        let mut planes = [0.0; 6];
        let mut pixels = [0.0; 6];
        assert!(Normaliser::new(IMAGENET, ImageLayout::Nchw).unwrap().write(&image, &mut planes));
        assert!(Normaliser::new(IMAGENET, ImageLayout::Nhwc).unwrap().write(&image, &mut pixels));
        for pixel in 0..2 {
            for channel in 0..3 {
                assert_eq!(planes[channel * 2 + pixel], pixels[pixel * 3 + channel]);
            }
        }
        assert!(
            !Normaliser::new(IMAGENET, ImageLayout::Nhwc).unwrap().write(&image, &mut [0.0; 5])
        );
    }

    #[test]
    fn refuses_constants_that_give_no_numbers() {
        let zero = Normalise::OffsetDivisor { offset: 0.0, divisor: 0.0 };
        assert!(Normaliser::new(zero, ImageLayout::Nchw).is_err());
        let mean = Normalise::MeanStd { mean: [0.0, f32::NAN, 0.0], std: [1.0; 3] };
        assert_eq!(Normaliser::new(mean, ImageLayout::Nchw).unwrap_err().channel, 1);
    }
}
