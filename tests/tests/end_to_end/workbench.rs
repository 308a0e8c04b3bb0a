//! A store and outputs of a test's own, and a manifest of tiny networks.

use crate::program::{Finished, library, repository, retally, text};
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;

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
