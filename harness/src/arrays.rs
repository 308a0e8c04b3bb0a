//! Arrays in files: NumPy's `.npy` and `.npz`, and `.safetensors`, read in place, a few rows at a time.
//!
//! [`statistics_file`] reads means and covariances of whole data sets, [`statistics_writer`] writes them.
//!
//! A file is untrusted: its header must fit its length before anything is allocated, and pickled objects are refused.

pub(crate) mod archive;
mod element;
mod error;
pub(crate) mod npy;
mod safetensors;
mod source;
pub mod statistics_file;
pub mod statistics_writer;
mod table;

pub use element::Element;
pub use error::ArrayError;
pub use table::{StoredTable, TableAxes, is_temporary};

use crate::file_names::has_extension;
use archive::Archive;
use ndarray::Array2;
use source::Source;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes that are read and converted at a time; a multiple of every element's size.
const PIECE: usize = 1 << 16;

/// Which shape features have.
const MATRIX: &str = "[N, D]: one row a sample";
/// What features are.
const FLOATS: &str = "floating-point numbers (numpy: array.astype('float32'))";

/// An array in an open file: numbers in C order, little-endian, from some offset on.
#[derive(Debug)]
pub struct ArrayFile {
    path: PathBuf,
    source: Source,
    layout: Layout,
    /// Where the next read begins.
    position: u64,
    bytes: Vec<u8>,
}

/// Features in memory, one row a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRows {
    /// The numbers; `f64` ones are rounded.
    pub rows: Array2<f32>,
    /// Says so where rounding has changed any of them.
    pub note: Option<String>,
}

