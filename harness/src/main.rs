//! The `retally` command.
fn main() {}
