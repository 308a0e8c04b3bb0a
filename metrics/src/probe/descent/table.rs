//! Features that may lie in memory or in a file, fetched a batch at a time.

use super::super::ProbeError;
use super::DescentError;
use crate::executor::{Executor, map};
use ndarray::{ArrayView2, Axis};
use std::error::Error;

/// Rows that are looked at together when a table is checked.
const CHECKED: usize = 1024;

/// How a table is cut: sample after sample, view after view, token after token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableShape {
    /// Samples; each has one label.
    pub samples: usize,
    /// Augmented views of each sample; 1 without augmentation.
    pub views: usize,
    /// Tokens of a view; 1 for pooled features.
    pub tokens: usize,
    /// Numbers of a token.
    pub width: usize,
}

impl TableShape {
    /// Numbers of one view.
    #[must_use]
    pub fn row(&self) -> usize {
        self.tokens * self.width
    }
}

/// One view of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Which sample.
    pub sample: usize,
    /// Which of its views.
    pub view: usize,
}

/// Why rows could not be read; the table's own error.
pub type ReadError = Box<dyn Error + Send + Sync>;

/// Features [samples, views, tokens, width] whose rows can be fetched in any order, from any thread.
pub trait FeatureTable: Sync {
    /// How it is cut.
    fn shape(&self) -> TableShape;

    /// Fills `into` with the given views, [views, tokens, width].
    ///
    /// # Errors
    /// If they cannot be read.
    fn read(&self, views: &[View], into: &mut [f32]) -> Result<(), ReadError>;
}

/// A table in memory, [samples · views, tokens · width].
#[derive(Clone, Copy, Debug)]
pub struct MemoryTable<'a> {
    rows: ArrayView2<'a, f32>,
    shape: TableShape,
}

impl<'a> MemoryTable<'a> {
    /// `None` unless the rows are as many and as long as the shape says.
    #[must_use]
    pub fn new(rows: ArrayView2<'a, f32>, shape: TableShape) -> Option<Self> {
        let fits = rows.dim() == (shape.samples.checked_mul(shape.views)?, shape.row());
        fits.then_some(Self { rows, shape })
    }

    /// One view of one token a sample.
    #[must_use]
    pub fn pooled(rows: ArrayView2<'a, f32>) -> Self {
        let (samples, width) = rows.dim();
        Self { rows, shape: TableShape { samples, views: 1, tokens: 1, width } }
    }
}

impl FeatureTable for MemoryTable<'_> {
    fn shape(&self) -> TableShape {
        self.shape
    }

    fn read(&self, views: &[View], into: &mut [f32]) -> Result<(), ReadError> {
        let length = self.shape.row().max(1);
        for (&View { sample, view }, target) in views.iter().zip(into.chunks_exact_mut(length)) {
            let row = self.rows.index_axis(Axis(0), sample * self.shape.views + view);
            target.iter_mut().zip(row).for_each(|(target, &value)| *target = value);
        }
        Ok(())
    }
}

/// Features with their labels, one label a sample.
#[derive(Clone, Copy)]
pub struct LabelledTable<'a> {
    /// The features.
    pub features: &'a dyn FeatureTable,
    /// N labels. The numbers need not be consecutive.
    pub labels: &'a [u32],
}

impl LabelledTable<'_> {
    /// Refuses a table without numbers, of another length than its labels, or with a number that is not finite.
    pub(super) fn check(
        &self,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<(), DescentError> {
        let shape = self.features.shape();
        if shape.samples != self.labels.len() {
            let (features, labels) = (shape.samples, self.labels.len());
            return Err(ProbeError::RowCount { set, features, labels }.into());
        }
        let rows = shape.samples * shape.views;
        if rows == 0 || shape.row() == 0 {
            return Err(ProbeError::Empty { set, rows, columns: shape.row() }.into());
        }
        let blocks = map(executor, rows.div_ceil(CHECKED), |block| {
            let rows = block * CHECKED..((block + 1) * CHECKED).min(rows);
            let views: Vec<View> = rows
                .clone()
                .map(|row| View { sample: row / shape.views, view: row % shape.views })
                .collect();
            let mut values = vec![0.0; views.len() * shape.row()];
            self.features.read(&views, &mut values).map_err(DescentError::Read)?;
            match values.iter().position(|value| !value.is_finite()) {
                Some(place) => {
                    let (row, column) = (rows.start + place / shape.row(), place % shape.row());
                    Err(ProbeError::NonFinite { set, row, column }.into())
                }
                None => Ok(()),
            }
        });
        blocks.into_iter().collect()
    }
}
