//! Which noise the user wants.

use super::{NoiseSource, Plan, SampleNoise, TorchBatches, TorchNoise, TorchScript};
use crate::failure::Failure;
use std::fmt;
use std::num::NonZeroU32;

/// Where noise comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoiseChoice {
    /// From a counter: a sample's noise depends on the seed and the sample alone.
    #[default]
    Counter,
    /// As a script draws it from PyTorch's CPU generator.
    Torch {
        /// Whose order of drawing.
        script: TorchScript,
        /// Samples that the script makes together.
        batch: NonZeroU32,
    },
}

impl NoiseChoice {
    /// Whether the classes of the samples are drawn along with the noise.
    pub(super) fn draws_labels(self) -> bool {
        matches!(self, Self::Torch { script, .. } if script != TorchScript::Randn)
    }

    /// PyTorch's generator keeps 32 bits of a seed; a longer one would not be the one that was asked for.
    pub(super) fn check(self, seed: u64) -> Result<(), Failure> {
        match self {
            Self::Counter => Ok(()),
            Self::Torch { .. } => torch_seed(seed).map(drop),
        }
    }

    /// The noise of a seed.
    pub(super) fn source(
        self,
        seed: u64,
        classes: Option<u32>,
        plan: &Plan,
        values: usize,
    ) -> Result<NoiseSource, Failure> {
        Ok(match self {
            Self::Counter => NoiseSource::Counter(SampleNoise::new(seed)),
            Self::Torch { script, batch } => {
                let classes = classes.and_then(NonZeroU32::new);
                let batches = TorchBatches { script, seed: torch_seed(seed)?, batch, classes };
                NoiseSource::Torch(Box::new(TorchNoise::new(batches, plan, values)))
            }
        })
    }
}

fn torch_seed(seed: u64) -> Result<u32, Failure> {
    u32::try_from(seed).map_err(|_| {
        Failure::invalid(format_args!(
            "--seed {seed}: PyTorch's CPU generator keeps 32 bits; take at most {}",
            u32::MAX
        ))
    })
}

impl fmt::Display for NoiseChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Torch { script, batch } = self else { return formatter.write_str("counter") };
        let script = match script {
            TorchScript::Randn => "torch",
            TorchScript::Repa => "torch-repa",
            TorchScript::Sit => "torch-sit",
            TorchScript::Dit => "torch-dit",
        };
        write!(formatter, "{script}, batches of {batch}")
    }
}
