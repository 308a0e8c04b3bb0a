//! Stored files side by side under the names that one of them knows the others by.
//!
//! An ONNX file of more than 2 GiB keeps its weights in files beside it. In the store every file is alone in its place, so
//! such a model is opened from a folder of links.

use super::error::{Doing, StoreError};
use super::{Store, remove_tree};
use crate::Digest;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

impl Store {
    /// A folder that holds stored files under other names; made if it is not there yet.
    ///
    /// `digest` names the folder: it must depend on all files and their names. A name must be that of a plain file.
    ///
    /// # Errors
    /// If a file cannot be linked or copied.
    pub fn gathered(
        &self,
        digest: &Digest,
        files: &[(&str, PathBuf)],
    ) -> Result<PathBuf, StoreError> {
        let path = self.folder("gathered")?.join(digest.to_string());
        let _lock = self.lock(&format!("gathered-{digest}"), || {})?;
        if holds(&path, files)? {
            return Ok(path);
        }
        remove_tree(&path)?;
        let work = self.work_folder(digest)?;
        for (name, object) in files {
            place(object, &work.path().join(name))?;
        }
        fs::rename(work.path(), &path).doing("create", &path)?;
        Ok(path)
    }
}

/// Whether a folder has all files, of the right sizes.
fn holds(folder: &Path, files: &[(&str, PathBuf)]) -> Result<bool, StoreError> {
    for (name, object) in files {
        let expected = fs::metadata(object).doing("look at", object)?.len();
        match fs::symlink_metadata(folder.join(name)) {
            Ok(found) if found.is_file() && found.len() == expected => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// A hard link, which takes no room; a copy where the file system has none.
fn place(object: &Path, path: &Path) -> Result<(), StoreError> {
    match fs::hard_link(object, path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error).doing("link", object),
        Err(_) => fs::copy(object, path).map(|_| ()).doing("copy to", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_side_by_side_and_are_made_again_when_one_is_lost() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(Some(home.path())).unwrap();
        let (first, second) = (home.path().join("a"), home.path().join("b"));
        fs::write(&first, "model").unwrap();
        fs::write(&second, "weights").unwrap();
        let files = [("model.onnx", first), ("model.onnx.data", second)];
        let digest = Digest::of_bytes(b"both");
        let folder = store.gathered(&digest, &files).unwrap();
        let read = |name| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(
            (read("model.onnx"), read("model.onnx.data")),
            ("model".into(), "weights".into())
        );
        fs::remove_file(folder.join("model.onnx.data")).unwrap();
        assert_eq!(store.gathered(&digest, &files).unwrap(), folder);
        assert_eq!(read("model.onnx.data"), "weights");
        // Nothing is left in the making.
        assert_eq!(fs::read_dir(home.path().join("partial")).unwrap().count(), 0);
    }

    #[test]
    fn a_lost_object_is_an_error_and_no_folder() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(Some(home.path())).unwrap();
        let lost = home.path().join("lost");
        let digest = Digest::of_bytes(b"lost");
        assert!(store.gathered(&digest, &[("model.onnx", lost)]).is_err());
        assert!(!home.path().join("gathered").join(digest.to_string()).exists());
    }
}
