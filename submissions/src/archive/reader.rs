//! Reads an archive that nobody vouches for.

use super::layout::{
    CENTRAL_BYTES, CENTRAL_SIGNATURE, END_BYTES, END_SIGNATURE, End, LOCAL_BYTES, Record, u16_at,
    u32_at,
};
use crate::limits::{LONGEST_FILE_NAME, MOST_BUNDLE_BYTES, MOST_FILES, most_bytes};
use retally_manifests::{Digest, Hasher};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read at once when contents are only looked through.
const BUFFER_BYTES: usize = 128 * 1024;
/// Characters of a hostile name that a message shows.
const SHOWN: usize = 80;

/// Why an archive is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("cannot read the bundle: {0}")]
    Read(#[from] io::Error),
    /// It is not of the one form that bundles have, or beyond a limit.
    #[error("{0}")]
    Form(String),
}

fn form(message: impl Into<String>) -> ArchiveError {
    ArchiveError::Form(message.into())
}

/// A file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedFile {
    /// Where its bytes begin.
    offset: u64,
    /// How many they are.
    pub bytes: u64,
    /// SHA-256 of them.
    pub sha256: Digest,
}

/// An archive in the one form. Every byte of it was looked at once.
#[derive(Debug)]
pub struct ArchiveReader {
    file: File,
    files: BTreeMap<String, ArchivedFile>,
    sha256: Digest,
}

impl ArchiveReader {
    /// Opens an archive and reads it through: form, limits, names, checksums.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let mut file = File::open(path)?;
        let length = length_of(&file)?;
        let records = read_directory(&mut file, length)?;
        let mut whole = Hasher::new();
        let mut files = BTreeMap::new();
        file.seek(SeekFrom::Start(0))?;
        for record in &records {
            let header = record.local();
            let found = read_exactly(&mut file, header.len())?;
            if found != header {
                return Err(local_differs(record));
            }
            whole.update(&header);
            let sha256 = read_content(&mut file, record, &mut whole)?;
            let offset = u64::from(record.offset) + header.len() as u64;
            let bytes = u64::from(record.size);
            files.insert(record.name.clone(), ArchivedFile { offset, bytes, sha256 });
        }
        let mut rest = Vec::new();
        file.by_ref().take(MOST_BUNDLE_BYTES).read_to_end(&mut rest)?;
        whole.update(&rest);
        Ok(Self { file, files, sha256: whole.finish() })
    }

    /// The bytes of a file from an archive's beginning alone, without looking at the rest: for archives that were accepted
    /// before.
    ///
    /// # Errors
    /// As [`ArchiveReader::open`], as far as the directory goes.
    pub fn read_one(path: &Path, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut file = File::open(path)?;
        let length = length_of(&file)?;
        let records = read_directory(&mut file, length)?;
        let record = records.iter().find(|record| record.name == name);
        let record = record.ok_or_else(|| form(format!("there is no `{name}` in it")))?;
        file.seek(SeekFrom::Start(u64::from(record.offset)))?;
        let header = record.local();
        if read_exactly(&mut file, header.len())? != header {
            return Err(local_differs(record));
        }
        Ok(read_exactly(&mut file, record.size as usize)?)
    }

    /// SHA-256 of the whole file.
    #[must_use]
    pub fn sha256(&self) -> Digest {
        self.sha256
    }

    /// The files by name.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, ArchivedFile> {
        &self.files
    }

    /// The bytes of a file; `None` if there is none of this name. They are at most as many as [`most_bytes`] allows.
    ///
    /// # Errors
    /// If it cannot be read, or is no longer what it was when the archive was opened.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(entry) = self.files.get(name) else { return Ok(None) };
        let mut file = &self.file;
        file.seek(SeekFrom::Start(entry.offset))?;
        let length = usize::try_from(entry.bytes).map_err(io::Error::other)?;
        let bytes = read_exactly(&mut file, length)?;
        if Digest::of_bytes(&bytes) == entry.sha256 {
            Ok(Some(bytes))
        } else {
            Err(io::Error::other(format!("`{name}` changed while it was read")).into())
        }
    }
}

fn length_of(file: &File) -> Result<u64, ArchiveError> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(form("it is no file"));
    }
    match metadata.len() {
        0 => Err(form("the file is empty")),
        length if length > MOST_BUNDLE_BYTES => Err(form(format!(
            "the file has {length} bytes, a bundle has at most {MOST_BUNDLE_BYTES}"
        ))),
        length => Ok(length),
    }
}

fn read_exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_directory(file: &mut File, length: u64) -> Result<Vec<Record>, ArchiveError> {
    let (end, start) = read_end(file, length)?;
    file.seek(SeekFrom::Start(start))?;
    let bytes = read_exactly(file, end.directory_bytes as usize)?;
    let mut records: Vec<Record> = Vec::with_capacity(usize::from(end.files));
    let (mut rest, mut offset) = (bytes.as_slice(), 0);
    for number in 1..=end.files {
        let record = read_record(rest, number, offset)?;
        rest = rest.get(CENTRAL_BYTES + record.name.len()..).unwrap_or_default();
        offset += LOCAL_BYTES as u64 + record.name.len() as u64 + u64::from(record.size);
        if records.iter().any(|known| known.name == record.name) {
            return Err(form(format!("`{}` stands twice in it", record.name)));
        }
        if offset > start {
            return Err(form(format!(
                "`{}` is said to have {} bytes, which go beyond the bundle's content",
                record.name, record.size
            )));
        }
        records.push(record);
    }
    if !rest.is_empty() || offset != start {
        return Err(form("there are bytes in it that belong to no file"));
    }
    Ok(records)
}

