//! A folder that appears whole or not at all.

use super::paint::NewFile;
use crate::failure::Failure;
use crate::run::directory::write_durably;
use retally_manifests::Digest;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// In a folder in the making; held while its process lives.
const LOCK: &str = ".retally-lock";

/// A folder in the making: `NAME.partial` beside the place where it will be. Dropped unfinished, it is removed; what a
/// killed process has left is removed by the next one.
#[derive(Debug)]
pub(super) struct NewFolder {
    target: PathBuf,
    partial: PathBuf,
    lock: Option<File>,
    digests: BTreeMap<String, Digest>,
}

/// What is in the place of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing, or an empty folder.
    Free,
    /// A folder with something in it.
    Taken,
}

/// Looks what is there.
///
/// # Errors
/// If it is no folder, or cannot be looked at.
pub(super) fn look(target: &Path) -> Result<Place, Failure> {
    match fs::read_dir(target) {
        Ok(mut entries) => Ok(if entries.next().is_none() { Place::Free } else { Place::Taken }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::Free),
        Err(error) => Err(Failure::file("use the folder", target, &error)),
    }
}

impl NewFolder {
    /// Begins a folder in a free place.
    ///
    /// # Errors
    /// If another process makes the same folder, or it cannot be made.
    pub(super) fn begin(target: &Path) -> Result<Self, Failure> {
        // Without the slash that may end a folder's name.
        let target = target.components().as_path().to_owned();
        if target.file_name().is_none() {
            return Err(Failure::invalid(format_args!(
                "`{}` has no name of its own: give a folder that can be made",
                target.display()
            )));
        }
        let mut name = OsString::from(&target);
        name.push(".partial");
        let partial = PathBuf::from(name);
        remove_abandoned(&partial)?;
        fs::create_dir_all(&partial)
            .map_err(|error| Failure::file("create the folder", &partial, &error))?;
        let lock = lock(&partial)?;
        Ok(Self { target, partial, lock: Some(lock), digests: BTreeMap::new() })
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If it cannot be written, was written before, or its name leads out of the folder, which are bugs.
    pub(super) fn write(&mut self, file: &NewFile) -> Result<(), Failure> {
        let NewFile { path, bytes } = file;
        let place = below(&self.partial, path)?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| Failure::file("create the folder", folder, &error))?;
        }
        fs::write(&place, bytes).map_err(|error| Failure::file("write", &place, &error))?;
        match self.digests.insert(path.clone(), Digest::of_bytes(bytes)) {
            None => Ok(()),
            Some(_) => Err(Failure::invalid(format_args!("`{path}` is written twice"))),
        }
    }

    /// Digests of the files that were written.
    pub(super) fn digests(&self) -> &BTreeMap<String, Digest> {
        &self.digests
    }

    /// Writes the last file, which lists the others, and gives the folder its name.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn finish(mut self, list: &NewFile) -> Result<(), Failure> {
        write_durably(&below(&self.partial, &list.path)?, &list.bytes)?;
        let lock_path = self.partial.join(LOCK);
        fs::remove_file(&lock_path).map_err(|error| Failure::file("remove", &lock_path, &error))?;
        // An empty folder in the place was looked at before; not every system renames onto it.
        match fs::remove_dir(&self.target) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::file("replace the empty folder", &self.target, &error));
            }
            _ => {}
        }
        fs::rename(&self.partial, &self.target)
            .map_err(|error| Failure::file("give its name to", &self.target, &error))?;
        self.lock = None;
        Ok(())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if self.lock.take().is_some() {
            // What cannot be removed now, the next command removes.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// A place below a folder.
///
/// # Errors
/// If the name leads out of it: names come from files of others too.
pub(super) fn below(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(name);
    let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !stays {
        return Err(Failure::invalid(format_args!(
            "`{name}` is no name of a file within a folder"
        )));
    }
    Ok(folder.join(path))
}

fn remove_abandoned(partial: &Path) -> Result<(), Failure> {
    match look(partial)? {
        Place::Free => return Ok(()),
        Place::Taken if !partial.join(LOCK).is_file() => {
            return Err(Failure::invalid(format_args!(
                "`{}` is in the way, and is none of retally's unfinished folders: rename or remove it",
                partial.display()
            )));
        }
        Place::Taken => {}
    }
    let held = lock(partial)?;
    fs::remove_dir_all(partial)
        .map_err(|error| Failure::file("remove the unfinished folder", partial, &error))?;
    drop(held);
    Ok(())
}

fn lock(partial: &Path) -> Result<File, Failure> {
    let path = partial.join(LOCK);
    let file = File::create(&path)
        .map_err(|error| Failure::file("create the lock file", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::temporary(format_args!(
            "another process is writing `{}`: wait for it, or choose another folder",
            partial.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::file("lock", &path, &error)),
    }
}

/// Checks every file of a list against its digest.
///
/// # Errors
/// If one is missing or differs, which is named.
pub(super) fn verify(folder: &Path, digests: &BTreeMap<String, Digest>) -> Result<(), Failure> {
    for (name, expected) in digests {
        read_verified(folder, name, Some(expected))?;
    }
    Ok(())
}

/// Reads a file whose digest is known.
///
/// # Errors
/// If it is missing, not listed or differs.
pub(super) fn read_verified(
    folder: &Path,
    name: &str,
    expected: Option<&Digest>,
) -> Result<Vec<u8>, Failure> {
    let path = below(folder, name)?;
    let Some(expected) = expected else {
        return Err(Failure::invalid(format_args!(
            "`{}` is not among the files that the list of instances names: make the instances again",
            path.display()
        )));
    };
    let bytes = fs::read(&path).map_err(|error| Failure::file("read", &path, &error))?;
    let found = Digest::of_bytes(&bytes);
    if found != *expected {
        return Err(Failure::invalid(format_args!(
            "`{}` has the SHA-256 {found}, and the list beside it says {expected}: it was changed or damaged; remove the folder and \
             make it again",
            path.display()
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> NewFile {
        NewFile::text(name, "content")
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("data");
        let mut unfinished = NewFolder::begin(&target).unwrap();
        unfinished.write(&file("a/b.txt")).unwrap();
        assert_eq!(look(&target).unwrap(), Place::Free);
        // A second process waits.
        assert!(NewFolder::begin(&target).unwrap_err().message().contains("another process"));
        drop(unfinished);
        assert!(fs::read_dir(place.path()).unwrap().next().is_none());

        fs::create_dir(&target).unwrap();
        let mut folder = NewFolder::begin(&target).unwrap();
        folder.write(&file("a/b.txt")).unwrap();
        let digests = folder.digests().clone();
        folder.finish(&file("list.json")).unwrap();
        assert_eq!(look(&target).unwrap(), Place::Taken);
        verify(&target, &digests).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        fs::write(target.join("a/b.txt"), "other").unwrap();
        assert!(verify(&target, &digests).unwrap_err().message().contains("changed or damaged"));
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("data");
        let partial = place.path().join("data.partial");
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join(LOCK), "").unwrap();
        fs::write(partial.join("left.png"), "").unwrap();
        NewFolder::begin(&target).unwrap().finish(&file("list.json")).unwrap();
        assert!(!target.join("left.png").exists());
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("mine.txt"), "").unwrap();
        let other = place.path().join("data");
        assert!(NewFolder::begin(&other).unwrap_err().message().contains("in the way"));
        assert!(partial.join("mine.txt").exists());
    }

    #[test]
    fn names_stay_within_the_folder() {
        let folder = Path::new("folder");
        for name in ["", "..", "../a", "a/../../b", "/etc/passwd"] {
            assert!(below(folder, name).is_err(), "{name}");
        }
        assert_eq!(below(folder, "a/b").unwrap(), folder.join("a/b"));
    }
}
