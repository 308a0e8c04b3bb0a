//! How a picture of a sliding puzzle is read.

use super::board::{SLIDING_SIZE, SlidingBoard};
use crate::unified::board::{Clamp, Extent, cell, label_counts, within};
use crate::unified::colour::{CONTENT_ADVANTAGE, Class, ClassMap, UnitColour, nearest, unit};
use crate::unified::{Picture, Protocol};
use std::fmt;

/// What a picture shows: the number of each cell's colour, row by row; `None` where no colour fills the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingReading(pub [[Option<u8>; SLIDING_SIZE]; SLIDING_SIZE]);

impl SlidingReading {
    /// The board, if each of the nine numbers is there once.
    #[must_use]
    pub fn board(&self) -> Option<SlidingBoard> {
        let mut cells = [0; SLIDING_SIZE * SLIDING_SIZE];
        for (cell, read) in cells.iter_mut().zip(self.0.as_flattened()) {
            *cell = (*read)?;
        }
        SlidingBoard::new(cells)
    }

    /// Whether a colour fills every cell.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.as_flattened().iter().all(Option::is_some)
    }
}

impl From<SlidingBoard> for SlidingReading {
    fn from(board: SlidingBoard) -> Self {
        let cells = board.cells();
        Self(std::array::from_fn(|row| {
            std::array::from_fn(|column| Some(cells[row * SLIDING_SIZE + column]))
        }))
    }
}

/// `2 3 4 / 5 6 7 / 8 ? 1`.
impl fmt::Display for SlidingReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (row, cells) in self.0.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                match (row, column) {
                    (0, 0) => {}
                    (_, 0) => f.write_str(" / ")?,
                    _ => f.write_str(" ")?,
                }
                match cell {
                    Some(number) => write!(f, "{number}")?,
                    None => f.write_str("?")?,
                }
            }
        }
        Ok(())
    }
}

/// The colours of the numbers 1 (the empty cell) to 9: ColorBrewer's Set1.
pub const SLIDING_COLOURS: [[u8; 3]; 9] = [
    [0xe4, 0x1a, 0x1c],
    [0x37, 0x7e, 0xb8],
    [0x4d, 0xaf, 0x4a],
    [0x98, 0x4e, 0xa3],
    [0xff, 0x7f, 0x00],
    [0xff, 0xff, 0x33],
    [0xa6, 0x56, 0x28],
    [0xf7, 0x81, 0xbf],
    [0x99, 0x99, 0x99],
];

/// Rows and columns with more content than this are the board's.
const CONTENT_SHARE: f64 = 0.002;

/// The share of a cell that its colour must fill.
const LEAST_SHARE: f64 = 0.80;

/// Reads a picture of a sliding puzzle: finds the board, labels each pixel by the nearest of nine colours, and gives each
/// cell the number of its most frequent label if that fills 80 % of it (Uni-MMMU, `eval_ummmu.py` at b5200b2).
///
/// Never fails: there is no label for background, so a white picture shows nothing but pink cells. The protocols differ
/// only where content is wider than the picture is high, or the other way round: the released script then begins a slice
/// before the picture, which [`Protocol::Fixed`] does not.
#[must_use]
pub fn read_sliding(picture: &Picture<'_>, protocol: Protocol) -> SlidingReading {
    let palette = SLIDING_COLOURS.map(unit);
    let map = ClassMap::of(picture, |colour| classify(colour, &palette));
    let clamp = match protocol {
        Protocol::Official => Clamp::Straight,
        Protocol::Fixed => Clamp::Inside,
    };
    let (rows, columns) = Extent::of(&map, CONTENT_SHARE).square((map.width, map.height), clamp);
    SlidingReading(std::array::from_fn(|row| {
        let rows = within(&rows, cell(row, SLIDING_SIZE, rows.len()));
        std::array::from_fn(|column| {
            let columns = within(&columns, cell(column, SLIDING_SIZE, columns.len()));
            let pixels = rows.len() * columns.len();
            number(label_counts(&map, rows.clone(), columns), pixels)
        })
    }))
}

/// The script measures the distance to white in `float64`, and everything else in `float32`.
fn classify(colour: [u8; 3], palette: &[UnitColour; 9]) -> Class {
    let colour = unit(colour);
    let (label, content) = nearest(colour, palette);
    let [red, green, blue] = colour.map(|value| f64::from(value) - 1.0);
    let white = (red * red + green * green + blue * blue).sqrt();
    Class::new(label, f64::from(content + CONTENT_ADVANTAGE) < white)
}

/// The number of the most frequent label, the first one if several are as frequent. Shares are rounded to `f32` first.
fn number(counts: [u64; 9], pixels: usize) -> Option<u8> {
    if pixels == 0 {
        return None;
    }
    let mut best = (0, 0.0_f32);
    for (number, count) in (1..).zip(counts) {
        let share = (count as f64 / pixels as f64) as f32;
        if share > best.1 {
            best = (number, share);
        }
    }
    (f64::from(best.1) >= LEAST_SHARE).then_some(best.0)
}

#[cfg(test)]
mod tests;
