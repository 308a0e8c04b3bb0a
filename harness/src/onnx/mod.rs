//! ONNX models: the runtime library, graph editing in memory, sessions, and the golden check of the arithmetic.

pub mod device;
pub mod external;
pub mod golden;
pub mod graph;
pub mod library;
mod raw;
mod schema;
pub mod session;
#[cfg(test)]
pub(crate) mod testing;
mod wire;
pub(crate) mod writer;

pub use wire::MalformedMessage;
