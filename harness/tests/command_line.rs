//! The binary starts and says what it can do. Having a test that runs it also makes `cargo test` build it, which the
//! end-to-end tests of another crate rely on.

#![expect(clippy::unwrap_used, reason = "a test stops where the program does not start")]

use std::process::Command;

fn stdout(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_retally")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_names_every_command_and_exit_code() {
    let help = stdout(&["--help"]);
    for command in [
        "doctor",
        "list",
        "fetch",
        "verify",
        "run",
        "plan",
        "report",
        "check",
        "score",
        "sample",
        "preprocess",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in:\n{help}");
    }
    for code in 0..=4 {
        assert!(help.contains(&format!("{code} ")), "exit code {code} is not explained");
    }
}

#[test]
fn the_version_is_the_package_s() {
    assert_eq!(stdout(&["--version"]).trim(), concat!("retally ", env!("CARGO_PKG_VERSION")));
}
