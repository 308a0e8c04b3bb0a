//! Resizes in floating point, bit for bit as the programs do that people quote for Fréchet distances.
//!
//! | kernel | reference | arithmetic |
//! |---|---|---|
//! | `tf1-bilinear` | TensorFlow 1 `ResizeBilinear`; torch-fidelity 0.4.0 `interpolate_bilinear_2d_like_tensorflow1x` on CPU | `pairs` |
//! | `torch-bilinear` | PyTorch 2.15 CPU, two threads or more, `interpolate(mode="bilinear", align_corners=False)` | `pairs` |
//! | `torch-bilinear-antialias` | the same with `antialias=True` | `weighted` |
//! | `pillow-float-bicubic` | Pillow 13, mode `F`, `BICUBIC`, then clipped to 0 to 255 (clean-fid 0.1.35) | `weighted` |
//!
//! PyTorch's kernels are compiled for processors with fused multiplication and addition, so the operations that are fused
//! there are fused here, on every processor. The references resize even an image that has the size already; all four
//! then return it unchanged (a weight is 1, the others are 0), so nothing is computed.

mod pairs;
mod weighted;

use super::raster::{Raster, is_size_accepted};
use super::resize::{PILLOW_VERSION, ResizeError};
use retally_manifests::FloatKernel;

/// One channel of an image of an accepted size, rows from top to bottom.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatPlane {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl FloatPlane {
    /// Takes `width * height` values.
    ///
    /// Returns `None` if the size is not accepted or does not fit the number of values.
    #[must_use]
    pub fn new(width: usize, height: usize, values: Vec<f32>) -> Option<Self> {
        (is_size_accepted(width, height) && values.len() == width * height).then_some(Self {
            width,
            height,
            values,
        })
    }

    /// One channel of an 8-bit image, on the scale asked for. Red, or grey, is channel 0.
    #[must_use]
    pub fn of_channel<const CHANNELS: usize>(
        image: &Raster<CHANNELS>,
        channel: usize,
        scale: Scale,
    ) -> Self {
        let (pixels, _) = image.values().as_chunks::<CHANNELS>();
        let values = pixels.iter().map(|pixel| f32::from(pixel[channel]));
        let values = match scale {
            Scale::Byte => values.collect(),
            Scale::Unit => values.map(|value| value / 255.0).collect(),
        };
        Self { width: image.width(), height: image.height(), values }
    }

    /// All values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// What an 8-bit value becomes before it is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// 0 to 255.
    Byte,
    /// 0 to 1: divided by 255.
    Unit,
}

/// The name and version of a kernel in preprocessing ids.
#[must_use]
pub fn kernel_id(kernel: FloatKernel) -> String {
    match kernel {
        FloatKernel::Tf1Bilinear => "tf1-bilinear/1".to_owned(),
        FloatKernel::PillowFloatBicubic => format!("pillow-float-bicubic/{PILLOW_VERSION}"),
        FloatKernel::TorchBilinear => "torch-bilinear/1".to_owned(),
        FloatKernel::TorchBilinearAntialias => "torch-bilinear-antialias/1".to_owned(),
    }
}

/// The same numbers as the kernel's reference gives.
///
/// # Errors
/// If the target size, or the size between two passes, is not accepted.
pub fn resize(
    plane: &FloatPlane,
    width: usize,
    height: usize,
    kernel: FloatKernel,
) -> Result<FloatPlane, ResizeError> {
    if !is_size_accepted(width, height) {
        return Err(ResizeError { width, height });
    }
    if (plane.width, plane.height) == (width, height) {
        return Ok(plane.clone());
    }
    match kernel {
        FloatKernel::Tf1Bilinear => {
            Ok(pairs::resize(plane, width, height, pairs::Arithmetic::TensorFlow1))
        }
        FloatKernel::TorchBilinear => {
            Ok(pairs::resize(plane, width, height, pairs::Arithmetic::Torch))
        }
        FloatKernel::TorchBilinearAntialias => weighted::torch_antialias(plane, width, height),
        FloatKernel::PillowFloatBicubic => weighted::pillow_bicubic(plane, width, height),
    }
}

#[cfg(test)]
mod tests;
