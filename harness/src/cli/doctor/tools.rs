//! The programs that fetching may need.

use retally_manifests::Settings;
use serde::Serialize;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// A program that fetching may need.
#[derive(Debug, Serialize)]
pub(super) struct Tool {
    /// What it is.
    pub(super) name: &'static str,
    /// What it says of its version; `None` if it does not run.
    pub(super) version: Option<String>,
}

/// Asks the programs that fetching may need for their versions.
pub(super) fn tools(settings: &Settings) -> Vec<Tool> {
    vec![
        Tool { name: "python", version: version(&settings.python, &["--version"]) },
        Tool { name: "pip", version: version(&settings.python, &["-m", "pip", "--version"]) },
        Tool { name: "npm", version: version(&settings.npm, &["--version"]) },
    ]
}

fn version(program: &OsStr, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next()?.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_fail_or_are_missing_have_no_version() {
        assert_eq!(version("retally-no-such-program".as_ref(), &["--version"]), None);
        assert_eq!(version("false".as_ref(), &[]), None);
    }
}
