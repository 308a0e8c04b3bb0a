//! Mazes of six by six cells: what they are, and how a picture of one is read.

mod grid;

pub use grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
