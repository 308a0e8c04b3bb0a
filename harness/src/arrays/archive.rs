//! NumPy's `.npz`: a zip archive of `.npy` arrays, stored or deflated.

use super::ArrayError;
use super::npy::{self, Header};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

/// Stored arrays up to this size are read once when they are opened, so that their checksum is known to fit; deflated
/// ones up to this size are unpacked to memory, larger ones to a temporary file.
pub(crate) const SMALL_BYTES: u64 = 256 << 20;

/// Deflate makes at most 1032 bytes of one; a member that claims more is refused before anything is allocated.
const LARGEST_EXPANSION: u64 = 1032;

/// What NumPy appends to names.
const EXTENSION: &str = ".npy";

/// Names shown in messages.
const MOST_NAMES: usize = 20;

/// An open archive.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    zip: ZipArchive<File>,
}

/// Where an array of an archive is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the archive, its numbers from this byte on.
    Stored(u64),
    /// Deflated.
    Deflated,
}

/// An array that has been found; nothing but its header has been read.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    name: String,
    pub(crate) header: Header,
    pub(crate) place: Place,
    /// Bytes of its numbers, known to fit the archive.
    pub(crate) length: u64,
    /// CRC-32 of header and numbers.
    pub(crate) checksum: u32,
}

impl Archive {
    /// Opens a `.npz` and reads its directory.
    pub(crate) fn open(path: &Path) -> Result<Self, ArrayError> {
        let failed = |error| ArrayError::file("open", path, error);
        let file = File::open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(ArrayError::header(path, "it is not a file"));
        }
        let zip = ZipArchive::new(file).map_err(|error| damaged(path, "", error))?;
        Ok(Self { path: path.to_owned(), zip })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the arrays, without `.npy`, in the archive's order.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.zip.file_names().filter_map(Result::ok);
        names.filter_map(|name| name.strip_suffix(EXTENSION).map(str::to_owned)).collect()
    }

    /// The names in words, for messages.
    pub(crate) fn names_in_words(&self) -> String {
        let names = self.names();
        let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
        match (shown.len(), names.len()) {
            (0, _) => "no arrays".to_owned(),
            (few, all) if few == all => shown.join(", "),
            _ => format!("{}, …", shown.join(", ")),
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.zip.index_for_name(&format!("{name}{EXTENSION}")).is_some()
    }

    /// The header of an array of any type.
    ///
    /// # Errors
    /// If there is none of this name, or its header is damaged.
    pub(crate) fn header(&mut self, name: &str) -> Result<Header, ArrayError> {
        if !self.contains(name) {
            let detail = format!("has no array `{name}`; it holds {}", self.names_in_words());
            return Err(ArrayError::header(&self.path, detail));
        }
        let path = self.path.clone();
        npy::read_header(&mut self.file(name)?)
            .map_err(|detail| ArrayError::header(&path, format!("array `{name}`: {detail}")))
    }

    /// Finds an array of numbers.
    ///
    /// # Errors
    /// If there is none of this name, it is damaged or pickled, its compression is unknown, or its header promises
    /// another length than the archive does.
    pub(crate) fn find(&mut self, name: &str) -> Result<Member, ArrayError> {
        let header = self.header(name)?;
        let path = self.path.clone();
        let within = |detail: &dyn std::fmt::Display| {
            ArrayError::header(&path, format!("array `{name}`: {detail}"))
        };
        let file = self.file(name)?;
        let length = header.data_bytes().map_err(|detail| within(&detail))?;
        let promised = file.size().checked_sub(header.bytes);
        if promised != Some(length) {
            let detail = format!(
                "its header describes {length} bytes of numbers, the archive has {} for it: save it again",
                promised.unwrap_or(0)
            );
            return Err(within(&detail));
        }
        let place = match (file.compression(), file.data_start()) {
            (CompressionMethod::Stored, Some(start)) => {
                let start = start.checked_add(header.bytes);
                let start = start.ok_or_else(|| within(&"it begins past every file's end"))?;
                Place::Stored(start)
            }
            (CompressionMethod::Deflated, _) => {
                let most = file.compressed_size().saturating_mul(LARGEST_EXPANSION);
                if length > most {
                    let detail = format!(
                        "{} deflated bytes cannot hold the {length} that are promised: fetch it again",
                        file.compressed_size()
                    );
                    return Err(within(&detail));
                }
                Place::Deflated
            }
            (method, _) => {
                let detail = format!("compressed by {method}; use numpy.savez or savez_compressed");
                return Err(within(&detail));
            }
        };
        let checksum = file.crc32();
        drop(file);
        let member = Member { name: name.to_owned(), header, place, length, checksum };
        self.check_end(&member)?;
        Ok(member)
    }

    /// A stored array must lie within the file.
    fn check_end(&self, member: &Member) -> Result<(), ArrayError> {
        let Place::Stored(start) = member.place else { return Ok(()) };
        let metadata = std::fs::metadata(&self.path);
        let actual = metadata.map_err(|error| ArrayError::file("read", &self.path, error))?.len();
        match start.checked_add(member.length) {
            Some(end) if end <= actual => Ok(()),
            _ => Err(ArrayError::Truncated {
                path: self.path.clone(),
                shape: member.header.shape().unwrap_or_default(),
                actual,
            }),
        }
    }

    /// Writes the numbers of an array to `sink`, all of them, and checks their checksum.
    ///
    /// # Errors
    /// If the member is damaged, has another length than its header promises, or `sink` fails (`sink_name` is told then).
    pub(crate) fn unpack(
        &mut self,
        member: &Member,
        sink: &mut impl Write,
        sink_name: &str,
    ) -> Result<(), ArrayError> {
        let path = self.path.clone();
        let broken = |error: &dyn std::fmt::Display| damaged(&path, &member.name, error);
        let mut file = self.file(&member.name)?;
        io::copy(&mut file.by_ref().take(member.header.bytes), &mut io::sink())
            .map_err(|error| broken(&error))?;
        let mut left = member.length;
        let mut buffer = vec![0; 1 << 16];
        // The checksum is compared at the end, so the end has to be reached.
        loop {
            let count = file.read(&mut buffer).map_err(|error| broken(&error))?;
            if count == 0 {
                break;
            }
            left = left.checked_sub(count as u64).ok_or_else(|| broken(&"it is too long"))?;
            sink.write_all(&buffer[..count])
                .map_err(|error| ArrayError::file("unpack to", Path::new(sink_name), error))?;
        }
        if left > 0 {
            return Err(broken(&format_args!("{left} bytes are missing at its end")));
        }
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<ZipFile<'_, File>, ArrayError> {
        let path = self.path.clone();
        self.zip.by_name(&format!("{name}{EXTENSION}")).map_err(|error| damaged(&path, name, error))
    }
}

fn damaged(path: &Path, name: &str, reason: impl std::fmt::Display) -> ArrayError {
    let place = if name.is_empty() { String::new() } else { format!("array `{name}`: ") };
    ArrayError::header(path, format!("{place}the archive is damaged: {reason}; fetch it again"))
}

/// A file without a name, in the folder for temporary files (`TMPDIR` on Unix); it is gone when it is closed.
///
/// # Errors
/// If it cannot be made; the folder is named.
pub(crate) fn temporary_file() -> Result<(File, String), ArrayError> {
    let folder = std::env::temp_dir();
    let file = tempfile::tempfile_in(&folder)
        .map_err(|error| ArrayError::file("create a temporary file in", &folder, error))?;
    Ok((file, format!("a temporary file in {} (TMPDIR chooses another folder)", folder.display())))
}
