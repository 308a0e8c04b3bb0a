//! Two checked sets of feature rows, contiguous in memory.

use super::DistributionError;
use ndarray::{ArrayView2, CowArray, Ix2};

/// What the reference is called in errors.
pub(super) const REFERENCE: &str = "the reference";
/// What the samples are called in errors.
pub(super) const SAMPLES: &str = "the samples";

/// Rows of one width, at least one, every number finite.
#[derive(Clone, Debug)]
pub(super) struct Features<'a> {
    values: CowArray<'a, f32, Ix2>,
}

impl<'a> Features<'a> {
    /// Checks [rows, dimensions]; copies only what does not lie row by row.
    pub(super) fn new(
        values: ArrayView2<'a, f32>,
        set: &'static str,
        needed: usize,
    ) -> Result<Self, DistributionError> {
        let (rows, width) = values.dim();
        if width == 0 {
            return Err(DistributionError::NoDimensions { set });
        }
        if rows < needed {
            return Err(DistributionError::TooFewRows { set, actual: rows, needed });
        }
        let finite = |row: ndarray::ArrayView1<'_, f32>| row.iter().all(|value| value.is_finite());
        if let Some(row) = values.outer_iter().position(|row| !finite(row)) {
            return Err(DistributionError::NotFinite { set, row });
        }
        let values = if values.is_standard_layout() {
            CowArray::from(values)
        } else {
            CowArray::from(values.as_standard_layout().into_owned())
        };
        Ok(Self { values })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.values.nrows()
    }

    /// Number of dimensions.
    pub(super) fn width(&self) -> usize {
        self.values.ncols()
    }

    /// All rows, one after the other.
    pub(super) fn rows(&self) -> Rows<'_> {
        // The constructor made the layout contiguous, so that there always is a slice.
        Rows { values: self.values.as_slice().unwrap_or_default(), width: self.width() }
    }
}

/// Checks both sets and that their widths agree.
pub(super) fn pair<'a>(
    reference: ArrayView2<'a, f32>,
    samples: ArrayView2<'a, f32>,
    needed: usize,
) -> Result<(Features<'a>, Features<'a>), DistributionError> {
    let reference = Features::new(reference, REFERENCE, needed)?;
    let samples = Features::new(samples, SAMPLES, needed)?;
    if reference.width() != samples.width() {
        return Err(DistributionError::Dimensions {
            reference: reference.width(),
            samples: samples.width(),
        });
    }
    Ok((reference, samples))
}

/// A borrowed matrix of `f32`, row by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// `values` are rows of `width` numbers, `width` not 0; an incomplete last row is left away.
    pub(super) fn new(values: &'a [f32], width: usize) -> Self {
        Self { values: &values[..values.len() / width * width], width }
    }

    /// Number of rows.
    pub(super) fn len(self) -> usize {
        self.values.len() / self.width
    }

    /// Number of dimensions.
    pub(super) fn width(self) -> usize {
        self.width
    }

    /// The numbers, row by row.
    pub(super) fn as_slice(self) -> &'a [f32] {
        self.values
    }

    /// One row.
    pub(super) fn row(self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Every row, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks_exact(self.width)
    }

    /// Neighbouring rows.
    pub(super) fn range(self, rows: &std::ops::Range<usize>) -> Self {
        Self { values: &self.values[rows.start * self.width..rows.end * self.width], ..self }
    }

    /// The rows with these indices, in this order.
    pub(super) fn gather(self, indices: &[usize]) -> Vec<f32> {
        indices.iter().flat_map(|&index| self.row(index)).copied().collect()
    }

    /// |row|² of every row, in f64.
    pub(super) fn squared_lengths(self) -> Vec<f64> {
        self.iter()
            .map(|row| row.iter().map(|&value| f64::from(value) * f64::from(value)).sum())
            .collect()
    }
}
