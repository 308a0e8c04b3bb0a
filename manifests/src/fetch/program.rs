//! Running the user's own programs: never through a shell, nothing on the terminal, their words kept for the message.

use super::Failure;
use crate::ErrorClass;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Lines of output that a message keeps.
const KEPT_LINES: usize = 15;

/// A program to run.
#[derive(Clone, Copy)]
pub(super) struct Program<'a> {
    /// Path or name.
    pub(super) name: &'a OsStr,
    /// How messages call it: `python3 -m pip download`.
    pub(super) title: &'a str,
    /// Current folder while it runs.
    pub(super) folder: &'a Path,
    /// What to do if it is not there.
    pub(super) advice: &'static str,
    /// Whether trying again may help when it fails.
    pub(super) failure: ErrorClass,
}

impl Program<'_> {
    /// Runs it to its end and returns its standard output.
    pub(super) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Vec<u8>, Failure> {
        let mut command = Command::new(self.name);
        command.args(arguments).current_dir(self.folder).stdin(Stdio::null());
        let output = command.output().map_err(|source| Failure::ProgramMissing {
            program: self.name.display().to_string(),
            source,
            advice: self.advice,
        })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let printed = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        Err(Failure::ProgramFailed {
            program: self.title.to_owned(),
            status: output.status.to_string(),
            output: last_lines(&String::from_utf8_lossy(printed)),
            // Without an exit code a signal ended it, for example when memory ran out.
            class: if output.status.code().is_none() {
                ErrorClass::Temporary
            } else {
                self.failure
            },
        })
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let start = lines.len().saturating_sub(KEPT_LINES);
    lines.get(start..).unwrap_or_default().join("\n")
}
