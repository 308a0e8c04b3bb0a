//! The records of a zip file, in the one form that bundles have.

use std::io::Write;

pub(super) const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
pub(super) const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
pub(super) const END_SIGNATURE: u32 = 0x0605_4b50;
pub(super) const LOCAL_BYTES: usize = 30;
pub(super) const CENTRAL_BYTES: usize = 46;
pub(super) const END_BYTES: usize = 22;

/// Version 1.0 of the format is enough for stored files.
const VERSION_NEEDED: u16 = 10;
/// The same, made by a Unix system, so that the permissions below are read as such.
const VERSION_MADE_BY: u16 = 3 << 8 | VERSION_NEEDED;
/// 1 January 1980, the zero of this clock: there is no day 0.
const DATE: u16 = 1 << 5 | 1;
/// A regular file that its owner may write and everybody read.
const MODE: u32 = 0o100_644 << 16;

/// What the directory says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) crc: u32,
    pub(super) size: u32,
    /// Where the file's local header begins.
    pub(super) offset: u32,
}

/// Names are bounded before they come here.
fn name_length(name: &str) -> u16 {
    u16::try_from(name.len()).unwrap_or(u16::MAX)
}

struct Fields(Vec<u8>);

impl Fields {
    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }
}

impl Record {
    /// Version, flags, method, time, date, checksum, sizes, lengths of name and extra field: the same in both headers.
    fn common(&self, fields: &mut Fields) {
        fields.u16(VERSION_NEEDED).u16(0).u16(0).u16(0).u16(DATE);
        fields.u32(self.crc).u32(self.size).u32(self.size);
        fields.u16(name_length(&self.name)).u16(0);
    }

    /// The header before the file's bytes.
    pub(super) fn local(&self) -> Vec<u8> {
        let mut fields = Fields(Vec::with_capacity(LOCAL_BYTES + self.name.len()));
        fields.u32(LOCAL_SIGNATURE);
        self.common(&mut fields);
        fields.0.extend_from_slice(self.name.as_bytes());
        fields.0
    }

    /// The entry in the directory.
    pub(super) fn central(&self) -> Vec<u8> {
        let mut fields = Fields(Vec::with_capacity(CENTRAL_BYTES + self.name.len()));
        fields.u32(CENTRAL_SIGNATURE).u16(VERSION_MADE_BY);
        self.common(&mut fields);
        // Comment, disk, internal attributes.
        fields.u16(0).u16(0).u16(0).u32(MODE).u32(self.offset);
        fields.0.extend_from_slice(self.name.as_bytes());
        fields.0
    }
}

/// The end of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) files: u16,
    pub(super) directory_bytes: u32,
    pub(super) directory_offset: u32,
}

impl End {
    pub(super) fn bytes(self) -> Vec<u8> {
        let mut fields = Fields(Vec::with_capacity(END_BYTES));
        fields.u32(END_SIGNATURE).u16(0).u16(0).u16(self.files).u16(self.files);
        fields.u32(self.directory_bytes).u32(self.directory_offset).u16(0);
        fields.0
    }
}

/// Writes all records of a directory and the end.
pub(super) fn write_directory(
    output: &mut impl Write,
    records: &[Record],
    directory_offset: u32,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    for record in records {
        bytes.extend(record.central());
    }
    let too_large = || std::io::Error::other("too many files for an archive");
    let end = End {
        files: u16::try_from(records.len()).map_err(|_| too_large())?,
        directory_bytes: u32::try_from(bytes.len()).map_err(|_| too_large())?,
        directory_offset,
    };
    bytes.extend(end.bytes());
    output.write_all(&bytes)
}

pub(super) fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(place..place + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(place..place + 4)?.try_into().ok()?))
}
