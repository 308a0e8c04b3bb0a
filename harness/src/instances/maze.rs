//! Mazes as pictures and files.

use super::layout;
use super::manifest::{MazeEntry, words};
use super::paint::{NewFile, fill, square, white};
use crate::failure::Failure;
use crate::images::raster::Rgb;
use retally_metrics::unified::maze::{
    MAZE_FLOOR, MAZE_GOAL, MAZE_SIZE, MAZE_START, MAZE_WALL, MazeGrid, MazePuzzle, MazeSymbol,
};
use serde::Serialize;

/// Pixels on a side of a picture.
const SIDE: usize = 540;
/// White around the board.
const MARGIN: usize = 12;
/// Side of a cell.
const CELL: usize = (SIDE - 2 * MARGIN) / MAZE_SIZE;
/// The start is a centred square of half a cell's side; the goal leaves as much floor free within its frame.
const INNER: usize = CELL / 2;
/// The frame's thickness, above and on the left; one pixel more below and on the right.
const FRAME: usize = (CELL - INNER) / 2;

/// Draws a maze in the style of the benchmark's figures.
pub(super) fn picture(grid: &MazeGrid) -> Result<Rgb, Failure> {
    let mut image = white(SIDE)?;
    for (row, symbols) in grid.0.iter().enumerate() {
        for (column, symbol) in symbols.iter().enumerate() {
            let (left, top) = (MARGIN + column * CELL, MARGIN + row * CELL);
            let whole = square(left, top, CELL);
            let inner = square(left + FRAME, top + FRAME, INNER);
            let (cell, inside) = match symbol {
                MazeSymbol::Wall => (MAZE_WALL, MAZE_WALL),
                MazeSymbol::Floor => (MAZE_FLOOR, MAZE_FLOOR),
                MazeSymbol::Start => (MAZE_FLOOR, MAZE_START),
                MazeSymbol::Goal => (MAZE_GOAL, MAZE_FLOOR),
                MazeSymbol::StartOnGoal => (MAZE_GOAL, MAZE_START),
                MazeSymbol::Unknown => (MAZE_START, MAZE_WALL),
            };
            fill(&mut image, whole, cell);
            fill(&mut image, inner, inside);
        }
    }
    Ok(image)
}

/// What the released scripts read of a maze.
#[derive(Serialize)]
struct Truth<'a> {
    id: &'a str,
    steps_long: &'a [String],
    grid: &'a [String],
}

/// All files of a maze: a frame before the first move and after each one, and the moves.
pub(super) fn files(number: usize, puzzle: &MazePuzzle) -> Result<Vec<NewFile>, Failure> {
    let frames = puzzle.frames();
    let frames = frames.iter().enumerate();
    let mut files: Vec<NewFile> = frames
        .map(|(step, grid)| NewFile::png(layout::maze_frame(number, step), &picture(grid)?))
        .collect::<Result<_, _>>()?;
    let entry = MazeEntry::of(number, puzzle);
    let truth = Truth { id: &entry.id, steps_long: &entry.moves, grid: &entry.rows };
    files.push(NewFile::json(layout::maze_truth(number), &truth)?);
    Ok(files)
}

impl MazeEntry {
    /// What the list of instances says of a maze.
    pub(super) fn of(number: usize, puzzle: &MazePuzzle) -> Self {
        let grid = puzzle.grid().to_string();
        Self {
            id: format!("{number:05}"),
            rows: grid.lines().map(str::to_owned).collect(),
            moves: words(puzzle.moves()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_metrics::unified::maze::MazePuzzles;

    /// Areas that the released parser tells symbols by: a start has at least 18.75 % blue, a goal 56.25 % green.
    #[test]
    fn shapes_have_the_areas_of_the_figures() {
        let puzzle = MazePuzzles::new(0).next().unwrap();
        for (grid, blue, green) in [
            (&puzzle.frames()[0], INNER * INNER, CELL * CELL - INNER * INNER),
            (puzzle.frames().last().unwrap(), INNER * INNER, CELL * CELL - INNER * INNER),
        ] {
            let image = picture(grid).unwrap();
            let count = |colour: [u8; 3]| {
                image.values().chunks_exact(3).filter(|pixel| *pixel == colour).count()
            };
            assert_eq!((count(MAZE_START), count(MAZE_GOAL)), (blue, green));
            assert_eq!(count([255; 3]), SIDE * SIDE - 36 * CELL * CELL);
        }
        assert_eq!((CELL, INNER, FRAME), (86, 43, 21));
    }
}
