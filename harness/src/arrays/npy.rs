//! The header of NumPy's `.npy`.

use super::{ArrayError, Element, Layout};
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, TypeStr};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";

/// A header of plain numbers is some 120 bytes. A longer one is refused before it is parsed: the parser is recursive.
const LONGEST_HEADER: usize = 1024;

/// Whether the file starts as `.npy` does; leaves the position at the start.
pub(super) fn is_npy(file: &mut File, path: &Path) -> Result<bool, ArrayError> {
    let mut magic = Vec::new();
    let read =
        file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).and_then(|_| file.rewind());
    read.map_err(|error| ArrayError::file("read", path, error))?;
    Ok(magic == MAGIC)
}

/// Reads the header from the start of the file.
pub(super) fn read_layout(file: &mut File, path: &Path) -> Result<Layout, ArrayError> {
    let mut head = Vec::new();
    let read = file.take(LONGEST_HEADER as u64).read_to_end(&mut head);
    read.map_err(|error| ArrayError::file("read", path, error))?;
    let mut rest = head.as_slice();
    let header = match declared_length(&head) {
        Some(length) if length > head.len() => {
            let detail = format!(
                "its header has {length} bytes, more than the file or than {LONGEST_HEADER}"
            );
            return Err(ArrayError::header(path, detail));
        }
        _ => NpyHeader::from_reader(&mut rest).map_err(|error| {
            ArrayError::header(path, format!("not a valid .npy header: {error}"))
        })?,
    };
    let start = (head.len() - rest.len()) as u64;
    let element = element(&header.dtype(), path)?;
    let shape =
        header.shape().iter().map(|&length| usize::try_from(length)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| {
        ArrayError::header(path, format!("shape {:?} is too large", header.shape()))
    })?;
    if header.order() == Order::Fortran && shape.len() > 1 {
        let detail = "stored in Fortran order; save it with numpy.ascontiguousarray(array)";
        return Err(ArrayError::header(path, detail));
    }
    Ok(Layout { start, shape, element })
}

/// Bytes before the numbers, as the file itself says; `None` for a file that ends before.
fn declared_length(head: &[u8]) -> Option<usize> {
    let major = *head.get(6)?;
    let (width, lengths) = if major == 1 { (2, head.get(8..10)?) } else { (4, head.get(8..12)?) };
    let length = lengths.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
    Some(8 + width + length)
}

fn element(dtype: &DType, path: &Path) -> Result<Element, ArrayError> {
    let unsupported = || {
        let detail = format!("holds {}; only plain numbers are read", dtype.descr());
        ArrayError::header(path, detail)
    };
    let DType::Plain(plain) = dtype else { return Err(unsupported()) };
    if plain.endianness() == Endianness::Big {
        let detail = "big-endian; save it with array.astype(array.dtype.newbyteorder('<'))";
        return Err(ArrayError::header(path, detail));
    }
    plain_element(plain).ok_or_else(unsupported)
}

fn plain_element(plain: &TypeStr) -> Option<Element> {
    let size = usize::try_from(plain.size_field()).ok()?;
    match (plain.type_char(), size) {
        (TypeChar::Float, 2) => Some(Element::F16),
        (TypeChar::Float, 4) => Some(Element::F32),
        (TypeChar::Float, 8) => Some(Element::F64),
        (TypeChar::Bool, 1) => Some(Element::Bool),
        (TypeChar::Uint, 1 | 2 | 4 | 8) => Some(Element::Unsigned(size)),
        (TypeChar::Int, 1 | 2 | 4 | 8) => Some(Element::Signed(size)),
        _ => None,
    }
}
