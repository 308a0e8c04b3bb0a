//! Finding the folders of submissions.

use super::BUNDLE_FILE;
use crate::error::LeaderboardError;
use std::path::{Path, PathBuf};

/// Folders in folders, at most. Nobody sorts submissions deeper, and a loop of mounts would never end.
const DEEPEST: usize = 16;

/// Every folder below `root` that holds a bundle, in the order of their paths. Hidden folders and links are not followed, and
/// nothing is looked for inside a submission.
pub(super) fn submission_folders(root: &Path) -> Result<Vec<PathBuf>, LeaderboardError> {
    if !root.is_dir() {
        return Err(LeaderboardError::NoCollection(root.to_owned()));
    }
    let mut found = Vec::new();
    visit(root, DEEPEST, &mut found)?;
    found.sort();
    Ok(found)
}

fn visit(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), LeaderboardError> {
    if folder.join(BUNDLE_FILE).symlink_metadata().is_ok() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let failed = |error| LeaderboardError::file("list", folder, error);
    for item in std::fs::read_dir(folder).map_err(failed)? {
        let item = item.map_err(failed)?;
        let is_folder = item.file_type().map_err(failed)?.is_dir();
        if is_folder && !item.file_name().as_encoded_bytes().starts_with(b".") {
            visit(&item.path(), depth - 1, found)?;
        }
    }
    Ok(())
}
