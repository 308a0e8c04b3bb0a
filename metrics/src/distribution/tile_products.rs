//! Inner products of the rows of a tile, in the fastest way that is good enough for them, in memory that is kept.

use super::features::Rows;
use super::strassen;
use super::tiles;
use std::sync::{Mutex, PoisonError};

/// Neighbouring rows of a set: one side of a tile.
#[derive(Clone, Copy)]
pub(super) struct Band<'a> {
    pub(super) rows: Rows<'a>,
    /// |row|² of each.
    pub(super) squared_lengths: &'a [f64],
}

/// As many workspaces as tiles are computed side by side; each is kept for the next tile, since fresh memory is slow.
#[derive(Default)]
pub(super) struct Workspaces(Mutex<Vec<Workspace>>);

impl Workspaces {
    /// Hands one that nobody uses to `work`.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Workspace) -> T) -> T {
        let unused = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut workspace = unused().pop().unwrap_or_default();
        let result = work(&mut workspace);
        unused().push(workspace);
        result
    }
}

/// The memory that one tile is computed in.
#[derive(Default)]
pub(super) struct Workspace {
    /// Rows of both sides, where they must be read or changed first.
    pub(super) bands: [Vec<f32>; 2],
    pub(super) products: Products,
}

/// The memory of the inner products of a tile.
#[derive(Default)]
pub(super) struct Products {
    values: Vec<f32>,
    quarters: strassen::Workspace,
}

impl Products {
    /// [rows of first, rows of second], row by row, in `f32`.
    pub(super) fn of(&mut self, first: &Band<'_>, second: &Band<'_>) -> &mut [f32] {
        self.values.resize(first.rows.len() * second.rows.len(), 0.0);
        let of_quarters = strassen::pays(first.rows, second.rows)
            && strassen::is_accurate(first.squared_lengths, second.squared_lengths);
        if of_quarters {
            self.quarters.multiply(first.rows, second.rows, &mut self.values);
        } else {
            let (first, second) = (tiles::matrix(first.rows), tiles::matrix(second.rows));
            tiles::multiply(first, second, &mut self.values);
        }
        &mut self.values
    }

    /// Of rows with themselves; what stands for a row and a later one may be anything.
    pub(super) fn below_diagonal(&mut self, band: &Band<'_>) -> &mut [f32] {
        self.values.resize(band.rows.len() * band.rows.len(), 0.0);
        tiles::multiply_below_diagonal(band.rows, &mut self.values);
        &mut self.values
    }
}
