//! Ctrl-C and termination: the first one finishes what is in flight and stops resumable, the second one kills.

use crate::failure::Failure;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends the process without the handlers that run at an orderly exit: other threads are inside ONNX Runtime, whose own handlers then end in a
/// segmentation fault instead of this exit code.
#[cfg(unix)]
fn end_at_once(code: i32) -> ! {
    signal_hook::low_level::exit(code)
}

#[cfg(not(unix))]
#[expect(clippy::exit, reason = "there is no other way here")]
fn end_at_once(code: i32) -> ! {
    std::process::exit(code)
}

static REQUESTED: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

/// Whether the user or the scheduler has asked to stop.
#[must_use]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Starts listening for SIGINT, SIGTERM and SIGHUP. A second signal ends the process at once, which loses no stored chunk.
///
/// # Errors
/// If the operating system refuses the handler.
pub fn listen() -> Result<(), Failure> {
    INSTALLED
        .get_or_init(|| ctrlc::set_handler(handle).map_err(|error| error.to_string()))
        .clone()
        .map_err(|error| Failure::temporary(format_args!("cannot listen for Ctrl-C: {error}")))
}

#[expect(clippy::print_stderr, reason = "a signal is answered on standard error")]
fn handle() {
    if REQUESTED.swap(true, Ordering::Relaxed) {
        end_at_once(i32::from(crate::exit_status::ExitStatus::Incomplete.code()));
    }
    eprintln!("stopping after the chunk in flight; interrupt again to stop at once");
}
