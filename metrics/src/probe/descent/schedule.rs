//! The learning rate of each step.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Warm-up and cosine, as multiples of the peak rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Schedule {
    /// Epochs in which the rate rises in a straight line from 0 to its peak.
    #[serde(default)]
    pub warm_up_epochs: usize,
    /// At which moment of a step or an epoch the curve is read.
    pub read: ScheduleRead,
}

/// At which moment the curve is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleRead {
    /// Where a step begins: the first step has the rate of time 0.
    StepStart,
    /// Where a step ends: the last step has the rate of the end, which is 0.
    StepEnd,
    /// Where an epoch begins: one rate for all of its steps.
    EpochStart,
}

/// Where training stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) epoch: usize,
    /// Step within the epoch.
    pub(super) step: usize,
    pub(super) steps_per_epoch: usize,
    pub(super) epochs: usize,
}

impl Schedule {
    /// The share of the peak rate, 0 to 1: t / w in the warm-up of w epochs, then (1 + cos(π (t - w) / (epochs - w))) / 2,
    /// t in epochs.
    pub(super) fn share(&self, moment: Moment) -> f64 {
        let Moment { epoch, step, steps_per_epoch, epochs } = moment;
        let within = match self.read {
            ScheduleRead::StepStart => step as f64 / steps_per_epoch as f64,
            ScheduleRead::StepEnd => (step + 1) as f64 / steps_per_epoch as f64,
            ScheduleRead::EpochStart => 0.0,
        };
        let time = epoch as f64 + within;
        let warm_up = self.warm_up_epochs as f64;
        if time < warm_up {
            return time / warm_up;
        }
        0.5 * (1.0 + (PI * (time - warm_up) / (epochs as f64 - warm_up)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(warm_up_epochs: usize, read: ScheduleRead, epoch: usize, step: usize) -> f64 {
        let moment = Moment { epoch, step, steps_per_epoch: 4, epochs: 6 };
        Schedule { warm_up_epochs, read }.share(moment)
    }

    /// Closed forms: cos of multiples of π/2, π/3, π/4.
    #[test]
    fn the_curve_passes_through_known_points() {
        use ScheduleRead::{EpochStart, StepEnd, StepStart};
        for (warm_up, read, epoch, step, expected) in [
            (0, StepStart, 0, 0, 1.0),
            (0, StepStart, 3, 0, 0.5),
            (0, StepStart, 2, 0, 0.75),
            (0, StepStart, 1, 2, 0.5 + 0.5 * 0.5_f64.sqrt()),
            (0, StepEnd, 2, 3, 0.5),
            (0, StepEnd, 5, 3, 0.0),
            (0, EpochStart, 4, 3, 0.25),
            (2, StepStart, 0, 0, 0.0),
            (2, StepStart, 1, 2, 0.75),
            (2, StepStart, 2, 0, 1.0),
            (2, StepStart, 4, 0, 0.5),
            (2, StepEnd, 5, 3, 0.0),
            (2, EpochStart, 1, 3, 0.5),
        ] {
            let actual = share(warm_up, read, epoch, step);
            assert!((actual - expected).abs() < 1e-15, "{read:?} {epoch} {step}: {actual}");
        }
    }
}
