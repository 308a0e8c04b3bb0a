//! Arrays in files: NumPy's `.npy` and `.safetensors`, read in place, a few rows at a time.
//!
//! A file is untrusted: its header must fit its length before anything is allocated, and pickled objects are refused.

mod element;
mod error;
mod npy;
mod safetensors;

pub use element::Element;
pub use error::ArrayError;

use ndarray::Array2;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes that are read and converted at a time; a multiple of every element's size.
const PIECE: usize = 1 << 16;

/// An array in an open file: numbers in C order, little-endian, from some offset on.
#[derive(Debug)]
pub struct ArrayFile {
    path: PathBuf,
    file: File,
    layout: Layout,
    bytes: Vec<u8>,
}

/// Reads a whole array of features, one row a sample; `f64` is rounded to `f32`.
///
/// # Errors
/// If the file is not one of rows of floating-point numbers, or cannot be read.
pub fn read_features(location: &Path) -> Result<Array2<f32>, ArrayError> {
    let mut file = ArrayFile::open(location)?;
    let &[rows, columns] = file.shape() else {
        return Err(file.wrong_shape("[N, D]: one row a sample"));
    };
    let mut values = Vec::new();
    file.read_f32(0..rows, &mut values)?;
    Array2::from_shape_vec((rows, columns), values)
        .map_err(|_| file.wrong_shape("[N, D]: one row a sample"))
}

/// Where the numbers are and what they mean.
#[derive(Clone, Debug)]
struct Layout {
    /// Byte offset of the first number.
    start: u64,
    shape: Vec<usize>,
    element: Element,
}

impl ArrayFile {
    /// Opens `FILE.npy`, `FILE.safetensors` with one tensor, or `FILE.safetensors#NAME`.
    ///
    /// # Errors
    /// If the file cannot be read, is neither format, is damaged, or holds something else than plain numbers in C order.
    pub fn open(location: &Path) -> Result<Self, ArrayError> {
        let (path, tensor) = split_tensor_name(location);
        let mut file = File::open(&path).map_err(|error| ArrayError::file("open", &path, error))?;
        let layout = match tensor {
            None if npy::is_npy(&mut file, &path)? => npy::read_layout(&mut file, &path)?,
            None if !is_safetensors(&path) => return Err(ArrayError::UnknownFormat { path }),
            tensor => safetensors::read_layout(&mut file, &path, tensor.as_deref())?,
        };
        layout.check_length(&file, &path)?;
        Ok(Self { path, file, layout, bytes: Vec::new() })
    }

    /// A second handle on the same array, for another thread.
    ///
    /// # Errors
    /// If the file cannot be opened again.
    pub fn reopen(&self) -> Result<Self, ArrayError> {
        let file =
            File::open(&self.path).map_err(|error| ArrayError::file("open", &self.path, error))?;
        Ok(Self { path: self.path.clone(), file, layout: self.layout.clone(), bytes: Vec::new() })
    }

    /// Lengths of the axes; row i is what index i of the first axis selects.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// Whether it holds rows of floating-point numbers, as features are.
    #[must_use]
    pub fn is_feature_matrix(&self) -> bool {
        self.layout.element.is_float() && self.layout.shape.len() == 2
    }

    /// An error about the shape, with the shape that was expected in words.
    #[must_use]
    pub fn wrong_shape(&self, expected: impl Into<String>) -> ArrayError {
        ArrayError::Shape {
            path: self.path.clone(),
            shape: self.layout.shape.clone(),
            expected: expected.into(),
        }
    }

    /// Replaces `values` by the numbers of some rows of a floating-point array, as `f32` (from `f64` to nearest).
    ///
    /// # Errors
    /// If the array is not floating-point, the rows do not exist, or reading fails.
    pub fn read_f32(
        &mut self,
        rows: Range<usize>,
        values: &mut Vec<f32>,
    ) -> Result<(), ArrayError> {
        let element = self.layout.element;
        if !element.is_float() {
            return Err(
                self.wrong_element("floating-point numbers (numpy: array.astype('float32'))")
            );
        }
        values.clear();
        let mut left = self.seek(&rows)?;
        values.reserve(left / element.size());
        // Piece by piece, so that the bytes are converted while they are in the cache.
        while left > 0 {
            let piece = left.min(PIECE);
            element.append_f32(self.read_next(piece)?, values);
            left -= piece;
        }
        Ok(())
    }

