//! Discrete diffusion processes: their variances, and which of their times a sampler takes.

use super::plan::{MAX_STEPS, PlanError};
use retally_manifests::{DiffusionProcess, TimeSpacing};
use std::f64::consts::FRAC_PI_2;

/// Smallest variance of a step: 1 minus it must still be another number than 1.
const MIN_VARIANCE: f64 = 1e-9;
/// Least share of the data's variance that must be left at the noisy end: its inverse must be a number.
const MIN_SIGNAL: f64 = 1e-300;

/// Variances of the steps of a process on a subset of its times, in the order of the process (noise last).
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// The times taken, as the network knows them; rising.
    pub(super) times: Vec<u32>,
    /// Variance that the step to a time adds.
    pub(super) betas: Vec<f64>,
    /// Share of the data's variance that is left at a time: the product of 1 - beta up to it.
    pub(super) signals: Vec<f64>,
}

impl Schedule {
    /// The schedule of `steps` times of a process.
    ///
    /// SOURCE: `SpacedDiffusion` of DiT (diffusion/respace.py at ed81ce2), which is that of improved diffusion (Nichol and
    /// Dhariwal 2021): variances are those between the times taken, so that what is left of the data at each is unchanged.
    pub(super) fn new(
        process: &DiffusionProcess,
        steps: u32,
        spacing: TimeSpacing,
    ) -> Result<Self, PlanError> {
        let all = variances(process)?;
        let count = all.len() as u32;
        PlanError::check(
            (1..=count).contains(&steps),
            "steps",
            format!("1 to the {count} of its process"),
        )?;
        let times = match spacing {
            TimeSpacing::Even => even(count, steps),
            TimeSpacing::Stride => stride(count, steps)?,
        };
        let left = products(&all);
        let mut before = 1.0;
        let betas: Vec<f64> = times
            .iter()
            .filter_map(|&time| left.get(time as usize))
            .map(|&now| 1.0 - now / std::mem::replace(&mut before, now))
            .collect();
        let signals = products(&betas);
        PlanError::check(
            signals.iter().all(|signal| *signal > MIN_SIGNAL),
            "process",
            "one that leaves something of the data at its noisy end",
        )?;
        Ok(Self { times, betas, signals })
    }
}

/// Products of 1 - variance, up to each.
fn products(variances: &[f64]) -> Vec<f64> {
    let mut product = 1.0;
    variances
        .iter()
        .map(|variance| {
            product *= 1.0 - variance;
            product
        })
        .collect()
}

/// The variances of all steps of a process.
///
/// SOURCE: `get_named_beta_schedule` and `betas_for_alpha_bar` of DiT (diffusion/gaussian_diffusion.py at ed81ce2).
fn variances(process: &DiffusionProcess) -> Result<Vec<f64>, PlanError> {
    match *process {
        DiffusionProcess::Linear { steps, first, last } => {
            check_process(steps, 2)?;
            for (what, value) in [("first", first), ("last", last)] {
                let usable = (MIN_VARIANCE..1.0).contains(&value);
                PlanError::check(usable, what, format!("at least {MIN_VARIANCE} and below 1"))?;
            }
            let slope = (last - first) / f64::from(steps - 1);
            let rising = (0..steps - 1).map(|index| f64::from(index) * slope + first);
            Ok(rising.chain([last]).collect())
        }
        DiffusionProcess::Cosine { steps } => {
            check_process(steps, 1)?;
            let left = |index: u32| {
                let time = f64::from(index) / f64::from(steps);
                ((time + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2)
            };
            Ok((0..steps).map(|index| (1.0 - left(index + 1) / left(index)).min(0.999)).collect())
        }
    }
}

fn check_process(steps: u32, least: u32) -> Result<(), PlanError> {
    let allowed = least..=MAX_STEPS;
    PlanError::check(
        allowed.contains(&steps),
        "process",
        format!("of {least} to {MAX_STEPS} steps"),
    )
}

/// `steps` of `count` times, from the first to the last, spread evenly and rounded to the nearest, halves to even.
///
/// The position is summed up step by step, as the source does it: its last bits decide where a half is rounded to.
///
/// SOURCE: `space_timesteps(count, "steps")` of DiT (diffusion/respace.py at ed81ce2).
fn even(count: u32, steps: u32) -> Vec<u32> {
    let stride = if steps > 1 { f64::from(count - 1) / f64::from(steps - 1) } else { 1.0 };
    let mut position = 0.0_f64;
    (0..steps)
        .map(|_| {
            let time = position.round_ties_even() as u32;
            position += stride;
            time
        })
        .collect()
}

/// Every k-th time from 0 on, for the smallest k that takes exactly `steps` of them.
///
/// SOURCE: `space_timesteps(count, "ddimN")` of DiT (diffusion/respace.py at ed81ce2).
fn stride(count: u32, steps: u32) -> Result<Vec<u32>, PlanError> {
    let found = (1..count).find(|&stride| count.div_ceil(stride) == steps);
    let stride = found.ok_or(PlanError::NoStride { process: count, steps })?;
    Ok((0..count).step_by(stride as usize).collect())
}
