//! Rows rounded to 16-bit integers, each with a step of its own, and how far that moves them.

use super::super::features::Rows;
use super::super::tiles::Tile;
use super::panels::{Pair, Panels, Processor};
use crate::executor::Executor;
use std::sync::OnceLock;

/// No row of integers is longer: by the Cauchy-Schwarz inequality no sum of products of two rows, in whatever order, is then
/// beyond 46,340² < 2^31.
pub(super) const LONGEST: f64 = 46_340.0;

/// No coordinate is larger, with room for the rounding of the quotient.
const LARGEST: f64 = 32_766.0;

/// Coordinates added side by side.
const LANES: usize = 8;

/// A set of rows as integers times a step.
pub(super) struct IntegerRows {
    panels: Panels,
    /// |row - step · integers| of every row, rounded up.
    errors: Vec<f64>,
}

impl IntegerRows {
    /// `lengths` are the |row|; `None` if the processor lacks the instructions.
    pub(super) fn new(rows: Rows<'_>, lengths: &[f64], executor: &dyn Executor) -> Option<Self> {
        let processor = Processor::detect()?;
        let errors: Vec<OnceLock<f64>> = (0..rows.len()).map(|_| OnceLock::new()).collect();
        let fill = |index: usize, pairs: &mut [Pair]| {
            let row = rows.row(index);
            let step = step_for(row, lengths[index]);
            errors[index].get_or_init(|| pulp::Arch::new().dispatch(Rounding { row, step, pairs }));
            step
        };
        let size = (rows.len(), rows.width().div_ceil(2));
        let panels = Panels::new(processor, size, fill, executor);
        let errors = errors.into_iter().filter_map(OnceLock::into_inner).collect();
        Some(Self { panels, errors })
    }

    /// How far the rounding moved each row.
    pub(super) fn errors(&self) -> &[f64] {
        &self.errors
    }

    /// Inner products of the tile's rows with its columns, which are rows of another set, row by row.
    pub(super) fn products(&self, other: &Self, tile: &Tile) -> Vec<f32> {
        self.panels.products(&tile.rows, &other.panels, &tile.columns)
    }
}

/// The smallest step with which a row keeps both limits; 0 where `f32` has none.
fn step_for(row: &[f32], length: f64) -> f32 {
    let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    // Each coordinate is rounded by at most a half, or a little more where the quotient is rounded too.
    let room = LONGEST - 1.0 - 0.5 * (row.len() as f64).sqrt();
    let step = ((length / room).max(f64::from(largest) / LARGEST) as f32).next_up();
    if step.is_normal() && (1.0 / step).is_normal() { step } else { 0.0 }
}

struct Rounding<'a> {
    row: &'a [f32],
    step: f32,
    pairs: &'a mut [Pair],
}

impl pulp::NullaryFnOnce for Rounding<'_> {
    /// |row - step · integers|, rounded up.
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let inverse = if self.step > 0.0 { 1.0 / self.step } else { 0.0 };
        let step = f64::from(self.step);
        let mut lanes = [0.0; LANES];
        let round = |value: f32, lane: &mut f64| {
            // Within `i16`, by the choice of the step.
            let integer = (value * inverse).round_ties_even() as i32 as i16;
            let error = f64::from(value) - step * f64::from(integer);
            *lane += error * error;
            integer
        };
        let (values, rest) = self.row.as_chunks::<LANES>();
        // Seven values that are left over fill four pairs, so that the pairs cannot say where the rest begins.
        let (pairs, pairs_rest) = self.pairs.split_at_mut(values.len() * (LANES / 2));
        let (pairs, _) = pairs.as_chunks_mut::<{ LANES / 2 }>();
        for (values, pairs) in values.iter().zip(pairs) {
            let mut integers = [0; LANES];
            for lane in 0..LANES {
                integers[lane] = round(values[lane], &mut lanes[lane]);
            }
            for (pair, integers) in pairs.iter_mut().zip(integers.as_chunks::<2>().0) {
                *pair = Pair::new(integers[0], integers[1]);
            }
        }
        for (pair, values) in pairs_rest.iter_mut().zip(rest.chunks(2)) {
            let mut integers = [0; 2];
            for (integer, (&value, lane)) in integers.iter_mut().zip(values.iter().zip(&mut lanes))
            {
                *integer = round(value, lane);
            }
            *pair = Pair::new(integers[0], integers[1]);
        }
        // The sum is off by far less than a millionth.
        lanes.iter().sum::<f64>().sqrt() * (1.0 + 1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use pulp::NullaryFnOnce;

    fn squared_length(row: &[f32]) -> f64 {
        row.iter().map(|&value| f64::from(value) * f64::from(value)).sum()
    }

    #[test]
    fn integers_are_near_the_rows_and_never_too_long() {
        for (kind, width) in [
            (0, 2048),
            (1, 2048),
            (2, 1),
            (3, 333),
            (4, 2048),
            (5, 2048),
            (6, 100_000),
            (7, 7),
            (8, 31),
        ] {
            let mut stream = Stream::new(kind, "rows", 0);
            let values: Vec<f32> = (0..19 * width)
                .map(|index| {
                    let value = stream.uniform() - 0.5;
                    (match kind {
                        // Every quotient just above a half is rounded up: the longest row of integers.
                        1 => (1.0 + value.signum() * 1e-6) * 0.5,
                        3 if index % width == 0 => 1.0,
                        3 => value * 1e-7,
                        4 => value * 1e-30,
                        5 => value * 1e-43,
                        _ => value,
                    }) as f32
                })
                .collect();
            let rows = Rows::new(&values, width);
            for (index, row) in rows.iter().enumerate() {
                let length = squared_length(row).sqrt();
                let step = step_for(row, length);
                let mut pairs = vec![Pair::ZERO; width.div_ceil(2)];
                let bound = Rounding { row, step, pairs: &mut pairs }.call();
                let integers: Vec<i16> = pairs.iter().flat_map(|pair| pair.halves()).collect();
                let longest: i64 = integers.iter().map(|&value| i64::from(value).pow(2)).sum();
                assert!(longest <= 46_340 * 46_340, "kind {kind}, row {index}: {longest}");
                let error: f64 = row
                    .iter()
                    .zip(&integers)
                    .map(|(&value, &integer)| {
                        (f64::from(value) - f64::from(step) * f64::from(integer)).powi(2)
                    })
                    .sum();
                assert!(error.sqrt() <= bound);
                // All but the rows that `f32` is too narrow for are hit well.
                if kind != 5 {
                    assert!(bound <= 0.51 * f64::from(step) * (width as f64).sqrt());
                    assert!(bound <= 0.006 * length, "kind {kind}, row {index}");
                }
            }
        }
    }
}
