//! Noise that depends on (seed, sample, step) and on nothing else.

use super::torch_noise::{TorchNoise, TorchNoiseError};
use retally_metrics::random::{Stream, normal};

/// Noise that the first state is made of.
const START: &str = "sampling start";
/// Noise that a step adds.
const STEP: &str = "sampling step";

/// Where the noise of samples comes from.
#[derive(Clone, Debug)]
pub enum NoiseSource {
    /// Of the seed, the sample and the step alone: the default.
    Counter(SampleNoise),
    /// As a script draws it with PyTorch, where it depends on the script's batch too.
    Torch(Box<TorchNoise>),
}

impl NoiseSource {
    /// Noise that the first state of a sample is made of.
    ///
    /// # Errors
    /// When `noise` is longer than a state of PyTorch's.
    pub fn start(&mut self, sample: u32, noise: &mut [f64]) -> Result<(), TorchNoiseError> {
        match self {
            Self::Counter(source) => {
                source.start(sample, noise);
                Ok(())
            }
            Self::Torch(source) => source.start(sample, noise),
        }
    }

    /// Noise that step number `step` of the plan, counted from 0, adds to a sample.
    ///
    /// # Errors
    /// When a script of PyTorch draws none in this step, or `noise` is longer than its state.
    pub fn step(
        &mut self,
        sample: u32,
        step: u32,
        noise: &mut [f64],
    ) -> Result<(), TorchNoiseError> {
        match self {
            Self::Counter(source) => {
                source.step(sample, step, noise);
                Ok(())
            }
            Self::Torch(source) => source.step(sample, step, noise),
        }
    }
}

/// Standard normal noise for samples, in any order and as often as it is needed, with the same bits on every machine.
///
/// Values are rounded to f32, so that a device that takes f32 gets the same noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleNoise {
    seed: u64,
}

impl SampleNoise {
    /// The noise of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Noise that the first state of a sample is made of.
    pub fn start(&self, sample: u32, noise: &mut [f64]) {
        normal::fill(Stream::new(self.seed, START, sample.into()), noise);
    }

    /// Noise that step number `step` of the plan, counted from 0, adds to a sample.
    pub fn step(&self, sample: u32, step: u32, noise: &mut [f64]) {
        let index = u64::from(sample) << 32 | u64::from(step);
        normal::fill(Stream::new(self.seed, STEP, index), noise);
    }
}
