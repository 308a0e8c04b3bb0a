//! Whether the missing patch of a jigsaw can be told from another one.

use crate::measurement::Finite;
use serde::{Deserialize, Serialize};

/// A square of 8-bit RGB pixels.
#[derive(Clone, Copy, Debug)]
pub struct Patch<'a> {
    side: usize,
    values: &'a [u8],
}

const CHANNELS: usize = 3;

impl<'a> Patch<'a> {
    /// `values` row by row, red, green and blue side by side; `None` unless there are 3 · side² of them, and one pixel at least.
    #[must_use]
    pub fn new(side: usize, values: &'a [u8]) -> Option<Self> {
        let expected = side.checked_mul(side)?.checked_mul(CHANNELS)?;
        (side > 0 && values.len() == expected).then_some(Self { side, values })
    }

    fn row(&self, row: usize) -> &'a [u8] {
        let stride = self.side * CHANNELS;
        &self.values[row * stride..(row + 1) * stride]
    }

    fn column(&self, column: usize) -> Vec<u8> {
        let rows = self.values.chunks_exact(self.side * CHANNELS);
        rows.flat_map(|row| &row[column * CHANNELS..(column + 1) * CHANNELS]).copied().collect()
    }

    /// Root of the mean variance of the three channels.
    fn spread(&self) -> f64 {
        let pixels = (self.side * self.side) as f64;
        let variance_of = |channel: usize| {
            let values = || {
                self.values.iter().skip(channel).step_by(CHANNELS).map(|&value| f64::from(value))
            };
            let mean = values().sum::<f64>() / pixels;
            values().map(|value| (value - mean) * (value - mean)).sum::<f64>() / pixels
        };
        ((0..CHANNELS).map(variance_of).sum::<f64>() / CHANNELS as f64).sqrt()
    }
}

/// What tells the right patch from the wrong one, in values of 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JigsawMeasures {
    /// Mean absolute difference of the two candidates.
    pub difference: Finite,
    /// Mean absolute difference across the seams to the patch above and to the patch on the left, with the right candidate.
    pub right_seam: Finite,
    /// The same with the wrong one.
    pub wrong_seam: Finite,
    /// Standard deviation of the colours of the flatter candidate.
    pub spread: Finite,
}

/// Why a jigsaw is not well posed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JigsawFault {
    /// A candidate is (nearly) of one colour.
    #[error("a candidate is nearly of one colour")]
    Blank,
    /// The candidates look alike.
    #[error("the candidates look alike")]
    Alike,
    /// The wrong candidate continues its neighbours about as well as the right one.
    #[error("the wrong candidate fits its neighbours about as well as the right one")]
    BothFit,
}

/// Below this standard deviation a patch is blank: about what noise makes.
const LEAST_SPREAD: f64 = 6.0;
/// Below this mean difference candidates are alike.
const LEAST_DIFFERENCE: f64 = 16.0;
/// The wrong seam must be worse by this much …
const LEAST_EXCESS: f64 = 12.0;
/// … and by this factor.
const LEAST_RATIO: f64 = 2.0;

impl JigsawMeasures {
    /// Compares two candidates for the place below `above` and to the right of `left`.
    ///
    /// `None` unless all four have one size.
    #[must_use]
    pub fn of(
        above: Patch<'_>,
        left: Patch<'_>,
        right: Patch<'_>,
        wrong: Patch<'_>,
    ) -> Option<Self> {
        let side = above.side;
        if [left.side, right.side, wrong.side] != [side; 3] {
            return None;
        }
        let seam = |candidate: Patch<'_>| {
            let top = mean_difference(above.row(side - 1), candidate.row(0));
            let leftmost = mean_difference(&left.column(side - 1), &candidate.column(0));
            Finite::new((top + leftmost) / 2.0)
        };
        Some(Self {
            difference: Finite::new(mean_difference(right.values, wrong.values))?,
            right_seam: seam(right)?,
            wrong_seam: seam(wrong)?,
            spread: Finite::new(right.spread().min(wrong.spread()))?,
        })
    }

    /// What is wrong with the jigsaw, if anything: candidates must have content, differ, and only one may fit.
    #[must_use]
    pub fn fault(&self) -> Option<JigsawFault> {
        let excess = self.wrong_seam.get() - self.right_seam.get();
        if self.spread.get() < LEAST_SPREAD {
            Some(JigsawFault::Blank)
        } else if self.difference.get() < LEAST_DIFFERENCE {
            Some(JigsawFault::Alike)
        } else if excess < LEAST_EXCESS
            || self.wrong_seam.get() < LEAST_RATIO * self.right_seam.get()
        {
            Some(JigsawFault::BothFit)
        } else {
            None
        }
    }
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    sum as f64 / a.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 8;

    fn picture(value_of: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let pixels = (0..SIDE * SIDE).map(|pixel| (pixel / SIDE, pixel % SIDE));
        pixels.flat_map(|(row, column)| [value_of(row, column); 3]).collect()
    }

    fn measures(right: &[u8], wrong: &[u8], above: &[u8], left: &[u8]) -> JigsawMeasures {
        let patch = |values| Patch::new(SIDE, values).unwrap();
        JigsawMeasures::of(patch(above), patch(left), patch(right), patch(wrong)).unwrap()
    }

    #[test]
    fn measures_are_those_of_pencil_and_paper() {
        let ramp = picture(|row, column| (10 * row + column) as u8);
        let raised = picture(|row, column| (10 * row + column + 100) as u8);
        // Above ends in row 7: 70 + column; the ramp begins at 0 + column. Left ends in column 7: 10 row + 7.
        let found = measures(&ramp, &raised, &ramp, &ramp);
        assert_eq!(found.difference.get(), 100.0);
        assert_eq!(found.right_seam.get(), (70.0 + 7.0) / 2.0);
        assert_eq!(found.wrong_seam.get(), (30.0 + 93.0) / 2.0);
        // Variances of 0 to 7: 5.25; independent rows and columns add.
        assert!((found.spread.get() - (100.0 * 5.25_f64 + 5.25).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn faults_are_named() {
        let ramp = picture(|row, column| (20 * row + 5 * column) as u8);
        let far = picture(|row, column| (250 - 20 * row - 5 * column) as u8);
        let nearly = picture(|row, column| (20 * row + 5 * column + 3) as u8);
        let flat = picture(|_, _| 90);
        // Neighbours that the ramp continues.
        let above = picture(|_, column| (5 * column) as u8);
        let left = picture(|row, _| (20 * row) as u8);
        assert_eq!(measures(&ramp, &far, &above, &left).fault(), None);
        assert_eq!(measures(&far, &ramp, &above, &left).fault(), Some(JigsawFault::BothFit));
        assert_eq!(measures(&ramp, &nearly, &above, &left).fault(), Some(JigsawFault::Alike));
        assert_eq!(measures(&ramp, &flat, &above, &left).fault(), Some(JigsawFault::Blank));
    }

    #[test]
    fn sizes_must_fit() {
        assert!(Patch::new(2, &[0; 12]).is_some());
        assert!(Patch::new(2, &[0; 11]).is_none());
        assert!(Patch::new(0, &[]).is_none());
        assert!(Patch::new(usize::MAX, &[]).is_none());
        let (small, large) = ([0; 12], [0; 27]);
        let (small, large) = (Patch::new(2, &small).unwrap(), Patch::new(3, &large).unwrap());
        assert!(JigsawMeasures::of(small, small, small, large).is_none());
    }
}
