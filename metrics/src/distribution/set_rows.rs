//! The rows of a set, in memory or in a file.

use super::moments::BLOCK_ROWS;
use super::{DistributionError, Moments, MomentsStream};
use crate::executor::Executor;
use crate::table::{FeatureTable, View};
use ndarray::{Array2, ArrayView2};
use std::ops::Range;

/// Rows of features, one a sample.
#[derive(Clone, Copy, Debug)]
pub enum SetRows<'a> {
    /// In memory, [samples, dimensions].
    Memory(ArrayView2<'a, f32>),
    /// Wherever the table has them; a row is a view of a sample. They are read in pieces, so that no more is in memory than the metric
    /// needs at a time.
    Table(&'a dyn FeatureTable),
}

impl<'a> From<ArrayView2<'a, f32>> for SetRows<'a> {
    fn from(rows: ArrayView2<'a, f32>) -> Self {
        Self::Memory(rows)
    }
}

impl<'a> SetRows<'a> {
    /// All rows, [samples, dimensions], if they are in memory.
    pub(super) fn in_memory(&self) -> Option<ArrayView2<'a, f32>> {
        match self {
            Self::Memory(rows) => Some(*rows),
            Self::Table(table) => table.in_memory(),
        }
    }

    /// The same rows for a shorter time (array views do not shorten by themselves).
    pub(super) fn reborrow(&self) -> SetRows<'_> {
        match self {
            Self::Memory(rows) => SetRows::Memory(rows.view()),
            Self::Table(table) => SetRows::Table(*table),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Memory(rows) => rows.nrows(),
            Self::Table(table) => table.shape().rows(),
        }
    }

    /// Numbers of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Memory(rows) => rows.ncols(),
            Self::Table(table) => table.shape().row(),
        }
    }

    /// The rows with these indices, in this order; `set` names them in errors.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn gather(
        &self,
        indices: &[usize],
        set: &'static str,
    ) -> Result<Array2<f32>, DistributionError> {
        let mut values = Vec::new();
        self.read(indices.iter().copied(), set, &mut values)?;
        Array2::from_shape_vec((indices.len(), self.width()), values)
            .map_err(|error| DistributionError::Options(error.to_string()))
    }

    /// Makes `values` the rows with these indices, one after the other.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn read(
        &self,
        indices: impl Iterator<Item = usize>,
        set: &'static str,
        values: &mut Vec<f32>,
    ) -> Result<(), DistributionError> {
        match self {
            Self::Memory(rows) => {
                values.clear();
                indices.for_each(|index| values.extend(rows.row(index)));
                Ok(())
            }
            Self::Table(table) => {
                let shape = table.shape();
                let views: Vec<View> = indices.map(|row| shape.view(row)).collect();
                values.resize(views.len() * shape.row(), 0.0);
                table
                    .read(&views, values)
                    .map_err(|source| DistributionError::Unreadable { set, source })
            }
        }
    }

    /// Moments of all rows, the same bits wherever they are.
    ///
    /// # Errors
    /// As [`Moments::of`]; `Unreadable`.
    pub(super) fn moments(
        &self,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<Moments, DistributionError> {
        match self {
            Self::Memory(rows) => Moments::of(rows.view(), set, executor),
            Self::Table(_) => {
                let blocks = pieces(self.count()).map(|piece| piece.collect());
                self.moments_of_pieces(blocks, set, executor)
            }
        }
    }

    /// Moments of the rows with these indices: the same bits as of an array of them.
    ///
    /// # Errors
    /// As [`SetRows::moments`].
    pub(super) fn moments_of(
        &self,
        indices: &[usize],
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<Moments, DistributionError> {
        let blocks = indices.chunks(BLOCK_ROWS).map(<[usize]>::to_vec);
        self.moments_of_pieces(blocks, set, executor)
    }

    fn moments_of_pieces(
        &self,
        pieces: impl Iterator<Item = Vec<usize>>,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<Moments, DistributionError> {
        let mut stream = MomentsStream::new(set, self.width())?;
        for piece in pieces {
            stream.push(self.gather(&piece, set)?.view(), executor)?;
        }
        stream.finish(executor)
    }
}

/// The blocks of so many rows.
pub(super) fn pieces(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(BLOCK_ROWS).map(move |start| start..(start + BLOCK_ROWS).min(rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Sequential;
    use crate::table::{MemoryTable, ReadError, TableShape};
    use ndarray::Axis;

    #[test]
    fn moments_are_the_same_bits_from_memory_and_from_a_table() {
        let rows = Array2::from_shape_fn((2 * BLOCK_ROWS + 300, 3), |(row, column)| {
            ((row * 7 + column * 13) % 101) as f32 - 20.0
        });
        let shape = TableShape { samples: rows.nrows() / 2, views: 2, tokens: 1, width: 3 };
        let table = MemoryTable::new(rows.view(), shape).unwrap();
        let odd: Vec<usize> = (0..rows.nrows()).filter(|row| row % 2 == 1).collect();
        let chosen = rows.select(Axis(0), &odd);
        let expected =
            [&rows, &chosen].map(|rows| Moments::of(rows.view(), "set", &Sequential).unwrap());
        for set in [SetRows::Memory(rows.view()), SetRows::Table(&table)] {
            assert_eq!((set.count(), set.width()), rows.dim());
            let whole = set.moments("set", &Sequential).unwrap();
            let half = set.moments_of(&odd, "set", &Sequential).unwrap();
            for (found, expected) in [whole, half].iter().zip(&expected) {
                assert_eq!(found.rows(), expected.rows());
                assert_eq!(found.mean(), expected.mean());
                assert_eq!(found.scatter_over(1.0), expected.scatter_over(1.0));
            }
        }
    }

    #[derive(Debug)]
    struct Gone;

    impl FeatureTable for Gone {
        fn shape(&self) -> TableShape {
            TableShape { samples: 5, views: 1, tokens: 1, width: 2 }
        }

        fn read(&self, _: &[View], _: &mut [f32]) -> Result<(), ReadError> {
            Err(ReadError::new("the file has gone"))
        }
    }

    #[test]
    fn a_table_that_cannot_be_read_is_an_error() {
        let error = SetRows::Table(&Gone).moments("the samples", &Sequential).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the features of the samples cannot be read: the file has gone"
        );
    }
}
