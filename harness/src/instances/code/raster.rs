//! SVG to pixels.

use super::SIDE;
use crate::failure::Failure;
use crate::images::raster::Rgb;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

/// Draws SVG that this program has written, at its own size.
///
/// # Errors
/// If it cannot be read or drawn, which is a bug.
pub(in crate::instances) fn rasterise(source: &str) -> Result<Rgb, Failure> {
    let refused =
        |reason: String| Failure::invalid(format_args!("cannot draw an SVG code task: {reason}"));
    let tree =
        Tree::from_str(source, &Options::default()).map_err(|error| refused(error.to_string()))?;
    let side = SIDE as u32;
    let mut pixels =
        Pixmap::new(side, side).ok_or_else(|| refused("no memory for its pixels".to_owned()))?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    // Opaque: the first thing drawn is a white ground.
    let values = pixels.data().chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect();
    Rgb::new(SIDE, SIDE, values).ok_or_else(|| refused("its picture has another size".to_owned()))
}
