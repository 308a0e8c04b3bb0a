//! Transparency and margins, settled in 8 bits before any resize.

use super::decode::Decoded;
use super::raster::{Plane, Rgb};
use retally_manifests::Canvas;

/// Names the composition in preprocessing ids.
pub const CANVAS_ID: &str = "pillow-paste/1";

/// A margin that makes the canvas too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a margin of {margin} around {width}x{height} pixels makes the canvas too large: use a smaller one"
)]
pub struct CanvasError {
    /// Pixels on every side.
    pub margin: u32,
    /// Columns of the image.
    pub width: usize,
    /// Rows of the image.
    pub height: usize,
}

/// Puts an image on an opaque canvas with a margin.
///
/// The same bytes as Pillow's `Image.new("RGB", size, background)` and `canvas.paste(image, (margin, margin), alpha)`:
/// `out = (c a + b (255 - a)) / 255` rounded to nearest. On an opaque background Pillow's `alpha_composite` gives the
/// same bytes: its two extra rounding steps cancel when the result is opaque.
///
/// Without a canvas transparency is dropped, as `convert("RGB")` drops it.
///
/// # Errors
/// If the canvas becomes too large.
pub fn compose(image: Decoded, canvas: Option<Canvas>) -> Result<Rgb, CanvasError> {
    let Some(canvas) = canvas else {
        return Ok(image.rgb);
    };
    let (width, height) = (image.rgb.width(), image.rgb.height());
    let margin = canvas.margin as usize;
    let error = CanvasError { margin: canvas.margin, width, height };
    let both_margins = margin.saturating_mul(2);
    let mut composed = Rgb::filled(
        width.saturating_add(both_margins),
        height.saturating_add(both_margins),
        canvas.background,
    )
    .ok_or(error)?;
    let opaque;
    let alpha = match &image.alpha {
        Some(alpha) => alpha,
        None => {
            opaque = Plane::filled(width, height, [u8::MAX]).ok_or(error)?;
            &opaque
        }
    };
    let targets = composed.rows_mut().skip(margin);
    for ((target, colours), alphas) in targets.zip(image.rgb.rows()).zip(alpha.rows()) {
        let pixels = target[3 * margin..].chunks_exact_mut(3);
        for ((pixel, colour), &alpha) in pixels.zip(colours.chunks_exact(3)).zip(alphas) {
            for (background, &value) in pixel.iter_mut().zip(colour) {
                *background = blend(value, *background, alpha);
            }
        }
    }
    Ok(composed)
}

/// Pillow's `BLEND`.
fn blend(colour: u8, background: u8, alpha: u8) -> u8 {
    let sum =
        u32::from(colour) * u32::from(alpha) + u32::from(background) * u32::from(255 - alpha) + 128;
    (((sum >> 8) + sum) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `alpha_composite` onto an opaque background, from Pillow's `AlphaComposite.c`.
    fn alpha_composite(colour: u8, background: u8, alpha: u8) -> u8 {
        const BITS: u32 = 7;
        let alpha = u32::from(alpha);
        if alpha == 0 {
            return background;
        }
        let out_alpha = alpha * 255 + 255 * (255 - alpha);
        let coefficient = alpha * 255 * 255 * (1 << BITS) / out_alpha;
        let rest = 255 * (1 << BITS) - coefficient;
        let sum = u32::from(colour) * coefficient + u32::from(background) * rest + (0x80 << BITS);
        ((((sum >> 8) + sum) >> 8) >> BITS) as u8
    }

    #[test]
    fn paste_and_alpha_composite_agree_on_opaque_backgrounds() {
        for alpha in 0..=255 {
            for colour in 0..=255 {
                for background in 0..=255 {
                    assert_eq!(
                        blend(colour, background, alpha),
                        alpha_composite(colour, background, alpha),
                        "{colour} over {background} at {alpha}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_margin_surrounds_the_image() {
        let image = Decoded {
            rgb: Rgb::new(1, 1, vec![10, 20, 30]).unwrap(),
            alpha: Some(Plane::new(1, 1, vec![255]).unwrap()),
        };
        let canvas = Canvas { background: [1, 2, 3], margin: 1 };
        let composed = compose(image.clone(), Some(canvas)).unwrap();
        assert_eq!((composed.width(), composed.height()), (3, 3));
        assert_eq!(composed.values()[..12], [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
        assert_eq!(composed.values()[12..15], [10, 20, 30]);
        assert!(compose(image, Some(Canvas { margin: u32::MAX, ..canvas })).is_err());
    }
}
