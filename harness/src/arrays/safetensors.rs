//! The header of `.safetensors`.

use super::{ArrayError, Element, Layout};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A longer header is refused; one of a thousand tensors has some 100 kB.
const LONGEST_HEADER: u64 = 16 << 20;

/// Names shown when one has to be chosen.
const MOST_NAMES: usize = 20;

/// Reads the header from the start of the file and looks `tensor` up, or the only tensor there is.
pub(super) fn read_layout(
    file: &mut File,
    path: &Path,
    tensor: Option<&str>,
) -> Result<Layout, ArrayError> {
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|error| damaged(path, &error))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER {
        let detail = format!("not a .safetensors file: its header would have {length} bytes");
        return Err(ArrayError::header(path, detail));
    }
    let mut header = Vec::new();
    file.take(length)
        .read_to_end(&mut header)
        .map_err(|error| ArrayError::file("read", path, error))?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| damaged(path, &error))?;
    let info = choose(&metadata, path, tensor)?;
    let element = element(info.dtype).ok_or_else(|| {
        ArrayError::header(path, format!("holds {}; only plain numbers are read", info.dtype))
    })?;
    let start = 8 + length + info.data_offsets.0 as u64;
    Ok(Layout { start, shape: info.shape.clone(), element })
}

fn damaged(path: &Path, error: &dyn std::fmt::Display) -> ArrayError {
    ArrayError::header(path, format!("not a valid .safetensors header: {error}"))
}

fn choose<'a>(
    metadata: &'a Metadata,
    path: &Path,
    tensor: Option<&str>,
) -> Result<&'a TensorInfo, ArrayError> {
    let names = metadata.offset_keys();
    let chosen = match (tensor, names.as_slice()) {
        (Some(name), _) => metadata.info(name),
        (None, [only]) => metadata.info(only),
        (None, _) => None,
    };
    chosen.ok_or_else(|| {
        let missing = tensor
            .map_or("name one of its tensors".to_owned(), |name| format!("has no tensor `{name}`"));
        let shown: Vec<&str> = names.iter().take(MOST_NAMES).map(String::as_str).collect();
        let more = if names.len() > MOST_NAMES { ", …" } else { "" };
        let detail = format!(
            "{missing}, as in `FILE.safetensors#NAME`; it holds {}{more}",
            shown.join(", ")
        );
        ArrayError::header(path, detail)
    })
}

fn element(dtype: Dtype) -> Option<Element> {
    match dtype {
        Dtype::F16 => Some(Element::F16),
        Dtype::BF16 => Some(Element::Bf16),
        Dtype::F32 => Some(Element::F32),
        Dtype::F64 => Some(Element::F64),
        Dtype::BOOL => Some(Element::Bool),
        Dtype::U8 => Some(Element::Unsigned(1)),
        Dtype::U16 => Some(Element::Unsigned(2)),
        Dtype::U32 => Some(Element::Unsigned(4)),
        Dtype::U64 => Some(Element::Unsigned(8)),
        Dtype::I8 => Some(Element::Signed(1)),
        Dtype::I16 => Some(Element::Signed(2)),
        Dtype::I32 => Some(Element::Signed(4)),
        Dtype::I64 => Some(Element::Signed(8)),
        _ => None,
    }
}
