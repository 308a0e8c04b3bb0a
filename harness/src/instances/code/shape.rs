//! Filled shapes and their colours.

use serde::{Deserialize, Serialize};

/// The palette of the benchmark's drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::instances) enum Colour {
    /// #E74C3C
    Red,
    /// #3498DB
    Blue,
    /// #2ECC71
    Green,
    /// #F1C40F
    Yellow,
    /// #9B59B6
    Purple,
    /// #34495E
    Slate,
    /// #1ABC9C
    Teal,
    /// #E67E22
    Orange,
}

impl Colour {
    /// The whole palette.
    pub(in crate::instances) const ALL: [Self; 8] = [
        Self::Red,
        Self::Blue,
        Self::Green,
        Self::Yellow,
        Self::Purple,
        Self::Slate,
        Self::Teal,
        Self::Orange,
    ];

    /// Red, green, blue.
    #[must_use]
    pub(in crate::instances) fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [0xe7, 0x4c, 0x3c],
            Self::Blue => [0x34, 0x98, 0xdb],
            Self::Green => [0x2e, 0xcc, 0x71],
            Self::Yellow => [0xf1, 0xc4, 0x0f],
            Self::Purple => [0x9b, 0x59, 0xb6],
            Self::Slate => [0x34, 0x49, 0x5e],
            Self::Teal => [0x1a, 0xbc, 0x9c],
            Self::Orange => [0xe6, 0x7e, 0x22],
        }
    }

    /// As SVG writes it.
    #[must_use]
    pub(in crate::instances) fn hexadecimal(self) -> String {
        let [red, green, blue] = self.rgb();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }

    /// A word for it.
    #[must_use]
    pub(in crate::instances) fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
            Self::Slate => "dark slate",
            Self::Teal => "teal",
            Self::Orange => "orange",
        }
    }
}

/// The outline of a filled shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::instances) enum Form {
    /// Its size is the radius.
    Circle,
    /// Half the width; three fifths of it upwards.
    Ellipse,
    /// Half a side.
    Square,
    /// Half the width; three fifths of it upwards.
    Rectangle,
    /// Distance of a corner from the centre, the first one upwards; so for the others below.
    Triangle,
    /// A square on its corner.
    Diamond,
    /// Five corners.
    Pentagon,
    /// Six corners.
    Hexagon,
    /// Five points; the corners between them have two fifths of the distance.
    Star,
}

impl Form {
    /// All of them.
    pub(in crate::instances) const ALL: [Self; 9] = [
        Self::Circle,
        Self::Ellipse,
        Self::Square,
        Self::Rectangle,
        Self::Triangle,
        Self::Diamond,
        Self::Pentagon,
        Self::Hexagon,
        Self::Star,
    ];

    /// A word for it.
    #[must_use]
    pub(in crate::instances) fn word(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Ellipse => "ellipse",
            Self::Square => "square",
            Self::Rectangle => "rectangle",
            Self::Triangle => "triangle",
            Self::Diamond => "diamond",
            Self::Pentagon => "pentagon",
            Self::Hexagon => "hexagon",
            Self::Star => "star",
        }
    }
}

/// A filled shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::instances) struct Shape {
    /// Its outline.
    pub(in crate::instances) form: Form,
    /// Its colour.
    pub(in crate::instances) colour: Colour,
    /// Pixels: see [`Form`]. No point of the shape is farther from its centre than that, but for corners of squares and rectangles.
    pub(in crate::instances) size: u16,
}

impl Shape {
    /// Half of the shorter side of ellipses and rectangles.
    pub(super) fn half_height(&self) -> u16 {
        // Sizes are read from files too.
        (u32::from(self.size) * 3 / 5) as u16
    }

    /// Corners around the centre in units of a tenth of a pixel, clockwise; none for round shapes.
    pub(super) fn corners(&self) -> Vec<(i32, i32)> {
        let (corners, inner) = match self.form {
            Form::Circle | Form::Ellipse | Form::Square | Form::Rectangle => return Vec::new(),
            Form::Triangle => (3, None),
            Form::Diamond => (4, None),
            Form::Pentagon => (5, None),
            Form::Hexagon => (6, None),
            Form::Star => (10, Some(0.4)),
        };
        let corner = |index: usize| {
            let angle = std::f64::consts::TAU * index as f64 / corners as f64;
            let factor = if index % 2 == 1 { inner.unwrap_or(1.0) } else { 1.0 };
            let radius = 10.0 * f64::from(self.size) * factor;
            // libm: the same digits on every machine.
            let (x, y) = (radius * libm::sin(angle), -radius * libm::cos(angle));
            (libm::round(x) as i32, libm::round(y) as i32)
        };
        (0..corners).map(corner).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_those_of_regular_polygons() {
        let of = |form| Shape { form, colour: Colour::Red, size: 100 }.corners();
        assert_eq!(of(Form::Diamond), [(0, -1000), (1000, 0), (0, 1000), (-1000, 0)]);
        assert_eq!(of(Form::Triangle), [(0, -1000), (866, 500), (-866, 500)]);
        assert_eq!(of(Form::Star).len(), 10);
        assert_eq!(of(Form::Star)[1], (235, -324));
        assert!(of(Form::Circle).is_empty());
        assert_eq!(Colour::Orange.hexadecimal(), "#E67E22");
    }
}
