//! Mean and centred second moment of feature rows, the same bits for any threads and any cut into chunks.
//!
//! Rows are taken in blocks of [`BLOCK_ROWS`], counted from the first row. A block is centred by its own mean, so an
//! offset common to all rows costs no digits, and its second moment is one matrix product. Blocks are merged in pairs by
//! the formula of Chan, Golub and LeVeque (1983), in a binary tree that depends on the number of blocks alone:
//!
//! ```text
//! blocks  0   1   2   3   4      ((0 1)(2 3)) 4
//! ```
//!
//! The tree is built like a binary counter, so that no more than log₂(blocks) + 1 partial moments exist at a time.

use super::DistributionError;
use super::linear_algebra::{lower_gram, product};
use crate::executor::{Executor, map};
use faer::{Mat, MatRef};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};

/// Rows of a block: four chunks of 256. Part of the definition: another number gives other last digits.
pub const BLOCK_ROWS: usize = 1024;

/// Columns of a strip; the second moment is stored as tiles of [`STRIP`] by [`STRIP`]. Part of the definition, too.
const STRIP: usize = 256;

/// Rows, mean and scatter Σ (x - mean)(x - mean)ᵀ of a set of rows.
#[derive(Clone, Debug)]
pub struct Moments {
    rows: u64,
    mean: Vec<f64>,
    /// Tiles (0, 0), (1, 0), (1, 1), (2, 0) … of the lower triangle; of the tiles on the diagonal the lower triangle.
    scatter: Vec<Mat<f64>>,
}

impl Moments {
    /// Moments of `rows`: [samples, dimensions], `f32` or `f64`.
    ///
    /// `set` names the rows in errors. One task a tile of 256 by 256 dimensions goes to `executor`.
    ///
    /// # Errors
    /// `NoDimensions`, `TooFewRows` without rows, `NotFinite` for NaN or infinity, `Statistics` if `f64` values overflow.
    pub fn of<A: Into<f64> + Copy + Sync>(
        rows: ArrayView2<'_, A>,
        set: &'static str,
        executor: &dyn Executor,
    ) -> Result<Self, DistributionError> {
        let mut stream = MomentsStream::new(set, rows.ncols())?;
        stream.push(rows, executor)?;
        stream.finish(executor)
    }

