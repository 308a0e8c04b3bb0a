//! Benchmarks of models that understand and generate: puzzles whose answers a program can check, judged tasks, question
//! answering, and how much one modality attends to the other.

pub mod answers;
mod board;
mod colour;
pub mod column;
pub mod direction;
pub mod jigsaw;
pub mod judged;
pub mod maze;
pub mod picture;
pub mod protocol;
pub mod sliding;

pub use column::{Column, Task};
pub use direction::Direction;
pub use picture::{Picture, PictureError};
pub use protocol::Protocol;
