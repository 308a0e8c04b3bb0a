//! Benchmarks of models that understand and generate: puzzles whose answers a program can check, judged tasks, question
//! answering, and how much one modality attends to the other.

pub mod column;
pub mod direction;
pub mod dpg;
pub mod geneval;
pub mod interaction;
pub mod maze;
pub mod mme;
pub mod mmmu;
pub mod mmvp;
pub mod pope;
pub mod protocol;
mod shares;
pub mod sliding;

pub use column::{Column, Task};
pub use direction::Direction;
pub use protocol::Protocol;