    /// Moments of the rows of `self` followed by the rows of `later`.
    ///
    /// The result equals [`Moments::of`] bit for bit where the merge is one of the tree in the module's documentation.
    ///
    /// # Errors
    /// `Options` if the widths differ.
    pub fn merge(&self, later: &Self, executor: &dyn Executor) -> Result<Self, DistributionError> {
        if self.mean.len() != later.mean.len() {
            return Err(width_error(self.mean.len(), later.mean.len()));
        }
        let (own, other) = (self.rows as f64, later.rows as f64);
        let total = own + other;
        let shift: Vec<f64> = later.mean.iter().zip(&self.mean).map(|(b, a)| b - a).collect();
        let mean = self.mean.iter().zip(&shift).map(|(mean, shift)| mean + shift * (other / total));
        let weight = own * other / total;
        let scatter = map(executor, self.scatter.len(), |index| {
            let (row, column) = tile_position(index);
            merge_tile(
                [&self.scatter[index], &later.scatter[index]],
                weight,
                [strip_of(&shift, row), strip_of(&shift, column)],
            )
        });
        Ok(Self { rows: self.rows + later.rows, mean: mean.collect(), scatter })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Mean of every dimension.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Σ (x - mean)(x - mean)ᵀ / `divisor`, both triangles.
    pub(crate) fn scatter_over(&self, divisor: f64) -> Mat<f64> {
        let width = self.mean.len();
        let mut whole = Mat::zeros(width, width);
        for (index, tile) in self.scatter.iter().enumerate() {
            let (top, left) = tile_position(index);
            for column in 0..tile.ncols() {
                let first = if top == left { column } else { 0 };
                for row in first..tile.nrows() {
                    let value = tile[(row, column)] / divisor;
                    whole[(top * STRIP + row, left * STRIP + column)] = value;
                    whole[(left * STRIP + column, top * STRIP + row)] = value;
                }
            }
        }
        whole
    }

    fn of_block<A: Into<f64> + Copy + Sync>(
        rows: ArrayView2<'_, A>,
        executor: &dyn Executor,
    ) -> Self {
        let strips = map(executor, rows.ncols().div_ceil(STRIP), |strip| {
            let end = (STRIP * (strip + 1)).min(rows.ncols());
            Strip::of(rows.slice(s![.., STRIP * strip..end]))
        });
        let scatter = map(executor, strips.len() * (strips.len() + 1) / 2, |index| {
            let (row, column) = tile_position(index);
            let (left, right) = (strips[row].centred.as_ref(), strips[column].centred.as_ref());
            if row == column { lower_gram(left) } else { product(left, right.transpose()) }
        });
        let mean = strips.into_iter().flat_map(|strip| strip.mean).collect();
        Self { rows: rows.nrows() as u64, mean, scatter }
    }

    fn is_finite(&self) -> bool {
        let finite = |tile: &Mat<f64>| tile.col_iter().all(|c| c.iter().all(|v| v.is_finite()));
        self.mean.iter().all(|value| value.is_finite()) && self.scatter.iter().all(finite)
    }
}

/// Some columns of a block.
struct Strip {
    mean: Vec<f64>,
    /// [columns, rows]: a row of features is a column here.
    centred: Mat<f64>,
}

impl Strip {
    fn of<A: Into<f64> + Copy>(rows: ArrayView2<'_, A>) -> Self {
        let (count, width) = rows.dim();
        // Differences from the first row are averaged and centred: a large common offset takes no digits.
        let first: Vec<f64> = rows.row(0).iter().map(|&value| value.into()).collect();
        let mut shift = vec![0.0; width];
        for row in rows.outer_iter() {
            for ((sum, &value), first) in shift.iter_mut().zip(row).zip(&first) {
                *sum += value.into() - first;
            }
        }
        shift.iter_mut().for_each(|sum| *sum /= count as f64);
        let mut centred = Mat::zeros(width, count);
        for (index, row) in rows.outer_iter().enumerate() {
            let around = first.iter().zip(&shift);
            let deviations = centred.col_as_slice_mut(index).iter_mut().zip(row).zip(around);
            for ((deviation, &value), (first, shift)) in deviations {
                *deviation = (value.into() - first) - shift;
            }
        }
        let mean = first.iter().zip(&shift).map(|(first, shift)| first + shift).collect();
        Self { mean, centred }
    }
}

/// Row and column of the tile at `index` of the lower triangle.
fn tile_position(index: usize) -> (usize, usize) {
    let mut row = 0;
    while (row + 1) * (row + 2) / 2 <= index {
        row += 1;
    }
    (row, index - row * (row + 1) / 2)
}

fn strip_of(values: &[f64], strip: usize) -> &[f64] {
    let start = STRIP * strip;
    &values[start..values.len().min(start + STRIP)]
}

/// a + b + weight · shift shiftᵀ.
fn merge_tile([a, b]: [&Mat<f64>; 2], weight: f64, [down, along]: [&[f64]; 2]) -> Mat<f64> {
    let mut merged = Mat::zeros(a.nrows(), a.ncols());
    for (column, shift) in along.iter().enumerate() {
        let sides = a.col_as_slice(column).iter().zip(b.col_as_slice(column));
        let targets = merged.col_as_slice_mut(column).iter_mut().zip(down);
        for ((target, other), (a, b)) in targets.zip(sides) {
            *target = (a + b) + weight * (other * shift);
        }
    }
    merged
}

fn width_error(expected: usize, actual: usize) -> DistributionError {
    DistributionError::Options(format!(
        "rows of {actual} dimensions follow rows of {expected}: all rows must come from one encoder"
    ))
}

/// Takes rows piece by piece and gives the moments of all; nothing depends on how the rows were cut.
#[derive(Clone, Debug)]
pub struct MomentsStream<A> {
    set: &'static str,
    width: usize,
    /// Rows of complete blocks.
    taken: u64,
    /// Rows of the block that is not complete.
    buffer: Vec<A>,
    /// Merged blocks with the height of their tree; heights fall from first to last.
    partial: Vec<(u32, Moments)>,
}

impl<A: Into<f64> + Copy + Sync> MomentsStream<A> {
    /// Starts without rows; `set` names them in errors.
    ///
    /// # Errors
    /// `NoDimensions` if `width` is 0.
    pub fn new(set: &'static str, width: usize) -> Result<Self, DistributionError> {
        if width == 0 {
            return Err(DistributionError::NoDimensions { set });
        }
        Ok(Self { set, width, taken: 0, buffer: Vec::new(), partial: Vec::new() })
    }

