//! Networks in closed form: what a perfect one would predict where the data are mixtures of Gaussians.
//!
//! The same data as in `tests/parity/samplers.py`.

use retally::sampling::Step;
use retally_manifests::{DiffusionProcess, Generator, NoiseEnd, Prediction, Sampler};

/// Values of one sample.
pub(crate) const VALUES: usize = 4;

const WEIGHTS: [f64; 4] = [0.2, 0.5, 0.3, 1.0];
/// The last one is a single point.
const MEANS: [[f64; VALUES]; 4] = [
    [0.5, -0.25, 0.75, -0.5],
    [-0.75, 0.5, 0.25, 0.0],
    [0.125, 1.0, -0.5, 0.25],
    [0.25, -0.5, 0.75, 1.0],
];
const DEVIATIONS: [f64; 4] = [0.3, 0.5, 0.2, 0.0];

/// What a sample is asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    First,
    Second,
    None,
    /// One Gaussian.
    Gaussian,
    /// One point.
    Point,
}

impl Class {
    /// Gaussians of the mixture.
    fn members(self) -> &'static [usize] {
        match self {
            Self::First => &[0, 1],
            Self::Second => &[1, 2],
            Self::None => &[0, 1, 2],
            Self::Gaussian => &[1],
            Self::Point => &[3],
        }
    }

    /// Mean of the data.
    pub(crate) fn mean(self) -> [f64; VALUES] {
        let total: f64 = self.members().iter().map(|&member| WEIGHTS[member]).sum();
        std::array::from_fn(|value| {
            let parts = self.members().iter().map(|&member| WEIGHTS[member] * MEANS[member][value]);
            parts.sum::<f64>() / total
        })
    }

    /// Covariance of two values of the data.
    pub(crate) fn covariance(self, first: usize, second: usize) -> f64 {
        let mean = self.mean();
        let total: f64 = self.members().iter().map(|&member| WEIGHTS[member]).sum();
        let parts = self.members().iter().map(|&member| {
            let away = |value: usize| MEANS[member][value] - mean[value];
            let own = if first == second { DEVIATIONS[member].powi(2) } else { 0.0 };
            WEIGHTS[member] * (away(first) * away(second) + own)
        });
        parts.sum::<f64>() / total
    }

    /// The one Gaussian of networks that predict where a path leads.
    fn single(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 2,
            Self::None | Self::Gaussian => 1,
            Self::Point => 3,
        }
    }
}

/// E[data | x] for x = alpha data + sigma noise.
fn expected_data(x: &[f64], alpha: f64, sigma: f64, class: Class) -> [f64; VALUES] {
    let members = class.members();
    let variance = |member: usize| (alpha * DEVIATIONS[member]).powi(2) + sigma * sigma;
    let away = |member: usize, value: usize| x[value] - alpha * MEANS[member][value];
    let logs: Vec<f64> = members
        .iter()
        .map(|&member| {
            let square: f64 = (0..VALUES).map(|value| away(member, value).powi(2)).sum();
            WEIGHTS[member].ln()
                - 0.5 * VALUES as f64 * variance(member).ln()
                - 0.5 * square / variance(member)
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let total: f64 = shares.iter().sum();
    std::array::from_fn(|value| {
        let parts = members.iter().zip(&shares).map(|(&member, share)| {
            let gain = alpha * DEVIATIONS[member].powi(2) / variance(member);
            share / total * (MEANS[member][value] + gain * away(member, value))
        });
        parts.sum()
    })
}

/// The network of a generator, asked in a step for one class; the output of one sample.
pub(crate) fn predict(generator: &Generator, step: &Step, x: &[f64], class: Class) -> Vec<f64> {
    match generator.network.prediction {
        Prediction::Velocity { noise_at } => {
            let s = noise_time(noise_at, step.time);
            let data = expected_data(x, 1.0 - s, s, class);
            let sign = if noise_at == NoiseEnd::One { 1.0 } else { -1.0 };
            let velocity = |value: usize| (x[value] - (1.0 - s) * data[value]) / s - data[value];
            (0..VALUES).map(|value| sign * velocity(value)).collect()
        }
        Prediction::LinearPathData { noise_at, .. } => {
            let s = noise_time(noise_at, step.time);
            expected_data(x, 1.0 - s, noise_scale(generator) * s, class).to_vec()
        }
        Prediction::Noise { learned_variance } => {
            let signal = signal(process(generator), step.time as usize);
            let data = expected_data(x, signal.sqrt(), (1.0 - signal).sqrt(), class);
            let noise = x.iter().zip(data);
            let noise = noise.map(|(x, data)| (x - signal.sqrt() * data) / (1.0 - signal).sqrt());
            let variance = x.iter().map(|x| x / (1.0 + x.abs()));
            noise.chain(variance.filter(|_| learned_variance)).collect()
        }
        Prediction::MeanVelocity => {
            let (s, end) = (step.time, step.end_time.unwrap());
            along(class, x, 1.0 - s, 1.0 - end, spread(class, end) / spread(class, s))
                .map(|(x, goal)| (x - goal) / (s - end))
                .collect()
        }
        Prediction::ConsistentData => {
            let Sampler::Consistency { sigma_min, .. } = generator.sampler else { unreachable!() };
            let variance = DEVIATIONS[class.single()].powi(2);
            let [now, then] = [step.time, sigma_min].map(|sigma| variance + sigma * sigma);
            along(class, x, 1.0, 1.0, (then / now).sqrt()).map(|(_, goal)| goal).collect()
        }
        Prediction::Sample => unreachable!(),
    }
}

/// Each value of x, and where its path leads: from `alpha` times the mean to `end` times the mean, the distance times
/// `factor`.
fn along(
    class: Class,
    x: &[f64],
    alpha: f64,
    end: f64,
    factor: f64,
) -> impl Iterator<Item = (f64, f64)> {
    let mean = MEANS[class.single()];
    x.iter().zip(mean).map(move |(&x, mean)| (x, end * mean + factor * (x - alpha * mean)))
}

/// Standard deviation of the single Gaussian on the linear path.
fn spread(class: Class, s: f64) -> f64 {
    ((1.0 - s).powi(2) * DEVIATIONS[class.single()].powi(2) + s * s).sqrt()
}

fn noise_time(noise_at: NoiseEnd, time: f64) -> f64 {
    if noise_at == NoiseEnd::One { time } else { 1.0 - time }
}

fn noise_scale(generator: &Generator) -> f64 {
    match generator.sampler {
        Sampler::FlowEuler { noise_scale, .. } | Sampler::FlowHeun { noise_scale, .. } => {
            noise_scale
        }
        _ => 1.0,
    }
}

fn process(generator: &Generator) -> DiffusionProcess {
    match generator.sampler {
        Sampler::Ddpm { process, .. } | Sampler::Ddim { process, .. } => process,
        _ => unreachable!(),
    }
}

/// Share of the data's variance that a process leaves at a time.
pub(crate) fn signal(process: DiffusionProcess, time: usize) -> f64 {
    let beta = |index: usize| match process {
        DiffusionProcess::Linear { steps, first, last } => {
            first + (last - first) * index as f64 / f64::from(steps - 1)
        }
        DiffusionProcess::Cosine { steps } => {
            let left = |index: usize| {
                let angle = (index as f64 / f64::from(steps) + 0.008) / 1.008;
                (angle * std::f64::consts::FRAC_PI_2).cos().powi(2)
            };
            (1.0 - left(index + 1) / left(index)).min(0.999)
        }
    };
    (0..=time).map(|index| 1.0 - beta(index)).product()
}
