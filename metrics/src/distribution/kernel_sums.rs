//! Sums of a kernel over all pairs of rows of two sets, without a matrix of all pairs.
//!
//! Inner products are `f32` (one tile at a time), their sums `f64`. Pairs within a set are computed once.

use super::features::Rows;
use super::tiles::{self, Tile};
use crate::executor::Executor;

/// Numbers added side by side. Part of the result's definition, because it fixes the order of the sums.
const LANES: usize = 16;

/// The same where only some numbers of a row are added.
const CHOSEN_LANES: usize = 4;

/// A function of two rows that depends on their inner product and squared lengths.
pub(super) trait Kernel: Sync {
    /// Replaces the inner products of one row with several columns by the kernel's values.
    ///
    /// `own` is |row|², `columns` holds |column|². Inlined where the vector instructions are chosen.
    fn apply(&self, products: &mut [f32], own: f64, columns: &[f64]);
}

/// A set with what the kernel needs to know of its rows.
pub(super) struct Side<'a> {
    pub(super) rows: Rows<'a>,
    squared_lengths: Vec<f64>,
}

impl<'a> Side<'a> {
    pub(super) fn new(rows: Rows<'a>) -> Self {
        Self { rows, squared_lengths: rows.squared_lengths() }
    }
}

/// For every row of one set, the sums of its kernel values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RowSums {
    /// With all other rows of its own set.
    pub(super) within: Vec<f64>,
    /// With all rows of the other set.
    pub(super) across: Vec<f64>,
}

/// Rows of both sets that are looked at together. Indices ascend.
#[derive(Clone, Debug)]
pub(super) struct Subset {
    pub(super) first: Vec<usize>,
    pub(super) second: Vec<usize>,
}

/// Sums over the pairs of one subset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SubsetSums {
    /// Over unordered pairs of the first set.
    pub(super) first: f64,
    /// Over unordered pairs of the second set.
    pub(super) second: f64,
    /// Over pairs of one row from each.
    pub(super) across: f64,
}

/// All sums from one pass.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KernelSums {
    pub(super) first: RowSums,
    pub(super) second: RowSums,
    pub(super) subsets: Vec<SubsetSums>,
}

/// One pass over all pairs. A subset costs only look-ups in the tiles that are computed anyway.
pub(super) fn kernel_sums(
    first: &Side<'_>,
    second: &Side<'_>,
    kernel: &impl Kernel,
    subsets: &[Subset],
    executor: &dyn Executor,
) -> KernelSums {
    let of_first: Vec<&[usize]> = subsets.iter().map(|subset| subset.first.as_slice()).collect();
    let of_second: Vec<&[usize]> = subsets.iter().map(|subset| subset.second.as_slice()).collect();
    let within_first = within(first, kernel, &of_first, executor);
    let within_second = within(second, kernel, &of_second, executor);
    let across = across(first, second, kernel, (&of_first, &of_second), executor);
    let subsets = (0..subsets.len())
        .map(|index| SubsetSums {
            first: within_first.subsets[index],
            second: within_second.subsets[index],
            across: across.subsets[index],
        })
        .collect();
    KernelSums {
        first: RowSums { within: within_first.rows, across: across.rows },
        second: RowSums { within: within_second.rows, across: across.columns },
        subsets,
    }
}

/// Sums of a tile, or of everything.
struct Sums {
    rows: Vec<f64>,
    columns: Vec<f64>,
    subsets: Vec<f64>,
}

impl Sums {
    fn zero(rows: usize, columns: usize, subsets: usize) -> Self {
        Self { rows: vec![0.0; rows], columns: vec![0.0; columns], subsets: vec![0.0; subsets] }
    }
}