    /// Takes the next rows, any number.
    ///
    /// # Errors
    /// `Options` for rows of another width; `NotFinite`; `Statistics` if `f64` values overflow.
    pub fn push(
        &mut self,
        rows: ArrayView2<'_, A>,
        executor: &dyn Executor,
    ) -> Result<(), DistributionError> {
        if rows.ncols() != self.width {
            return Err(width_error(self.width, rows.ncols()));
        }
        let mut rest = rows;
        while !rest.is_empty() {
            let held = self.buffer.len() / self.width;
            let take = (BLOCK_ROWS - held).min(rest.nrows());
            let (next, remaining) = rest.split_at(Axis(0), take);
            rest = remaining;
            if take == BLOCK_ROWS {
                self.add_block(next, executor)?;
            } else {
                self.buffer.extend(next.iter().copied());
                self.add_full_buffer(executor)?;
            }
        }
        Ok(())
    }

    /// The moments of all rows taken.
    ///
    /// # Errors
    /// `TooFewRows` if there were none; else as [`MomentsStream::push`].
    pub fn finish(mut self, executor: &dyn Executor) -> Result<Moments, DistributionError> {
        if !self.buffer.is_empty() {
            self.add_buffer(executor)?;
        }
        let missing = DistributionError::TooFewRows { set: self.set, actual: 0, needed: 1 };
        let (_, mut merged) = self.partial.pop().ok_or(missing)?;
        while let Some((_, earlier)) = self.partial.pop() {
            merged = earlier.merge(&merged, executor)?;
        }
        if merged.is_finite() { Ok(merged) } else { Err(overflow(self.set)) }
    }

    fn add_full_buffer(&mut self, executor: &dyn Executor) -> Result<(), DistributionError> {
        if self.buffer.len() < BLOCK_ROWS * self.width {
            return Ok(());
        }
        self.add_buffer(executor)
    }

    fn add_buffer(&mut self, executor: &dyn Executor) -> Result<(), DistributionError> {
        let rows = std::mem::take(&mut self.buffer);
        let view = ArrayView2::from_shape((rows.len() / self.width, self.width), &rows)
            .map_err(|error| DistributionError::Options(error.to_string()))?;
        self.add_block(view, executor)
    }

    fn add_block(
        &mut self,
        rows: ArrayView2<'_, A>,
        executor: &dyn Executor,
    ) -> Result<(), DistributionError> {
        let mut moments = Moments::of_block(rows, executor);
        if !moments.mean.iter().all(|mean| mean.is_finite()) {
            return Err(not_finite(rows, self.set, self.taken));
        }
        self.taken += rows.nrows() as u64;
        let mut height = 0;
        while let Some((_, earlier)) = self.partial.pop_if(|(other, _)| *other == height) {
            moments = earlier.merge(&moments, executor)?;
            height += 1;
        }
        self.partial.push((height, moments));
        Ok(())
    }
}

/// Mean and centred rows, [dimensions, rows], of a set that is not cut into blocks.
///
/// # Errors
/// `NotFinite`.
pub(super) fn centred(
    rows: ArrayView2<'_, f32>,
    set: &'static str,
) -> Result<(Vec<f64>, Mat<f64>), DistributionError> {
    let Strip { mean, centred } = Strip::of(rows);
    if mean.iter().all(|mean| mean.is_finite()) {
        Ok((mean, centred))
    } else {
        Err(not_finite(rows, set, 0))
    }
}

/// The error of rows whose mean is not finite; `before` rows came before them.
fn not_finite<A: Into<f64> + Copy>(
    rows: ArrayView2<'_, A>,
    set: &'static str,
    before: u64,
) -> DistributionError {
    let bad = |row: &ArrayView1<'_, A>| row.iter().any(|&value| !value.into().is_finite());
    match rows.outer_iter().position(|row| bad(&row)) {
        Some(row) => DistributionError::NotFinite { set, row: before as usize + row },
        None => overflow(set),
    }
}

fn overflow(set: &'static str) -> DistributionError {
    DistributionError::Statistics {
        set,
        problem: "their squares exceed the range of f64; scale the features down".to_owned(),
    }
}

/// A mean and a covariance: what a Fréchet distance needs to know of a set.
#[derive(Clone, Debug)]
pub struct Gaussian {
    rows: Option<u64>,
    mean: Vec<f64>,
    covariance: Mat<f64>,
}

/// Means and variances beyond this would overflow in products of covariances. Features of `f32` stay far below.
const LARGEST: f64 = 1e100;

/// Two numbers of a stored covariance that should be equal may differ by this, relative to √(variance · variance).
/// Products of 50,000 rows that were summed in `f32` in two orders differ by some 1e-5.
const ASYMMETRY: f64 = 1e-4;

impl Gaussian {
    /// Mean and covariance with denominator rows - 1, as `np.cov(x, rowvar=False)`.
    ///
    /// # Errors
    /// `TooFewRows` for fewer than 2 rows; `Statistics` if a mean or a variance exceeds 1e100.
    pub fn of_moments(moments: &Moments, set: &'static str) -> Result<Self, DistributionError> {
        if moments.rows < 2 {
            let actual = moments.rows as usize;
            return Err(DistributionError::TooFewRows { set, actual, needed: 2 });
        }
        let gaussian = Self {
            rows: Some(moments.rows),
            mean: moments.mean.clone(),
            covariance: moments.scatter_over((moments.rows - 1) as f64),
        };
        gaussian.check_range(set)?;
        Ok(gaussian)
    }

