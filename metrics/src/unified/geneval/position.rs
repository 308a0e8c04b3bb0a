//! Where one object is to another.

use std::fmt;

/// A relation of places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// Its centre is to the left.
    LeftOf,
    /// To the right.
    RightOf,
    /// Higher.
    Above,
    /// Lower.
    Below,
}

impl Relation {
    /// All four.
    pub const ALL: [Self; 4] = [Self::LeftOf, Self::RightOf, Self::Above, Self::Below];

    /// The words in a specification.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOf => "left of",
            Self::RightOf => "right of",
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Corners of an object in pixels, y downwards: x0, y0, x1, y1. In 32 bits, as detectors give them.
pub type BoundingBox = [f32; 4];

/// A shorter way is none.
const SHORTEST: f32 = 1e-3;

/// How `a` is placed to `b`: none, one or two relations.
///
/// The offset of the centres is shortened, on each axis, by `threshold` times the sum of both sizes. If nothing is left (less than 0.001 pixels), there is no relation; else
/// an axis counts where its part is more than half of the whole offset before shortening. Arithmetic in 32 bits (rule of `evaluate_images.py`, djghosh13/geneval at
/// af4902f; its threshold is 0.1).
#[must_use]
pub fn relations(a: &BoundingBox, b: &BoundingBox, threshold: f32) -> Vec<Relation> {
    let centre = |b: &BoundingBox| [(b[0] + b[2]) / 2.0, (b[1] + b[3]) / 2.0];
    let size = |b: &BoundingBox| [(b[2] - b[0]).abs(), (b[3] - b[1]).abs()];
    let (centre_a, centre_b, size_a, size_b) = (centre(a), centre(b), size(a), size(b));
    let offset = [centre_a[0] - centre_b[0], centre_a[1] - centre_b[1]];
    let shortened = |axis: usize| {
        let length = offset[axis].abs() - threshold * (size_a[axis] + size_b[axis]);
        if length > 0.0 { length.copysign(offset[axis]) } else { 0.0 }
    };
    let [x, y] = [shortened(0), shortened(1)];
    if x.abs() < SHORTEST && y.abs() < SHORTEST {
        return Vec::new();
    }
    let length = (offset[0] * offset[0] + offset[1] * offset[1]).sqrt();
    let (x, y) = (x / length, y / length);
    let holds = |relation: &Relation| match relation {
        Relation::LeftOf => x < -0.5,
        Relation::RightOf => x > 0.5,
        Relation::Above => y < -0.5,
        Relation::Below => y > 0.5,
    };
    Relation::ALL.into_iter().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f32, y: f32) -> BoundingBox {
        [x - 5.0, y - 5.0, x + 5.0, y + 5.0]
    }

    #[test]
    fn relations_of_squares() {
        let centre = square(0.0, 0.0);
        let of = |x, y| relations(&square(x, y), &centre, 0.1);
        assert_eq!(of(-20.0, 0.0), [Relation::LeftOf]);
        assert_eq!(of(20.0, 0.0), [Relation::RightOf]);
        assert_eq!(of(0.0, -20.0), [Relation::Above]);
        assert_eq!(of(0.0, 20.0), [Relation::Below]);
        assert_eq!(of(-20.0, 20.0), [Relation::LeftOf, Relation::Below]);
        // 2 pixels = 0.1 · (10 + 10) are taken off.
        assert_eq!(of(2.0, -2.0), []);
        // 1.5 of 3.5 is less than half; 2.5 of 4.5 is more.
        assert_eq!(of(3.5, 0.0), []);
        assert_eq!(of(4.5, 0.0), [Relation::RightOf]);
        assert_eq!(of(0.0, 0.0), []);
    }
}
