//! `work.jsonl`: a run's work list under a seal. Whoever measures by the list trusts its labels and digests.

use super::directory::write_durably;
use super::sealed_document;
use super::work_list::{SCHEMA, WorkList};
use crate::failure::Failure;
use retally_manifests::Digest;
use std::path::Path;

/// The file in the run directory.
pub(crate) const FILE: &str = "work.jsonl";

/// A larger file is refused before it is read: a million chunks and samples have 200 MB.
const LARGEST: u64 = 4 << 30;

/// A work list and the digest by which it is known.
#[derive(Debug)]
pub(crate) struct SealedWork {
    pub(crate) list: WorkList,
    pub(crate) sha256: Digest,
}

impl SealedWork {
    /// Takes the digest of a list.
    pub(crate) fn of(list: WorkList) -> Result<Self, Failure> {
        let (_, sha256) = bytes_of(&list)?;
        Ok(Self { list, sha256 })
    }

    /// Writes the file.
    pub(crate) fn write(&self, root: &Path) -> Result<(), Failure> {
        let (bytes, _) = bytes_of(&self.list)?;
        write_durably(&root.join(FILE), &bytes)
    }

    /// Reads the file of a run directory; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged, or of another version.
    pub(crate) fn read(root: &Path) -> Result<Option<Self>, Failure> {
        let path = root.join(FILE);
        let bytes = match read_whole(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read the work list", &path, &error)),
        };
        let damaged = |what: &str| damaged(&path, what);
        let (line, sha256) = sealed_document::open(&bytes, None).map_err(|what| damaged(&what))?;
        let list = of_line(line).map_err(|what| damaged(&what))?;
        Ok(Some(Self { list, sha256 }))
    }

    /// As [`SealedWork::read`]; no file is an error.
    pub(crate) fn of_run(root: &Path) -> Result<Self, Failure> {
        Self::read(root)?.ok_or_else(|| {
            Failure::invalid(format_args!(
                "`{}` has no {FILE}: it is not the folder of a run of encoders; give the --out of `retally run`",
                root.display()
            ))
        })
    }
}

/// What stands under the seal.
pub(super) fn of_line(line: &[u8]) -> Result<WorkList, String> {
    let list: WorkList = serde_json::from_slice(line).map_err(|error| {
        format!("this version of retally ({}) cannot read it: {error}", env!("CARGO_PKG_VERSION"))
    })?;
    if list.schema != SCHEMA {
        return Err(format!("it has schema {}, expected {SCHEMA}", list.schema));
    }
    list.check()?;
    Ok(list)
}

fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = std::fs::metadata(path)?.len();
    if bytes > LARGEST {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!("it has {bytes} bytes, more than any work list"),
        ));
    }
    std::fs::read(path)
}

fn bytes_of(list: &WorkList) -> Result<(Vec<u8>, Digest), Failure> {
    sealed_document::to_bytes(None, list).map_err(|error| {
        Failure::invalid(format_args!("cannot write a work list as JSON: {error}"))
    })
}

fn damaged(path: &Path, what: &str) -> Failure {
    Failure::invalid(format_args!(
        "the work list `{}` cannot be used ({what}): remove it, and `retally run` writes it again; chunks are kept",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::work_list::tests::work_list;

    #[test]
    fn a_list_comes_back_and_no_flipped_bit_or_cut_goes_unseen() {
        let folder = tempfile::tempdir().unwrap();
        assert!(SealedWork::read(folder.path()).unwrap().is_none());
        assert!(SealedWork::of_run(folder.path()).unwrap_err().message().contains("--out"));
        let work = SealedWork::of(work_list(&[3], 1)).unwrap();
        work.write(folder.path()).unwrap();
        let read = SealedWork::of_run(folder.path()).unwrap();
        assert_eq!((&read.list, read.sha256), (&work.list, work.sha256));
        let path = folder.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[index] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            assert!(SealedWork::read(folder.path()).is_err(), "byte {index}");
            std::fs::write(&path, &whole[..index]).unwrap();
            assert!(SealedWork::read(folder.path()).is_err(), "cut at {index}");
        }
    }
}