    /// Statistics from elsewhere, such as `mu` and `sigma` of a reference file, and how many rows they come
    /// from, if that is known. The two triangles are averaged.
    ///
    /// # Errors
    /// `NoDimensions`; `Statistics` if the shapes do not fit, a number is not finite, a variance is negative, the triangles
    /// differ by more than 1e-4 of √(variance · variance), a covariance exceeds that product by as much, or a mean or a
    /// variance exceeds 1e100.
    pub fn from_statistics(
        mean: ArrayView1<'_, f64>,
        covariance: ArrayView2<'_, f64>,
        rows: Option<u64>,
        set: &'static str,
    ) -> Result<Self, DistributionError> {
        let width = mean.len();
        if width == 0 {
            return Err(DistributionError::NoDimensions { set });
        }
        let refuse = |problem: String| DistributionError::Statistics { set, problem };
        if covariance.dim() != (width, width) {
            let (down, along) = covariance.dim();
            return Err(refuse(format!(
                "the mean has {width} numbers, the covariance is {down} x {along}"
            )));
        }
        if !mean.iter().chain(covariance.iter()).all(|value| value.is_finite()) {
            return Err(refuse("they hold NaN or an infinity".to_owned()));
        }
        if let Some(index) = covariance.diag().iter().position(|&variance| variance < 0.0) {
            return Err(refuse(format!("variance {index} (counted from 0) is negative")));
        }
        let deviations = covariance.diag().mapv(f64::sqrt);
        let mut symmetric = Mat::zeros(width, width);
        for row in 0..width {
            for column in 0..=row {
                let (below, above) = (covariance[(row, column)], covariance[(column, row)]);
                let largest = deviations[row] * deviations[column];
                let value = below / 2.0 + above / 2.0;
                if (below - above).abs() > ASYMMETRY * largest {
                    return Err(refuse(format!(
                        "the covariance is not symmetric: [{row}, {column}] is {below}, [{column}, {row}] is {above}"
                    )));
                }
                if value.abs() > (1.0 + ASYMMETRY) * largest {
                    return Err(refuse(format!(
                        "covariance [{row}, {column}] is {value}, more than its variances allow"
                    )));
                }
                symmetric[(row, column)] = value;
                symmetric[(column, row)] = value;
            }
        }
        let gaussian = Self { rows, mean: mean.to_vec(), covariance: symmetric };
        gaussian.check_range(set)?;
        Ok(gaussian)
    }

    fn check_range(&self, set: &'static str) -> Result<(), DistributionError> {
        let in_range = |index: usize| {
            self.mean[index].abs() <= LARGEST && self.covariance[(index, index)] <= LARGEST
        };
        match (0..self.mean.len()).find(|&index| !in_range(index)) {
            None => Ok(()),
            Some(index) => Err(DistributionError::Statistics {
                set,
                problem: format!(
                    "mean or variance {index} (counted from 0) exceeds {LARGEST:e}; scale the features down"
                ),
            }),
        }
    }

    /// Rows the statistics come from, if known.
    #[must_use]
    pub fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Mean of every dimension.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The covariance, [dimensions, dimensions].
    #[must_use]
    pub fn covariance(&self) -> Array2<f64> {
        let width = self.mean.len();
        Array2::from_shape_fn((width, width), |(row, column)| self.covariance[(row, column)])
    }

    pub(super) fn trace(&self) -> f64 {
        self.covariance.diagonal().column_vector().iter().sum()
    }

    pub(super) fn matrix(&self) -> MatRef<'_, f64> {
        self.covariance.as_ref()
    }
}
