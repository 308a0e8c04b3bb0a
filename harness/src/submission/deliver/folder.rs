//! A folder of submissions: one folder each, which appears whole or not at all.

use crate::failure::Failure;
use crate::run::directory::write_durably_with;
use retally_manifests::Digest;
use retally_submissions::label::Label;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Digits of the id in a folder's name.
const ID_DIGITS: usize = 16;
/// The bundle in its folder.
const BUNDLE: &str = "submission.retally";

/// Copies a bundle to `FOLDER/<suite>/<16 digits of the id>-<name>/submission.retally`.
///
/// # Errors
/// If it is there already, or cannot be written.
pub fn place_in_folder(
    bundle: &Path,
    folder: &Path,
    suite: &str,
    (id, name): (&Digest, &Label),
) -> Result<PathBuf, Failure> {
    let parent = folder.join(suite);
    std::fs::create_dir_all(&parent)
        .map_err(|error| Failure::file("create the folder", &parent, &error))?;
    let digits: String = id.to_string().chars().take(ID_DIGITS).collect();
    let target = parent.join(format!("{digits}-{}", name.slug()));
    if target.symlink_metadata().is_ok() {
        return Err(Failure::invalid(format_args!(
            "`{}` exists: this submission is there already, and is not overwritten",
            target.display()
        )));
    }
    let partial = tempfile::Builder::new()
        .prefix(".partial-")
        .tempdir_in(&parent)
        .map_err(|error| Failure::file("create a folder in", &parent, &error))?;
    let mut source = File::open(bundle).map_err(|error| Failure::file("read", bundle, &error))?;
    write_durably_with(&partial.path().join(BUNDLE), |file| {
        std::io::copy(&mut source, file).map(drop)
    })?;
    share(partial.path())?;
    std::fs::rename(partial.path(), &target)
        .map_err(|error| Failure::file("move the submission to", &target, &error))?;
    // It has moved: there is nothing left to be removed.
    let _ = partial.keep();
    Ok(target.join(BUNDLE))
}

/// A temporary folder is its owner's alone; submissions are for others to read.
fn share(folder: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755))
            .map_err(|error| Failure::file("set the permissions of", folder, &error))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_is_placed_once() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("b");
        std::fs::write(&bundle, "bundle").unwrap();
        let (id, name) = (Digest::of_bytes(b""), Label::new("My Model!").unwrap());
        let target = folder.path().join("results");
        let place = || place_in_folder(&bundle, &target, "starter", (&id, &name));
        let path = place().unwrap();
        assert!(path.ends_with("starter/e3b0c44298fc1c14-my-model/submission.retally"));
        assert_eq!(std::fs::read(&path).unwrap(), b"bundle");
        assert!(place().unwrap_err().message().contains("not overwritten"));
        assert_eq!(std::fs::read_dir(target.join("starter")).unwrap().count(), 1);
    }
}
