//! Samplers of flows on the linear path: the SDE by Euler-Maruyama, the ODE by Euler and Heun.

use super::guidance::Switch;
use super::path::{Linear, Path, times};
use super::plan::{Combination, NoiseTerm, Plan, PlanError, Step};
use retally_manifests::Generator;

/// Euler-Maruyama on the reverse SDE whose diffusion coefficient w is 2 s, from s = 1 to `last` in `steps` - 1 equal steps,
/// and one step from there to 0 without noise.
///
/// With velocity v the score is -((1 - s) v + x) / s, so the drift v - ½ w score is (2 - s) v + x, and a step of length
/// Δ = s - s' goes to x - Δ ((2 - s) v + x) + √(w Δ) noise.
///
/// SOURCE: `euler_maruyama_sampler` of REPA (samplers.py at 67f7145). SiT's sampler (transport/ at 947f95b) with its default
/// options is the same method with time running from noise to data and the state in f32.
pub(super) fn sde(generator: &Generator, steps: u32, last: f64) -> Result<Plan, PlanError> {
    PlanError::check_steps(steps, 2)?;
    PlanError::check(last > 0.0 && last < 1.0, "last", "above 0 and below 1")?;
    let path = Path::of(generator)?;
    let switch = Switch::of(generator);
    let mut begins = times(1.0, last, steps);
    begins.push(0.0);
    let step = |begin: f64, end: f64| {
        let length = begin - end;
        let velocity = path.velocity(begin);
        let weight = length * (2.0 - begin);
        let deviation = if end > 0.0 { (2.0 * begin * length).sqrt() } else { 0.0 };
        Step {
            time: path.network_time(begin),
            end_time: None,
            guided: switch.on(begin, begin),
            combination: Combination::of(
                1.0 - length - weight * velocity.state,
                -weight * velocity.prediction,
            )
            .with_noise(NoiseTerm::of_deviation(deviation)),
            keep: false,
        }
    };
    let steps = pairs(&begins).map(|(begin, end)| step(begin, end)).collect();
    Ok(Plan { start: 1.0, steps, learned_variance: false })
}

/// Euler's method on the ODE, `steps` equal steps from 1 to 0.
///
/// SOURCE: `euler_sampler` of REPA (samplers.py at 67f7145); `Denoiser.generate` of JiT (denoiser.py, as in iREPA at 99ad4ac).
pub(super) fn euler(
    generator: &Generator,
    steps: u32,
    noise_scale: f64,
) -> Result<Plan, PlanError> {
    let ode = Ode::new(generator, steps, noise_scale)?;
    let steps = pairs(&ode.times).map(|(begin, end)| ode.euler_step(begin, end)).collect();
    Ok(Plan { start: noise_scale, steps, learned_variance: false })
}

/// Heun's method on the ODE, `steps` equal steps from 1 to 0, the last one by Euler's method: a step goes along the velocity
/// at its begin, asks for the velocity there, and goes along the mean of both from the begin.
///
/// SOURCE: as [`euler`].
pub(super) fn heun(generator: &Generator, steps: u32, noise_scale: f64) -> Result<Plan, PlanError> {
    let ode = Ode::new(generator, steps, noise_scale)?;
    let steps = pairs(&ode.times)
        .flat_map(|(begin, end)| {
            let first = ode.euler_step(begin, end);
            let second = (end > 0.0).then(|| ode.correction(begin, end));
            [Some(Step { keep: second.is_some(), ..first }), second]
        })
        .flatten()
        .collect();
    Ok(Plan { start: noise_scale, steps, learned_variance: false })
}

/// The ODE dx / ds = v in equal steps.
struct Ode<'a> {
    path: Path,
    switch: Switch<'a>,
    times: Vec<f64>,
}

impl<'a> Ode<'a> {
    fn new(generator: &'a Generator, steps: u32, noise_scale: f64) -> Result<Self, PlanError> {
        PlanError::check_steps(steps, 1)?;
        let usable = noise_scale > 0.0 && noise_scale.is_finite();
        PlanError::check(usable, "noise_scale", "a finite number above 0")?;
        let times = times(1.0, 0.0, steps + 1);
        Ok(Self { path: Path::of(generator)?, switch: Switch::of(generator), times })
    }

    fn euler_step(&self, begin: f64, end: f64) -> Step {
        let Linear { state, prediction } = self.path.velocity(begin);
        let length = begin - end;
        Step {
            time: self.path.network_time(begin),
            end_time: None,
            guided: self.switch.on(begin, begin),
            combination: Combination::of(1.0 - length * state, -length * prediction),
            keep: false,
        }
    }

    /// The second half of a step of Heun's method. The state is where Euler's method went.
    fn correction(&self, begin: f64, end: f64) -> Step {
        let half = 0.5 * (begin - end);
        let first = self.path.velocity(begin);
        let second = self.path.velocity(end);
        Step {
            time: self.path.network_time(end),
            end_time: None,
            guided: self.switch.on(begin, end),
            combination: Combination {
                previous_state: 1.0 - half * first.state,
                previous_prediction: -half * first.prediction,
                ..Combination::of(-half * second.state, -half * second.prediction)
            },
            keep: false,
        }
    }
}

/// Consecutive times: begin and end of each step.
pub(super) fn pairs(times: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
    times.iter().copied().zip(times.iter().copied().skip(1))
}
