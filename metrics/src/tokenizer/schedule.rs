//! How much noise: the schedules of the paper.

use super::TokenizerError;
use serde::{Deserialize, Serialize};

/// Steps of a schedule: level 0 is without noise (or nearly), level 1000 the noisiest.
pub const STEPS: u32 = 1000;

/// σ of [`NoiseSchedule::SingleLevel`], √(1/3).
///
/// INFERRED: in the text form of arXiv v1 that was read, the radical is missing and "(1/3)" is left, in the ablation and in Figure 7.
pub const SINGLE_LEVEL: f64 = 0.577_350_269_189_625_7;

/// z_t = γ z + σ ε.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseLevel {
    /// γ, the share of the clean latent.
    pub signal: f64,
    /// σ, the standard deviation of the noise.
    pub noise: f64,
}

impl NoiseLevel {
    /// No noise.
    pub const CLEAN: Self = Self { signal: 1.0, noise: 0.0 };

    /// Noise added to the whole signal: γ = 1.
    #[must_use]
    pub fn added(sigma: f64) -> Self {
        Self { signal: 1.0, noise: sigma }
    }

    /// λ of the loss of a network that predicts clean latents: γ² where γ² + σ² = 1, and 1 / (1 + σ²) where γ = 1. Both are
    /// γ² / (γ² + σ²). In [0, 1]; 0 for no signal.
    #[must_use]
    pub fn loss_weight(self) -> f64 {
        let (signal, noise) = (self.signal * self.signal, self.noise * self.noise);
        if signal == 0.0 { 0.0 } else { signal / (signal + noise) }
    }
}

/// A schedule of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseSchedule {
    /// "original": γ² is the product of 1 - β, β linear. The paper does not print its ends; they are those of DDPM (Ho et al.
    /// 2020), which DiT's code takes, from 0.0001 to 0.02 in 1000 steps.
    Original,
    /// "linear": γ² = 1 - t/1000, σ² = 1 - γ² (the last row of Table 1 and after).
    LinearSignal,
    /// Without scaling of the input: γ = 1, σ linear from 0 to √2 (Table 3, from its third row on).
    ConstantSignal,
    /// One level at every step: γ = 1, σ = √(1/3), inferred (see [`SINGLE_LEVEL`]).
    SingleLevel,
}

impl NoiseSchedule {
    /// The level at `step` of 0 to [`STEPS`].
    ///
    /// # Errors
    /// `Step` beyond the last.
    pub fn level(self, step: u32) -> Result<NoiseLevel, TokenizerError> {
        if step > STEPS {
            return Err(TokenizerError::Step { step, steps: STEPS });
        }
        let share = f64::from(step) / f64::from(STEPS);
        Ok(match self {
            Self::Original => variance_preserving(original_signal(step)),
            Self::LinearSignal => variance_preserving(1.0 - share),
            Self::ConstantSignal => NoiseLevel::added(std::f64::consts::SQRT_2 * share),
            Self::SingleLevel => NoiseLevel::added(SINGLE_LEVEL),
        })
    }
}

/// γ and σ with γ² + σ² = 1.
fn variance_preserving(signal: f64) -> NoiseLevel {
    NoiseLevel { signal: signal.sqrt(), noise: (1.0 - signal).sqrt() }
}

/// γ² after `step` steps of DDPM's linear β.
fn original_signal(step: u32) -> f64 {
    const FIRST: f64 = 1e-4;
    const LAST: f64 = 0.02;
    (0..step).fold(1.0, |product, index| {
        let share = f64::from(index) / f64::from(STEPS - 1);
        product * (1.0 - (FIRST + (LAST - FIRST) * share))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(schedule: NoiseSchedule, step: u32) -> NoiseLevel {
        schedule.level(step).unwrap()
    }

    #[test]
    fn schedules_begin_and_end_where_the_paper_says() {
        for schedule in [NoiseSchedule::Original, NoiseSchedule::LinearSignal] {
            assert_eq!(level(schedule, 0), NoiseLevel::CLEAN);
        }
        assert_eq!(
            level(NoiseSchedule::LinearSignal, STEPS),
            NoiseLevel { signal: 0.0, noise: 1.0 }
        );
        assert_eq!(level(NoiseSchedule::ConstantSignal, 0), NoiseLevel::CLEAN);
        assert_eq!(level(NoiseSchedule::ConstantSignal, STEPS), NoiseLevel::added(2.0_f64.sqrt()));
        let single = level(NoiseSchedule::SingleLevel, 17).noise;
        assert!((single - (1.0_f64 / 3.0).sqrt()).abs() <= f64::EPSILON / 4.0);
        for schedule in [NoiseSchedule::Original, NoiseSchedule::SingleLevel] {
            let error = schedule.level(STEPS + 1).unwrap_err();
            assert_eq!(error, TokenizerError::Step { step: 1001, steps: 1000 });
        }
    }

    #[test]
    fn variance_is_preserved_and_noise_rises() {
        for schedule in [NoiseSchedule::Original, NoiseSchedule::LinearSignal] {
            let levels: Vec<NoiseLevel> = (0..=STEPS).map(|step| level(schedule, step)).collect();
            for NoiseLevel { signal, noise } in &levels {
                assert!((signal * signal + noise * noise - 1.0).abs() < 1e-15);
            }
            assert!(levels.is_sorted_by(|a, b| a.noise < b.noise));
        }
    }

    #[test]
    fn loss_weights_are_those_of_both_forms() {
        for step in [0, 1, 400, 999, 1000] {
            let preserving = level(NoiseSchedule::LinearSignal, step);
            assert!((preserving.loss_weight() - preserving.signal.powi(2)).abs() < 1e-15);
            let added = level(NoiseSchedule::ConstantSignal, step);
            assert!((added.loss_weight() - 1.0 / (1.0 + added.noise.powi(2))).abs() < 1e-15);
        }
        assert_eq!(NoiseLevel { signal: 0.0, noise: 0.0 }.loss_weight(), 0.0);
    }
}
