//! A sliding puzzle as numbers.

use crate::unified::Direction;
use std::fmt;

/// Cells on a side.
pub const SLIDING_SIZE: usize = 3;

/// The number of the cell without a tile: red in pictures.
pub const EMPTY_TILE: u8 = 1;

/// Where the tiles 2 to 9 and the empty cell are, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlidingBoard([u8; SLIDING_SIZE * SLIDING_SIZE]);

impl SlidingBoard {
    /// The solved puzzle: `2 3 4 / 5 6 7 / 8 9 1`.
    pub const SOLVED: Self = Self([2, 3, 4, 5, 6, 7, 8, 9, EMPTY_TILE]);

    /// A board of these numbers; `None` unless each of 1 to 9 is there once.
    #[must_use]
    pub fn new(cells: [u8; SLIDING_SIZE * SLIDING_SIZE]) -> Option<Self> {
        let mut sorted = cells;
        sorted.sort_unstable();
        (sorted == [1, 2, 3, 4, 5, 6, 7, 8, 9]).then_some(Self(cells))
    }

    /// The numbers, row by row.
    #[must_use]
    pub fn cells(&self) -> &[u8; SLIDING_SIZE * SLIDING_SIZE] {
        &self.0
    }

    /// Row and column of the empty cell.
    #[must_use]
    pub fn empty(&self) -> (usize, usize) {
        let index = self.0.iter().position(|&tile| tile == EMPTY_TILE).unwrap_or(0);
        (index / SLIDING_SIZE, index % SLIDING_SIZE)
    }

    /// The board after the empty cell has moved (the tile there moves the other way); `None` beyond the border.
    #[must_use]
    pub fn after_empty_moves(&self, direction: Direction) -> Option<Self> {
        let (row, column) = self.empty();
        let (to_row, to_column) = direction.from_cell((row, column), SLIDING_SIZE)?;
        let mut cells = self.0;
        cells.swap(row * SLIDING_SIZE + column, to_row * SLIDING_SIZE + to_column);
        Some(Self(cells))
    }
}

impl fmt::Display for SlidingBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tile) in self.0.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index % SLIDING_SIZE == 0 => " / ",
                _ => " ",
            };
            write!(f, "{separator}{tile}")?;
        }
        Ok(())
    }
}
