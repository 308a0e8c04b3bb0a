//! How a probe is trained, as data.

use super::super::ProbeError;
use super::batch_norm::BatchNormOptions;
use super::optimiser::Optimiser;
use super::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// A probe trained by gradient descent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// What is trained on the features.
    pub head: Head,
    /// Normalisation of the features of each batch; none if absent. Of linear heads only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_norm: Option<BatchNormOptions>,
    /// Standard deviation of the normal numbers that weights begin with; biases begin at 0.
    pub initial_deviation: f64,
    /// Samples of a step.
    pub batch: usize,
    /// How often `epoch` is repeated.
    pub epochs: usize,
    /// What an epoch is.
    pub epoch: EpochLength,
    /// Peak rates. Each has a head of its own; all heads see the same batches.
    pub rates: Vec<f64>,
    /// What the rates mean.
    pub rate_scale: RateScale,
    /// From the peak rate to that of a step.
    pub schedule: Schedule,
    /// From gradients to steps.
    pub optimiser: Optimiser,
    /// Greatest length of the gradient of all parameters together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// What is reported.
    pub selection: Selection,
    /// What the original reports, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_selection: Option<Selection>,
}

/// What is trained on the features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Head {
    /// Weights and a bias for each class.
    Linear,
    /// One learned query that attends to the tokens, an MLP, and a linear layer.
    Attentive {
        /// Attention heads; absent: as many as give each 64 numbers, as in a ViT.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attention_heads: Option<usize>,
        /// Width of the MLP's hidden layer, in widths of a token.
        mlp_ratio: usize,
    },
}

/// What an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum EpochLength {
    /// A pass through the train set without the last batch, if that is not full.
    FullBatches,
    /// A pass through the train set; the last batch may be smaller.
    AllSamples,
    /// So many full batches from an endless sequence of passes.
    Steps(usize),
}

/// What the rates of a recipe mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateScale {
    /// Rates are for batches of 256 and are multiplied by batch / 256.
    #[serde(rename = "per-256")]
    Per256,
    /// Rates are taken as they are.
    Absolute,
}

/// Which head, at which time, is the one whose accuracy is reported.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Selection {
    /// The only head after the last step. The test set decides nothing.
    LastEpoch,
    /// The rate whose head, trained on the rest of train, is best on this stratified share of train; then it is trained again
    /// on all of train. The test set decides nothing.
    HeldOut(f64),
    /// The only head at the epoch after which it is best on the test set that is reported.
    BestEpochOnTest,
    /// The head that is best, after the last step, on the test set that is reported.
    BestHeadOnTest,
}

impl Recipe {
    /// The rates that the optimiser starts from.
    #[must_use]
    pub fn peak_rates(&self) -> Vec<f64> {
        let scale = match self.rate_scale {
            RateScale::Per256 => self.batch as f64 / 256.0,
            RateScale::Absolute => 1.0,
        };
        self.rates.iter().map(|rate| rate * scale).collect()
    }

    /// The original's choice of what is reported in place of the recipe's own.
    #[must_use]
    pub fn with_original_selection(self) -> Self {
        Self { selection: self.original_selection.unwrap_or(self.selection), ..self }
    }

    /// Refuses what cannot be trained, whatever the features are.
    pub(super) fn check(&self) -> Result<(), ProbeError> {
        let option = |name, value: f64, good: bool, expected| {
            if good { Ok(()) } else { Err(ProbeError::Option { name, value, expected }) }
        };
        let positive = |name, value: f64| {
            option(name, value, value.is_finite() && value > 0.0, "finite and above 0")
        };
        let at_least_0 = |name, value: f64| {
            option(name, value, value.is_finite() && value >= 0.0, "finite and at least 0")
        };
        let share = |name, value: f64| {
            option(name, value, (0.0..1.0).contains(&value), "at least 0 and below 1")
        };
        // What is counted in f64 must be exact; and no training is that long.
        let count = |name, value: usize| {
            let expected = "between 1 and 2^31";
            option(name, value as f64, (1..=1 << 31).contains(&value), expected)
        };
        count("the batch", self.batch)?;
        count("the number of epochs", self.epochs)?;
        if let EpochLength::Steps(steps) = self.epoch {
            count("the number of steps of an epoch", steps)?;
        }
        at_least_0("the deviation of initial weights", self.initial_deviation)?;
        count("the number of rates", self.rates.len())?;
        self.rates.iter().try_for_each(|&rate| positive("the rate", rate))?;
        if let Some(clip) = self.clip {
            positive("the clipped length", clip)?;
        }
        let warm_up = self.schedule.warm_up_epochs;
        option("the warm-up", warm_up as f64, warm_up < self.epochs, "shorter than the training")?;
        if let Some(norm) = self.batch_norm {
            positive("the batch normalisation's epsilon", norm.epsilon)?;
            option(
                "the batch normalisation's momentum",
                norm.momentum,
                norm.momentum > 0.0 && norm.momentum <= 1.0,
                "above 0 and at most 1",
            )?;
            let batch = self.batch as f64;
            option("the batch", batch, self.batch > 1, "at least 2 with batch normalisation")?;
            if self.epoch == EpochLength::AllSamples || self.head != Head::Linear {
                return Err(ProbeError::Recipe(
                    "batch normalisation goes with full batches and a linear head",
                ));
            }
        }
        match self.optimiser {
            Optimiser::Sgd { momentum, weight_decay } => {
                share("the momentum", momentum)?;
                at_least_0("the weight decay", weight_decay)?;
            }
            Optimiser::Lars { momentum, trust, weight_decay } => {
                share("the momentum", momentum)?;
                positive("the trust coefficient", trust)?;
                at_least_0("the weight decay", weight_decay)?;
            }
            Optimiser::AdamW { betas, epsilon, weight_decay } => {
                betas.into_iter().try_for_each(|beta| share("a beta of AdamW", beta))?;
                positive("the epsilon of AdamW", epsilon)?;
                at_least_0("the weight decay", weight_decay)?;
            }
        }
        if let Selection::HeldOut(part) = self.selection {
            let good = part > 0.0 && part < 1.0;
            option("the held-out share", part, good, "above 0 and below 1")?;
        }
        let one_head = matches!(self.selection, Selection::LastEpoch | Selection::BestEpochOnTest)
            || self.head != Head::Linear;
        let rates = self.rates.len();
        option("the number of rates", rates as f64, !one_head || rates == 1, "1 for one head")
    }
}
