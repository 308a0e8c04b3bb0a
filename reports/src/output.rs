//! Writing files so that a reader sees the old one or the new one, never half of one.

use crate::error::ReportError;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Makes a folder and its parents.
pub(crate) fn make_folder(path: &Path) -> Result<(), ReportError> {
    std::fs::create_dir_all(path)
        .map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

/// How the names of files begin that are being written; one that stays behind is of a process that was killed.
pub const PARTIAL: &str = ".retally-";

/// Writes `bytes` to `folder/name` under a temporary name, then renames it. `name` is made of validated ids.
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, ReportError> {
    let path = folder.join(name);
    replace(folder, &path, bytes)
        .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    Ok(path)
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PARTIAL);
    // Temporary files are private by default, but a report is for others to read; the process's umask still applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
