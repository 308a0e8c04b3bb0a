//! Sliding puzzles of three by three cells: what they are, how a picture of one is read, and how frames are scored.

mod board;
mod convention;
mod frames;
mod reading;

pub use board::{EMPTY_TILE, SLIDING_SIZE, SlidingBoard};
pub use convention::{SlidingConvention, empty_moves, words};
pub use frames::SlidingFrameScore;
pub use reading::{SLIDING_COLOURS, SlidingReading, read_sliding};

#[cfg(test)]
mod frame_tests;
