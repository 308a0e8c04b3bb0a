//! From files to the numbers that a model takes: readers, decoding, canvas, resizing, normalisation.
//!
//! Every step is part of the measurement: its result equals Pillow's byte for byte (or NumPy's or PyTorch's f32 arithmetic
//! bit for bit), golden files prove it, and its name enters the chunk keys through [`prepare::Preparer::id`].
//!
//! ```text
//! reader (RawSample) → decode (Decoded) → canvas (Rgb) → geometry + resize (Rgb) → normalise (f32)
//!                            │                        └→ float_resize (f32 planes) ─┘
//!                            └→ mask (Mask, same canvas, same crop)
//! ```
//!
//! [`augment`] makes random views of a decoded image, byte for byte as torchvision makes them with Pillow.

pub mod augment;
pub mod canvas;
pub mod decode;
pub mod error;
pub mod float_resize;
pub mod geometry;
#[cfg(test)]
mod golden_tests;
pub mod mask;
pub mod normalise;
pub(crate) mod png_file;
pub mod prepare;
pub mod raster;
pub mod reader;
pub mod resize;
pub mod split;
mod windows;
pub mod writer;

pub use error::ImageError;
