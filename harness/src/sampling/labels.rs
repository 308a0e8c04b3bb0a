//! Which class each sample has.

use retally_manifests::LabelRule;
use retally_metrics::random::Stream;
use std::num::NonZeroU32;

/// What the random numbers are for.
const PURPOSE: &str = "sampling label";

/// The classes of samples: the class of a sample depends on (seed, sample) and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels {
    rule: LabelRule,
    classes: NonZeroU32,
    seed: u64,
}

impl Labels {
    /// Classes 0 … `classes` - 1 by a rule.
    #[must_use]
    pub fn new(rule: LabelRule, classes: NonZeroU32, seed: u64) -> Self {
        Self { rule, classes, seed }
    }

    /// The class of a sample.
    #[must_use]
    pub fn of(&self, sample: u32) -> u32 {
        match self.rule {
            LabelRule::Balanced => sample % self.classes,
            LabelRule::Uniform => {
                let mut stream = Stream::new(self.seed, PURPOSE, sample.into());
                // Below a u32, so it fits.
                stream.below(self.classes.get().into()) as u32
            }
        }
    }
}
