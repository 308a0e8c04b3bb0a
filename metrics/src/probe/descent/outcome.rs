//! From a trained head to measurements.

use super::super::ProbeOutcome;
use super::super::accuracy::Assessment;
use super::super::labelled::Classes;
use super::assess::HeadScores;
use super::fit::HeadState;
use super::optimiser::Optimiser;
use super::recipe::{EpochLength, Head, Recipe, Selection};
use crate::{Absence, AbsenceReason, Measurement, Unit};
use std::fmt::Write;

/// A head that was trained, how, and what it was chosen by.
pub(super) struct Reported<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) seed: u64,
    /// Its peak rate.
    pub(super) rate: f64,
    /// Loss of its last epoch, in nats.
    pub(super) train_loss: f64,
    pub(super) scores: HeadScores,
    /// The epoch after which it was taken, counted from 1, where that was a choice.
    pub(super) epoch: Option<usize>,
    pub(super) train_samples: u64,
}

impl Reported<'_> {
    /// `accuracy` (top-1), `top-5`, `mean-per-class accuracy`, `loss`, `train loss`, `rate`, and `epoch` where it was chosen.
    pub(super) fn outcome(self, targets: &[usize], classes: &Classes) -> ProbeOutcome {
        let method = method(self.recipe, self.seed, Some(self.rate));
        let loss = self.scores.mean_loss();
        let assessment = Assessment::of_judgements(&self.scores.judgements, targets, classes);
        let n = assessment.n();
        let mut measurements = assessment.measurements(&method);
        let test = format!("mean -ln p on the test set; {method}");
        measurements.push(Measurement::of("loss", loss, Unit::Nats, n, test));
        let train =
            format!("mean -ln p of the batches of the last epoch, each before its step; {method}");
        let n = self.train_samples;
        measurements.push(Measurement::of("train loss", self.train_loss, Unit::Nats, n, train));
        measurements.push(Measurement::of("rate", self.rate, Unit::None, n, method.clone()));
        if let Some(epoch) = self.epoch {
            measurements.push(Measurement::of("epoch", epoch as f64, Unit::Count, n, method));
        }
        ProbeOutcome {
            measurements,
            predictions: assessment.predictions,
            per_class: assessment.per_class,
        }
    }
}

/// The same measurements, absent, of a training that left all reason.
pub(super) fn diverged(
    recipe: &Recipe,
    seed: u64,
    states: &[HeadState],
    samples: [u64; 2],
) -> ProbeOutcome {
    let method = method(recipe, seed, None);
    let detail = match states {
        [HeadState::Diverged { epoch, step, loss }] => format!(
            "diverged at epoch {epoch} of {}, step {step}, where the loss was {loss}; a lower rate may train",
            recipe.epochs
        ),
        _ => format!("the heads of all {} rates diverged; lower rates may train", states.len()),
    };
    let absent = |metric: &str, unit, n| {
        let absence = Absence::new(AbsenceReason::Diverged, detail.clone());
        Measurement::absent(metric, unit, n, method.clone(), absence)
    };
    let [train, test] = samples;
    let accuracies = ["accuracy", "top-5", "mean-per-class accuracy"];
    let mut measurements: Vec<Measurement> =
        accuracies.map(|metric| absent(metric, Unit::Percent, test)).into();
    measurements.push(absent("loss", Unit::Nats, test));
    measurements.push(absent("train loss", Unit::Nats, train));
    ProbeOutcome { measurements, predictions: Vec::new(), per_class: Vec::new() }
}

/// The recipe in words, the choice first because it says whether the test set had a part in it.
fn method(recipe: &Recipe, seed: u64, rate: Option<f64>) -> String {
    let mut text = match recipe.selection {
        Selection::LastEpoch => "after the last step".to_owned(),
        Selection::HeldOut(share) => format!(
            "rate chosen from {} on a stratified {:.0} % of train (seed {seed}), trained again on all of train",
            recipe.rates.len(),
            100.0 * share
        ),
        Selection::BestEpochOnTest => {
            "THE BEST EPOCH ON THE TEST SET ITSELF, as the original reports".to_owned()
        }
        Selection::BestHeadOnTest => format!(
            "THE BEST OF {} RATES ON THE TEST SET ITSELF, as the original reports",
            recipe.rates.len()
        ),
    };
    let head = match recipe.head {
        Head::Linear => "linear head",
        Head::Attentive { .. } => "attentive head",
    };
    let optimiser = match recipe.optimiser {
        Optimiser::Sgd { .. } => "SGD",
        Optimiser::Lars { .. } => "LARS",
        Optimiser::AdamW { .. } => "AdamW",
    };
    // Writing to a string does not fail.
    let _ = write!(text, "; {head}");
    if recipe.batch_norm.is_some() {
        text.push_str(" on batch-normalised features");
    }
    let _ = write!(text, ", {optimiser}, {} epochs", recipe.epochs);
    if let EpochLength::Steps(steps) = recipe.epoch {
        let _ = write!(text, " of {steps} steps");
    }
    let _ = write!(text, ", batches of {}", recipe.batch);
    if let Some(rate) = rate {
        let _ = write!(text, ", peak rate {rate}");
    }
    let warm_up = recipe.schedule.warm_up_epochs;
    if warm_up > 0 {
        let _ = write!(text, ", {warm_up} epochs of warm-up");
    }
    let _ = write!(text, ", cosine, seed {seed}");
    text
}
