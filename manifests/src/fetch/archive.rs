//! Wheels and tarballs are untrusted: exactly one named member is read, streamed into the store, and nothing else is
//! written anywhere. So no path of an archive reaches the file system, and no member is unpacked past the size that the
//! manifest says.

use super::Failure;
use crate::MemberPath;
use crate::store::Incoming;
use flate2::read::GzDecoder;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use tar::{Archive, EntryType};
use zip::ZipArchive;
use zip::result::ZipError;

/// Bytes that a tarball may inflate to before its member is found.
const MAX_INFLATED_BYTES: u64 = 16 << 30;
/// Largest header record (a long name) of a tarball; the reader holds it in memory.
const MAX_RECORD_BYTES: u64 = 1 << 20;

/// Streams one member of a wheel.
pub(super) fn extract_wheel_member(
    archive: &Path,
    member: &MemberPath,
    incoming: &mut Incoming<'_>,
) -> Result<(), Failure> {
    let name = member.as_str();
    let broken = |error: ZipError| Failure::Archive(format!("the wheel cannot be read: {error}"));
    let mut wheel = ZipArchive::new(BufReader::new(open(archive)?)).map_err(broken)?;
    let mut entry = wheel.by_name(name).map_err(|error| match error {
        ZipError::FileNotFound => missing(name),
        error => broken(error),
    })?;
    if !entry.is_file() || entry.is_symlink() {
        return Err(not_a_file(name));
    }
    check_size(name, entry.size(), incoming)?;
    incoming.write_all_of(&mut entry)?.map_err(|error| unreadable(name, &error))
}

/// Streams one member of a gzipped tarball.
pub(super) fn extract_tarball_member(
    archive: &Path,
    member: &MemberPath,
    incoming: &mut Incoming<'_>,
) -> Result<(), Failure> {
    let name = member.as_str();
    let broken =
        |error: io::Error| Failure::Archive(format!("the tarball cannot be read: {error}"));
    refuse_large_records(archive)?;
    let mut tarball = Archive::new(inflate(archive)?);
    for entry in tarball.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if *entry.path_bytes() != *name.as_bytes() {
            continue;
        }
        if !matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous) {
            return Err(not_a_file(name));
        }
        check_size(name, entry.size(), incoming)?;
        return incoming.write_all_of(&mut entry)?.map_err(|error| unreadable(name, &error));
    }
    Err(missing(name))
}

/// A first pass over the headers: long names and extended headers are read into memory by the second one.
fn refuse_large_records(archive: &Path) -> Result<(), Failure> {
    let broken =
        |error: io::Error| Failure::Archive(format!("the tarball cannot be read: {error}"));
    let mut tarball = Archive::new(inflate(archive)?);
    for entry in tarball.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        let record = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if record && entry.size() > MAX_RECORD_BYTES {
            return Err(Failure::Archive(
                "the tarball has a header record of more than 1 MiB".to_owned(),
            ));
        }
    }
    Ok(())
}

fn inflate(archive: &Path) -> Result<impl Read, Failure> {
    Ok(GzDecoder::new(BufReader::new(open(archive)?)).take(MAX_INFLATED_BYTES))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|source| Failure::Read { path: path.to_owned(), source })
}

/// Refuses a wrong size before anything is unpacked. What a header declares may be a lie: the store counts as well.
fn check_size(name: &str, declared: u64, incoming: &Incoming<'_>) -> Result<(), Failure> {
    let expected = incoming.expected();
    if declared == expected {
        return Ok(());
    }
    Err(Failure::Archive(format!(
        "member `{name}` has {declared} bytes, the manifest says {expected}"
    )))
}

fn missing(name: &str) -> Failure {
    Failure::Archive(format!("the archive has no member `{name}`"))
}

fn not_a_file(name: &str) -> Failure {
    Failure::Archive(format!("member `{name}` is a link or a folder, not a file"))
}

fn unreadable(name: &str, error: &dyn fmt::Display) -> Failure {
    Failure::Archive(format!("member `{name}` cannot be unpacked: {error}"))
}
