//! MIND, the Monge Inception Distance (Berthet et al., arXiv:2605.06797): a sliced Wasserstein distance of features.

use super::checked_set::{self, CheckedSet};
use super::features::Rows;
use super::set_rows::pieces;
use super::tiles;
use super::{DistributionError, SetRows};
use crate::executor::{Executor, map};
use crate::random::torch::Generator;
use crate::{Measurement, Unit};
use serde::{Deserialize, Serialize};

/// Directions of a task; their projections of both sets are held at one time.
const BAND: usize = 16;

/// Numbers that all directions together may have: 4 GiB.
const MOST_NUMBERS: usize = 1 << 30;

/// Parameters of [`mind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MindOptions {
    /// Number of random directions; directions times dimensions is at least 16.
    pub directions: usize,
    /// Seed of PyTorch's CPU generator.
    pub seed: u32,
}

impl Default for MindOptions {
    fn default() -> Self {
        Self { directions: 1000, seed: 2020 }
    }
}

/// What [`mind`] measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Mind {
    /// Rows of the reference.
    pub reference_rows: usize,
    /// Rows of the samples.
    pub sample_rows: usize,
    /// The parameters.
    pub options: MindOptions,
    /// 3 d times the mean squared difference of order statistics; at least 0.
    pub value: f64,
}

/// MIND of two sets of features, [n, d] and [m, d].
///
/// 3 d · mean over directions u, mean over ranks j of (sort(X u)_j - sort(Y u)_j)². Unitless, at least 0, and 0 for a set with
/// itself in any order. Follows torch-fidelity's `metric_mind.py` (commit 5e211a9, later than 0.4.0): from one generator,
/// first `randperm` of the larger set, whose first min(n, m) rows are kept, then `randn(directions, d)`, whose rows are
/// divided by their lengths. Projections are `f32`, the mean is `f64`; directions differ from PyTorch's by the last bits of
/// its vectorised logarithm and sine.
///
/// Rows of a table that is not in memory are read once for every 16 directions, for the same bits.
///
/// No interval is given: ranks couple all rows, and the peer gives none.
///
/// # Errors
/// If a set is empty or not finite, the widths differ, or there are no directions or fewer than 16 numbers in them;
/// `Overflow` if a projection does not fit `f32`; `Unreadable` if rows of a table cannot be read.
pub fn mind<'r, 's>(
    reference: impl Into<SetRows<'r>>,
    samples: impl Into<SetRows<'s>>,
    options: &MindOptions,
    executor: &dyn Executor,
) -> Result<Mind, DistributionError> {
    let (reference, samples) = checked_set::pair(reference.into(), samples.into(), 1)?;
    let width = reference.width();
    let count = options.directions.checked_mul(width).filter(|&count| count <= MOST_NUMBERS);
    let count = count.ok_or_else(|| {
        DistributionError::Options(format!(
            "{} directions of {width} dimensions are more than {MOST_NUMBERS} numbers; take fewer",
            options.directions
        ))
    })?;
    let mut generator = Generator::new(options.seed);
    let kept = reference.len().min(samples.len());
    let first = Kept::of(&samples, kept, &mut generator);
    let second = Kept::of(&reference, kept, &mut generator);
    let mut directions = generator
        .standard_normal(count)
        .map_err(|error| DistributionError::Options(error.to_string()))?;
    directions.chunks_exact_mut(width).for_each(normalise);
    let bands: Vec<&[f32]> = directions.chunks(BAND * width).collect();
    let sums = map(executor, bands.len(), |band| {
        let directions = Rows::new(bands[band], width);
        let (mut first, mut second) = (first.project(directions)?, second.project(directions)?);
        let pairs = first.chunks_exact_mut(kept).zip(second.chunks_exact_mut(kept));
        Ok(pairs.map(|(first, second)| squared_distance_of_ranks(first, second)).sum::<f64>())
    });
    let sum: f64 = sums.into_iter().sum::<Result<_, _>>()?;
    let value = 3.0 * width as f64 * sum / options.directions as f64;
    if !value.is_finite() {
        return Err(DistributionError::Overflow { what: "the projections" });
    }
    Ok(Mind {
        reference_rows: reference.len(),
        sample_rows: samples.len(),
        options: *options,
        value,
    })
}

/// The rows of a set that count.
struct Kept<'s, 'a> {
    set: &'s CheckedSet<'a>,
    count: usize,
    /// Their indices; the set is used whole where there are none. Projections are sorted, so that their order does not matter.
    chosen: Option<Vec<usize>>,
}

impl<'s, 'a> Kept<'s, 'a> {
    fn of(set: &'s CheckedSet<'a>, count: usize, generator: &mut Generator) -> Self {
        let chosen = (set.len() > count).then(|| {
            let mut chosen = generator.permutation(set.len());
            chosen.truncate(count);
            // As they lie in a file.
            chosen.sort_unstable();
            chosen
        });
        Self { set, count, chosen }
    }

    /// [directions, rows], direction after direction, in `f32`.
    fn project(&self, directions: Rows<'_>) -> Result<Vec<f32>, DistributionError> {
        let mut values = vec![0.0; directions.len() * self.count];
        let mut memory = Vec::new();
        for piece in pieces(self.count) {
            let rows = match &self.chosen {
                Some(chosen) => self.set.rows_at(&chosen[piece.clone()], &mut memory)?,
                None => self.set.band(piece.clone(), &mut memory)?,
            };
            tiles::multiply_columns(directions, rows, &mut values, piece);
        }
        Ok(values)
    }
}

fn normalise(direction: &mut [f32]) {
    /// The peer's guard; a normal direction is never that short.
    const SHORTEST: f64 = 1e-12;
    let squares: f64 = direction.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    let length = squares.sqrt().max(SHORTEST) as f32;
    direction.iter_mut().for_each(|value| *value /= length);
}

/// Mean squared difference of the sorted numbers; both sides have the same length.
fn squared_distance_of_ranks(first: &mut [f32], second: &mut [f32]) -> f64 {
    first.sort_unstable_by(f32::total_cmp);
    second.sort_unstable_by(f32::total_cmp);
    let squares: f64 = first
        .iter()
        .zip(second.iter())
        .map(|(&first, &second)| (f64::from(first) - f64::from(second)).powi(2))
        .sum();
    squares / first.len() as f64
}

impl Mind {
    /// `MIND`, unitless; n is the number of samples.
    #[must_use]
    pub fn measurements(&self) -> Vec<Measurement> {
        let MindOptions { directions, seed } = self.options;
        let method = format!(
            "3 d times the mean squared difference of sorted projections; {} samples against {} rows of the reference, the \
             larger set cut to the smaller; {directions} unit directions and the cut from torch.Generator, seed {seed}; \
             projections in f32",
            self.sample_rows, self.reference_rows
        );
        vec![Measurement::of("MIND", self.value, Unit::None, self.sample_rows as u64, method)]
    }
}
