//! Mazes of six by six cells: what they are, and how a picture of one is read.

mod carve;
mod grid;
mod paths;
mod puzzle;

pub use grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
pub use paths::{ShortestMazePaths, shortest_maze_paths};
pub use puzzle::{MAZE_PATH_LENGTHS, MazePuzzle, MazePuzzleError, MazePuzzles};
