//! The bytes of an array: in its file, or unpacked.

use super::ArrayError;
use super::archive::{Archive, Member, Place, SMALL_BYTES, temporary_file};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that can be read from anywhere.
#[derive(Debug)]
pub(super) enum Source {
    /// The user's file, and where it is.
    Own(File, PathBuf),
    /// An array that was deflated.
    Unpacked(Arc<Unpacked>),
}

/// What deflated arrays become; shared by the handles on an array.
#[derive(Debug)]
pub(super) enum Unpacked {
    Memory(Vec<u8>),
    Temporary(Mutex<File>),
}

impl Source {
    /// A whole file.
    pub(super) fn open(path: &Path) -> Result<Self, ArrayError> {
        let file = File::open(path).map_err(|error| ArrayError::file("open", path, error))?;
        Ok(Self::Own(file, path.to_owned()))
    }

    /// An array of an archive, and the offset of its first number. Small arrays are read once for their checksum.
    pub(super) fn of_member(
        archive: &mut Archive,
        member: &Member,
    ) -> Result<(Self, u64), ArrayError> {
        match member.place {
            Place::Stored(start) => {
                if member.length <= SMALL_BYTES {
                    archive.unpack(member, &mut io::sink(), "nowhere")?;
                }
                Ok((Self::open(archive.path())?, start))
            }
            Place::Deflated if member.length <= SMALL_BYTES => {
                // Grows with what there is, not with what is promised.
                let mut bytes = Vec::new();
                archive.unpack(member, &mut bytes, "memory")?;
                Ok((Self::Unpacked(Arc::new(Unpacked::Memory(bytes))), 0))
            }
            Place::Deflated => {
                let (mut file, name) = temporary_file()?;
                archive.unpack(member, &mut file, &name)?;
                Ok((Self::Unpacked(Arc::new(Unpacked::Temporary(Mutex::new(file)))), 0))
            }
        }
    }

    /// A second handle on the same bytes.
    pub(super) fn reopen(&self) -> Result<Self, ArrayError> {
        match self {
            Self::Own(_, path) => Self::open(path),
            Self::Unpacked(unpacked) => Ok(Self::Unpacked(Arc::clone(unpacked))),
        }
    }

    /// How many bytes there are.
    pub(super) fn length(&self) -> io::Result<u64> {
        match self {
            Self::Own(file, _) => Ok(file.metadata()?.len()),
            Self::Unpacked(unpacked) => match unpacked.as_ref() {
                Unpacked::Memory(bytes) => Ok(bytes.len() as u64),
                Unpacked::Temporary(file) => {
                    Ok(file.lock().unwrap_or_else(PoisonError::into_inner).metadata()?.len())
                }
            },
        }
    }

    /// Fills `bytes` from `offset` on.
    pub(super) fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Own(file, _) => read_file_at(file, offset, bytes),
            Self::Unpacked(unpacked) => match unpacked.as_ref() {
                Unpacked::Memory(all) => {
                    let start = usize::try_from(offset).ok();
                    let part = start.and_then(|start| all.get(start..)?.get(..bytes.len()));
                    bytes.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
                    Ok(())
                }
                Unpacked::Temporary(file) => {
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    read_file_at(&mut file, offset, bytes)
                }
            },
        }
    }
}

fn read_file_at(file: &mut File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes).map_err(|error| match error.kind() {
        // It was long enough when it was opened.
        io::ErrorKind::UnexpectedEof => io::Error::new(
            error.kind(),
            "it ends before its numbers do; did it change while it was read?",
        ),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn unpacked_bytes_are_the_same_in_memory_and_in_a_file() {
        let bytes: Vec<u8> = (0..100).collect();
        let (mut file, _) = temporary_file().unwrap();
        file.write_all(&bytes).unwrap();
        for unpacked in [Unpacked::Memory(bytes.clone()), Unpacked::Temporary(Mutex::new(file))] {
            let mut source = Source::Unpacked(Arc::new(unpacked));
            let mut other = source.reopen().unwrap();
            assert_eq!(source.length().unwrap(), 100);
            let mut part = [0; 10];
            source.read_at(90, &mut part).unwrap();
            assert_eq!(part, bytes[90..]);
            other.read_at(5, &mut part).unwrap();
            assert_eq!(part, bytes[5..15]);
            let error = source.read_at(91, &mut part).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(source.read_at(u64::MAX, &mut part).is_err());
        }
    }
}
