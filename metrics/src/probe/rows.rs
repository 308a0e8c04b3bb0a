//! Rows of stored features, scaled when they are used: no second copy is made of a set that is large.

use super::logistic::Precision;
use super::standardise::Standardiser;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use std::ops::Range;

/// Most numbers of a set that are held once more, in the form in which they are used. Larger sets are converted block by
/// block, every time, to the same bits.
pub(super) const MOST_HELD: usize = 1 << 26;

/// Some rows of features [N, D], in an order.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    features: ArrayView2<'a, f32>,
    /// Indices of the rows; all where this is none.
    chosen: Option<&'a [usize]>,
}

impl<'a> Rows<'a> {
    /// All rows.
    pub(super) fn all(features: ArrayView2<'a, f32>) -> Self {
        Self { features, chosen: None }
    }

    /// These rows, which must be there.
    pub(super) fn chosen(features: ArrayView2<'a, f32>, indices: &'a [usize]) -> Self {
        Self { features, chosen: Some(indices) }
    }

    pub(super) fn len(&self) -> usize {
        self.chosen.map_or_else(|| self.features.nrows(), <[usize]>::len)
    }

    pub(super) fn width(&self) -> usize {
        self.features.ncols()
    }

    /// Some of the rows, one after the other.
    pub(super) fn range(&self, range: Range<usize>) -> impl Iterator<Item = ArrayView1<'a, f32>> {
        let Self { features, chosen } = *self;
        range.map(move |place| {
            let index = chosen.map_or(place, |indices| indices[place]);
            features.index_axis_move(Axis(0), index)
        })
    }
}

/// Rows as a model sees them.
#[derive(Clone, Copy)]
pub(super) struct ScaledRows<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) scale: &'a Standardiser,
}

impl ScaledRows<'_> {
    /// The same for as long as these are borrowed: a view's lifetime does not shrink by itself.
    pub(super) fn view(&self) -> ScaledRows<'_> {
        let Rows { features, chosen } = &self.rows;
        ScaledRows { rows: Rows { features: features.view(), chosen: *chosen }, scale: self.scale }
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
