//! Features that may lie in memory or in a file, fetched a batch at a time.

use ndarray::{ArrayView2, Axis};
use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;

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

    /// Rows: views of samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.samples * self.views
    }

    /// The view that is a row, counted from 0, the views of a sample one after the other.
    #[must_use]
    pub fn view(&self, row: usize) -> View {
        View { sample: row / self.views, view: row % self.views }
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

/// Why rows could not be read: the table's own error. Two are equal if they say the same.
#[derive(Clone, Debug)]
pub struct ReadError(Arc<dyn Error + Send + Sync>);

impl ReadError {
    /// Takes the table's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }

    /// The table's error, if it is of this type.
    #[must_use]
    pub fn as_error<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl Display for ReadError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, formatter)
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl PartialEq for ReadError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for ReadError {}

/// Features [samples, views, tokens, width] whose rows can be fetched in any order, from any thread.
pub trait FeatureTable: Debug + Sync {
    /// How it is cut.
    fn shape(&self) -> TableShape;

    /// All rows, [samples · views, tokens · width], where they are in memory: it saves the reader a copy.
    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        None
    }

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

    fn in_memory(&self) -> Option<ArrayView2<'_, f32>> {
        Some(self.rows.view())
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
