//! Augmentations: what a view of an image is (parameters) and how it is made (pixels).
//!
//! The pixels are those of torchvision on Pillow images (`torchvision.transforms.functional`, torchvision 0.29, Pillow 13),
//! byte for byte; `tests/parity/images_augment_golden.py` made the golden files. The random numbers are not torchvision's: they
//! are keyed by (seed, purpose, sample, view), so that no view depends on who draws it or when.
//!
//! ```text
//! ViewAugmentation ──draw──> ViewParameters ─────────apply──> Rgb     crop, resize, mirror
//! Photometric ───────draw──> PhotometricParameters ──apply──> Rgb     colour jitter, grayscale, blur, solarize
//!                                    └─action──> [f32; 7]             what a world model is conditioned on
//! ```
//!
//! A bank of 256 jittered variants of one image:
//!
//! ```
//! use retally::images::augment::{ColourJitter, Draw, Photometric, PhotometricParameters};
//! use retally::images::raster::Rgb;
//!
//! let image = Rgb::filled(64, 64, [200, 120, 40]).ok_or("size")?;
//! let jitter = Photometric::jitter_alone(ColourJitter::iwm().always());
//! let clean = PhotometricParameters::default();
//! for view in 0..256 {
//!     let variant = jitter.draw(&Draw { seed: 0, purpose: "mrr bank", sample: 7, view });
//!     let action: [f32; 7] = variant.action(&clean);
//!     let pixels = variant.apply(&image);
//!     assert_eq!(action[4..], [0.0; 3]);
//!     assert_eq!((pixels.width(), pixels.height()), (64, 64));
//! }
//! # Ok::<(), &'static str>(())
//! ```

pub mod blend;
pub mod blur;
pub mod brightness;
pub mod colour_jitter;
pub mod contrast;
pub mod crop;
pub mod draw;
pub mod flip;
#[cfg(test)]
mod golden_tests;
pub mod grayscale;
pub mod hue;
pub mod parameters;
pub mod photometric;
#[cfg(test)]
mod property_tests;
pub mod saturation;
pub mod scalars;
pub mod solarize;
pub mod view;

pub use colour_jitter::ColourJitter;
pub use crop::RandomResizedCrop;
pub use draw::Draw;
pub use parameters::{JitterOrder, JitterStep, PhotometricParameters};
pub use photometric::{Photometric, RandomBlur, RandomSolarize};
pub use scalars::{BlurRadius, Factor, HueStrength, ParameterError, Probability, Strength, Turns};
pub use view::{ViewAugmentation, ViewError, ViewParameters};
