//! A small part of the starter for tests of runs: one encoder, 96 emoji in chunks of 16.

use crate::program::{Finished, run, text};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const MANIFEST: &str = r#"
[[dataset]]
id = "emoji-in-small-chunks"
name = "Noto emoji, 16 to a chunk"
artifacts = ["noto-emoji.tar"]
format = "tar"
canvas = { background = [255, 255, 255], margin = 16 }
mask = { kind = "alpha", threshold = 128 }
split = { kind = "hashed-per-class", seed = 0, test_percent = 30 }
chunk = 16
"#;

/// A folder with that manifest.
pub(crate) struct Workspace {
    folder: TempDir,
    pub(crate) manifest: PathBuf,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("small.toml");
        fs::write(&manifest, MANIFEST).unwrap();
        Self { folder, manifest }
    }

    /// A path in the folder.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The words of a run of one encoder.
    pub(crate) fn arguments<'a>(&'a self, out: &'a Path, threads: &'a str) -> Vec<&'a str> {
        vec![
            "--manifest",
            text(&self.manifest),
            "run",
            "starter",
            "--model",
            "mobilenetv2",
            "--data",
            "emoji-in-small-chunks",
            "--limit",
            "96",
            "--threads",
            threads,
            "--out",
            text(out),
        ]
    }

    /// Runs to the end, which must be as claimed.
    pub(crate) fn run(&self, out: &Path, threads: &str) -> Finished {
        let finished = run(&self.arguments(out, threads));
        assert_eq!(finished.code, 0, "{finished:?}");
        finished
    }
}

/// The bytes of a run's measurements.
pub(crate) fn measurements(out: &Path) -> Vec<u8> {
    fs::read(out.join("measurements.json")).unwrap()
}

/// The files of a run's chunks, by name.
pub(crate) fn chunks(out: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(out.join("chunks")) else { return Vec::new() };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    paths.sort();
    paths
}
