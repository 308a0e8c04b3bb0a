//! Pictures of puzzles from files to readings.

use super::files::read_picture_bytes;
use crate::failure::Failure;
use crate::images::decode::decode;
use crate::images::raster::Rgb;
use retally_metrics::unified::{Picture, Protocol};
use std::path::Path;

/// Decodes a picture as Pillow's `convert("RGB")` gives it.
///
/// # Errors
/// If the file cannot be read or is no picture; the message names it.
pub(super) fn open(path: &Path) -> Result<Rgb, Failure> {
    let bytes = read_picture_bytes(path)?;
    let decoded = decode(&bytes)
        .map_err(|error| Failure::invalid(format_args!("`{}`: {error}", path.display())))?;
    Ok(decoded.rgb)
}

/// Decodes a picture and reads it.
///
/// # Errors
/// As [`open`].
pub(super) fn read<T>(path: &Path, reader: impl FnOnce(&Picture<'_>) -> T) -> Result<T, Failure> {
    let image = open(path)?;
    let picture = Picture::new(image.width(), image.height(), image.values())
        .map_err(|error| Failure::invalid(format_args!("`{}`: {error}", path.display())))?;
    Ok(reader(&picture))
}

/// The frames of a candidate. One that cannot be decoded ends the official protocol with an error, as it ends the released
/// script; in the fixed one it is `None`, a wrong frame, and its problem is added to `problems`.
///
/// # Errors
/// As above.
pub(super) fn read_frames<T>(
    paths: &[impl AsRef<Path>],
    protocol: Protocol,
    problems: &mut Vec<String>,
    reader: impl Fn(&Picture<'_>) -> T,
) -> Result<Vec<Option<T>>, Failure> {
    paths
        .iter()
        .map(|path| match read(path.as_ref(), &reader) {
            Ok(frame) => Ok(Some(frame)),
            Err(failure) => match protocol {
                Protocol::Official => Err(failure.within(
                    "the released script stops at a picture that it cannot open (mend it, or take --protocol fixed)",
                )),
                Protocol::Fixed => {
                    problems.push(failure.message());
                    Ok(None)
                }
            },
        })
        .collect()
}
