//! The patch tokenizer on images: a basis fitted to a set, its errors on another, pictures of it, and the tokenizer as a model.
//!
//! ```text
//! images ─ decode, canvas, resize (images/prepare) ─ PixelScale ─► patches ─► PatchStream ─► basis file (.npz, .npz.json)
//! basis file ─► sweep (errors) · export (ONNX) · filters, noise (pictures)
//! ```
//!
//! Formulas are in [`retally_metrics::tokenizer`].

mod basis_file;
mod export;
mod fit;
mod images;
mod pictures;
mod sweep;

pub use basis_file::{BasisFile, BasisOrigin, PatchChoice};
pub use export::{ExportRequest, Exported, export};
pub use fit::{FitRequest, Fitted, fit};
pub(crate) use fit::{fit_patches, fitted_origin};
pub use images::PIXEL_SCALE;
pub(crate) use images::{PatchImages, PixelScale};
pub use pictures::{
    DrawnPicture, FiltersRequest, NoiseRequest, draw_filters_file, draw_noise_file,
};
pub(crate) use pictures::{NoisePicture, filters_png, noise_png};
pub(crate) use sweep::{RECONSTRUCTION_ERROR, mean_error};
pub use sweep::{SweepReport, SweepRequest, SweepRow, sweep};

use crate::failure::Failure;
use crate::file_names::has_extension;
use std::path::Path;

/// Refuses the name of a file that could not be written or would be taken for something else; found out before hours of work.
fn check_out(out: &Path, extension: &str) -> Result<(), Failure> {
    if !has_extension(out, extension) {
        return Err(Failure::invalid(format_args!(
            "--out `{}` must end in .{extension}",
            out.display()
        )));
    }
    match out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) if !folder.is_dir() => Err(Failure::invalid(format_args!(
            "--out `{}`: there is no folder `{}`; make it first",
            out.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}
