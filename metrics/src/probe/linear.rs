//! The linear probe: standardise, fit logistic regression, assess.

use super::accuracy::Assessment;
use super::labelled::{Labelled, Task};
use super::lbfgs::Stop;
use super::logistic::{Model, Samples, mean_loss};
use super::selection::{GRID, HELD_OUT_SHARE, choose_c};
use super::standardise::Standardiser;
use super::{ProbeError, ProbeOutcome};
use crate::{Measurement, Unit};
use serde::{Deserialize, Serialize};

/// Parameters of the linear probe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeOptions {
    /// Inverse regularisation strength; `None` to choose it on a held-out fifth of the train set.
    pub c: Option<f64>,
    /// Seed of the held-out part.
    pub seed: u64,
    /// Largest absolute component of the gradient (of the mean objective) at which the fit has converged.
    pub tolerance: f64,
    /// Most iterations of one fit.
    pub iterations: usize,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self { c: None, seed: 0, tolerance: 1e-8, iterations: 20_000 }
    }
}

/// Fits multinomial logistic regression on standardised train features and assesses it on the test set.
///
/// The objective is scikit-learn's: C · Σ -ln p + ½ |W|², intercepts unpenalised. Measurements: `accuracy` (top-1),
/// `top-5` and `mean-per-class accuracy` in percent, `loss` and `train loss` (mean -ln p on test and train, nats),
/// `train objective` (the minimised sum) and `C`.
///
/// # Errors
/// If the input is empty, inconsistent or not finite, has one class only, a test label is unknown to the train set, or
/// the fit does not converge.
pub fn linear_probe(
    train: Labelled<'_>,
    test: Labelled<'_>,
    options: &ProbeOptions,
) -> Result<ProbeOutcome, ProbeError> {
    check(options)?;
    let task = Task::of(train, test)?;
    let classes = task.classes.len();
    let c = match options.c {
        Some(c) => c,
        None => choose_c(train, &task.train_targets, classes, options.seed, options.iterations)?,
    };
    let standardiser = Standardiser::fit(train.features);
    let train_features = standardiser.apply(train.features);
    let samples =
        Samples { features: train_features.view(), targets: &task.train_targets, classes };
    let stop = Stop { tolerance: options.tolerance, iterations: options.iterations };
    let model = Model::fit(samples, c, stop, None)?;

    let method = method(c, options);
    let train_loss =
        mean_loss(&model.log_probabilities(train_features.view()), &task.train_targets);
    let log_probabilities = model.log_probabilities(standardiser.apply(test.features).view());
    let test_loss = mean_loss(&log_probabilities, &task.test_targets);
    let assessment = Assessment::of(&log_probabilities, &task.test_targets, &task.classes);
    let (n_train, n_test) = (task.train_targets.len() as u64, assessment.n());
    let mut measurements = assessment.measurements(&method);
    measurements.extend([
        Measurement::of(
            "loss",
            test_loss,
            Unit::Nats,
            n_test,
            format!("mean -ln p on the test set; {method}"),
        ),
        Measurement::of(
            "train loss",
            train_loss,
            Unit::Nats,
            n_train,
            format!("mean -ln p on the train set; {method}"),
        ),
        Measurement::of(
            "train objective",
            model.objective,
            Unit::None,
            n_train,
            format!(
                "C * sum of -ln p + |W|^2 / 2 at its minimum ({} iterations); {method}",
                model.iterations
            ),
        ),
        Measurement::of("C", c, Unit::None, n_train, method),
    ]);
    Ok(ProbeOutcome {
        measurements,
        predictions: assessment.predictions,
        per_class: assessment.per_class,
    })
}

fn check(options: &ProbeOptions) -> Result<(), ProbeError> {
    let positive = |name, value: f64| {
        let good = value.is_finite() && value > 0.0;
        if good {
            Ok(())
        } else {
            Err(ProbeError::Option { name, value, expected: "finite and above 0" })
        }
    };
    positive("C", options.c.unwrap_or(1.0))?;
    positive("the tolerance", options.tolerance)
}

fn method(c: f64, options: &ProbeOptions) -> String {
    let chosen = match options.c {
        Some(_) => format!("C = {c} as given"),
        None => format!(
            "C = {c} chosen from {GRID:?} on {:.0} % of train, stratified, seed {}",
            100.0 * HELD_OUT_SHARE,
            options.seed
        ),
    };
    format!(
        "multinomial logistic regression, L2, {chosen}; features standardised on train; L-BFGS, tolerance {:e}",
        options.tolerance
    )
}
