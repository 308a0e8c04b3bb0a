//! How much of a Fréchet distance is due to the number of samples.
//!
//! A distance of n samples is too large by about b / n (Chong and Forsyth 2020). Of half the samples it is too large by
//! 2 b / n, so the mean over disjoint halves exceeds the distance of all by just the bias of the distance of all. With two
//! sets both are halved, and b₁/n₁ + b₂/n₂ doubles likewise. The law needs more samples than dimensions.

use super::{DistributionError, FrechetSide, check_widths, frechet_distance};
use crate::distribution::features::{REFERENCE, SAMPLES};
use crate::executor::{Executor, Sequential, map};
use crate::random::Stream;
use crate::{Absence, AbsenceReason};
use ndarray::{Array2, ArrayView2, Axis};

/// The part of a distance that would vanish with more samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmallSampleBias {
    /// Mean distance of halves minus the distance of all.
    pub bias: f64,
    /// Distance minus bias; may be negative by its own spread.
    pub corrected: f64,
}

/// Estimates the bias of `distance`, the Fréchet distance of these two sets, from `splits` seeded splits into halves.
///
/// The halves of split i of the reference are the stream (seed, `frechet-half`, 2i), of the samples 2i + 1. A set that is
/// a Gaussian stays whole; its own bias is not seen. One task a half goes to `executor`.
///
/// # Errors
/// As [`frechet_distance`]; `Options` if `splits` is 0. The inner error is an absence: `MissingInput` if neither set has
/// features, `TooFewSamples` if half of a set has no more rows than dimensions, where 1/n does not describe the bias.
pub fn frechet_bias(
    [reference, samples]: [FrechetSide<'_>; 2],
    distance: f64,
    (seed, splits): (u64, u32),
    executor: &dyn Executor,
) -> Result<Result<SmallSampleBias, Absence>, DistributionError> {
    check_widths(&reference, &samples)?;
    if splits == 0 {
        return Err(DistributionError::Options("the bias needs at least one split".to_owned()));
    }
    if let Some(absence) = absence(&reference, &samples) {
        return Ok(Err(absence));
    }
    let distances = map(executor, 2 * splits as usize, |half| {
        let stream = |side: u64| Stream::new(seed, "frechet-half", half as u64 / 2 * 2 + side);
        let sides = [
            Half::of(reference, stream(0), half % 2 == 1),
            Half::of(samples, stream(1), half % 2 == 1),
        ];
        frechet_distance(sides[0].side(), sides[1].side(), &Sequential)
    });
    let mut sum = 0.0;
    for half in distances {
        sum += half?.distance;
    }
    let bias = sum / (2.0 * f64::from(splits)) - distance;
    Ok(Ok(SmallSampleBias { bias, corrected: distance - bias }))
}

fn absence(reference: &FrechetSide<'_>, samples: &FrechetSide<'_>) -> Option<Absence> {
    let mut any = false;
    for (side, set) in [(reference.reborrow(), REFERENCE), (samples.reborrow(), SAMPLES)] {
        let FrechetSide::Features(features) = side else { continue };
        any = true;
        let (rows, width) = features.dim();
        if rows / 2 <= width {
            let detail = format!(
                "half of {set} has {} rows for {width} dimensions; the bias follows 1/n only above that",
                rows / 2
            );
            return Some(Absence::new(AbsenceReason::TooFewSamples, detail));
        }
    }
    let detail = "neither set has features, so neither can be halved";
    (!any).then(|| Absence::new(AbsenceReason::MissingInput, detail))
}

/// Half of a set's rows, or the whole of a set without rows.
enum Half<'a> {
    Rows(Array2<f32>),
    Whole(FrechetSide<'a>),
}

impl<'a> Half<'a> {
    fn of(side: FrechetSide<'a>, stream: Stream, second: bool) -> Self {
        match side {
            FrechetSide::Features(features) => Self::Rows(half_of(features, stream, second)),
            FrechetSide::Gaussian(_) => Self::Whole(side),
        }
    }

    fn side(&self) -> FrechetSide<'_> {
        match self {
            Self::Rows(rows) => FrechetSide::Features(rows.view()),
            Self::Whole(side) => side.reborrow(),
        }
    }
}

fn half_of(features: ArrayView2<'_, f32>, mut stream: Stream, second: bool) -> Array2<f32> {
    let mut order: Vec<usize> = (0..features.nrows()).collect();
    stream.shuffle(&mut order);
    let (first_half, second_half) = order.split_at_mut(features.nrows() / 2);
    let half = if second { second_half } else { first_half };
    half.sort_unstable();
    features.select(Axis(0), half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_disjoint_and_complete() {
        let features = Array2::from_shape_fn((11, 1), |(row, _)| row as f32);
        let halves = [false, true]
            .map(|second| half_of(features.view(), Stream::new(0, "frechet-half", 0), second));
        assert_eq!(halves[0].nrows(), 5);
        let mut rows: Vec<f32> = halves.iter().flatten().copied().collect();
        rows.sort_by(f32::total_cmp);
        assert_eq!(rows, (0..11_u8).map(f32::from).collect::<Vec<_>>());
    }
}
