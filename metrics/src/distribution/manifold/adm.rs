//! Distances as ADM's evaluator computes them.
//!
//! Its TensorFlow graph casts both operands to binary16 and takes max(|u|² - 2 u·v + |v|², 0) there, every operation rounded;
//! a block of 10,000 by 10,000 pairs with a value that is not finite is computed again in `f32`. A radius is number k of a
//! row's sorted distances counted from 0, the row itself among them.
//!
//! What TensorFlow leaves open: sums inside a product and inside |u|² are taken here in `f32` and rounded to binary16 once, as
//! matrix products on GPUs are. A GPU may add in another order, which moves single distances by a unit of binary16.

use super::{Boundary, Hit, Manifold, ManifoldOptions};
use crate::distribution::DistributionError;
use crate::distribution::features::Rows;
use crate::distribution::half_precision::round_to_half;
use crate::distribution::tiles::{self, Tile};
use crate::executor::{Executor, map};
use std::ops::Range;

/// Rows of a block that is either all binary16 or all `f32`.
const BLOCK: usize = 10_000;

pub(super) fn manifold(
    reference: Rows<'_>,
    samples: Rows<'_>,
    options: &ManifoldOptions,
    executor: &dyn Executor,
) -> Result<Manifold, DistributionError> {
    /// No intermediate value exceeds four times the longer row's |u|².
    const LONGEST: f32 = f32::MAX / 8.0;
    let (reference, samples) = (Set::new(reference), Set::new(samples));
    if reference.lengths.iter().chain(&samples.lengths).any(|&length| length > LONGEST) {
        return Err(DistributionError::Overflow { what: "the squared distances" });
    }
    let reference_radii = squared_radii(&reference, options.k, executor);
    let sample_radii = squared_radii(&samples, options.k, executor);
    let inside = |distance: f32, radius: f32| match options.boundary {
        Boundary::Closed => distance <= radius,
        Boundary::Open => distance < radius,
    };
    let mut manifold = Manifold::empty(*options, reference.len(), samples.len());
    for_each_tile(
        (&reference, &samples),
        executor,
        |tile, distances| {
            let mut hits = Vec::new();
            for (position, distances) in distances.chunks_exact(tile.columns.len()).enumerate() {
                let row = tile.rows.start + position;
                for (column, &distance) in tile.columns.clone().zip(distances) {
                    let in_reference_ball = inside(distance, reference_radii[row]);
                    let in_sample_ball = inside(distance, sample_radii[column]);
                    if in_reference_ball || in_sample_ball {
                        hits.push(Hit {
                            reference: row,
                            sample: column,
                            in_reference_ball,
                            in_sample_ball,
                        });
                    }
                }
            }
            hits
        },
        |_, hits| manifold.add(&hits),
    );
    Ok(manifold)
}

/// Number k, counted from 0, of every row's sorted distances. The set has more than k rows.
fn squared_radii(set: &Set<'_>, k: usize, executor: &dyn Executor) -> Vec<f32> {
    let mut nearest: Vec<Vec<f32>> = vec![Vec::new(); set.len()];
    let keep = |distances: &mut Vec<f32>| {
        distances.sort_unstable_by(f32::total_cmp);
        distances.truncate(k + 1);
    };
    for_each_tile(
        (set, set),
        executor,
        |tile, distances| -> Vec<Vec<f32>> {
            distances
                .chunks_exact(tile.columns.len())
                .map(|distances| smallest(distances, k + 1))
                .collect()
        },
        |tile, found| {
            for (nearest, found) in nearest[tile.rows.clone()].iter_mut().zip(found) {
                nearest.extend(found);
                keep(nearest);
            }
        },
    );
    nearest
        .into_iter()
        .map(|distances| distances.get(k).copied().unwrap_or(f32::INFINITY))
        .collect()
}

/// The `count` smallest numbers, ascending; all of them where there are fewer.
fn smallest(values: &[f32], count: usize) -> Vec<f32> {
    let mut kept: Vec<f32> = Vec::with_capacity(count.min(values.len()) + 1);
    for &value in values {
        if kept.len() < count || kept.last().is_some_and(|&last| value < last) {
            let place = kept.partition_point(|&other| other <= value);
            kept.insert(place, value);
            kept.truncate(count);
        }
    }
    kept
}

/// A set in both precisions.
struct Set<'a> {
    original: Rows<'a>,
    halves: Vec<f32>,
    /// |u|² in `f32`.
    lengths: Vec<f32>,
    /// |u|² of the halves: squares rounded to binary16, summed, rounded.
    half_lengths: Vec<f32>,
}

