//! A run's folder as `check` reads it: whole, stopped before its end, still at work, or no run at all.

use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::run::MEASUREMENTS_DIGEST;
use crate::text_files::{read_json, read_text};
use retally_manifests::Digest;
use retally_suites::RunMeasurements;
use serde_json::Value;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// What a run left.
#[derive(Debug)]
pub(super) struct StoredFiles {
    pub(super) folder: PathBuf,
    pub(super) measurements: RunMeasurements,
    /// Digest of `measurements.json`.
    pub(super) digest: Digest,
    /// `run.json`; `None` if the run was stopped before it was written.
    pub(super) record: Option<Value>,
}

impl StoredFiles {
    /// Reads a run's folder.
    ///
    /// # Errors
    /// Incomplete, if the run is still at work or was stopped before it measured; invalid, if this is no run or a file is
    /// damaged.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        if !folder.is_dir() {
            return Err(Failure::invalid(format_args!(
                "`{}` is neither a suite nor the folder of a run (`retally list suites` names the suites)",
                folder.display()
            )));
        }
        refuse_running(folder)?;
        let path = folder.join("measurements.json");
        if !path.exists() {
            return Err(without_measurements(folder));
        }
        let text = read_text(&path)?;
        let measurements = RunMeasurements::parse(&text).map_err(|error| {
            Failure::invalid(format_args!("`{}` is no run's measurements: {error}", path.display()))
        })?;
        let record = folder.join("run.json");
        let record = record.exists().then(|| read_json(&record)).transpose()?;
        let digest = Digest::of_bytes(text.as_bytes());
        Ok(Self { folder: folder.to_path_buf(), measurements, digest, record })
    }

    /// Why the measurements are not those that the record is about, if they are not.
    pub(super) fn mismatch(&self) -> Option<String> {
        let named = self.record.as_ref()?.get(MEASUREMENTS_DIGEST)?.as_str()?;
        (named != self.digest.to_string()).then(|| {
            format!(
                "measurements.json has SHA-256 {}, and run.json is about {named}: the file was changed after the run, or a \
                 later run was stopped between the two files; run the suite again",
                self.digest
            )
        })
    }
}

/// A run holds its folder's lock until it ends.
fn refuse_running(folder: &Path) -> Result<(), Failure> {
    let path = folder.join(".lock");
    let Ok(lock) = File::open(&path) else { return Ok(()) };
    match lock.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            ExitStatus::Incomplete,
            format_args!("a run is at work in `{}`: check it when it has ended", folder.display()),
        )),
        // Where a file system has no locks, nothing can be said.
        _ => Ok(()),
    }
}

fn without_measurements(folder: &Path) -> Failure {
    let is_begun = ["chunks", "measured", "run.json"].iter().any(|name| folder.join(name).exists());
    if is_begun {
        Failure::new(
            ExitStatus::Incomplete,
            format_args!(
                "the run in `{}` was stopped before its end: it has no measurements.json; the same `retally run` command \
                 continues it",
                folder.display()
            ),
        )
    } else {
        Failure::invalid(format_args!(
            "`{}` is no run: it has no measurements.json; give the folder that `retally run --out` wrote",
            folder.display()
        ))
    }
}
