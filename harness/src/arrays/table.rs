//! Features in files as tables whose rows are fetched a batch at a time.
//!
//! Rows are read where they are, at positions in the file: the operating system keeps what fits into memory, as with a mapped
//! file, and a file that is cut off meanwhile is an error instead of a signal.

use super::{ArrayError, ArrayFile, Element, FLOATS, MATRIX};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use retally_metrics::table::{FeatureTable, ReadError, TableShape, View};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Features up to this many bytes of `f32` are read once and kept.
const KEPT_BYTES: usize = 1 << 29;

/// What the axes of an array of features mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableAxes {
    /// [N, D], or [N, V, D] with V views of each sample.
    Pooled,
    /// [N, T, D], or [N, V, T, D] with V views of each sample.
    Tokens,
}

/// An array of features, in its file or in memory.
#[derive(Debug)]
pub struct StoredTable {
    shape: TableShape,
    rows: Rows,
    /// Says so where numbers are rounded.
    pub note: Option<String>,
}

#[derive(Debug)]
enum Rows {
    /// [rows, numbers of a row].
    Memory(Array2<f32>),
    /// Handles that no thread is using, and one to make more of.
    File { first: Box<ArrayFile>, idle: Mutex<Vec<ArrayFile>> },
}

impl StoredTable {
    /// Opens an array whose first axis is samples. With `views`, the first axis is samples times views instead, the views of a
    /// sample one after the other.
    ///
    /// # Errors
    /// If the file is not one of floating-point numbers in such a shape, or cannot be read.
    pub fn open(
        location: &Path,
        axes: TableAxes,
        views: Option<usize>,
    ) -> Result<Self, ArrayError> {
        let file = ArrayFile::open(location)?;
        if !file.element().is_float() {
            return Err(file.wrong_element(FLOATS));
        }
        let shape = match table_shape(file.shape(), axes, views) {
            Ok(shape) => shape,
            Err(expected) => return Err(file.wrong_shape(expected)),
        };
        let Some(file) = file.reshaped(vec![shape.rows(), shape.row()]) else {
            return Err(ArrayFile::open(location)?.wrong_shape("a shape that fits its numbers"));
        };
        Self::of(file, shape)
    }

    /// Opens features [N, D]: one row a sample.
    ///
    /// # Errors
    /// As [`StoredTable::open`].
    pub fn open_matrix(location: &Path) -> Result<Self, ArrayError> {
        Self::of_matrix(ArrayFile::open(location)?)
    }

    /// The table of an open array [N, D].
    ///
    /// # Errors
    /// As [`StoredTable::open`].
    pub fn of_matrix(file: ArrayFile) -> Result<Self, ArrayError> {
        let &[samples, width] = file.shape() else {
            return Err(file.wrong_shape(MATRIX));
        };
        if !file.element().is_float() {
            return Err(file.wrong_element(FLOATS));
        }
        Self::of(file, TableShape { samples, views: 1, tokens: 1, width })
    }

    /// Of an array [rows, numbers of a row].
    fn of(mut file: ArrayFile, shape: TableShape) -> Result<Self, ArrayError> {
        let numbers = shape.rows().checked_mul(shape.row());
        if numbers.is_some_and(|count| count <= KEPT_BYTES / 4) {
            let mut values = Vec::new();
            let note =
                file.read_narrow(0..shape.rows(), &mut values)?.then(|| file.rounding_note());
            return match Array2::from_shape_vec((shape.rows(), shape.row()), values) {
                Ok(values) => Ok(Self { shape, rows: Rows::Memory(values), note }),
                Err(_) => Err(file.wrong_shape("a shape that fits its numbers")),
            };
        }
        let note = (file.element() == Element::F64).then(|| file.rounding_note());
        let rows = Rows::File { first: Box::new(file), idle: Mutex::default() };
        Ok(Self { shape, rows, note })
    }

    /// Everything as one array, [rows, numbers of a row]: lent where it is in memory.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn to_array(&self) -> Result<CowArray<'_, f32, Ix2>, ArrayError> {
        match &self.rows {
            Rows::Memory(values) => Ok(values.view().into()),
            Rows::File { first, .. } => Ok(first.reopen()?.into_features()?.rows.into()),
        }
    }
}

