//! Archives as an attacker would make them, written byte by byte where the usual writers refuse.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Cursor, Write};
use tar::{Builder, EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A wheel with some members.
pub(crate) fn wheel(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A wheel whose member `name` is a symbolic link.
pub(crate) fn wheel_with_link(name: &str, target: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink(name, target, SimpleFileOptions::default()).unwrap();
    writer.finish().unwrap().into_inner()
}

/// A wheel with one member of `real` zero bytes, which both of its headers declare as `declared` bytes.
pub(crate) fn wheel_bomb(name: &str, real: usize, declared: u32) -> Vec<u8> {
    let mut bytes = wheel(&[(name, &vec![0; real])]);
    let original = u32::try_from(real).unwrap().to_le_bytes();
    let places: Vec<usize> =
        (0..bytes.len() - 4).filter(|&at| bytes[at..at + 4] == original).collect();
    assert_eq!(places.len(), 2, "one size in the local header, one in the central directory");
    for at in places {
        bytes[at..at + 4].copy_from_slice(&declared.to_le_bytes());
    }
    bytes
}

/// A gzipped tarball with some members.
pub(crate) fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<_> =
        members.iter().map(|(name, content)| (*name, EntryType::Regular, *content)).collect();
    tarball_of(&entries)
}

/// A gzipped tarball with members of any type and name.
pub(crate) fn tarball_of(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in members {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}