fn add(to: &mut [f64], from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// Row sums go to `rows`; `columns` stays empty, for both are rows of the one set.
fn within(
    set: &Side<'_>,
    kernel: &impl Kernel,
    subsets: &[&[usize]],
    executor: &dyn Executor,
) -> Sums {
    let mut all = Sums::zero(set.rows.len(), 0, subsets.len());
    tiles::for_each(
        executor,
        &tiles::triangle(set.rows.len()),
        |tile| tile_sums(tile, (set, set), kernel, (subsets, subsets), tile.is_diagonal()),
        |tile, sums| {
            add(&mut all.rows[tile.rows.clone()], &sums.rows);
            add(&mut all.rows[tile.columns.clone()], &sums.columns);
            add(&mut all.subsets, &sums.subsets);
        },
    );
    all
}

fn across(
    first: &Side<'_>,
    second: &Side<'_>,
    kernel: &impl Kernel,
    subsets: (&[&[usize]], &[&[usize]]),
    executor: &dyn Executor,
) -> Sums {
    let mut all = Sums::zero(first.rows.len(), second.rows.len(), subsets.0.len());
    tiles::for_each(
        executor,
        &tiles::rectangle(first.rows.len(), second.rows.len()),
        |tile| tile_sums(tile, (first, second), kernel, subsets, false),
        |tile, sums| {
            add(&mut all.rows[tile.rows.clone()], &sums.rows);
            add(&mut all.columns[tile.columns.clone()], &sums.columns);
            add(&mut all.subsets, &sums.subsets);
        },
    );
    all
}

/// `below_diagonal` leaves away the diagonal and what mirrors the rest.
fn tile_sums(
    tile: &Tile,
    (first, second): (&Side<'_>, &Side<'_>),
    kernel: &impl Kernel,
    subsets: (&[&[usize]], &[&[usize]]),
    below_diagonal: bool,
) -> Sums {
    let mut values = tile.products(first.rows, second.rows);
    let mut sums = Sums::zero(tile.rows.len(), tile.columns.len(), 0);
    pulp::Arch::new().dispatch(Evaluation {
        values: &mut values,
        kernel,
        rows: &first.squared_lengths[tile.rows.clone()],
        columns: &second.squared_lengths[tile.columns.clone()],
        below_diagonal,
        sums: &mut sums,
    });
    let width = tile.columns.len();
    sums.subsets = subsets
        .0
        .iter()
        .zip(subsets.1)
        .map(|(rows, columns)| {
            let rows = inside(rows, &tile.rows);
            let columns = inside(columns, &tile.columns);
            let row = |row: &usize| {
                let values = &values[(row - tile.rows.start) * width..][..width];
                chosen_sum(values, columns, tile.columns.start)
            };
            rows.iter().map(row).sum()
        })
        .collect();
    sums
}

/// The sum of the values at some indices, counted from `first`.
fn chosen_sum(values: &[f32], indices: &[usize], first: usize) -> f64 {
    // Several sums side by side: one alone would wait for each of its additions.
    let mut lanes = [0.0; CHOSEN_LANES];
    let (groups, rest) = indices.as_chunks::<CHOSEN_LANES>();
    for group in groups {
        for (lane, index) in lanes.iter_mut().zip(group) {
            *lane += f64::from(values[index - first]);
        }
    }
    let rest: f64 = rest.iter().map(|index| f64::from(values[index - first])).sum();
    lanes.iter().sum::<f64>() + rest
}

/// Those of the ascending indices that lie in the range.
fn inside<'a>(indices: &'a [usize], range: &std::ops::Range<usize>) -> &'a [usize] {
    let start = indices.partition_point(|&index| index < range.start);
    let end = indices.partition_point(|&index| index < range.end);
    &indices[start..end]
}

/// Kernel values of a tile in place, and their sums along both sides.
struct Evaluation<'a, K> {
    values: &'a mut [f32],
    kernel: &'a K,
    rows: &'a [f64],
    columns: &'a [f64],
    below_diagonal: bool,
    sums: &'a mut Sums,
}

// What runs inside is inlined there, so that it is compiled for the machine at hand.
impl<K: Kernel> pulp::NullaryFnOnce for Evaluation<'_, K> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (row, values) in self.values.chunks_exact_mut(self.columns.len()).enumerate() {
            self.kernel.apply(values, self.rows[row], self.columns);
            if self.below_diagonal {
                values[row..].fill(0.0);
            }
            self.sums.rows[row] = sum(values);
            for (sum, &value) in self.sums.columns.iter_mut().zip(values.iter()) {
                *sum += f64::from(value);
            }
        }
    }
}

#[inline(always)]
fn sum(values: &[f32]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f64::from(value);
    }
    let mut total = 0.0;
    for lane in lanes {
        total += lane;
    }
    total
}
