//! A small run that is complete: one encoder on every image of a folder. Made once; tests that change it take a copy.

use crate::program::{Finished, run, text};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

const MANIFEST: &str = r#"
[[dataset]]
id = "pictures"
name = "Pictures: \"dark\" and light"
format = "folder"
folder = "pictures"
split = { kind = "hashed-per-class", seed = 0, test_percent = 50 }
"#;

/// The run and what it was made from.
pub(crate) struct SmallRun {
    folder: TempDir,
}

impl SmallRun {
    /// The run, made by the first test that asks.
    pub(crate) fn shared() -> &'static Self {
        static RUN: OnceLock<SmallRun> = OnceLock::new();
        RUN.get_or_init(Self::make)
    }

    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Self { folder };
        for (class, colour) in [("dark", 40_u8), ("light", 200)] {
            let pictures = made.folder.path().join("pictures").join(class);
            fs::create_dir_all(&pictures).unwrap();
            for index in 0..6_u8 {
                let picture = image::RgbImage::from_fn(20, 14, |x, y| {
                    image::Rgb([colour, colour.wrapping_add(x as u8 * index), y as u8 * 9])
                });
                picture.save(pictures.join(format!("{index}.png"))).unwrap();
            }
        }
        fs::write(made.manifest(), MANIFEST).unwrap();
        let finished = run(&[
            "--manifest",
            text(&made.manifest()),
            "run",
            "starter",
            "--model",
            "mobilenetv2",
            "--data",
            "pictures",
            "--out",
            text(&made.path()),
        ]);
        assert_eq!(finished.code, 0, "{finished:?}");
        made
    }

    /// The manifest of its images.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.path().join("pictures.toml")
    }

    /// Its folder; not to be changed.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// A copy of what makes it a run, to be changed.
    pub(crate) fn copy_to(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for name in ["measurements.json", "run.json"] {
            fs::copy(self.path().join(name), folder.join(name)).unwrap();
        }
    }

    /// Runs a command with its manifest.
    pub(crate) fn retally(&self, arguments: &[&str]) -> Finished {
        let manifest = self.manifest();
        let mut all = vec!["--manifest", text(&manifest)];
        all.extend(arguments);
        run(&all)
    }
}

/// Replaces a text in a file that has it.
pub(crate) fn replace_in(path: &Path, old: &str, new: &str) {
    let before = fs::read_to_string(path).unwrap();
    assert!(before.contains(old), "{} has no {old}", path.display());
    fs::write(path, before.replace(old, new)).unwrap();
}
