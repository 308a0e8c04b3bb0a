//! What a drawing shows: the ground truth.

use super::shape::{Colour, Shape};
use serde::{Deserialize, Serialize};

/// How hard a drawing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::instances) enum Tier {
    /// A single primitive.
    Easy,
    /// Several shapes that do not overlap, or a simple repetition.
    Medium,
    /// Overlapping shapes, lines, curves, and copies by `<defs>` and `<use>`.
    Hard,
}

impl Tier {
    /// All of them; drawing number i is of tier i modulo 3.
    pub(in crate::instances) const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];
}

/// Column and row in pixels.
pub(in crate::instances) type Point = [u16; 2];

/// One thing in a drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::instances) enum Item {
    /// A filled shape.
    Shape {
        /// What it is.
        shape: Shape,
        /// Its centre.
        centre: Point,
    },
    /// The same shape several times, each written out.
    Repetition {
        /// What it is.
        shape: Shape,
        /// The centres.
        centres: Vec<Point>,
        /// How they lie.
        arrangement: Arrangement,
    },
    /// The same shape several times, written once in `<defs>` and shown by `<use>`.
    Uses {
        /// What it is.
        shape: Shape,
        /// The centres.
        centres: Vec<Point>,
    },
    /// A straight line.
    Line {
        /// Its colour.
        colour: Colour,
        /// Pixels across.
        width: u16,
        /// One end.
        from: Point,
        /// The other end.
        to: Point,
    },
    /// A quadratic Bézier curve.
    Curve {
        /// Its colour.
        colour: Colour,
        /// Pixels across.
        width: u16,
        /// One end.
        from: Point,
        /// What it bends towards.
        control: Point,
        /// The other end.
        to: Point,
    },
}

/// How repeated shapes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::instances) enum Arrangement {
    /// Side by side.
    Row,
    /// One below the other.
    Column,
    /// As many rows as columns.
    Grid,
}

impl Item {
    /// Its colour.
    #[must_use]
    pub(in crate::instances) fn colour(&self) -> Colour {
        match self {
            Self::Shape { shape, .. }
            | Self::Repetition { shape, .. }
            | Self::Uses { shape, .. } => shape.colour,
            Self::Line { colour, .. } | Self::Curve { colour, .. } => *colour,
        }
    }

    /// The same in another colour.
    #[must_use]
    pub(in crate::instances) fn with_colour(mut self, new: Colour) -> Self {
        match &mut self {
            Self::Shape { shape, .. }
            | Self::Repetition { shape, .. }
            | Self::Uses { shape, .. } => {
                shape.colour = new;
            }
            Self::Line { colour, .. } | Self::Curve { colour, .. } => *colour = new,
        }
        self
    }
}

/// A drawing on white, 512 pixels on a side. No two items have the same colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::instances) struct Drawing {
    /// How hard it is.
    pub(in crate::instances) tier: Tier,
    /// From the lowest to the one on top.
    pub(in crate::instances) items: Vec<Item>,
}
