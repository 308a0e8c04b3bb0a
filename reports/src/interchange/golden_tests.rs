//! The documents of the test run, byte for byte as `tests/golden/interchange/` holds them. `tests/parity/interchange.py` has shown
//! the same bytes to the validators of the formats' own projects and recorded what they said in `interchange.json`.

use super::testing::{about, facts};
use super::{Document, croissant_tasks, every_eval_ever, hugging_face};
use retally_manifests::Digest;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn documents() -> Vec<Document> {
    let exports = [
        every_eval_ever(&facts(), &about()).unwrap(),
        hugging_face(&facts(), &about()).unwrap(),
        croissant_tasks(&facts(), &about()).unwrap(),
    ];
    exports.into_iter().flat_map(|export| export.documents).collect()
}

/// To accept a change, set `RETALLY_WRITE_GOLDEN=1` once, look at the difference, and run `tests/parity/interchange.py` again.
#[test]
fn documents_are_the_golden_ones() {
    let folder = root().join("tests/golden/interchange");
    for document in documents() {
        let path = folder.join(&document.path);
        if std::env::var_os("RETALLY_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &document.text).unwrap();
        }
        let golden = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(golden, document.text, "{}", path.display());
    }
}

#[test]
fn the_validators_of_the_formats_own_projects_accepted_these_bytes() {
    let recorded = std::fs::read(root().join("tests/parity/interchange.json")).unwrap();
    let recorded: Value = serde_json::from_slice(&recorded).unwrap();
    for document in documents() {
        let entry = &recorded["documents"][document.path.to_str().unwrap()];
        let digest = Digest::of_bytes(document.text.as_bytes()).to_string();
        assert_eq!(
            entry["sha256"],
            digest.as_str(),
            "{}: run tests/parity/interchange.py again",
            document.path.display()
        );
        assert_eq!(entry["accepted"], true, "{}: {entry}", document.path.display());
    }
    // Validators that accept everything would prove nothing.
    let refused = recorded["refused"].as_object().unwrap();
    assert!(
        refused.len() >= 6 && refused.values().all(|entry| entry["accepted"] == false),
        "{refused:?}"
    );
}

/// What the copies of the schemas are said to be, they are.
#[test]
fn schemas_have_the_digests_that_are_written_down() {
    let folder = root().join("reports/schemas");
    let listed = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let mut count = 0;
    for line in listed.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let bytes = std::fs::read(folder.join(cells[1])).unwrap();
        assert_eq!(Digest::of_bytes(&bytes).to_string(), cells[4], "{}", cells[1]);
        count += 1;
    }
    assert_eq!(count, 5);
}
