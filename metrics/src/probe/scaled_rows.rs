//! Rows of stored features, scaled when they are used: no second copy is made of a set that is large.

use super::precision::Precision;
use super::rows::Rows;
use super::standardise::Standardiser;
use ndarray::Array2;
use std::ops::Range;

/// Most numbers of a set that are held once more, in the form in which they are used. Larger sets are converted block by
/// block, every time, to the same bits.
pub(super) const MOST_HELD: usize = 1 << 26;

/// Rows as a model sees them.
#[derive(Clone, Copy)]
pub(super) struct ScaledRows<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) scale: &'a Standardiser,
}

impl ScaledRows<'_> {
    /// The same for as long as these are borrowed.
    pub(super) fn view(&self) -> ScaledRows<'_> {
        ScaledRows { rows: self.rows.view(), scale: self.scale }
    }

    /// Appends some rows, row by row.
    pub(super) fn append<T: Precision>(&self, range: Range<usize>, values: &mut Vec<T>) {
        values.reserve(range.len() * self.rows.width());
        for row in self.rows.range(range) {
            self.scale.append(row, values);
        }
    }

    /// Some rows as an array [rows, D].
    pub(super) fn array(&self, range: Range<usize>) -> Array2<f64> {
        let (count, width) = (range.len(), self.rows.width());
        let mut values: Vec<f64> = Vec::new();
        self.append(range, &mut values);
        Array2::from_shape_fn((count, width), |(row, column)| values[row * width + column])
    }

    /// All rows, if they are few enough to be held.
    pub(super) fn held<T: Precision>(&self, most: usize) -> Option<Vec<T>> {
        let numbers = self.rows.len().checked_mul(self.rows.width())?;
        if numbers > most {
            return None;
        }
        let mut values = Vec::new();
        self.append(0..self.rows.len(), &mut values);
        Some(values)
    }
}
