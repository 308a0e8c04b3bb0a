//! The store through the real program: a damaged file is found, named and mended.

use crate::program::{Finished, binary};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs with a store of its own. The starter's images come from the repository, so no network is needed.
fn with_store(home: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.arg("--offline").args(arguments).env("RETALLY_HOME", home);
    Finished::of(&mut command)
}

#[test]
fn verify_finds_a_flipped_bit_and_fetch_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let fetched = with_store(home, &["fetch", "noto-emoji", "--json"]);
    assert_eq!(fetched.code, 0, "{fetched:?}");
    let document: Value = fetched.json();
    let path = Path::new(document["artifacts"][0]["path"].as_str().unwrap());
    assert_eq!(with_store(home, &["verify"]).code, 0);

    let mut bytes = fs::read(path).unwrap();
    bytes[1000] ^= 1;
    // Objects are read-only; a disk that rots does not ask.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
    let found = with_store(home, &["verify", "--json"]);
    assert_eq!(found.code, 2, "{found:?}");
    assert_eq!(found.json()["different"], 1);

    assert_eq!(with_store(home, &["fetch", "noto-emoji"]).code, 0);
    assert_eq!(with_store(home, &["verify"]).code, 0);
}
