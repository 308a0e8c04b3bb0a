//! Colours: one set for light ground, one for dark.

use super::scene::Ink;
use std::fmt::Write as _;

/// The ground that a figure is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// White ground, for papers.
    Light,
    /// Dark ground.
    Dark,
}

/// Colours of families: Okabe and Ito's palette, which stays apart under the common colour-vision deficiencies; lighter
/// on dark ground. Marker shapes differ too, so colour is never the only cue. (light, dark)
const FAMILIES: [([u8; 3], [u8; 3]); 8] = [
    ([0x00, 0x72, 0xB2], [0x4F, 0xA8, 0xE0]),
    ([0xE6, 0x9F, 0x00], [0xF2, 0xB4, 0x33]),
    ([0x00, 0x9E, 0x73], [0x2F, 0xC5, 0x9A]),
    ([0xCC, 0x79, 0xA7], [0xE2, 0x9A, 0xC2]),
    ([0xD5, 0x5E, 0x00], [0xF0, 0x83, 0x3A]),
    ([0x56, 0xB4, 0xE9], [0x8F, 0xD3, 0xF7]),
    ([0xF0, 0xE4, 0x42], [0xF5, 0xEC, 0x7A]),
    ([0x7F, 0x7F, 0x7F], [0xB0, 0xB0, 0xB0]),
];

/// The inks that are not families.
const FIXED: [Ink; 6] = [Ink::Paper, Ink::Text, Ink::Muted, Ink::Grid, Ink::Frame, Ink::Trend];

impl Ink {
    /// Red, green and blue.
    pub(crate) fn rgb(self, theme: Theme) -> [u8; 3] {
        let (light, dark) = match self {
            Self::Paper => ([0xFF, 0xFF, 0xFF], [0x12, 0x17, 0x1E]),
            Self::Text => ([0x1C, 0x21, 0x28], [0xE8, 0xED, 0xF3]),
            Self::Muted => ([0x55, 0x5E, 0x68], [0xA3, 0xAE, 0xBA]),
            Self::Grid => ([0xE6, 0xE9, 0xED], [0x2A, 0x31, 0x3B]),
            Self::Frame => ([0x9A, 0xA3, 0xAD], [0x5A, 0x65, 0x72]),
            Self::Trend => ([0xB3, 0x3A, 0x1E], [0xF2, 0x8E, 0x70]),
            Self::Family(number) => {
                FAMILIES.get(number % FAMILIES.len()).copied().unwrap_or_default()
            }
        };
        match theme {
            Theme::Light => light,
            Theme::Dark => dark,
        }
    }

    fn hex(self, theme: Theme) -> String {
        let [red, green, blue] = self.rgb(theme);
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

/// CSS that recolours a light SVG inside an element of class `figure` when the page is dark.
///
/// It selects on the colour attributes themselves, so one SVG serves both schemes.
pub(crate) fn dark_style_rules() -> String {
    let inks = FIXED.into_iter().chain((0..FAMILIES.len()).map(Ink::Family));
    inks.fold(String::new(), |mut css, ink| {
        let (light, dark) = (ink.hex(Theme::Light), ink.hex(Theme::Dark));
        let _ = writeln!(css, ".figure [fill=\"{light}\"]{{fill:light-dark({light},{dark})}}");
        let _ = writeln!(css, ".figure [stroke=\"{light}\"]{{stroke:light-dark({light},{dark})}}");
        css
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn light_colours_are_distinct_so_that_the_dark_rules_can_select_on_them() {
        let inks: Vec<_> = FIXED.into_iter().chain((0..FAMILIES.len()).map(Ink::Family)).collect();
        let hex: HashSet<_> = inks.iter().map(|ink| ink.hex(Theme::Light)).collect();
        assert_eq!(hex.len(), inks.len());
    }

    /// Relative luminance after WCAG 2.2.
    fn luminance(rgb: [u8; 3]) -> f64 {
        let [red, green, blue] = rgb.map(|channel| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn words_have_the_contrast_that_wcag_aa_asks_for() {
        for theme in [Theme::Light, Theme::Dark] {
            for ink in [Ink::Text, Ink::Muted] {
                let (a, b) = (luminance(ink.rgb(theme)), luminance(Ink::Paper.rgb(theme)));
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{ink:?} on {theme:?}: {contrast}");
            }
        }
    }
}
