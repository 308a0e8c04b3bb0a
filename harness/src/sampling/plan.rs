//! A sampler, compiled to a list of steps before anything runs.
//!
//! Whatever a network predicts and however a sampler uses it, the next state is a linear combination of the state, the
//! prediction, perhaps those of an earlier call, and noise. The coefficients depend on the manifest alone, so a plan can be
//! printed, tested and carried out by any device.

use super::{consistency, diffusion, flow, mean_flow};
use retally_manifests::{Generator, Prediction, Sampler};

/// Most steps of a sampler: no published one comes near.
pub const MAX_STEPS: u32 = 10_000;

/// Everything that a sampler does.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Standard deviation of the noise that is the first state.
    pub start: f64,
    /// Each is one call of the network (two with guidance) and one new state; at least one.
    pub steps: Vec<Step>,
    /// The network's output has twice the values of the state: in each sample the prediction, then as many values that say
    /// where the variance lies.
    pub learned_variance: bool,
}

/// One call of the network, and the state that follows from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Time as the network's input takes it; 0 where it takes none.
    pub time: f64,
    /// What the input for the end of the step takes, where there is one.
    pub end_time: Option<f64>,
    /// Guidance is on: the network is asked for the class and for none.
    pub guided: bool,
    /// The next state.
    pub combination: Combination,
    /// The state and the prediction of this step are the previous ones of the steps that follow.
    pub keep: bool,
}

/// Next state = `state` · state + `prediction` · prediction + `previous_state` · previous state + `previous_prediction` ·
/// previous prediction + noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Combination {
    /// Coefficient of the state.
    pub state: f64,
    /// Coefficient of the prediction, or of what `clip` makes of it.
    pub prediction: f64,
    /// Coefficient of the state that the last step with `keep` began with.
    pub previous_state: f64,
    /// Coefficient of the prediction that the last step with `keep` got.
    pub previous_prediction: f64,
    /// Where there is one, the clipped estimate takes the place of the prediction.
    pub clip: Option<Clip>,
    /// What is added.
    pub noise: NoiseTerm,
}

/// An estimate of the data: `state` · state + `prediction` · prediction, held within `low` and `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// Coefficient of the state.
    pub state: f64,
    /// Coefficient of the prediction.
    pub prediction: f64,
    /// Smallest value that it lets through.
    pub low: f64,
    /// Largest value that it lets through.
    pub high: f64,
}

/// What standard normal noise is multiplied by before it is added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoiseTerm {
    /// Nothing is added, and nothing needs to be drawn.
    None,
    /// The same standard deviation for all values.
    Constant {
        /// It; above 0.
        deviation: f64,
    },
    /// exp(½ (f · `log_max` + (1 - f) · `log_min`)), f = (v + 1) / 2, with v from the second half of the network's output.
    Learned {
        /// Logarithm of the variance at v = -1.
        log_min: f64,
        /// Logarithm of the variance at v = 1.
        log_max: f64,
    },
}

/// Parts of a generator that do not fit together. What a manifest says is checked when it is read; this is for a generator
/// that was changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The sampler cannot use what the network predicts.
    #[error("a sampler of the kind `{sampler}` cannot use a prediction of the kind `{prediction}`")]
    Incompatible {
        /// Kind of the sampler, as a manifest writes it.
        sampler: &'static str,
        /// Kind of the prediction, as a manifest writes it.
        prediction: &'static str,
    },
    /// A number is outside its bounds.
    #[error("`{what}` of the sampler must be {expected}")]
    Number {
        /// Its key in a manifest.
        what: &'static str,
        /// Its bounds.
        expected: String,
    },
    /// No stride through the process gives the number of steps.
    #[error(
        "no stride through a process of {process} steps takes exactly {steps} of them; \
         give another number of `steps`, or `spacing = \"even\"`"
    )]
    NoStride {
        /// Steps of the process.
        process: u32,
        /// Steps of the sampler.
        steps: u32,
    },
}