/// The end record, and where the directory begins.
fn read_end(file: &mut File, length: u64) -> Result<(End, u64), ArchiveError> {
    let start = length.checked_sub(END_BYTES as u64);
    let start = start.ok_or_else(|| form("it is no bundle: it is too short for a zip file"))?;
    file.seek(SeekFrom::Start(start))?;
    let bytes = read_exactly(file, END_BYTES)?;
    if u32_at(&bytes, 0) != Some(END_SIGNATURE) {
        return Err(form(
            "it is no bundle, or not whole: a bundle ends with a zip directory and nothing behind it",
        ));
    }
    let end = End {
        files: u16_at(&bytes, 10).unwrap_or_default(),
        directory_bytes: u32_at(&bytes, 12).unwrap_or_default(),
        directory_offset: u32_at(&bytes, 16).unwrap_or_default(),
    };
    if end.bytes() != bytes {
        return Err(form(
            "its end has a comment, several disks or counts that contradict each other",
        ));
    }
    if usize::from(end.files) > MOST_FILES {
        return Err(form(format!(
            "it says that it has {} files, a bundle has at most {MOST_FILES}",
            end.files
        )));
    }
    let directory = u64::from(end.directory_offset);
    if directory + u64::from(end.directory_bytes) != start {
        return Err(form(
            "its directory is not where the end of the file says: something was put before, behind or between",
        ));
    }
    let most = MOST_FILES * (CENTRAL_BYTES + LONGEST_FILE_NAME);
    if end.directory_bytes as usize > most {
        return Err(form(format!(
            "its directory has {} bytes, at most {most} are read",
            end.directory_bytes
        )));
    }
    Ok((end, directory))
}

/// The next record of the directory, whose file must begin at `offset`.
fn read_record(bytes: &[u8], number: u16, offset: u64) -> Result<Record, ArchiveError> {
    let cut = || form(format!("its directory ends within file {number}"));
    let fields = bytes.get(..CENTRAL_BYTES).ok_or_else(cut)?;
    if u32_at(fields, 0) != Some(CENTRAL_SIGNATURE) {
        return Err(form(format!(
            "its directory has no record of file {number} where one must be"
        )));
    }
    let short = |place| u16_at(fields, place).unwrap_or_default();
    let long = |place| u32_at(fields, place).unwrap_or_default();
    let name = bytes.get(CENTRAL_BYTES..CENTRAL_BYTES + usize::from(short(28))).ok_or_else(cut)?;
    let name = checked_name(name)?;
    let size = long(24);
    if short(8) & 1 != 0 {
        return Err(form(format!("`{name}` is encrypted")));
    }
    if short(10) != 0 {
        return Err(form(format!(
            "`{name}` is compressed (method {}); the files of a bundle are stored as they are, so that none is larger than it looks",
            short(10)
        )));
    }
    if long(38) >> 28 == 0o12 {
        return Err(form(format!("`{name}` is a symbolic link")));
    }
    if long(20) != size {
        return Err(form(format!("`{name}` has {} bytes, and is said to have {size}", long(20))));
    }
    let most = most_bytes(&name).unwrap_or(crate::limits::MOST_RECORD_BYTES);
    if u64::from(size) > most {
        return Err(form(format!(
            "`{name}` is said to have {size} bytes, at most {most} are allowed"
        )));
    }
    let record = Record { name, crc: long(16), size, offset: long(42) };
    if u64::from(record.offset) != offset {
        return Err(form(format!(
            "`{}` begins at byte {}, expected at {offset}: files follow each other",
            record.name, record.offset
        )));
    }
    if !bytes.starts_with(&record.central()) {
        return Err(form(format!(
            "`{}` has flags, times, permissions, a comment or extra fields that no bundle has",
            record.name
        )));
    }
    Ok(record)
}

/// A relative path of lower-case words, digits, dots and dashes.
fn checked_name(bytes: &[u8]) -> Result<String, ArchiveError> {
    let shown = || {
        let text: String = String::from_utf8_lossy(bytes).chars().take(SHOWN).collect();
        format!("the name {text:?}")
    };
    let name = std::str::from_utf8(bytes).map_err(|_| form(format!("{} is not UTF-8", shown())))?;
    if name.len() > LONGEST_FILE_NAME {
        return Err(form(format!(
            "{} has {} bytes, at most {LONGEST_FILE_NAME} are allowed",
            shown(),
            name.len()
        )));
    }
    if name.starts_with('/') || name.contains(':') {
        return Err(form(format!("{} is an absolute path", shown())));
    }
    if name.split(['/', '\\']).any(|part| matches!(part, "" | "." | "..")) {
        return Err(form(format!("{} leads out of the bundle, or to a folder", shown())));
    }
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-/".contains(&byte);
    if name.bytes().all(is_plain) {
        Ok(name.to_owned())
    } else {
        Err(form(format!("{} has other characters than a-z, 0-9, `.`, `-` and `/`", shown())))
    }
}

fn local_differs(record: &Record) -> ArchiveError {
    form(format!("`{}` has another header before its bytes than in the directory", record.name))
}

/// Reads a file's bytes through.
fn read_content(
    file: &mut File,
    record: &Record,
    whole: &mut Hasher,
) -> Result<Digest, ArchiveError> {
    let (mut own, mut crc) = (Hasher::new(), crc32fast::Hasher::new());
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = record.size as usize;
    while left > 0 {
        let part = buffer.get_mut(..left.min(BUFFER_BYTES)).unwrap_or_default();
        file.read_exact(part)?;
        own.update(part);
        crc.update(part);
        whole.update(part);
        left -= part.len();
    }
    if crc.finalize() == record.crc {
        Ok(own.finish())
    } else {
        Err(form(format!("`{}` is damaged: its checksum is not that of its bytes", record.name)))
    }
}
