//! Which colour of a palette a pixel is nearest to, with the very bits of the released script.
//!
//! The script works on `float32` numbers: each value is divided by 255, distances are Euclidean. Here the same operations
//! run in the same order on the same type, so that ties and near ties fall the same way; `tests` compare all 16.7 million
//! colours with a record made by NumPy. Pictures of puzzles have few colours, so a small memory of colours already
//! classified makes this cheap.

use super::picture::Picture;

/// A colour with values from 0 to 1.
pub(super) type UnitColour = [f32; 3];

/// The colour of `0xRRGGBB` or of three bytes: each value divided by 255 in `f32`.
pub(super) fn unit([red, green, blue]: [u8; 3]) -> UnitColour {
    [red, green, blue].map(|value| f32::from(value) / 255.0)
}

/// The Euclidean distance, every step rounded to `f32`.
pub(super) fn distance(a: UnitColour, b: UnitColour) -> f32 {
    let [red, green, blue] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    (red * red + green * green + blue * blue).sqrt()
}

/// Index of the nearest colour, the first one if several are as near, and its distance.
pub(super) fn nearest(colour: UnitColour, palette: &[UnitColour]) -> (u8, f32) {
    let mut best = (0, f32::INFINITY);
    for (index, entry) in (0_u8..).zip(palette) {
        let distance = distance(colour, *entry);
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best
}

/// Set in a [`Class`] whose pixel is content: nearer to a colour of the board than to the background.
const CONTENT: u8 = 0x80;

/// How much nearer to the board's colours than to the background content must be, in `f32`.
pub(super) const CONTENT_ADVANTAGE: f32 = 0.01;

/// What is to be known of a pixel: the index of its label, and whether it is content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    pub(super) fn new(label: u8, is_content: bool) -> Self {
        Self((label & !CONTENT) | if is_content { CONTENT } else { 0 })
    }

    /// Index of the label in its palette.
    pub(super) fn label(self) -> usize {
        usize::from(self.0 & !CONTENT)
    }

    pub(super) fn is_content(self) -> bool {
        self.0 & CONTENT != 0
    }

    #[cfg(test)]
    pub(super) fn byte(self) -> u8 {
        self.0
    }
}

/// The classes of all pixels of a picture, row by row.
pub(super) struct ClassMap {
    pub(super) width: usize,
    pub(super) height: usize,
    classes: Vec<Class>,
}

/// Colours that are remembered at a time; a power of two.
const REMEMBERED: usize = 1 << 12;

impl ClassMap {
    /// Classifies each pixel. `classify` must depend on the colour alone; it is not asked again for a colour that is
    /// remembered.
    pub(super) fn of(picture: &Picture<'_>, classify: impl Fn([u8; 3]) -> Class) -> Self {
        let mut memory: Vec<Option<([u8; 3], Class)>> = vec![None; REMEMBERED];
        let mut last: Option<([u8; 3], Class)> = None;
        let mut class_of = |colour: [u8; 3]| {
            if let Some((known, class)) = last
                && known == colour
            {
                return class;
            }
            let place = &mut memory[place(colour)];
            let class = match *place {
                Some((known, class)) if known == colour => class,
                _ => classify(colour),
            };
            *place = Some((colour, class));
            last = *place;
            class
        };
        let classes = picture.pixels().iter().map(|&colour| class_of(colour)).collect();
        Self { width: picture.width(), height: picture.height(), classes }
    }

    /// One row.
    pub(super) fn row(&self, row: usize) -> &[Class] {
        &self.classes[row * self.width..(row + 1) * self.width]
    }
}

/// Where a colour is remembered: Fibonacci hashing of its 24 bits.
fn place([red, green, blue]: [u8; 3]) -> usize {
    let number = u32::from_be_bytes([0, red, green, blue]);
    (number.wrapping_mul(0x9e37_79b1) >> (32 - REMEMBERED.trailing_zeros())) as usize
}

/// Compares the classes of all colours with sums in a record of `tests/parity/uni_mmmu_colours.py`.
#[cfg(test)]
pub(super) fn assert_classes(record: &str, name: &str, classify: impl Fn([u8; 3]) -> Class) {
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    for red in 0..=u8::MAX {
        let mut sums = [0_u64; 2];
        for index in 0..1_u64 << 16 {
            let class = classify([red, (index >> 8) as u8, index as u8]).byte();
            for (sum, power) in sums.iter_mut().zip([index + 1, (index + 1) * (index + 1)]) {
                *sum = sum.wrapping_add(u64::from(class).wrapping_mul(power));
            }
        }
        let expected = &record[name][usize::from(red)];
        assert_eq!(serde_json::json!(sums), *expected, "{name}, red {red}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equally_near_colours_is_taken() {
        let grey = unit([128; 3]);
        assert_eq!(nearest(grey, &[unit([0; 3]), grey, grey]).0, 1);
    }

    #[test]
    fn memory_changes_no_class() {
        // More colours than are remembered, in an order that returns to each.
        let values: Vec<u8> = (0..3_u32 * 40_000)
            .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let twice = [values.as_slice(), &values].concat();
        let picture = Picture::new(400, 200, &twice).unwrap();
        let classify = |colour: [u8; 3]| {
            Class::new(colour[0] ^ colour[1].rotate_left(3) ^ colour[2], colour[2] > 99)
        };
        let map = ClassMap::of(&picture, classify);
        for (row, colours) in picture.pixels().chunks(400).enumerate() {
            let expected: Vec<Class> = colours.iter().map(|colour| classify(*colour)).collect();
            assert_eq!(map.row(row), expected);
        }
    }
}
