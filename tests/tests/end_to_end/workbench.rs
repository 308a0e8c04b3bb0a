//! A folder of a test's own: with input files, or with a store, outputs and a manifest of tiny networks.

use crate::program::{Finished, library, repository, retally, text, write_f32, write_i64};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

/// Input files.
pub(crate) struct InputFolder(TempDir);

impl InputFolder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &str {
        text(self.0.path())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a text and returns where.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        text(&self.path(name)).to_owned()
    }

    /// Writes an array as `.npy` and returns where.
    pub(crate) fn floats(&self, name: &str, shape: &[u64], values: &[f32]) -> String {
        write_f32(&self.path(name), shape, values);
        text(&self.path(name)).to_owned()
    }

    /// Writes integers as `.npy` and returns where.
    pub(crate) fn integers(&self, name: &str, values: &[i64]) -> String {
        write_i64(&self.path(name), values);
        text(&self.path(name)).to_owned()
    }
}

/// A store, outputs and a manifest.
pub(crate) struct Workbench {
    folder: TempDir,
    manifest: PathBuf,
}

impl Workbench {
    /// With a manifest below `tests/golden`.
    pub(crate) fn with(manifest: &str) -> Self {
        let manifest = repository().join("tests/golden").join(manifest);
        Self { folder: tempfile::tempdir().unwrap(), manifest }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn finished(&self, arguments: &[&str]) -> Finished {
        let mut command =
            retally(&["--onnxruntime", library(), "--manifest", text(&self.manifest)]);
        command.args(arguments).arg("--json").env("RETALLY_HOME", self.path("home"));
        let finished = Finished::of(command.current_dir(self.folder.path()));
        assert!(!finished.stderr.contains("panicked"), "{finished:?}");
        finished
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.finished(arguments);
        assert_eq!(finished.code, 0, "{finished:?}");
        finished.json()
    }

    pub(crate) fn refused(&self, arguments: &[&str], code: i32, part: &str) {
        let finished = self.finished(arguments);
        assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(part), "{arguments:?}: `{part}` is not in: {message}");
    }

    /// A text file that the program wrote.
    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}