impl<'a> Set<'a> {
    fn new(original: Rows<'a>) -> Self {
        let halves: Vec<f32> = original.as_slice().iter().copied().map(round_to_half).collect();
        let lengths =
            original.iter().map(|row| row.iter().map(|value| value * value).sum()).collect();
        let half_lengths = halves
            .chunks_exact(original.width())
            .map(|row| round_to_half(row.iter().map(|value| round_to_half(value * value)).sum()))
            .collect();
        Self { original, halves, lengths, half_lengths }
    }

    fn len(&self) -> usize {
        self.original.len()
    }

    fn halves(&self) -> Rows<'_> {
        Rows::new(&self.halves, self.original.width())
    }
}

/// Which numbers a block is computed in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Precision {
    Half,
    Single,
}

/// Computes the distances of every tile, asks `compute` what to keep of them, and merges that in tile order.
fn for_each_tile<T: Send + Sync>(
    (first, second): (&Set<'_>, &Set<'_>),
    executor: &dyn Executor,
    compute: impl Fn(&Tile, &[f32]) -> T + Sync,
    mut merge: impl FnMut(&Tile, T),
) {
    for rows in blocks(first.len()) {
        for columns in blocks(second.len()) {
            let tiles = tiles_of_block(&rows, &columns);
            let precision = block_precision((first, &rows), (second, &columns), &tiles, executor);
            tiles::for_each(
                executor,
                &tiles,
                |tile| compute(tile, &distances(first, second, tile, precision)),
                &mut merge,
            );
        }
    }
}

fn blocks(rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(rows))
}

fn tiles_of_block(rows: &Range<usize>, columns: &Range<usize>) -> Vec<Tile> {
    let shift = |range: Range<usize>, by: usize| range.start + by..range.end + by;
    tiles::rectangle(rows.len(), columns.len(), tiles::SIDE)
        .into_iter()
        .map(|tile| Tile {
            rows: shift(tile.rows, rows.start),
            columns: shift(tile.columns, columns.start),
        })
        .collect()
}

fn block_precision(
    (first, rows): (&Set<'_>, &Range<usize>),
    (second, columns): (&Set<'_>, &Range<usize>),
    tiles: &[Tile],
    executor: &dyn Executor,
) -> Precision {
    /// No intermediate value exceeds (|u| + |v|)²; this is binary16's largest number less 5 % for rounding.
    const SURELY_FINITE: f32 = 62_000.0;
    let longest =
        |lengths: &[f32]| lengths.iter().fold(0.0_f32, |longest, &length| longest.max(length));
    let (u, v) = (
        longest(&first.half_lengths[rows.clone()]),
        longest(&second.half_lengths[columns.clone()]),
    );
    let sum = u.sqrt() + v.sqrt();
    if sum * sum < SURELY_FINITE {
        return Precision::Half;
    }
    let finite = map(executor, tiles.len(), |index| {
        distances(first, second, &tiles[index], Precision::Half)
            .iter()
            .all(|distance| distance.is_finite())
    });
    if finite.into_iter().all(|finite| finite) { Precision::Half } else { Precision::Single }
}

/// Squared distances of a tile, row by row.
fn distances(first: &Set<'_>, second: &Set<'_>, tile: &Tile, precision: Precision) -> Vec<f32> {
    let half = precision == Precision::Half;
    let (mut values, rows, columns) = if half {
        let products = tile.products(first.halves(), second.halves());
        (products, &first.half_lengths, &second.half_lengths)
    } else {
        (tile.products(first.original, second.original), &first.lengths, &second.lengths)
    };
    let (rows, columns) = (&rows[tile.rows.clone()], &columns[tile.columns.clone()]);
    pulp::Arch::new().dispatch(Distances { values: &mut values, rows, columns, half });
    values
}

/// Turns products into squared distances.
struct Distances<'a> {
    values: &'a mut [f32],
    rows: &'a [f32],
    columns: &'a [f32],
    half: bool,
}

impl pulp::NullaryFnOnce for Distances<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (values, &u) in self.values.chunks_exact_mut(self.columns.len()).zip(self.rows) {
            for (value, &v) in values.iter_mut().zip(self.columns) {
                let distance = if self.half {
                    let twice = round_to_half(2.0 * round_to_half(*value));
                    round_to_half(round_to_half(u - twice) + v)
                } else {
                    (u - 2.0 * *value) + v
                };
                // Written so that NaN, which tells an overflow, is not hidden.
                *value = if distance < 0.0 { 0.0 } else { distance };
            }
        }
    }
}
