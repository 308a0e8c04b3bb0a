//! Small text files of the user's, read whole or line by line, never beyond a limit.

use crate::failure::Failure;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A longer file is refused before it is parsed.
const LARGEST_FILE: u64 = 256 << 20;

/// A longer line is refused.
const LONGEST_LINE: u64 = 64 << 20;

/// The whole of a file in UTF-8, without a byte order mark.
///
/// # Errors
/// If it cannot be read, is larger than 256 MiB or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file("read", path, &error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(Failure::invalid(format_args!(
            "`{}` is larger than {} MiB, which no such file is",
            path.display(),
            LARGEST_FILE >> 20
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::invalid(format_args!(
            "`{}` is not UTF-8 text: byte {} is not part of a character",
            path.display(),
            error.utf8_error().valid_up_to()
        ))
    })?;
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Ok(rest.to_owned()),
        None => Ok(text),
    }
}

/// One JSON document.
///
/// # Errors
/// As [`read_text`], or if it is not the JSON that is expected; line and column are told.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|error| Failure::invalid(format_args!("`{}`: {error}", path.display())))
}

/// A record and the number of its line, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Numbered<T> {
    pub(crate) line: usize,
    pub(crate) record: T,
}

/// Calls `each` for every line of a JSON Lines file that is not blank; one line is in memory at a time.
///
/// # Errors
/// If the file cannot be read, a line is longer than 64 MiB or not the JSON that is expected (its number is told), or `each` fails.
pub(crate) fn for_each_json_line<T: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(Numbered<T>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = BufReader::new(open(path)?);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let count = reader
            .by_ref()
            .take(LONGEST_LINE + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Failure::file("read", path, &error))?;
        if count == 0 {
            break;
        }
        if bytes.len() as u64 > LONGEST_LINE {
            let most = LONGEST_LINE >> 20;
            return Err(wrong_line(path, line, format_args!("is longer than {most} MiB")));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let record = serde_json::from_slice(&bytes).map_err(|error| {
            wrong_line(path, line, format_args!("is not the JSON that is expected: {error}"))
        })?;
        each(Numbered { line, record })?;
    }
    Ok(())
}

/// All lines of a JSON Lines file.
///
/// # Errors
/// As [`for_each_json_line`].
pub(crate) fn read_json_lines<T: DeserializeOwned>(
    path: &Path,
) -> Result<Vec<Numbered<T>>, Failure> {
    let mut records = Vec::new();
    for_each_json_line(path, |record| {
        records.push(record);
        Ok(())
    })?;
    Ok(records)
}

/// An error about a line.
pub(crate) fn wrong_line(path: &Path, line: usize, what: impl std::fmt::Display) -> Failure {
    Failure::invalid(format_args!("`{}`, line {line}: {what}", path.display()))
}

fn open(path: &Path) -> Result<File, Failure> {
    let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
    let metadata = file.metadata().map_err(|error| Failure::file("read", path, &error))?;
    if !metadata.is_file() {
        return Err(Failure::invalid(format_args!("`{}` is not a file", path.display())));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_blank_ones_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, "1\n\n  \r\n2\n3").unwrap();
        let numbers = read_json_lines::<u32>(&path).unwrap();
        let pairs: Vec<_> = numbers.iter().map(|found| (found.line, found.record)).collect();
        assert_eq!(pairs, [(1, 1), (4, 2), (5, 3)]);
        std::fs::write(&path, "1\nx").unwrap();
        let message = read_json_lines::<u32>(&path).unwrap_err().message();
        assert!(message.contains("line 2"), "{message}");
        assert!(read_text(folder.path()).is_err());
        std::fs::write(&path, b"\xef\xbb\xbfa").unwrap();
        assert_eq!(read_text(&path).unwrap(), "a");
        std::fs::write(&path, b"ab\xff").unwrap();
        assert!(read_text(&path).unwrap_err().message().contains("byte 2"));
    }
}