impl Plan {
    /// The plan of a generator: its sampler's steps for what its network predicts, with its guidance.
    ///
    /// # Errors
    /// When sampler and prediction do not fit together, or a number is outside its bounds.
    pub fn new(generator: &Generator) -> Result<Self, PlanError> {
        match &generator.sampler {
            Sampler::OneCall => one_call(generator),
            Sampler::FlowSde { steps, last } => flow::sde(generator, *steps, *last),
            Sampler::FlowEuler { steps, noise_scale } => {
                flow::euler(generator, *steps, *noise_scale)
            }
            Sampler::FlowHeun { steps, noise_scale } => flow::heun(generator, *steps, *noise_scale),
            Sampler::Ddpm { steps, process, spacing, variance, clip } => {
                diffusion::Process::new(generator, process, *steps, *spacing)?
                    .ddpm(*variance, *clip)
            }
            Sampler::Ddim { steps, process, spacing, eta, clip } => {
                diffusion::Process::new(generator, process, *steps, *spacing)?.ddim(*eta, *clip)
            }
            Sampler::MeanFlow { steps } => mean_flow::plan(generator, *steps),
            Sampler::Consistency { sigmas, sigma_min, clip } => {
                consistency::plan(generator, sigmas, *sigma_min, *clip)
            }
        }
    }

    /// Calls of the network for one sample, those for guidance included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.steps.iter().map(|step| if step.guided { 2 } else { 1 }).sum()
    }

    /// The network's output is the sample itself, which may have another shape than the state (GAN): no state follows from
    /// it, and [`Registers`](super::Registers) are not needed.
    #[must_use]
    pub fn is_one_call(&self) -> bool {
        matches!(self.steps.as_slice(), [step] if step.combination == Combination::PREDICTION)
    }
}

impl Combination {
    /// The next state is the prediction.
    pub const PREDICTION: Self = Self::of(0.0, 1.0);

    /// Of the state and the prediction alone.
    pub(super) const fn of(state: f64, prediction: f64) -> Self {
        Self {
            state,
            prediction,
            previous_state: 0.0,
            previous_prediction: 0.0,
            clip: None,
            noise: NoiseTerm::None,
        }
    }

    /// The same with noise.
    pub(super) const fn with_noise(self, noise: NoiseTerm) -> Self {
        Self { noise, ..self }
    }

    /// True if the step needs what an earlier one kept.
    #[must_use]
    pub fn uses_previous(&self) -> bool {
        self.previous_state != 0.0 || self.previous_prediction != 0.0
    }
}

impl NoiseTerm {
    /// Noise of a standard deviation; none for 0.
    pub(super) fn of_deviation(deviation: f64) -> Self {
        if deviation > 0.0 { Self::Constant { deviation } } else { Self::None }
    }
}

/// The network is called once on standard normal noise.
fn one_call(generator: &Generator) -> Result<Plan, PlanError> {
    if generator.network.prediction != Prediction::Sample {
        return Err(PlanError::incompatible(generator));
    }
    let step = Step {
        time: 0.0,
        end_time: None,
        guided: super::guidance::Switch::of(generator).everywhere(),
        combination: Combination::PREDICTION,
        keep: false,
    };
    Ok(Plan { start: 1.0, steps: vec![step], learned_variance: false })
}

impl PlanError {
    /// The generator's sampler cannot use its network's prediction.
    pub(super) fn incompatible(generator: &Generator) -> Self {
        Self::Incompatible {
            sampler: generator.sampler.kind(),
            prediction: generator.network.prediction.kind(),
        }
    }

    /// Refuses a number that does not hold.
    pub(super) fn check(
        holds: bool,
        what: &'static str,
        expected: impl Into<String>,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::Number { what, expected: expected.into() }) }
    }

    /// Refuses a number of steps below `least` or above [`MAX_STEPS`].
    pub(super) fn check_steps(steps: u32, least: u32) -> Result<(), Self> {
        let allowed = least..=MAX_STEPS;
        Self::check(allowed.contains(&steps), "steps", format!("{least} to {MAX_STEPS}"))
    }
}
