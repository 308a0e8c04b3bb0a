//! A checked set whose rows are taken a band at a time, wherever they are.

use super::features::{self, Features, REFERENCE, Rows, SAMPLES};
use super::set_rows::pieces;
use super::{DistributionError, SetRows};
use std::ops::Range;

/// Rows of one width, at least one, every number finite.
pub(super) struct CheckedSet<'a> {
    rows: Source<'a>,
    /// What the set is called in errors.
    name: &'static str,
    /// What each row is multiplied by as it is taken.
    factors: Option<Vec<f64>>,
}

enum Source<'a> {
    Memory(Features<'a>),
    /// Chosen from another set, row by row, and how long a row is.
    Chosen(Vec<f32>, usize),
    /// Read anew whenever they are taken.
    Table(SetRows<'a>),
}

impl Source<'_> {
    /// All rows, if they can be lent.
    fn in_memory(&self) -> Option<Rows<'_>> {
        match self {
            Self::Memory(features) => Some(features.rows()),
            Self::Chosen(values, width) => Some(Rows::new(values, *width)),
            Self::Table(_) => None,
        }
    }

    /// Makes `values` the rows with these indices.
    fn read(
        &self,
        indices: impl Iterator<Item = usize>,
        name: &'static str,
        values: &mut Vec<f32>,
    ) -> Result<(), DistributionError> {
        let rows = match self {
            Self::Memory(features) => features.rows(),
            Self::Chosen(values, width) => Rows::new(values, *width),
            Self::Table(table) => return table.read(indices, name, values),
        };
        values.clear();
        indices.for_each(|index| values.extend_from_slice(rows.row(index)));
        Ok(())
    }
}

impl<'a> CheckedSet<'a> {
    /// Checks [rows, dimensions].
    pub(super) fn new(
        rows: SetRows<'a>,
        name: &'static str,
        needed: usize,
    ) -> Result<Self, DistributionError> {
        if let Some(rows) = rows.in_memory() {
            let rows = Source::Memory(Features::new(rows, name, needed)?);
            return Ok(Self { rows, name, factors: None });
        }
        features::check_size((rows.count(), rows.width()), name, needed)?;
        let set = Self { rows: Source::Table(rows), name, factors: None };
        set.check_numbers()?;
        Ok(set)
    }

    fn check_numbers(&self) -> Result<(), DistributionError> {
        let mut values = Vec::new();
        for piece in pieces(self.len()) {
            let start = piece.start;
            let mut rows = self.band(piece, &mut values)?.iter();
            if let Some(row) = rows.position(|row| !row.iter().all(|value| value.is_finite())) {
                return Err(DistributionError::NotFinite { set: self.name, row: start + row });
            }
        }
        Ok(())
    }

    /// The same rows, each divided by its length, which is taken in f64.
    ///
    /// # Errors
    /// `ZeroRow`; `Unreadable`.
    pub(super) fn with_unit_rows(self) -> Result<Self, DistributionError> {
        let lengths = self.squared_lengths()?;
        if let Some(row) = lengths.iter().position(|&length| length == 0.0) {
            return Err(DistributionError::ZeroRow { set: self.name, row });
        }
        let factors = lengths.into_iter().map(|squared| 1.0 / squared.sqrt()).collect();
        Ok(Self { factors: Some(factors), ..self })
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        match &self.rows {
            Source::Memory(features) => features.len(),
            Source::Chosen(values, width) => values.len() / width,
            Source::Table(rows) => rows.count(),
        }
    }

    /// Number of dimensions.
    pub(super) fn width(&self) -> usize {
        match &self.rows {
            Source::Memory(features) => features.width(),
            Source::Chosen(_, width) => *width,
            Source::Table(rows) => rows.width(),
        }
    }

    /// Neighbouring rows: lent where they lie as they are, else made in `memory`.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn band<'b>(
        &'b self,
        rows: Range<usize>,
        memory: &'b mut Vec<f32>,
    ) -> Result<Rows<'b>, DistributionError> {
        match (self.rows.in_memory(), &self.factors) {
            (Some(all), None) => Ok(all.range(&rows)),
            _ => self.made(rows, memory),
        }
    }

    /// The rows with these indices, in this order, made in `memory`.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn rows_at<'b>(
        &self,
        indices: &[usize],
        memory: &'b mut Vec<f32>,
    ) -> Result<Rows<'b>, DistributionError> {
        self.made(indices.iter().copied(), memory)
    }

    fn made<'b>(
        &self,
        indices: impl Iterator<Item = usize> + Clone,
        memory: &'b mut Vec<f32>,
    ) -> Result<Rows<'b>, DistributionError> {
        self.rows.read(indices.clone(), self.name, memory)?;
        if let Some(factors) = &self.factors {
            for (row, index) in memory.chunks_exact_mut(self.width()).zip(indices) {
                let factor = factors[index];
                row.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
            }
        }
        Ok(Rows::new(memory, self.width()))
    }

    /// The rows with these indices, in this order, in memory.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn select(
        &self,
        indices: &[usize],
    ) -> Result<CheckedSet<'static>, DistributionError> {
        let mut values = Vec::new();
        self.rows_at(indices, &mut values)?;
        let rows = Source::Chosen(values, self.width());
        Ok(CheckedSet { rows, name: self.name, factors: None })
    }

    /// |row|² of every row, in f64.
    ///
    /// # Errors
    /// `Unreadable`.
    pub(super) fn squared_lengths(&self) -> Result<Vec<f64>, DistributionError> {
        let (mut lengths, mut memory) = (Vec::with_capacity(self.len()), Vec::new());
        for piece in pieces(self.len()) {
            lengths.extend(self.band(piece, &mut memory)?.squared_lengths());
        }
        Ok(lengths)
    }
}

/// Checks both sets and that their widths agree.
pub(super) fn pair<'r, 's>(
    reference: SetRows<'r>,
    samples: SetRows<'s>,
    needed: usize,
) -> Result<(CheckedSet<'r>, CheckedSet<'s>), DistributionError> {
    let reference = CheckedSet::new(reference, REFERENCE, needed)?;
    let samples = CheckedSet::new(samples, SAMPLES, needed)?;
    features::check_same_width(reference.width(), samples.width())?;
    Ok((reference, samples))
}
