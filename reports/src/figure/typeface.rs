//! The bundled fonts: widths and glyph coverage.
//!
//! plotters places every glyph on a whole pixel and drops its side bearing, which makes uneven words; here glyphs keep
//! their exact place. Characters that the text font lacks (arrows) come from the symbol font.

use super::scene::{Anchor, Text};
use crate::error::ReportError;
use ab_glyph::{Font, FontRef, Glyph, GlyphId, PxScale, point};

/// Arrows are small in the symbol font.
const SYMBOL_SCALE: f64 = 1.25;

/// The two fonts. Ubuntu Light (Ubuntu font licence) and Hack (MIT and Bitstream Vera licences) come with the crate
/// `epaint_default_fonts`.
pub(crate) struct Typeface {
    text: FontRef<'static>,
    symbols: FontRef<'static>,
}

impl Typeface {
    /// Reads the bundled fonts.
    pub(crate) fn bundled() -> Result<Self, ReportError> {
        let read =
            |name, bytes| FontRef::try_from_slice(bytes).map_err(|_| ReportError::Font(name));
        Ok(Self {
            text: read("Ubuntu Light", epaint_default_fonts::UBUNTU_LIGHT)?,
            symbols: read("Hack", epaint_default_fonts::HACK_REGULAR)?,
        })
    }

    /// Width of a line at an em of `size`.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        text.chars().map(|character| self.advance(character, size)).sum()
    }

    fn advance(&self, character: char, size: f64) -> f64 {
        let (font, glyph, scale) = self.glyph(character);
        f64::from(font.h_advance_unscaled(glyph)) / em(font) * size * scale
    }

    /// The font that has the character, its glyph there and how much larger than the text it is set.
    fn glyph(&self, character: char) -> (&FontRef<'static>, GlyphId, f64) {
        let glyph = self.text.glyph_id(character);
        // Glyph 0 stands for a character that the font does not have.
        match glyph.0 {
            0 => (&self.symbols, self.symbols.glyph_id(character), SYMBOL_SCALE),
            _ => (&self.text, glyph, 1.0),
        }
    }

    /// Calls `pixel` with every covered pixel of a text and its coverage in 0 to 1, `units` pixels per unit.
    pub(crate) fn rasterise(&self, text: &Text, units: f64, mut pixel: impl FnMut(i32, i32, f32)) {
        let size = text.size * units;
        let width = self.width(&text.content, size);
        let mut along = match text.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        let origin = text.at.map(|coordinate| coordinate * units);
        for character in text.content.chars() {
            let (font, id, larger) = self.glyph(character);
            // `PxScale` is the height from descent to ascent, not the em.
            let scale = PxScale::from(
                (size * larger * f64::from(font.height_unscaled()) / em(font)) as f32,
            );
            // Turned text is laid out around the origin and moved there afterwards.
            let place = if text.rotated { [along, 0.0] } else { [origin[0] + along, origin[1]] };
            let glyph = Glyph { id, scale, position: point(place[0] as f32, place[1] as f32) };
            if let Some(outlined) = font.outline_glyph(glyph) {
                let bounds = outlined.px_bounds();
                let (left, top) = (bounds.min.x as i32, bounds.min.y as i32);
                outlined.draw(|x, y, coverage| {
                    let (x, y) = (left + x as i32, top + y as i32);
                    match text.rotated {
                        false => pixel(x, y, coverage),
                        true => pixel(
                            origin[0].round() as i32 + y,
                            origin[1].round() as i32 - x,
                            coverage,
                        ),
                    }
                });
            }
            along += self.advance(character, size);
        }
    }
}

fn em(font: &FontRef<'static>) -> f64 {
    f64::from(font.units_per_em().unwrap_or(1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_figures_use_has_a_glyph() {
        let typeface = Typeface::bundled().unwrap();
        for character in "AZaz09 ↑↓−±≈=()[],.:;%|†‡§¶®·…α".chars() {
            assert_ne!(typeface.glyph(character).1.0, 0, "{character}");
        }
    }

    #[test]
    fn widths_are_those_of_the_font_tables() {
        // Read with fontTools 4.68.0: `0` advances 564 of 1000 units in Ubuntu Light, `↑` 1233 of 2048 in Hack.
        let typeface = Typeface::bundled().unwrap();
        assert!((typeface.width("00", 10.0) - 11.28).abs() < 1e-9);
        assert!((typeface.width("↑", 2048.0) - 1233.0 * SYMBOL_SCALE).abs() < 1e-9);
    }
}
