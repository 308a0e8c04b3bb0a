//! Texts and JSON files as Python's `read_text` and `json.load` give them.

use crate::failure::Failure;
use retally_metrics::unified::answers::PythonValue;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// No text file may be larger: a model's answer has some kilobytes.
pub(super) const MAX_TEXT_BYTES: u64 = 256 << 20;

/// No picture file may be larger.
const MAX_PICTURE_BYTES: u64 = 256 << 20;

/// A whole file of UTF-8, with line ends as Python reads them: `\r\n` and `\r` become `\n`.
///
/// # Errors
/// If it cannot be read, is larger than `most` bytes, or is no UTF-8.
pub(super) fn read_text(path: &Path, most: u64) -> Result<String, Failure> {
    let bytes = read_bytes(path, most)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::invalid(format_args!(
            "`{}` is not UTF-8: byte {} begins no character; store it as UTF-8",
            path.display(),
            error.utf8_error().valid_up_to()
        ))
    })?;
    if text.contains('\r') {
        return Ok(text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    Ok(text)
}

/// As [`read_text`]; `None` where there is no such file.
pub(super) fn read_text_if_there(path: &Path) -> Result<Option<String>, Failure> {
    if path.exists() { read_text(path, MAX_TEXT_BYTES).map(Some) } else { Ok(None) }
}

/// A JSON file as the released script reads one: `None` where there is none or it holds no JSON.
pub(super) fn read_json_if_there(path: &Path) -> Result<Option<PythonValue>, Failure> {
    let text = read_text_if_there(path)?;
    Ok(text.and_then(|text| PythonValue::parse(&text).ok()))
}

/// The bytes of a picture.
pub(super) fn read_picture_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    read_bytes(path, MAX_PICTURE_BYTES)
}

fn read_bytes(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(ErrorKind::IsADirectory.into()));
    }
    if metadata.len() > most {
        return Err(Failure::invalid(format_args!(
            "`{}` has {} bytes; at most {most} are read",
            path.display(),
            metadata.len()
        )));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
