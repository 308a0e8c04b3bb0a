//! Sliding puzzles of three by three cells: what they are, and how a picture of one is read.

mod board;
mod paths;
mod puzzle;

pub use board::{EMPTY_TILE, SLIDING_SIZE, SlidingBoard};
pub use paths::{ShortestSlidingSolutions, SlidingSolutions};
pub use puzzle::{MAX_SLIDING_MOVES, SlidingPuzzle, SlidingPuzzleError, SlidingPuzzles};
