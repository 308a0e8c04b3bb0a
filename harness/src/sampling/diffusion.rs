//! Samplers of discrete diffusion processes: DDPM and DDIM.

use super::guidance::Switch;
use super::plan::{Clip, Combination, NoiseTerm, Plan, PlanError, Step};
use super::schedule::Schedule;
use retally_manifests::{DiffusionProcess, Generator, Prediction, StepVariance, TimeSpacing};

/// A process and the network that predicts the noise in its states.
pub(super) struct Process {
    schedule: Schedule,
    guided: bool,
    learned_variance: bool,
}

/// What is known of one step: it begins at a time taken and ends at the one before.
#[derive(Clone, Copy)]
struct Interval {
    /// As the network knows it.
    time: u32,
    /// Variance that the process adds in it.
    beta: f64,
    /// Share of the data's variance at its begin (the noisier end) …
    signal: f64,
    /// … and at its end; 1 for the last step.
    next_signal: f64,
}

impl Process {
    /// The times that a sampler takes of a process.
    pub(super) fn new(
        generator: &Generator,
        process: &DiffusionProcess,
        steps: u32,
        spacing: TimeSpacing,
    ) -> Result<Self, PlanError> {
        let Prediction::Noise { learned_variance } = generator.network.prediction else {
            return Err(PlanError::incompatible(generator));
        };
        Ok(Self {
            schedule: Schedule::new(process, steps, spacing)?,
            guided: Switch::of(generator).everywhere(),
            learned_variance,
        })
    }

    /// Ancestral sampling: the mean of the reverse step given the predicted data, and noise in all steps but the last.
    ///
    /// With ᾱ the signal, β the variance of the step and x₀ = x / √ᾱ - √(1/ᾱ - 1) ε, the mean is
    /// β √ᾱ' / (1 - ᾱ) · x₀ + (1 - ᾱ') √(1 - β) / (1 - ᾱ) · x, and the variance between β (1 - ᾱ') / (1 - ᾱ) and β.
    ///
    /// SOURCE: `GaussianDiffusion.p_sample` of DiT (diffusion/gaussian_diffusion.py at ed81ce2), with `LEARNED_RANGE`,
    /// `FIXED_SMALL` and `FIXED_LARGE`. It takes its coefficients and its state in f32.
    pub(super) fn ddpm(&self, variance: StepVariance, clip: bool) -> Result<Plan, PlanError> {
        let learned = variance == StepVariance::Learned;
        PlanError::check(
            !learned || self.learned_variance,
            "variance",
            "`small` or `large`, since the network has no `learned_variance`",
        )?;
        Ok(self.plan(clip, |step| {
            let data = step.beta * step.next_signal.sqrt() / (1.0 - step.signal);
            let state = (1.0 - step.next_signal) * (1.0 - step.beta).sqrt() / (1.0 - step.signal);
            let small = step.beta * (1.0 - step.next_signal) / (1.0 - step.signal);
            let noise = match variance {
                _ if step.is_last() => NoiseTerm::None,
                StepVariance::Small => NoiseTerm::of_deviation(small.sqrt()),
                StepVariance::Large => NoiseTerm::of_deviation(step.beta.sqrt()),
                StepVariance::Learned => {
                    NoiseTerm::Learned { log_min: small.ln(), log_max: step.beta.ln() }
                }
            };
            OfData { data, state, noise_predicted: 0.0, noise }
        }))
    }

    /// DDIM: √ᾱ' x₀ + √(1 - ᾱ' - σ²) ε + σ noise, with σ = `eta` √((1 - ᾱ') / (1 - ᾱ)) √(1 - ᾱ / ᾱ').
    ///
    /// SOURCE: equation 12 of Song et al. 2021; `GaussianDiffusion.ddim_sample` of DiT (diffusion/gaussian_diffusion.py at
    /// ed81ce2), which takes its coefficients and its state in f32 and finds ε anew where x₀ was clipped.
    pub(super) fn ddim(&self, eta: f64, clip: bool) -> Result<Plan, PlanError> {
        PlanError::check((0.0..=1.0).contains(&eta), "eta", "0 to 1")?;
        Ok(self.plan(clip, |step| {
            let left = 1.0 - step.next_signal;
            let deviation = eta
                * (left / (1.0 - step.signal)).sqrt()
                * (1.0 - step.signal / step.next_signal).sqrt();
            OfData {
                data: step.next_signal.sqrt(),
                state: 0.0,
                noise_predicted: (left - deviation * deviation).max(0.0).sqrt(),
                noise: NoiseTerm::of_deviation(deviation),
            }
        }))
    }

    fn plan(&self, clip: bool, of_data: impl Fn(Interval) -> OfData) -> Plan {
        let steps = self.intervals().map(|interval| Step {
            time: f64::from(interval.time),
            end_time: None,
            guided: self.guided,
            combination: of_data(interval).combination(interval.signal, clip),
            keep: false,
        });
        Plan { start: 1.0, steps: steps.collect(), learned_variance: self.learned_variance }
    }

    /// The steps of a sampler: from the noisiest time to the data.
    fn intervals(&self) -> impl Iterator<Item = Interval> + '_ {
        let Schedule { times, betas, signals } = &self.schedule;
        let nexts = std::iter::once(1.0).chain(signals.iter().copied());
        let rows = times.iter().zip(betas).zip(signals.iter().zip(nexts));
        let rising: Vec<Interval> = rows
            .map(|((&time, &beta), (&signal, next_signal))| Interval {
                time,
                beta,
                signal,
                next_signal,
            })
            .collect();
        rising.into_iter().rev()
    }
}

impl Interval {
    fn is_last(self) -> bool {
        self.next_signal >= 1.0
    }
}

/// The next state in terms of the estimated data, the state and the predicted noise.
struct OfData {
    data: f64,
    state: f64,
    noise_predicted: f64,
    noise: NoiseTerm,
}

impl OfData {
    /// In terms of the state and the prediction: x₀ = (x - √(1 - ᾱ) ε) / √ᾱ. Where x₀ is clipped, ε is that which leads from
    /// the clipped one to the state.
    fn combination(&self, signal: f64, clip: bool) -> Combination {
        let of_state = (1.0 / signal).sqrt();
        let of_noise = (1.0 / signal - 1.0).sqrt();
        let combination = if clip {
            let clip = Clip { state: of_state, prediction: -of_noise, low: -1.0, high: 1.0 };
            Combination {
                clip: Some(clip),
                ..Combination::of(
                    self.state + self.noise_predicted * of_state / of_noise,
                    self.data - self.noise_predicted / of_noise,
                )
            }
        } else {
            Combination::of(
                self.state + self.data * of_state,
                self.noise_predicted - self.data * of_noise,
            )
        };
        combination.with_noise(self.noise)
    }
}
