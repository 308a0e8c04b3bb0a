//! How much of a Fréchet distance is due to the number of samples.
//!
//! A distance of n samples is too large by about b / n (Chong and Forsyth 2020). Of half the samples it is too large by
//! 2 b / n, so the mean over disjoint halves exceeds the distance of all by just the bias of the distance of all. With two
//! sets both are halved, and b₁/n₁ + b₂/n₂ doubles likewise. The law needs more samples than dimensions.

use super::{DistributionError, FrechetSide, check_widths, frechet_distance};
use crate::distribution::Gaussian;
use crate::distribution::features::{REFERENCE, SAMPLES};
use crate::executor::{Executor, Sequential, map};
use crate::random::Stream;
use crate::{Absence, AbsenceReason};

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
        let second = half % 2 == 1;
        let reference = Half::of((reference, REFERENCE), stream(0), second)?;
        let samples = Half::of((samples, SAMPLES), stream(1), second)?;
        frechet_distance(reference.side(), samples.side(), &Sequential)
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
        let (rows, width) = (features.count(), features.width());
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

/// A set's half, or the whole of a set without rows. Halves have more rows than dimensions, so that their moments are all that is needed
/// of them.
enum Half<'a> {
    Moments(Gaussian),
    Whole(FrechetSide<'a>),
}

impl<'a> Half<'a> {
    fn of(
        (side, set): (FrechetSide<'a>, &'static str),
        stream: Stream,
        second: bool,
    ) -> Result<Self, DistributionError> {
        let FrechetSide::Features(features) = side else { return Ok(Self::Whole(side)) };
        let half = half_of(features.count(), stream, second);
        let moments = features.moments_of(&half, set, &Sequential)?;
        Ok(Self::Moments(Gaussian::of_moments(&moments, set)?))
    }

    fn side(&self) -> FrechetSide<'_> {
        match self {
            Self::Moments(gaussian) => FrechetSide::Gaussian(gaussian),
            Self::Whole(side) => side.reborrow(),
        }
    }
}

/// Rising numbers of one half of the rows.
fn half_of(rows: usize, mut stream: Stream, second: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows).collect();
    stream.shuffle(&mut order);
    let second_half = order.split_off(rows / 2);
    let mut half = if second { second_half } else { order };
    half.sort_unstable();
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_disjoint_and_complete() {
        let halves =
            [false, true].map(|second| half_of(11, Stream::new(0, "frechet-half", 0), second));
        assert_eq!(halves[0].len(), 5);
        assert!(halves.iter().all(|half| half.is_sorted()));
        let mut rows = halves.concat();
        rows.sort_unstable();
        assert_eq!(rows, (0..11).collect::<Vec<_>>());
    }
}
