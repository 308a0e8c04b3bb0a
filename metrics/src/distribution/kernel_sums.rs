//! Sums of a kernel over all pairs of rows of two sets, without a matrix of all pairs.
//!
//! Inner products are `f32` (one tile at a time), their sums `f64`. Pairs within a set are computed once.

use super::DistributionError;
use super::checked_set::CheckedSet;
use super::tile_products::{Band, Workspace, Workspaces};
use super::tiles::{self, Tile};
use crate::executor::Executor;
use std::ops::Range;

/// Rows and columns of a tile. Each number is looked at once, so that the speed of the products decides, which grows with
/// the side; a thread's [`Workspaces`] take 27 MiB for 2,048 dimensions.
const SIDE: usize = 1024;

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
    set: CheckedSet<'a>,
    squared_lengths: Vec<f64>,
}

impl<'a> Side<'a> {
    pub(super) fn new(set: CheckedSet<'a>) -> Result<Self, DistributionError> {
        let squared_lengths = set.squared_lengths()?;
        Ok(Self { set, squared_lengths })
    }

    fn len(&self) -> usize {
        self.squared_lengths.len()
    }

    fn band<'b>(
        &'b self,
        rows: &Range<usize>,
        memory: &'b mut Vec<f32>,
    ) -> Result<Band<'b>, DistributionError> {
        let squared_lengths = &self.squared_lengths[rows.clone()];
        Ok(Band { rows: self.set.band(rows.clone(), memory)?, squared_lengths })
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

/// All sums from one pass over all pairs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KernelSums {
    pub(super) first: RowSums,
    pub(super) second: RowSums,
    pub(super) subsets: Vec<SubsetSums>,
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

/// The rows of one set that each subset has drawn.
struct Draws<'a> {
    /// Ascending indices of each subset.
    of_subset: Vec<&'a [usize]>,
    /// The subsets that each row is in; empty where there are none at all, as rows are many.
    of_row: Vec<Vec<usize>>,
}

impl<'a> Draws<'a> {
    fn new(subsets: impl Iterator<Item = &'a [usize]>, rows: usize) -> Self {
        let of_subset: Vec<&[usize]> = subsets.collect();
        let mut of_row = vec![Vec::new(); if of_subset.is_empty() { 0 } else { rows }];
        for (subset, rows) in of_subset.iter().enumerate() {
            rows.iter().for_each(|&row| of_row[row].push(subset));
        }
        Self { of_subset, of_row }
    }
}

/// What all tiles of a pass share. It may be used for several passes, one after the other or side by side.
pub(super) struct Pass<'a, K> {
    kernel: &'a K,
    /// Whether the sums of the rows are asked for, not only those of the subsets.
    row_sums: bool,
    executor: &'a dyn Executor,
    workspaces: Workspaces,
}

impl<'a, K: Kernel> Pass<'a, K> {
    pub(super) fn new(kernel: &'a K, executor: &'a dyn Executor) -> Self {
        Self { kernel, row_sums: true, executor, workspaces: Workspaces::default() }
    }

    /// One that leaves the sums of the rows 0.
    pub(super) fn of_subsets(kernel: &'a K, executor: &'a dyn Executor) -> Self {
        Self { row_sums: false, ..Self::new(kernel, executor) }
    }

