//! Predictions against the members of a bank, which may come in pieces.

use super::{Coordinate, Distance, Placement, RetrievalError};
use crate::executor::{Executor, map};
use ndarray::ArrayView2;
use std::ops::Range;

const PREDICTIONS: &str = "the predictions";
const BANK: &str = "the bank";
/// Predictions that one task ranks: a task's borders depend on the input alone.
const QUERIES: usize = 8;

/// A pass over a bank: every member counts as nearer than, as near as or farther than each prediction's target.
///
/// The targets are known before the pass, so that a bank of any size goes by piece by piece.
#[derive(Debug)]
pub struct BankScan<'a, T> {
    predictions: Rows<'a, T>,
    distance: Distance,
    /// Of each prediction: row of its target in the bank, and how far it is.
    targets: Vec<Target>,
    placements: Vec<Placement>,
    nearest: Vec<(usize, f64)>,
    seen: usize,
    bank: usize,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    row: usize,
    distance: f64,
}

/// Checked rows with their lengths.
#[derive(Debug)]
struct Rows<'a, T> {
    values: Vec<&'a [T]>,
    lengths: Vec<f64>,
}

impl<'a, T: Coordinate> Rows<'a, T> {
    fn new(
        values: &'a ArrayView2<'_, T>,
        distance: Distance,
        (set, first): (&'static str, usize),
    ) -> Result<Self, RetrievalError> {
        let (rows, width) = values.dim();
        let flat = values.as_slice().unwrap_or_default();
        if rows == 0 || width == 0 || flat.len() != rows * width {
            return Err(RetrievalError::Empty { set, rows, width });
        }
        let values: Vec<&[T]> = flat.chunks_exact(width).collect();
        let lengths = values
            .iter()
            .enumerate()
            .map(|(row, values)| distance.length(values, (set, first + row)))
            .collect::<Result<_, _>>()?;
        Ok(Self { values, lengths })
    }

    fn row(&self, index: usize) -> (&'a [T], f64) {
        (self.values[index], self.lengths[index])
    }

    fn width(&self) -> usize {
        self.values[0].len()
    }
}

impl<'a, T: Coordinate> BankScan<'a, T> {
    /// Begins a pass of `predictions` [Q, D] over a bank of `bank` rows. `targets` are the bank's row for each prediction,
    /// and `target_rows` [Q, D] the content of these rows. Arrays lie row by row in memory.
    ///
    /// # Errors
    /// [`RetrievalError`]: empty or unequal shapes, a target outside the bank, numbers without a distance.
    pub fn new(
        predictions: &'a ArrayView2<'_, T>,
        (targets, target_rows): (&[usize], &ArrayView2<'_, T>),
        bank: usize,
        distance: Distance,
    ) -> Result<Self, RetrievalError> {
        let queries = predictions.nrows();
        let rows = Rows::new(predictions, distance, (PREDICTIONS, 0))?;
        if targets.len() != queries || target_rows.nrows() != queries {
            return Err(RetrievalError::Targets { predictions: queries, targets: targets.len() });
        }
        if let Some(prediction) = targets.iter().position(|&target| target >= bank) {
            let target = targets[prediction];
            return Err(RetrievalError::NoSuchTarget { prediction, target, bank });
        }
        check_width(rows.width(), target_rows.ncols())?;
        let flat = target_rows.as_slice().unwrap_or_default();
        if flat.len() != queries * rows.width() {
            return Err(RetrievalError::Targets { predictions: queries, targets: targets.len() });
        }
        let mut placed = Vec::with_capacity(queries);
        for (query, (&row, values)) in
            targets.iter().zip(flat.chunks_exact(rows.width())).enumerate()
        {
            let length = distance.length(values, (BANK, row))?;
            let distance = finite(distance.between(rows.row(query), (values, length)), row)?;
            placed.push(Target { row, distance });
        }
        Ok(Self {
            predictions: rows,
            distance,
            targets: placed,
            placements: vec![Placement::default(); queries],
            nearest: vec![(0, f64::INFINITY); queries],
            seen: 0,
            bank,
        })
    }

    /// The next rows [n, D] of the bank, in the order of the bank.
    ///
    /// # Errors
    /// [`RetrievalError`]: another width, more rows than promised, numbers without a distance.
    pub fn add(
        &mut self,
        members: &ArrayView2<'_, T>,
        executor: &dyn Executor,
    ) -> Result<(), RetrievalError> {
        let first = self.seen;
        let rows = Rows::new(members, self.distance, (BANK, first))?;
        check_width(self.predictions.width(), rows.width())?;
        self.seen += members.nrows();
        if self.seen > self.bank {
            return Err(RetrievalError::Incomplete { actual: self.seen, expected: self.bank });
        }
        let tasks = self.targets.len().div_ceil(QUERIES);
        let compared = map(executor, tasks, |task| {
            let start = task * QUERIES;
            self.compare(start..(start + QUERIES).min(self.targets.len()), &rows, first)
        });
        let mut query = 0;
        for compared in compared {
            for Compared { placement, nearest } in compared? {
                self.placements[query].nearer += placement.nearer;
                self.placements[query].level += placement.level;
                // Of equally near members the first stays, as NumPy's argmin has it.
                if nearest.1 < self.nearest[query].1 {
                    self.nearest[query] = nearest;
                }
                query += 1;
            }
        }
        Ok(())
    }

    /// A few predictions against all members: these few stay in the cache while the members go by.
    fn compare(
        &self,
        queries: Range<usize>,
        members: &Rows<'_, T>,
        first: usize,
    ) -> Result<Vec<Compared>, RetrievalError> {
        let mut found = vec![Compared::default(); queries.len()];
        for index in 0..members.values.len() {
            let row = first + index;
            let member = members.row(index);
            for (found, query) in found.iter_mut().zip(queries.clone()) {
                let prediction = self.predictions.row(query);
                let distance = finite(self.distance.between(prediction, member), row)?;
                found.see(row, distance, self.targets[query]);
            }
        }
        Ok(found)
    }

    /// The placement of every prediction's target.
    ///
    /// # Errors
    /// [`RetrievalError::Incomplete`] if the bank was not given whole.
    pub fn placements(&self) -> Result<&[Placement], RetrievalError> {
        self.check_complete()?;
        Ok(&self.placements)
    }

    /// The row of the bank that is nearest to each prediction; of equally near ones the first.
    ///
    /// # Errors
    /// [`RetrievalError::Incomplete`] if the bank was not given whole.
    pub fn nearest(&self) -> Result<Vec<usize>, RetrievalError> {
        self.check_complete()?;
        Ok(self.nearest.iter().map(|&(row, _)| row).collect())
    }

    fn check_complete(&self) -> Result<(), RetrievalError> {
        if self.seen == self.bank {
            return Ok(());
        }
        Err(RetrievalError::Incomplete { actual: self.seen, expected: self.bank })
    }
}

/// What a prediction has seen of a piece of the bank.
#[derive(Clone, Copy, Debug)]
struct Compared {
    placement: Placement,
    /// Row and distance.
    nearest: (usize, f64),
}

impl Default for Compared {
    fn default() -> Self {
        Self { placement: Placement::default(), nearest: (0, f64::INFINITY) }
    }
}

impl Compared {
    fn see(&mut self, row: usize, distance: f64, target: Target) {
        if distance < self.nearest.1 {
            self.nearest = (row, distance);
        }
        if row != target.row {
            self.placement.nearer += u64::from(distance < target.distance);
            self.placement.level += u64::from(distance == target.distance);
        }
    }
}

/// Squares of numbers that are finite alone may overflow together.
fn finite(distance: f64, row: usize) -> Result<f64, RetrievalError> {
    if distance.is_finite() {
        return Ok(distance);
    }
    Err(RetrievalError::NotFinite { set: BANK, row })
}

fn check_width(predictions: usize, bank: usize) -> Result<(), RetrievalError> {
    if predictions == bank {
        return Ok(());
    }
    Err(RetrievalError::Width { predictions, bank })
}

/// Places the target of each prediction [Q, D] in a bank [N, D] that is in memory, and finds the nearest members.
///
/// # Errors
/// As [`BankScan`].
pub fn place<T: Coordinate>(
    predictions: &ArrayView2<'_, T>,
    bank: &ArrayView2<'_, T>,
    targets: &[usize],
    distance: Distance,
    executor: &dyn Executor,
) -> Result<(Vec<Placement>, Vec<usize>), RetrievalError> {
    let rows = bank.nrows();
    if targets.len() != predictions.nrows() {
        let predictions = predictions.nrows();
        return Err(RetrievalError::Targets { predictions, targets: targets.len() });
    }
    if let Some(prediction) = targets.iter().position(|&target| target >= rows) {
        let target = targets[prediction];
        return Err(RetrievalError::NoSuchTarget { prediction, target, bank: rows });
    }
    let target_rows = bank.select(ndarray::Axis(0), targets);
    let mut scan = BankScan::new(predictions, (targets, &target_rows.view()), rows, distance)?;
    scan.add(bank, executor)?;
    Ok((scan.placements()?.to_vec(), scan.nearest()?))
}
