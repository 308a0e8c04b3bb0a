//! Mazes of six by six cells: what they are, how a picture of one is read, and how frames are scored.

mod frames;
mod grid;
mod reading;

pub use frames::{MazeFrameScore, expected_frames};
pub use grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
pub use reading::{MazeReading, read_maze};

#[cfg(test)]
mod frame_tests;
