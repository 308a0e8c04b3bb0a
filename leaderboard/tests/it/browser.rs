//! The site in headless Chromium, where there is one.

use crate::site::build;
use crate::synthetic::{SMALL, Size, write};
use std::path::Path;
use std::process::Command;

/// The script's exit code without a browser.
const NO_BROWSER: i32 = 77;

#[test]
fn in_a_real_browser() {
    let submissions = tempfile::tempdir().unwrap();
    let size = Size { rows: 12, ..SMALL };
    (0..30).for_each(|number| drop(write(submissions.path(), number, size)));
    let out = tempfile::tempdir().unwrap();
    let site = out.path().join("site");
    build(submissions.path(), &site).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/leaderboard.mjs");
    let Ok(output) = Command::new("node").arg(script).arg(&site).output() else {
        println!("SKIPPED: no Node.js; the site is not looked at in a browser");
        return;
    };
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(NO_BROWSER) {
        println!("SKIPPED: {errors}");
        return;
    }
    assert!(output.status.success(), "{said}\n{errors}");
}