    /// Some rows of a boolean or integer array; what is not 0 is true.
    ///
    /// # Errors
    /// If the array is floating-point, the rows do not exist, or reading fails.
    pub fn read_flags(&mut self, rows: Range<usize>) -> Result<Vec<bool>, ArrayError> {
        let element = self.layout.element;
        if element.is_float() {
            return Err(
                self.wrong_element("booleans or integers (numpy: (array > 0).astype('uint8'))")
            );
        }
        let numbers = self.read_bytes(rows)?.chunks_exact(element.size());
        Ok(numbers.map(|number| number.iter().any(|&byte| byte != 0)).collect())
    }

    /// A whole integer array of one axis, as labels.
    ///
    /// # Errors
    /// If the array has more axes or is not integer, a number does not fit `u32`, or reading fails.
    pub fn read_labels(&mut self) -> Result<Vec<u32>, ArrayError> {
        let &[count] = self.shape() else {
            return Err(self.wrong_shape("[N]: one label a sample"));
        };
        let element = self.layout.element;
        if element.is_float() {
            return Err(self.wrong_element("integers (numpy: array.astype('int64'))"));
        }
        let path = self.path.clone();
        let numbers = self.read_bytes(0..count)?.chunks_exact(element.size());
        let label = |(row, bytes)| {
            let number = element.integer(bytes);
            u32::try_from(number).map_err(|_| ArrayError::Label { path: path.clone(), row, number })
        };
        numbers.enumerate().map(label).collect()
    }

    fn wrong_element(&self, expected: &'static str) -> ArrayError {
        ArrayError::Element {
            path: self.path.clone(),
            element: self.layout.element.name().to_owned(),
            expected,
        }
    }

    fn read_bytes(&mut self, rows: Range<usize>) -> Result<&[u8], ArrayError> {
        let length = self.seek(&rows)?;
        self.read_next(length)
    }

    /// Moves to the first of some rows and returns how many bytes they have.
    fn seek(&mut self, rows: &Range<usize>) -> Result<usize, ArrayError> {
        let count = self.layout.shape.first().copied().unwrap_or(0);
        if rows.start > rows.end || rows.end > count {
            return Err(ArrayError::Rows { path: self.path.clone(), rows: rows.clone(), count });
        }
        // The whole array fits the file, so no part of it overflows.
        let row = self.layout.row_size();
        let offset = self.layout.start + rows.start as u64 * row as u64;
        let moved = self.file.seek(SeekFrom::Start(offset));
        moved.map_err(|error| ArrayError::file("read", &self.path, error))?;
        Ok(rows.len() * row)
    }

    fn read_next(&mut self, length: usize) -> Result<&[u8], ArrayError> {
        self.bytes.resize(length, 0);
        let read = self.file.read_exact(&mut self.bytes);
        read.map_err(|error| ArrayError::file("read", &self.path, error))?;
        Ok(&self.bytes)
    }
}

impl Layout {
    /// Bytes of one row.
    fn row_size(&self) -> usize {
        self.shape.iter().skip(1).product::<usize>() * self.element.size()
    }

    /// Refuses an array that the file is too short for; after this, no size computed from the shape overflows.
    fn check_length(&self, file: &File, path: &Path) -> Result<(), ArrayError> {
        let actual = file.metadata().map_err(|error| ArrayError::file("read", path, error))?.len();
        // An empty axis must not hide others that overflow.
        let size = |axes: &[usize]| {
            let lengths = axes.iter().map(|&length| length.max(1) as u64);
            lengths.into_iter().try_fold(self.element.size() as u64, u64::checked_mul)
        };
        let needed =
            if self.shape.contains(&0) { size(&self.shape).map(|_| 0) } else { size(&self.shape) };
        match needed.and_then(|size| size.checked_add(self.start)) {
            Some(needed) if needed <= actual => Ok(()),
            _ => Err(ArrayError::Truncated {
                path: path.to_owned(),
                shape: self.shape.clone(),
                actual,
            }),
        }
    }
}

fn is_safetensors(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "safetensors")
}

/// `FILE.safetensors#NAME` into its parts; any other path stays whole.
fn split_tensor_name(location: &Path) -> (PathBuf, Option<String>) {
    let parts = location.to_str().and_then(|text| text.rsplit_once('#'));
    match parts {
        Some((path, name)) if is_safetensors(Path::new(path)) => {
            (PathBuf::from(path), Some(name.to_owned()))
        }
        _ => (location.to_owned(), None),
    }
}

#[cfg(test)]
mod tests;
