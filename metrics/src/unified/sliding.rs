//! Sliding puzzles of three by three cells: what they are, and how a picture of one is read.

mod board;

pub use board::{EMPTY_TILE, SLIDING_SIZE, SlidingBoard};
