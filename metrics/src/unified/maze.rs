//! Mazes of six by six cells: what they are, how they are made, how a picture of one is read, and how frames are scored.

mod carve;
mod frames;
mod grid;
mod paths;
mod puzzle;
mod reading;

pub use frames::{MazeFrameScore, expected_frames};
pub use grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
pub use paths::{ShortestMazePaths, shortest_maze_paths};
pub use puzzle::{MAZE_PATH_LENGTHS, MazePuzzle, MazePuzzleError, MazePuzzles};
pub use reading::{MAZE_FLOOR, MAZE_GOAL, MAZE_START, MAZE_WALL, MazeReading, read_maze};

#[cfg(test)]
mod frame_tests;