/// Whether another try to read a table may help.
#[must_use]
pub fn is_temporary(error: &ReadError) -> bool {
    error.as_error::<ArrayError>().is_none_or(ArrayError::is_temporary)
}

/// The shape in words of a table, or what shape was expected.
fn table_shape(
    shape: &[usize],
    axes: TableAxes,
    views: Option<usize>,
) -> Result<TableShape, String> {
    let made = |samples, views, tokens, width| TableShape { samples, views, tokens, width };
    let found = match (axes, shape) {
        (TableAxes::Pooled, &[samples, width]) => made(samples, 1, 1, width),
        (TableAxes::Pooled, &[samples, views, width]) => made(samples, views, 1, width),
        (TableAxes::Tokens, &[samples, tokens, width]) => made(samples, 1, tokens, width),
        (TableAxes::Tokens, &[samples, views, tokens, width]) => {
            made(samples, views, tokens, width)
        }
        (TableAxes::Pooled, _) => {
            return Err("[N, D]: one row a sample; or [N, V, D]: V views of each".to_owned());
        }
        (TableAxes::Tokens, _) => {
            return Err("[N, T, D]: T tokens a sample; or [N, V, T, D]: V views of each".to_owned());
        }
    };
    match views {
        None if found.views == 0 => Err("at least one view of each sample".to_owned()),
        None => Ok(found),
        Some(views) if found.views == 1 && views > 0 && found.samples.is_multiple_of(views) => {
            Ok(TableShape { samples: found.samples / views, views, ..found })
        }
        Some(views) if found.views == 1 => {
            Err(format!("a multiple of {views} rows: so many views of each sample (--views)"))
        }
        Some(_) => Err("either an axis of views or --views, not both".to_owned()),
    }
}

/// Neighbouring rows that follow each other, as ranges.
fn runs(rows: impl Iterator<Item = usize>) -> impl Iterator<Item = Range<usize>> {
    let mut rows = rows.peekable();
    std::iter::from_fn(move || {
        let start = rows.next()?;
        let mut end = start + 1;
        while rows.next_if_eq(&end).is_some() {
            end += 1;
        }
        Some(start..end)
    })
}

