//! torchvision's `ColorJitter`: which factors are drawn.

use super::parameters::{JitterOrder, JitterStep};
use super::scalars::{
    Factor, HueStrength, Probability, Strength, Turns, hue_strength, probability, strength,
};
use retally_metrics::random::Stream;
use serde::{Deserialize, Serialize};

/// How strongly and how often colours are changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ColourJitter {
    /// How often it is done at all.
    pub probability: Probability,
    /// Factors between 1 less this (at least 0) and 1 plus this.
    pub brightness: Strength,
    /// As brightness.
    pub contrast: Strength,
    /// As brightness.
    pub saturation: Strength,
    /// Turns between minus this and this.
    pub hue: HueStrength,
}

/// What was drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DrawnJitter {
    pub brightness: Factor,
    pub contrast: Factor,
    pub saturation: Factor,
    pub hue: Turns,
    pub order: JitterOrder,
}

impl ColourJitter {
    /// IWM's defaults (arXiv:2403.00504, table of the appendix; known to us through summaries), for source and target:
    /// probability 0.8, strengths 0.4, 0.4, 0.2 and 0.1.
    #[must_use]
    pub const fn iwm() -> Self {
        Self {
            probability: probability(0.8),
            brightness: strength(0.4),
            contrast: strength(0.4),
            saturation: strength(0.2),
            hue: hue_strength(0.1),
        }
    }

    /// The same strengths, always applied.
    ///
    /// Use it for banks of variants: with a probability below 1 several variants are the unchanged image, and their
    /// distances tie.
    #[must_use]
    pub const fn always(self) -> Self {
        Self { probability: probability(1.0), ..self }
    }

    /// Takes the same amount of random numbers whatever comes out, but for the order of the steps, which is drawn apart.
    pub(super) fn draw(&self, stream: &mut Stream, order: &mut Stream) -> DrawnJitter {
        let chance = stream.uniform();
        let [brightness, contrast, saturation, hue] = [(); 4].map(|()| stream.uniform());
        let mut steps = JitterStep::ALL;
        order.shuffle(&mut steps);
        if chance >= self.probability.get() {
            return DrawnJitter {
                brightness: Factor::NEUTRAL,
                contrast: Factor::NEUTRAL,
                saturation: Factor::NEUTRAL,
                hue: Turns::NEUTRAL,
                order: JitterOrder::default(),
            };
        }
        DrawnJitter {
            brightness: Factor::around_one(self.brightness, brightness),
            contrast: Factor::around_one(self.contrast, contrast),
            saturation: Factor::around_one(self.saturation, saturation),
            hue: Turns::around_zero(self.hue, hue),
            order: JitterOrder::of_permutation(steps),
        }
    }
}
