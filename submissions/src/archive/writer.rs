//! Writes an archive, file after file.

use super::layout::{Record, write_directory};
use crate::limits::{LONGEST_FILE_NAME, MOST_BUNDLE_BYTES, MOST_FILES};
use std::io::{self, Write};

/// An archive that is being written. The bytes depend on nothing but names and contents, in their order.
#[derive(Debug)]
pub struct ArchiveWriter<W> {
    output: W,
    records: Vec<Record>,
    offset: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive.
    pub fn new(output: W) -> Self {
        Self { output, records: Vec::new(), offset: 0 }
    }

    /// Adds a file.
    ///
    /// # Errors
    /// If it cannot be written, the name is too long, or the archive grows beyond its limits.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let size = content.len() as u64;
        if name.len() > LONGEST_FILE_NAME
            || self.records.len() == MOST_FILES
            || self.offset + size > MOST_BUNDLE_BYTES
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "`{name}` does not fit: a bundle has at most {MOST_FILES} files and {MOST_BUNDLE_BYTES} bytes"
                ),
            ));
        }
        // Both fit, since a bundle is smaller than 2^32 bytes.
        let narrow = |value: u64| u32::try_from(value).map_err(io::Error::other);
        let record = Record {
            name: name.to_owned(),
            crc: crc32fast::hash(content),
            size: narrow(size)?,
            offset: narrow(self.offset)?,
        };
        let header = record.local();
        self.output.write_all(&header)?;
        self.output.write_all(content)?;
        self.offset += header.len() as u64 + size;
        self.records.push(record);
        Ok(())
    }

    /// Writes the directory and gives the output back.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let offset = u32::try_from(self.offset).map_err(io::Error::other)?;
        write_directory(&mut self.output, &self.records, offset)?;
        self.output.flush()?;
        Ok(self.output)
    }
}