/// Reads a whole array of features.
///
/// # Errors
/// If the file is not one of rows of floating-point numbers, a number does not fit `f32`, or it cannot be read.
pub fn read_features(location: &Path) -> Result<FeatureRows, ArrayError> {
    ArrayFile::open(location)?.into_features()
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
    /// Opens `FILE.npy`; `FILE.npz` or `FILE.safetensors` with one array; or `FILE.npz#NAME`, `FILE.safetensors#NAME`.
    ///
    /// A stored array of an `.npz` is read in place, a deflated one is unpacked first: to memory, or beyond 256 MiB to a
    /// temporary file without a name.
    ///
    /// # Errors
    /// If the file cannot be read, is none of these formats, is damaged, or holds something else than plain numbers in C
    /// order.
    pub fn open(location: &Path) -> Result<Self, ArrayError> {
        let (path, name) = split_name(location);
        if has_extension(&path, "npz") {
            return Self::open_member(&path, name.as_deref());
        }
        let mut file = File::open(&path).map_err(|error| ArrayError::file("open", &path, error))?;
        let layout = match name {
            None if npy::is_npy(&mut file, &path)? => {
                let header = npy::read_header(&mut file)
                    .map_err(|detail| ArrayError::header(&path, detail))?;
                header.layout(header.bytes, &path)?
            }
            None if !has_extension(&path, "safetensors") => {
                return Err(ArrayError::UnknownFormat { path });
            }
            name => safetensors::read_layout(&mut file, &path, name.as_deref())?,
        };
        let source = Source::Own(file, path.clone());
        Self::new(path, source, layout)
    }

    fn open_member(path: &Path, name: Option<&str>) -> Result<Self, ArrayError> {
        let mut archive = Archive::open(path)?;
        let name = match (name, archive.names().as_slice()) {
            (Some(name), _) => name.to_owned(),
            (None, [only]) => only.clone(),
            (None, _) => {
                let names = archive.names_in_words();
                let detail =
                    format!("name one of its arrays, as in `FILE.npz#NAME`; it holds {names}");
                return Err(ArrayError::header(path, detail));
            }
        };
        Self::of_archive(&mut archive, &name)
    }

    /// An array of an open archive.
    pub(crate) fn of_archive(archive: &mut Archive, name: &str) -> Result<Self, ArrayError> {
        let member = archive.find(name)?;
        // Checked before it is unpacked.
        let shown = archive.path().with_file_name(format!(
            "{}#{name}",
            archive.path().file_name().unwrap_or_default().to_string_lossy()
        ));
        let mut layout = member.header.layout(0, &shown)?;
        let (source, start) = Source::of_member(archive, &member)?;
        layout.start = start;
        Self::new(shown, source, layout)
    }

    fn new(path: PathBuf, source: Source, layout: Layout) -> Result<Self, ArrayError> {
        let actual = source.length().map_err(|error| ArrayError::file("read", &path, error))?;
        layout.check_length(actual, &path)?;
        Ok(Self { path, source, layout, position: 0, bytes: Vec::new() })
    }

    /// A second handle on the same array, for another thread.
    ///
    /// # Errors
    /// If the file cannot be opened again.
    pub fn reopen(&self) -> Result<Self, ArrayError> {
        let source = self.source.reopen()?;
        let (path, layout) = (self.path.clone(), self.layout.clone());
        Ok(Self { path, source, layout, position: 0, bytes: Vec::new() })
    }

    /// The same numbers cut otherwise; `None` unless they are as many.
    #[must_use]
    pub fn reshaped(mut self, shape: Vec<usize>) -> Option<Self> {
        let count = |axes: &[usize]| axes.iter().try_fold(1_usize, |n, &axis| n.checked_mul(axis));
        if count(&shape)? != count(&self.layout.shape)? {
            return None;
        }
        self.layout.shape = shape;
        Some(self)
    }

    /// Lengths of the axes; row i is what index i of the first axis selects.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// The whole array of features.
    ///
    /// # Errors
    /// As [`read_features`].
    pub fn into_features(mut self) -> Result<FeatureRows, ArrayError> {
        let &[count, columns] = self.shape() else {
            return Err(self.wrong_shape(MATRIX));
        };
        let mut values = Vec::new();
        let note = self.read_narrow(0..count, &mut values)?.then(|| self.rounding_note());
        match Array2::from_shape_vec((count, columns), values) {
            Ok(rows) => Ok(FeatureRows { rows, note }),
            Err(_) => Err(self.wrong_shape(MATRIX)),
        }
    }

    /// What a reader should know of 64-bit features.
    fn rounding_note(&self) -> String {
        format!("`{}` holds 64-bit numbers, which were rounded to 32 bits", self.path.display())
    }

    /// As [`Self::read_f32`], and says whether that has changed any number: features that do not fit `f32` are refused.
    ///
    /// # Errors
    /// As [`Self::read_f32`]; if a finite number becomes infinite.
    pub fn read_narrow(
        &mut self,
        rows: Range<usize>,
        values: &mut Vec<f32>,
    ) -> Result<bool, ArrayError> {
        if self.layout.element != Element::F64 {
            self.read_f32(rows, values)?;
            return Ok(false);
        }
        values.clear();
        let mut changed = false;
        let mut exact = Vec::new();
        for row in rows {
            self.read_f64(row..row + 1, &mut exact)?;
            for &number in &exact {
                let rounded = number as f32;
                if number.is_finite() && !rounded.is_finite() {
                    return Err(ArrayError::Range { path: self.path.clone(), row, number });
                }
                changed |= number.is_finite() && f64::from(rounded) != number;
                values.push(rounded);
            }
        }
        Ok(changed)
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
        self.read_floats(rows, values, Element::append_f32)
    }

    /// As [`Self::read_f32`], as `f64`: exact for every floating-point type.
    ///
    /// # Errors
    /// As [`Self::read_f32`].
    pub fn read_f64(
        &mut self,
        rows: Range<usize>,
        values: &mut Vec<f64>,
    ) -> Result<(), ArrayError> {
        self.read_floats(rows, values, Element::append_f64)
    }

    fn read_floats<T>(
        &mut self,
        rows: Range<usize>,
        values: &mut Vec<T>,
        append: impl Fn(Element, &[u8], &mut Vec<T>),
    ) -> Result<(), ArrayError> {
        let element = self.layout.element;
        if !element.is_float() {
            return Err(self.wrong_element(FLOATS));
        }
        values.clear();
        let mut left = self.seek(&rows)?;
        values.reserve(left / element.size());
        // Piece by piece, so that the bytes are converted while they are in the cache.
        while left > 0 {
            let piece = left.min(PIECE);
            append(element, self.read_next(piece)?, values);
            left -= piece;
        }
        Ok(())
    }

    /// Type of the numbers.
    #[must_use]
    pub fn element(&self) -> Element {
        self.layout.element
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

    /// The numbers of the whole array as they stand in the file, little-endian, row by row.
    ///
    /// # Errors
    /// If reading fails.
    pub(crate) fn read_all(&mut self) -> Result<&[u8], ArrayError> {
        self.position = self.layout.start;
        // An array without axes is one number.
        let length = self.layout.shape.iter().product::<usize>() * self.layout.element.size();
        self.read_next(length)
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
        self.position = offset;
        Ok(rows.len() * row)
    }

    fn read_next(&mut self, length: usize) -> Result<&[u8], ArrayError> {
        self.bytes.resize(length, 0);
        let read = self.source.read_at(self.position, &mut self.bytes);
        read.map_err(|error| ArrayError::file("read", &self.path, error))?;
        self.position += length as u64;
        Ok(&self.bytes)
    }
}

impl Layout {
    /// Bytes of one row.
    fn row_size(&self) -> usize {
        self.shape.iter().skip(1).product::<usize>() * self.element.size()
    }

    /// Refuses an array that the file is too short for; after this, no size computed from the shape overflows.
    fn check_length(&self, actual: u64, path: &Path) -> Result<(), ArrayError> {
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

/// `FILE.npz#NAME` or `FILE.safetensors#NAME` into its parts; any other path stays whole.
fn split_name(location: &Path) -> (PathBuf, Option<String>) {
    let parts = location.to_str().and_then(|text| text.rsplit_once('#'));
    match parts {
        Some((path, name))
            if ["npz", "safetensors"].iter().any(|kind| has_extension(Path::new(path), kind)) =>
        {
            (PathBuf::from(path), Some(name.to_owned()))
        }
        _ => (location.to_owned(), None),
    }
}

#[cfg(test)]
mod npz_tests;
#[cfg(test)]
mod tests;
