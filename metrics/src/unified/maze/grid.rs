//! A maze as symbols.

use std::fmt;

/// Cells on a side.
pub const MAZE_SIZE: usize = 6;

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MazeSymbol {
    /// A cell that can be entered.
    Floor,
    /// A cell that cannot.
    Wall,
    /// Where the agent is.
    Start,
    /// Where it must go.
    Goal,
    /// The agent on its goal.
    StartOnGoal,
    /// A cell of a picture that shows none of these.
    Unknown,
}

impl MazeSymbol {
    /// One character, two for the agent on its goal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Floor => " ",
            Self::Wall => "#",
            Self::Start => "S",
            Self::Goal => "G",
            Self::StartOnGoal => "SG",
            Self::Unknown => "?",
        }
    }
}

/// Six rows of six cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MazeGrid(pub [[MazeSymbol; MAZE_SIZE]; MAZE_SIZE]);

impl MazeGrid {
    /// What the cell at `(row, column)` shows; `None` beyond the border.
    #[must_use]
    pub fn get(&self, (row, column): (usize, usize)) -> Option<MazeSymbol> {
        self.0.get(row)?.get(column).copied()
    }

    /// The last cell, row by row, that shows `symbol`.
    #[must_use]
    pub fn last(&self, symbol: MazeSymbol) -> Option<(usize, usize)> {
        (0..MAZE_SIZE * MAZE_SIZE)
            .rev()
            .map(|cell| (cell / MAZE_SIZE, cell % MAZE_SIZE))
            .find(|&(row, column)| self.0[row][column] == symbol)
    }
}

/// Six lines; a floor cell is a point, so that the end of a line can be seen.
impl fmt::Display for MazeGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (row, cells) in self.0.iter().enumerate() {
            if row > 0 {
                f.write_str("\n")?;
            }
            for cell in cells {
                f.write_str(if *cell == MazeSymbol::Floor { "." } else { cell.as_str() })?;
            }
        }
        Ok(())
    }
}
