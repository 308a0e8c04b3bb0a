//! The `retally` command: parse, call the library, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    retally::cli::main().into()
}
