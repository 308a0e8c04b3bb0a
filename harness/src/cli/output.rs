//! The only place that prints results. With `--json` standard output holds one JSON document and nothing else.

use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};

/// What a command has to say, in both forms, and how it ended.
#[derive(Debug)]
pub struct Document {
    /// For people.
    pub text: String,
    /// For programs.
    pub value: Value,
    /// The exit code.
    pub status: ExitStatus,
}

impl Document {
    /// A successful command's document.
    ///
    /// # Errors
    /// If the value cannot be JSON, which is a bug.
    pub fn new(text: String, value: &impl Serialize) -> Result<Self, Failure> {
        Self::with_status(text, value, ExitStatus::AsClaimed)
    }

    /// A document with its own exit code.
    ///
    /// # Errors
    /// If the value cannot be JSON, which is a bug.
    pub fn with_status(
        text: String,
        value: &impl Serialize,
        status: ExitStatus,
    ) -> Result<Self, Failure> {
        let value = serde_json::to_value(value).map_err(|error| {
            Failure::invalid(format_args!("cannot write the result as JSON: {error}"))
        })?;
        Ok(Self { text, value, status })
    }
}

/// Prints a result.
#[expect(clippy::print_stderr, reason = "standard output is what failed")]
pub(super) fn print_document(document: &Document, json: bool) -> ExitStatus {
    let text = if json { pretty(&document.value) } else { document.text.trim_end().to_owned() };
    match write_line(&text) {
        // A reader such as `head` that has seen enough is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("cannot write the result: {error}");
            ExitStatus::Temporary
        }
        _ => document.status,
    }
}

/// Prints an error: for people on standard error, and with `--json` also as a document.
#[expect(clippy::print_stderr, reason = "errors belong on standard error")]
pub(super) fn print_failure(failure: &Failure, json: bool) -> ExitStatus {
    if json {
        let document = json!({
            "error": { "message": failure.message(), "status": failure.status, "exit_code": failure.status.code() }
        });
        // Nothing is left to be done about a failed write of an error.
        let _ = write_line(&pretty(&document));
    }
    eprintln!("{:?}", failure.report);
    failure.status
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn write_line(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.write_all(b"\n")?;
    output.flush()
}
