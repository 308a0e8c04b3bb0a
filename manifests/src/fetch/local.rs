//! `file:` sources.

use super::{Failure, Fetcher};
use crate::Artifact;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

impl Fetcher<'_> {
    /// Copies a file of this machine into the store.
    pub(super) fn copy(&self, artifact: &Artifact, path: &Path) -> Result<PathBuf, Failure> {
        let failed = |source| Failure::Read { path: path.to_owned(), source };
        // A pipe or a device would block or never end.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let mut file = File::open(path).map_err(failed)?;
        let mut incoming = self.store.receive(artifact, self.observer)?;
        incoming.write_all_of(&mut file)?.map_err(failed)?;
        Ok(incoming.finish()?)
    }
}
