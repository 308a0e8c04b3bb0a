//! The linear path between data and noise: x = (1 - s) data + s noise, s from 0 to 1.

use super::plan::PlanError;
use retally_manifests::{Generator, NoiseEnd, Prediction};

/// A value that is linear in the state and the prediction of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    /// Coefficient of the state.
    pub(super) state: f64,
    /// Coefficient of the prediction.
    pub(super) prediction: f64,
}

/// What a network predicts on the linear path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    noise_at: NoiseEnd,
    /// Least distance to the data, for networks that predict the data.
    data: Option<f64>,
}

impl Path {
    /// That of a generator's network.
    pub(super) fn of(generator: &Generator) -> Result<Self, PlanError> {
        match generator.network.prediction {
            Prediction::Velocity { noise_at } => Ok(Self { noise_at, data: None }),
            Prediction::LinearPathData { noise_at, least_distance } => {
                PlanError::check(
                    least_distance > 0.0 && least_distance <= 1.0,
                    "least_distance",
                    "above 0 and at most 1",
                )?;
                Ok(Self { noise_at, data: Some(least_distance) })
            }
            _ => Err(PlanError::incompatible(generator)),
        }
    }

    /// dx / ds at time s: the velocity that the network predicts, in the direction of its own time; or, of a network that
    /// predicts the data, (x - data) / s with s not below the least distance.
    ///
    /// SOURCE: for data, `Denoiser._forward_sample` of JiT (denoiser.py, as in iREPA at 99ad4ac).
    pub(super) fn velocity(self, time: f64) -> Linear {
        match (self.data, self.noise_at) {
            (Some(least), _) => {
                let slope = 1.0 / time.max(least);
                Linear { state: slope, prediction: -slope }
            }
            (None, NoiseEnd::One) => Linear { state: 0.0, prediction: 1.0 },
            (None, NoiseEnd::Zero) => Linear { state: 0.0, prediction: -1.0 },
        }
    }

    /// The time s in the network's own direction.
    pub(super) fn network_time(self, time: f64) -> f64 {
        match self.noise_at {
            NoiseEnd::One => time,
            NoiseEnd::Zero => 1.0 - time,
        }
    }
}

/// `count` equally spaced times from `first` to `last`, both included; `first` alone for one.
///
/// Counted from both ends, as `torch.linspace` without vector instructions does, so that both ends are exact.
pub(super) fn times(first: f64, last: f64, count: u32) -> Vec<f64> {
    let step = (last - first) / f64::from(count.saturating_sub(1).max(1));
    (0..count)
        .map(|index| {
            if index < count / 2 || count == 1 {
                first + step * f64::from(index)
            } else {
                last - step * f64::from(count - index - 1)
            }
        })
        .collect()
}