    /// The sums of all rows and subsets. A subset costs only look-ups in the tiles that are computed anyway.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn sums(
        &self,
        first: &Side<'_>,
        second: &Side<'_>,
        subsets: &[Subset],
    ) -> Result<KernelSums, DistributionError> {
        let of_first =
            Draws::new(subsets.iter().map(|subset| subset.first.as_slice()), first.len());
        let of_second =
            Draws::new(subsets.iter().map(|subset| subset.second.as_slice()), second.len());
        let within_first = self.within(first, &of_first)?;
        let within_second = self.within(second, &of_second)?;
        let across = self.across(first, second, (&of_first, &of_second))?;
        let subsets = (0..subsets.len())
            .map(|index| SubsetSums {
                first: within_first.subsets[index],
                second: within_second.subsets[index],
                across: across.subsets[index],
            })
            .collect();
        Ok(KernelSums {
            first: RowSums { within: within_first.rows, across: across.rows },
            second: RowSums { within: within_second.rows, across: across.columns },
            subsets,
        })
    }

    /// Row sums go to `rows`; `columns` stays empty, for both are rows of the one set.
    fn within(&self, set: &Side<'_>, draws: &Draws<'_>) -> Result<Sums, DistributionError> {
        let mut all = Sums::zero(set.len(), 0, draws.of_subset.len());
        tiles::try_for_each(
            self.executor,
            &tiles::triangle(set.len(), SIDE),
            |tile| self.tile_sums(tile, (set, set), (draws, draws), tile.is_diagonal()),
            |tile, sums| {
                add(&mut all.rows[tile.rows.clone()], &sums.rows);
                add(&mut all.rows[tile.columns.clone()], &sums.columns);
                add(&mut all.subsets, &sums.subsets);
            },
        )?;
        Ok(all)
    }

    fn across(
        &self,
        first: &Side<'_>,
        second: &Side<'_>,
        draws: (&Draws<'_>, &Draws<'_>),
    ) -> Result<Sums, DistributionError> {
        let mut all = Sums::zero(first.len(), second.len(), draws.0.of_subset.len());
        tiles::try_for_each(
            self.executor,
            &tiles::rectangle(first.len(), second.len(), SIDE),
            |tile| self.tile_sums(tile, (first, second), draws, false),
            |tile, sums| {
                add(&mut all.rows[tile.rows.clone()], &sums.rows);
                add(&mut all.columns[tile.columns.clone()], &sums.columns);
                add(&mut all.subsets, &sums.subsets);
            },
        )?;
        Ok(all)
    }

    /// `below_diagonal` leaves away the diagonal and what mirrors the rest.
    fn tile_sums(
        &self,
        tile: &Tile,
        (first, second): (&Side<'_>, &Side<'_>),
        draws: (&Draws<'_>, &Draws<'_>),
        below_diagonal: bool,
    ) -> Result<Sums, DistributionError> {
        let drawn: Vec<&[usize]> =
            draws.1.of_subset.iter().map(|columns| inside(columns, &tile.columns)).collect();
        let mut sums = Sums::zero(tile.rows.len(), tile.columns.len(), drawn.len());
        self.workspaces.with(|Workspace { bands: [first_memory, second_memory], products }| {
            let rows = first.band(&tile.rows, first_memory)?;
            let (columns, values) = if below_diagonal {
                (rows, products.below_diagonal(&rows))
            } else {
                let columns = second.band(&tile.columns, second_memory)?;
                (columns, products.of(&rows, &columns))
            };
            pulp::Arch::new().dispatch(Evaluation {
                values,
                kernel: self.kernel,
                rows: rows.squared_lengths,
                columns: columns.squared_lengths,
                below_diagonal,
                row_sums: self.row_sums,
                subsets_of_row: draws.0.of_row.get(tile.rows.clone()).unwrap_or_default(),
                drawn_columns: &drawn,
                first_column: tile.columns.start,
                sums: &mut sums,
            });
            Ok(())
        })?;
        Ok(sums)
    }
}

/// The sum of the values at some indices, counted from `first`.
#[inline(always)]
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
fn inside<'a>(indices: &'a [usize], range: &Range<usize>) -> &'a [usize] {
    let start = indices.partition_point(|&index| index < range.start);
    let end = indices.partition_point(|&index| index < range.end);
    &indices[start..end]
}

/// Kernel values of a tile in place, and their sums along both sides and of every subset.
struct Evaluation<'a, K> {
    values: &'a mut [f32],
    kernel: &'a K,
    rows: &'a [f64],
    columns: &'a [f64],
    below_diagonal: bool,
    row_sums: bool,
    subsets_of_row: &'a [Vec<usize>],
    /// Columns of the tile that each subset has drawn, counted from the first of the set.
    drawn_columns: &'a [&'a [usize]],
    first_column: usize,
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
            // While the row is in the first-level cache.
            for &subset in self.subsets_of_row.get(row).into_iter().flatten() {
                self.sums.subsets[subset] +=
                    chosen_sum(values, self.drawn_columns[subset], self.first_column);
            }
            if self.row_sums {
                self.sums.rows[row] = sum(values);
                for (sum, &value) in self.sums.columns.iter_mut().zip(values.iter()) {
                    *sum += f64::from(value);
                }
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
