//! Inner products of all pairs of rows, a tile at a time.
//!
//! A tile's borders depend on the number of rows alone, and the products inside are computed on one thread: so every
//! number is the same bits whatever the executor does.

use super::features::Rows;
use crate::executor::{Executor, map};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use std::convert::Infallible;
use std::ops::Range;

/// Rows and columns of a tile whose numbers are looked at several times: 1 MiB of `f32`, which stays in the second-level
/// cache.
pub(super) const SIDE: usize = 512;

/// A rectangle of pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    /// Indices into the first set.
    pub(super) rows: Range<usize>,
    /// Indices into the second set.
    pub(super) columns: Range<usize>,
}

impl Tile {
    /// Whether rows and columns are the same, in tiles of one set with itself.
    pub(super) fn is_diagonal(&self) -> bool {
        self.rows == self.columns
    }

    /// Inner products of its rows with its columns, row by row.
    pub(super) fn products(&self, first: Rows<'_>, second: Rows<'_>) -> Vec<f32> {
        products(first.range(&self.rows), second.range(&self.columns))
    }
}

/// Tiles of `side` rows and columns that cover all pairs of two sets, row of tiles after row of tiles.
pub(super) fn rectangle(rows: usize, columns: usize, side: usize) -> Vec<Tile> {
    let of_rows = |rows: Range<usize>| {
        bands(columns, side).map(move |columns| Tile { rows: rows.clone(), columns })
    };
    bands(rows, side).flat_map(of_rows).collect()
}

/// Tiles that cover all unordered pairs of one set: on and below the diagonal.
pub(super) fn triangle(rows: usize, side: usize) -> Vec<Tile> {
    let of_rows = |rows: Range<usize>| {
        bands(rows.end, side).map(move |columns| Tile { rows: rows.clone(), columns })
    };
    bands(rows, side).flat_map(of_rows).collect()
}

/// Tiles whose results are held at one time; enough to keep many threads busy.
pub(super) const WAVE: usize = 256;

/// Computes a result for every tile, side by side, and hands them to `merge` in tile order.
pub(super) fn for_each<T: Send + Sync>(
    executor: &dyn Executor,
    tiles: &[Tile],
    compute: impl Fn(&Tile) -> T + Sync,
    merge: impl FnMut(&Tile, T),
) {
    let Ok(()) = try_for_each(executor, tiles, |tile| Ok::<T, Infallible>(compute(tile)), merge);
}

/// As [`for_each`], until a tile fails.
///
/// # Errors
/// That of the first tile, in tile order, that failed.
pub(super) fn try_for_each<T: Send + Sync, E: Send + Sync>(
    executor: &dyn Executor,
    tiles: &[Tile],
    compute: impl Fn(&Tile) -> Result<T, E> + Sync,
    mut merge: impl FnMut(&Tile, T),
) -> Result<(), E> {
    for wave in tiles.chunks(WAVE) {
        let results = map(executor, wave.len(), |index| compute(&wave[index]));
        for (tile, result) in wave.iter().zip(results) {
            merge(tile, result?);
        }
    }
    Ok(())
}

/// Consecutive ranges of `side` indices; the last may be shorter.
fn bands(count: usize, side: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(side).map(move |start| start..(start + side).min(count))
}

/// `first` · `second`ᵀ, [rows of first, rows of second] row by row, in `f32`.
pub(super) fn products(first: Rows<'_>, second: Rows<'_>) -> Vec<f32> {
    let mut values = vec![0.0; first.len() * second.len()];
    multiply(matrix(first), matrix(second), &mut values);
    values
}

/// Rows of a part of a tile on the diagonal: fewer would be slower than what they save.
const PART: usize = 128;

/// The same of rows with themselves; of a row's products with later rows some are left as they are.
pub(super) fn multiply_below_diagonal(rows: Rows<'_>, values: &mut [f32]) {
    let count = rows.len();
    for (part, values) in values.chunks_mut(PART * count).enumerate() {
        let start = part * PART;
        let end = count.min(start + PART);
        let values = MatMut::from_row_major_slice_mut(values, end - start, count);
        let (first, second) = (rows.range(&(start..end)), rows.range(&(0..end)));
        replace(values.subcols_mut(0, end), matrix(first), matrix(second));
    }
}

/// `first` · `second`ᵀ into `values`, row by row.
pub(super) fn multiply(first: MatRef<'_, f32>, second: MatRef<'_, f32>, values: &mut [f32]) {
    let values = MatMut::from_row_major_slice_mut(values, first.nrows(), second.nrows());
    replace(values, first, second);
}

/// The same into those columns of `values` [rows of first, any] that stand for the rows of `second`.
pub(super) fn multiply_columns(
    first: Rows<'_>,
    second: Rows<'_>,
    values: &mut [f32],
    columns: Range<usize>,
) {
    let width = values.len() / first.len();
    let values = MatMut::from_row_major_slice_mut(values, first.len(), width);
    replace(values.subcols_mut(columns.start, columns.len()), matrix(first), matrix(second));
}

/// The rows as a matrix.
pub(super) fn matrix(rows: Rows<'_>) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(rows.as_slice(), rows.len(), rows.width())
}

fn replace(values: MatMut<'_, f32>, first: MatRef<'_, f32>, second: MatRef<'_, f32>) {
    matmul(values, Accum::Replace, first, second.transpose(), 1.0, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_pair_once() {
        for n in [1, 511, 512, 513, 1025] {
            let area = |tiles: Vec<Tile>| -> usize {
                tiles.iter().map(|tile| tile.rows.len() * tile.columns.len()).sum()
            };
            assert_eq!(area(rectangle(n, 700, SIDE)), n * 700);
            let off_diagonal = triangle(n, SIDE)
                .into_iter()
                .filter(|tile| !tile.is_diagonal())
                .collect::<Vec<_>>();
            let diagonal: usize = bands(n, SIDE).map(|band| band.len() * band.len()).sum();
            assert_eq!(2 * area(off_diagonal) + diagonal, n * n);
        }
    }

    #[test]
    fn products_below_the_diagonal_are_those_of_all_rows() {
        for count in [1, 127, 128, 300] {
            let values: Vec<f32> =
                (0..count * 3).map(|value| (value * value % 19) as f32).collect();
            let rows = Rows::new(&values, 3);
            let all = products(rows, rows);
            let mut below = vec![f32::NAN; count * count];
            multiply_below_diagonal(rows, &mut below);
            for row in 0..count {
                let line = row * count..row * count + row + 1;
                assert_eq!(below[line.clone()], all[line]);
            }
        }
    }

    #[test]
    fn products_of_integers_are_exact() {
        let first: Vec<f32> = (0..15).map(|value| value as f32).collect();
        let second: Vec<f32> = (0..10).map(|value| (value * value) as f32).collect();
        let actual = products(Rows::new(&first, 5), Rows::new(&second, 5));
        for row in 0..3 {
            for column in 0..2 {
                let expected: f32 =
                    (0..5).map(|index| first[row * 5 + index] * second[column * 5 + index]).sum();
                assert_eq!(actual[row * 2 + column], expected);
            }
        }
    }
}
