//! The header of NumPy's `.npy`.

use super::{ArrayError, Element, Layout};
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, TypeStr};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";

/// A header of plain numbers is some 120 bytes. A longer one is refused before it is parsed: the parser is recursive.
const LONGEST_HEADER: usize = 1024;
/// Opened brackets of a header: that of plain numbers has one of the dictionary and one of the shape.
const MOST_BRACKETS: usize = 8;

/// Whether the file starts as `.npy` does; leaves the position at the start.
pub(super) fn is_npy(file: &mut File, path: &Path) -> Result<bool, ArrayError> {
    let mut magic = Vec::new();
    let read =
        file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).and_then(|_| file.rewind());
    read.map_err(|error| ArrayError::file("read", path, error))?;
    Ok(magic == MAGIC)
}

/// A header of any version.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) dtype: DType,
    /// Lengths of the axes.
    pub(crate) lengths: Vec<u64>,
    pub(crate) order: Order,
    /// Bytes before the numbers.
    pub(crate) bytes: u64,
}

impl Header {
    /// Lengths of the axes.
    pub(crate) fn shape(&self) -> Result<Vec<usize>, String> {
        let shape = self.lengths.iter().map(|&length| usize::try_from(length));
        let shape = shape.collect::<Result<Vec<_>, _>>();
        shape.map_err(|_| format!("shape {:?} is too large", self.lengths))
    }

    /// Bytes of all numbers; pickled objects have no such size.
    pub(crate) fn data_bytes(&self) -> Result<u64, String> {
        let dtype = &self.dtype;
        let size = match dtype {
            DType::Plain(plain) if plain.type_char() != TypeChar::Object => dtype.num_bytes(),
            DType::Plain(_) | DType::Array(..) | DType::Record(_) => None,
        };
        let size = size.ok_or_else(|| {
            format!("holds {}; only plain numbers are read, never pickled objects", dtype.descr())
        })?;
        let bytes = self
            .lengths
            .iter()
            .try_fold(size as u64, |product, &length| product.checked_mul(length));
        bytes.ok_or_else(|| format!("shape {:?} is too large", self.lengths))
    }

    /// Shape and type of plain, little-endian numbers in C order that begin at `start`.
    pub(super) fn layout(&self, start: u64, path: &Path) -> Result<Layout, ArrayError> {
        let element = element(&self.dtype, path)?;
        let shape = self.shape().map_err(|detail| ArrayError::header(path, detail))?;
        if self.order == Order::Fortran && shape.len() > 1 {
            let detail = "stored in Fortran order; save it with numpy.ascontiguousarray(array)";
            return Err(ArrayError::header(path, detail));
        }
        Ok(Layout { start, shape, element })
    }
}

/// Reads a header of version 1, 2 or 3, and not one byte more. The error says what is wrong.
pub(crate) fn read_header(reader: &mut impl Read) -> Result<Header, String> {
    let mut head = vec![0; MAGIC.len() + 2];
    let cut = |_| "not a valid .npy header: it ends too early".to_owned();
    reader.read_exact(&mut head).map_err(cut)?;
    if !head.starts_with(MAGIC) {
        return Err("not a .npy array: NumPy's signature is missing".to_owned());
    }
    let width = match head[MAGIC.len()] {
        1 => 2,
        2 | 3 => 4,
        version => return Err(format!("its .npy header has version {version}; 1 to 3 are known")),
    };
    let mut length = [0; 4];
    reader.read_exact(&mut length[..width]).map_err(cut)?;
    head.extend_from_slice(&length[..width]);
    let text = u32::from_le_bytes(length) as usize;
    let bytes = head.len() + text;
    if bytes > LONGEST_HEADER {
        return Err(format!(
            "its header has {bytes} bytes, more than the {LONGEST_HEADER} that plain numbers need"
        ));
    }
    let start = head.len();
    head.resize(bytes, 0);
    reader.read_exact(&mut head[start..]).map_err(cut)?;
    // The library's time doubles with every bracket that is opened within others.
    let brackets = head[start..].iter().filter(|byte| b"[({".contains(*byte)).count();
    if brackets > MOST_BRACKETS {
        return Err(format!(
            "its header opens {brackets} brackets, and that of plain numbers opens two: it holds something else"
        ));
    }
    if !numbers_fit(&head[start..]) {
        return Err(
            "not a valid .npy header: its numbers are too large, or not those of an array of plain numbers"
                .to_owned(),
        );
    }
    let npy = NpyHeader::from_reader(head.as_slice())
        .map_err(|error| format!("not a valid .npy header: {error}"))?;
    Ok(Header {
        dtype: npy.dtype(),
        lengths: npy.shape().to_vec(),
        order: npy.order(),
        bytes: bytes as u64,
    })
}

/// Whether the numbers of a header, written as NumPy does, can be multiplied with each other. The library multiplies the
/// lengths of the axes without a look at the result.
fn numbers_fit(text: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = text.split(|byte| !is_word(byte));
    // Digits after a letter are those of a type: `f8`.
    let numbers = words.filter(|word| word.first().is_some_and(u8::is_ascii_digit));
    let product = numbers
        .map(decimal)
        .try_fold(1, |product: u64, number| product.checked_mul(number?.max(1)));
    product.is_some()
}

fn decimal(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A header of version 1 as NumPy pads it, for an array in C order. `descr` is NumPy's name of the type: `<f8`.
pub(crate) fn header_bytes(descr: &str, shape: &[u64]) -> Vec<u8> {
    // What NumPy aligns the numbers to.
    const ALIGNMENT: usize = 64;
    const PREFIX: usize = MAGIC.len() + 4;
    let axes: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let axes = if shape.len() == 1 { axes.trim_end() } else { axes.trim_end_matches(", ") };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let padded = (PREFIX + text.len() + 1).next_multiple_of(ALIGNMENT) - PREFIX;
    text.extend(std::iter::repeat_n(' ', padded - text.len() - 1));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    // At most a few hundred, whatever the shape of a plain array.
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.into_bytes());
    bytes
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a header of version 1 of this shape.
    fn read(shape: &str) -> Result<Header, String> {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        read_header(&mut [MAGIC, &[1, 0], &length, text.as_bytes()].concat().as_slice())
    }

    #[test]
    fn numbers_that_no_array_has_are_refused() {
        for shape in [
            "(177707777, 77777777777777)",
            "(99999999999999999999,)",
            "(0x7fffffff, 2)",
            "(1_000,)",
            "(10L,)",
        ] {
            let error = read(shape).unwrap_err();
            assert!(error.contains("its numbers are too large"), "{shape}: {error}");
        }
    }

    #[test]
    fn the_numbers_of_an_array_are_read() {
        let largest = u64::from(u32::MAX);
        for (shape, lengths) in [
            ("()", vec![]),
            ("(3,)", vec![3]),
            ("(10, 0, 7)", vec![10, 0, 7]),
            // Multiplied with the 4 of `<f4`, too, they would be too large.
            ("(4294967295, 4294967295)", vec![largest, largest]),
        ] {
            assert_eq!(read(shape).unwrap().lengths, lengths);
        }
    }
}
