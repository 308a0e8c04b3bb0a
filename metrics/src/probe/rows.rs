//! Rows of stored features.

use ndarray::{ArrayView1, ArrayView2, Axis};
use std::ops::Range;

/// Some rows of features [N, D], in an order.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    features: ArrayView2<'a, f32>,
    /// Indices of the rows; all where this is none.
    chosen: Option<&'a [usize]>,
}

impl<'a> Rows<'a> {
    /// The same for as long as these are borrowed: a view's lifetime does not shrink by itself.
    pub(super) fn view(&self) -> Rows<'_> {
        Rows { features: self.features.view(), chosen: self.chosen }
    }

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
