//! Reading parts of files that many threads share.

use super::MAX_ENCODED_BYTES;
use crate::images::error::{ImageError, quoted};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// An open file with random access from any thread.
#[derive(Debug)]
pub(super) struct SharedFile {
    path: PathBuf,
    length: u64,
    file: Mutex<File>,
}

impl SharedFile {
    pub(super) fn new(path: &Path, file: File) -> Result<Self, ImageError> {
        let metadata = file.metadata().map_err(|error| ImageError::read(path, error))?;
        Ok(Self { path: path.to_owned(), length: metadata.len(), file: Mutex::new(file) })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Reads `length` bytes from `offset` on. Nothing is allocated for bytes that the file does not have.
    pub(super) fn read_at(&self, offset: u64, length: u64) -> Result<Vec<u8>, ImageError> {
        let beyond = offset.checked_add(length).is_none_or(|end| end > self.length);
        if beyond || length > MAX_ENCODED_BYTES {
            let problem = format!(
                "{length} bytes at {offset} are expected, the file has {} (and an image at most {MAX_ENCODED_BYTES}); \
                 fetch it again",
                self.length
            );
            return Err(ImageError::layout(quoted(&self.path), problem));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| ImageError::read(&self.path, error))?;
        Ok(bytes)
    }
}

/// Opens a regular file.
pub(super) fn open_file(path: &Path) -> Result<File, ImageError> {
    let failed = |error: io::Error| ImageError::read(path, error);
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(ImageError::layout(quoted(path), "it is not a file"));
    }
    Ok(file)
}

/// Reads a whole file of at most [`MAX_ENCODED_BYTES`].
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    open_file(path)?
        .take(MAX_ENCODED_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ImageError::read(path, error))?;
    if bytes.len() as u64 > MAX_ENCODED_BYTES {
        let problem = format!("it has more than {MAX_ENCODED_BYTES} bytes: no image is that large");
        return Err(ImageError::layout(quoted(path), problem));
    }
    Ok(bytes)
}

/// First two bytes of gzip files.
pub(super) const GZIP_SIGNATURE: [u8; 2] = [0x1f, 0x8b];
