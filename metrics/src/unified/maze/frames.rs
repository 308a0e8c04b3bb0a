//! The frames that a maze's moves should show, and how many of a model's are right.

use super::grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
use super::reading::MazeReading;
use crate::unified::Direction;

/// The frames after each of `moves`, from what the first picture shows; `None` without a start in it.
///
/// A move into a wall, beyond the border, or that is none of the four words leaves the agent where it is and still makes a
/// frame. Cells that are no wall are floor, but for the goal (if there is one) and the agent.
#[must_use]
pub fn expected_frames(first: &MazeReading, moves: &[String]) -> Option<Vec<MazeGrid>> {
    let mut agent = first.start?;
    let frames = moves.iter().map(|word| {
        let next = Direction::from_word(word)
            .and_then(|direction| direction.from_cell(agent, MAZE_SIZE))
            .filter(|&next| first.grid.get(next) != Some(MazeSymbol::Wall));
        agent = next.unwrap_or(agent);
        frame(first, agent)
    });
    Some(frames.collect())
}

fn frame(first: &MazeReading, (row, column): (usize, usize)) -> MazeGrid {
    let mut cells = first.grid.0.map(|row| {
        row.map(|symbol| match symbol {
            MazeSymbol::Wall => MazeSymbol::Wall,
            _ => MazeSymbol::Floor,
        })
    });
    if let Some((row, column)) = first.goal {
        cells[row][column] = MazeSymbol::Goal;
    }
    cells[row][column] =
        if first.goal == Some((row, column)) { MazeSymbol::StartOnGoal } else { MazeSymbol::Start };
    MazeGrid(cells)
}

/// How a model's frames compare with the expected ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MazeFrameScore {
    /// Expected frames that are there and equal in all 36 cells.
    pub matched: usize,
    /// Expected frames.
    pub expected: usize,
    /// Frames of the model.
    pub produced: usize,
    /// Frames of the model that show the first picture's walls, one agent and one goal (or one agent on it), and no
    /// unknown cell.
    pub well_formed: usize,
}

impl MazeFrameScore {
    /// Compares frame by frame. Frames beyond the expected ones are ignored here; a frame that could not be decoded is
    /// `None` and wrong. `walls` is what the first picture shows.
    #[must_use]
    pub fn of(expected: &[MazeGrid], produced: &[Option<MazeGrid>], walls: &MazeGrid) -> Self {
        let pairs = expected.iter().zip(produced);
        let well_formed =
            |frame: &&Option<MazeGrid>| frame.is_some_and(|frame| is_well_formed(&frame, walls));
        Self {
            matched: pairs.filter(|(expected, frame)| **frame == Some(**expected)).count(),
            expected: expected.len(),
            produced: produced.len(),
            well_formed: produced.iter().filter(well_formed).count(),
        }
    }

    /// Share of the expected frames that match, 0 to 1; 0 where none is expected.
    #[must_use]
    pub fn step(&self) -> f64 {
        share(self.matched, self.expected)
    }

    /// Whether all match and there are as many as expected, at least one.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.expected > 0 && self.produced == self.expected && self.matched == self.expected
    }

    /// Share of the model's frames that are well formed, 0 to 1; 0 where frames are neither expected nor there.
    #[must_use]
    pub fn well_formed_share(&self) -> f64 {
        if self.expected == 0 { 0.0 } else { share(self.well_formed, self.produced) }
    }

    /// Whether all of the model's frames are well formed, and there is one.
    #[must_use]
    pub fn all_well_formed(&self) -> bool {
        self.expected > 0 && self.produced > 0 && self.well_formed == self.produced
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn is_well_formed(frame: &MazeGrid, walls: &MazeGrid) -> bool {
    let (mut starts, mut goals, mut both) = (0, 0, 0);
    for (cells, walls) in frame.0.iter().zip(&walls.0) {
        for (symbol, wall) in cells.iter().zip(walls) {
            if (*symbol == MazeSymbol::Wall) != (*wall == MazeSymbol::Wall) {
                return false;
            }
            match symbol {
                MazeSymbol::Unknown => return false,
                MazeSymbol::Start => starts += 1,
                MazeSymbol::Goal => goals += 1,
                MazeSymbol::StartOnGoal => both += 1,
                MazeSymbol::Floor | MazeSymbol::Wall => {}
            }
        }
    }
    matches!((starts, goals, both), (1, 1, 0) | (0, 0, 1))
}
