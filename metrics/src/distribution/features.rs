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
        check_size(values.dim(), set, needed)?;
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
    check_same_width(reference.width(), samples.width())?;
    Ok((reference, samples))
}

/// Refuses [rows, dimensions] that are not enough.
pub(super) fn check_size(
    (rows, width): (usize, usize),
    set: &'static str,
    needed: usize,
) -> Result<(), DistributionError> {
    if width == 0 {
        return Err(DistributionError::NoDimensions { set });
    }
    if rows < needed {
        return Err(DistributionError::TooFewRows { set, actual: rows, needed });
    }
    Ok(())
}

/// Refuses sets whose dimensions are not the same in number.
pub(super) fn check_same_width(reference: usize, samples: usize) -> Result<(), DistributionError> {
    if reference == samples {
        Ok(())
    } else {
        Err(DistributionError::Dimensions { reference, samples })
    }
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

    /// |row|² of every row, in f64.
    pub(super) fn squared_lengths(self) -> Vec<f64> {
        self.iter()
            .map(|row| row.iter().map(|&value| f64::from(value) * f64::from(value)).sum())
            .collect()
    }
}
