//! Distances of rows, in `f64` and in a fixed order of summation.

use super::RetrievalError;
use serde::{Deserialize, Serialize};

/// Products summed side by side. Part of the result's definition, because it fixes the order of the sums.
const LANES: usize = 16;

/// A number of a row: `f32` or `f64`.
pub trait Coordinate: Copy + Into<f64> + Send + Sync {}

impl Coordinate for f32 {}
impl Coordinate for f64 {}

/// How far a prediction is from a member of a bank. Both order members as the named distance does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// Euclidean distance, compared by its square.
    #[default]
    L2,
    /// 1 minus the cosine of the angle (SIE: dot product of normalised rows).
    Cosine,
}

impl Distance {
    /// Its name as an option writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L2 => "l2",
            Self::Cosine => "cosine",
        }
    }

    /// What a row needs beside its numbers: its length for cosines, 1 otherwise.
    ///
    /// # Errors
    /// If the row has a number whose square is not finite, or, for cosines, no length.
    pub(super) fn length<T: Coordinate>(
        self,
        row: &[T],
        (set, index): (&'static str, usize),
    ) -> Result<f64, RetrievalError> {
        let square = pulp::Arch::new().dispatch(Products { first: row, second: row });
        if !square.is_finite() {
            return Err(RetrievalError::NotFinite { set, row: index });
        }
        match self {
            Self::L2 => Ok(1.0),
            Self::Cosine if square == 0.0 => Err(RetrievalError::ZeroRow { set, row: index }),
            Self::Cosine => Ok(square.sqrt()),
        }
    }

    /// A number that grows with the distance. The lengths are those of [`Self::length`].
    pub(super) fn between<T: Coordinate>(
        self,
        (first, first_length): (&[T], f64),
        (second, second_length): (&[T], f64),
    ) -> f64 {
        let arch = pulp::Arch::new();
        match self {
            Self::L2 => arch.dispatch(SquaredDifferences { first, second }),
            Self::Cosine => {
                let product = arch.dispatch(Products { first, second });
                1.0 - product / (first_length * second_length)
            }
        }
    }
}

struct Products<'a, T> {
    first: &'a [T],
    second: &'a [T],
}

impl<T: Coordinate> pulp::NullaryFnOnce for Products<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        sum(self.first, self.second, |a, b| a * b)
    }
}

struct SquaredDifferences<'a, T> {
    first: &'a [T],
    second: &'a [T],
}

impl<T: Coordinate> pulp::NullaryFnOnce for SquaredDifferences<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        sum(self.first, self.second, |a, b| (a - b) * (a - b))
    }
}

/// The sum of a term over the coordinates: coordinate i goes to lane i modulo [`LANES`], lanes are added from first to
/// last. No product is fused into a sum, so every machine gives the same bits.
#[inline(always)]
fn sum<T: Coordinate>(first: &[T], second: &[T], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (firsts, first_rest) = first.as_chunks::<LANES>();
    let (seconds, second_rest) = second.as_chunks::<LANES>();
    for (first, second) in firsts.iter().zip(seconds) {
        for lane in 0..LANES {
            lanes[lane] += term(first[lane].into(), second[lane].into());
        }
    }
    for (lane, (&first, &second)) in lanes.iter_mut().zip(first_rest.iter().zip(second_rest)) {
        *lane += term(first.into(), second.into());
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_give_exact_distances() {
        let first: Vec<f32> = (0..37).map(|value| value as f32).collect();
        let second: Vec<f32> = (0..37).map(|value| (value % 5) as f32).collect();
        let expected: f64 =
            first.iter().zip(&second).map(|(a, b)| f64::from((a - b) * (a - b))).sum();
        assert_eq!(Distance::L2.between((&first, 1.0), (&second, 1.0)), expected);
    }

    #[test]
    fn the_cosine_distance_of_parallel_rows_is_0_and_of_opposite_ones_2() {
        let (row, double, opposite) = ([3.0, 4.0], [6.0, 8.0], [-3.0, -4.0]);
        let length = |row: &[f64]| Distance::Cosine.length(row, ("rows", 0)).unwrap();
        let distance =
            |other: &[f64]| Distance::Cosine.between((&row, length(&row)), (other, length(other)));
        assert_eq!((distance(&double), distance(&opposite)), (0.0, 2.0));
    }

    #[test]
    fn rows_without_a_distance_are_named() {
        let place = ("the bank", 7);
        for row in [[f64::NAN, 0.0], [f64::INFINITY, 0.0], [1e200, 1.0]] {
            let error = RetrievalError::NotFinite { set: "the bank", row: 7 };
            assert_eq!(Distance::L2.length(&row, place), Err(error));
        }
        let zero = RetrievalError::ZeroRow { set: "the bank", row: 7 };
        assert_eq!(Distance::Cosine.length(&[0.0, 0.0], place), Err(zero));
        assert_eq!(Distance::L2.length(&[0.0, 0.0], place), Ok(1.0));
    }
}