impl FeatureTable for StoredTable {
    fn shape(&self) -> TableShape {
        self.shape
    }

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        match &self.rows {
            Rows::Memory(values) => Some(values.view()),
            Rows::File { .. } => None,
        }
    }

    fn read(&self, views: &[View], into: &mut [f32]) -> Result<(), ReadError> {
        let length = self.shape.row();
        let rows = views.iter().map(|view| view.sample * self.shape.views + view.view);
        match &self.rows {
            Rows::Memory(values) => {
                let targets = into.chunks_exact_mut(length.max(1));
                for (row, target) in rows.zip(targets) {
                    let row = values.row(row);
                    target.iter_mut().zip(row).for_each(|(target, &value)| *target = value);
                }
            }
            Rows::File { first, idle } => {
                let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut file = match waiting {
                    Some(file) => file,
                    None => first.reopen().map_err(ReadError::new)?,
                };
                let mut values = Vec::with_capacity(length);
                let mut rest = into;
                // Neighbouring rows are read at once.
                for rows in runs(rows) {
                    let (target, further) =
                        std::mem::take(&mut rest).split_at_mut(rows.len() * length);
                    file.read_narrow(rows, &mut values).map_err(ReadError::new)?;
                    target.copy_from_slice(&values);
                    rest = further;
                }
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(file);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrays::npy::header_bytes;

    fn written(shape: &[u64], count: usize) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".npy").tempfile().unwrap();
        let mut bytes = header_bytes("<f4", shape);
        bytes.extend((0..count).flat_map(|value| (value as f32).to_le_bytes()));
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn rows_are_the_same_from_memory_and_from_the_file() {
        let file = written(&[3, 2, 4], 24);
        let table = StoredTable::open(file.path(), TableAxes::Pooled, None).unwrap();
        assert_eq!(table.shape(), TableShape { samples: 3, views: 2, tokens: 1, width: 4 });
        let first = ArrayFile::open(file.path()).unwrap().reshaped(vec![6, 4]).unwrap();
        let rows = Rows::File { first: Box::new(first), idle: Mutex::default() };
        let stored = StoredTable { shape: table.shape(), rows, note: None };
        let views = [2, 0].map(|sample| View { sample, view: 1 });
        for table in [table, stored] {
            for _ in 0..2 {
                let mut values = [0.0; 8];
                table.read(&views, &mut values).unwrap();
                assert_eq!(values, [20.0, 21.0, 22.0, 23.0, 4.0, 5.0, 6.0, 7.0]);
            }
        }
    }

    #[test]
    fn neighbouring_rows_are_read_at_once() {
        let found: Vec<_> = runs([3, 4, 5, 7, 6, 7, 7].into_iter()).collect();
        assert_eq!(found, [3..6, 7..8, 6..8, 7..8]);
        assert_eq!(runs(std::iter::empty()).count(), 0);
    }

    #[test]
    fn a_matrix_is_lent_or_read() {
        let file = written(&[3, 4], 12);
        let table = StoredTable::open_matrix(file.path()).unwrap();
        let rows = Rows::File {
            first: Box::new(ArrayFile::open(file.path()).unwrap()),
            idle: Mutex::default(),
        };
        let stored = StoredTable { shape: table.shape(), rows, note: None };
        assert_eq!(table.to_array().unwrap(), stored.to_array().unwrap());
        assert_eq!(table.to_array().unwrap()[[2, 3]], 11.0);
        assert!(StoredTable::open_matrix(written(&[3, 2, 2], 12).path()).is_err());
    }

    #[test]
    fn a_file_that_shrinks_is_no_matter_of_trying_again_and_a_broken_disk_is() {
        let file = written(&[3, 4], 12);
        let first = Box::new(ArrayFile::open(file.path()).unwrap());
        let shape = TableShape { samples: 3, views: 1, tokens: 1, width: 4 };
        let rows = Rows::File { first, idle: Mutex::default() };
        let table = StoredTable { shape, rows, note: None };
        let length = file.as_file().metadata().unwrap().len();
        file.as_file().set_len(length - 1).unwrap();
        let mut values = [0.0; 4];
        table.read(&[shape.view(1)], &mut values).unwrap();
        let error = table.read(&[shape.view(2)], &mut values).unwrap_err();
        assert!(error.to_string().contains("did it change"), "{error}");
        assert!(!is_temporary(&error));
        let broken = ArrayError::file("read", file.path(), std::io::Error::from_raw_os_error(5));
        assert!(is_temporary(&ReadError::new(broken)));
    }

    #[test]
    fn axes_mean_what_is_asked_for() {
        let shape = |shape: &[usize], axes, views| table_shape(shape, axes, views);
        let made = |samples, views, tokens, width| Ok(TableShape { samples, views, tokens, width });
        use TableAxes::{Pooled, Tokens};
        assert_eq!(shape(&[6, 4], Pooled, None), made(6, 1, 1, 4));
        assert_eq!(shape(&[6, 4], Pooled, Some(3)), made(2, 3, 1, 4));
        assert_eq!(shape(&[6, 3, 4], Pooled, None), made(6, 3, 1, 4));
        assert_eq!(shape(&[6, 3, 4], Tokens, None), made(6, 1, 3, 4));
        assert_eq!(shape(&[6, 3, 4], Tokens, Some(2)), made(3, 2, 3, 4));
        assert_eq!(shape(&[6, 2, 3, 4], Tokens, None), made(6, 2, 3, 4));
        for (axes, views, bad) in [
            (Pooled, None, &[6_usize][..]),
            (Pooled, None, &[6, 1, 1, 4]),
            (Tokens, None, &[6, 4]),
            (Pooled, Some(4), &[6, 4]),
            (Pooled, Some(0), &[6, 4]),
            (Pooled, Some(3), &[6, 3, 4]),
            (Pooled, None, &[6, 0, 4]),
        ] {
            assert!(shape(bad, axes, views).is_err(), "{bad:?} {views:?}");
        }
    }
}
