//! Inputs as files: most readers take a path.

use std::cell::OnceCell;
use std::path::PathBuf;
use tempfile::TempDir;

thread_local! {
    /// A folder for each thread, gone with it.
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// The path of a file of this name with this content, which the next one of its name on the same thread overwrites. Where it cannot be
/// written there is none, and its reader refuses it.
pub(super) fn file(name: &str, content: &[u8]) -> PathBuf {
    FOLDER.with(|cell| {
        if cell.get().is_none() {
            let Ok(folder) = tempfile::tempdir() else { return PathBuf::new() };
            let _ = cell.set(folder);
        }
        let path = cell.get().map(|folder| folder.path().join(name)).unwrap_or_default();
        let _ = std::fs::write(&path, content);
        path
    })
}
