//! Key files: made once, readable by their owner alone, never overwritten.

use crate::failure::Failure;
use retally_submissions::{PrivateKey, PublicKey};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A key file is some hundred bytes.
const MOST_BYTES: u64 = 4096;

/// Makes a key pair: the private key in `path` (mode 0600), the public one in `path.pub`. Both are new files.
///
/// # Errors
/// If either exists or cannot be written, or the system has no randomness.
pub fn create_key(path: &Path) -> Result<(PublicKey, PathBuf), Failure> {
    let public_path = public_path(path);
    // Looked at first, so that a refused call leaves no private key behind.
    if public_path.symlink_metadata().is_ok() {
        return Err(exists(&public_path));
    }
    let key = PrivateKey::generate()
        .map_err(|error| Failure::temporary(format_args!("cannot make a key: {error}")))?;
    let (private, public) = (key.to_pem().map_err(Failure::invalid)?, key.public());
    write_new(path, private.as_ref(), 0o600)?;
    write_new(&public_path, &public.to_pem().map_err(Failure::invalid)?, 0o644)?;
    Ok((public, public_path))
}

/// `K.pub` of `K`.
fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

fn exists(path: &Path) -> Failure {
    Failure::invalid(format_args!(
        "`{}` exists, and a key is never overwritten: choose another name, or move it away",
        path.display()
    ))
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(exists(path));
        }
        opened => opened.map_err(|error| Failure::file("create the key file", path, &error))?,
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| Failure::file("write the key file", path, &error))
}

/// Reads a private key, which only its owner may be able to read.
///
/// # Errors
/// If the file cannot be read, others can read it, or it is no private key. No message holds any of its content.
pub fn read_private_key(path: &Path) -> Result<PrivateKey, Failure> {
    let (text, file) = read(path)?;
    // Before the permissions: a public key is told to be none, not to be hidden.
    let key = PrivateKey::from_pem(&text).map_err(|error| wrong(path, error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata().map_err(|error| Failure::file("read", path, &error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Failure::invalid(format_args!(
                "others can read the private key `{0}` (mode {mode:04o}): make a new one if they may have, or `chmod 600 {0}`",
                path.display()
            )));
        }
    }
    #[cfg(not(unix))]
    drop(file);
    Ok(key)
}

/// Reads a public key.
///
/// # Errors
/// If the file cannot be read or is no public key.
pub fn read_public_key(path: &Path) -> Result<PublicKey, Failure> {
    let (text, _) = read(path)?;
    PublicKey::from_pem(&text).map_err(|error| wrong(path, error))
}

fn wrong(path: &Path, error: retally_submissions::key::KeyError) -> Failure {
    Failure::invalid(format_args!("`{}`: {error}", path.display()))
}

fn read(path: &Path) -> Result<(String, File), Failure> {
    let failed = |error| Failure::file("read the key", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    (&file).take(MOST_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    // What is no text is no key either; its content is not shown.
    Ok((String::from_utf8(bytes).unwrap_or_default(), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let (public, public_path) = create_key(&path).unwrap();
        assert_eq!(read_private_key(&path).unwrap().public(), public);
        assert_eq!(read_public_key(&public_path).unwrap(), public);
        let before = std::fs::read(&path).unwrap();
        assert!(create_key(&path).unwrap_err().message().contains("never overwritten"));
        std::fs::remove_file(&public_path).unwrap();
        assert!(create_key(&path).unwrap_err().message().contains("never overwritten"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert!(!public_path.exists());
    }

    #[test]
    fn an_existing_public_key_keeps_a_private_one_from_being_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        std::fs::write(folder.path().join("k.pub"), "mine").unwrap();
        assert!(create_key(&path).is_err());
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        create_key(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(read_private_key(&path).unwrap_err().message().contains("mode 0640"));
    }

    #[test]
    fn no_message_shows_what_is_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        write_new(&path, "-----BEGIN PRIVATE KEY-----\nsecret\n", 0o600).unwrap();
        let message = read_private_key(&path).unwrap_err().message();
        assert!(!message.contains("secret"), "{message}");
    }
}
