//! Logistic regression as a probe: scale the features, choose C, fit, assess.

use super::accuracy::Assessment;
use super::labelled::{Labelled, Task};
use super::lbfgs::Stop;
use super::logistic::{Model, Samples};
use super::rows::Rows;
use super::scaled_rows::ScaledRows;
use super::selection::{CSearch, GRID, HELD_OUT_SHARE, TOLERANCE, choose_c};
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

/// Parameters of logistic regression with everything about the choice of C.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticOptions {
    /// As in [`ProbeOptions`].
    pub probe: ProbeOptions,
    /// How C is chosen where it is not given.
    pub search: CSearch,
    /// Whether features are brought to mean 0 and standard deviation 1, by the statistics of train.
    pub standardise: bool,
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
    let search = CSearch {
        grid: GRID.to_vec(),
        held_out: HELD_OUT_SHARE,
        tolerance: TOLERANCE,
        iterations: options.iterations,
        must_converge: true,
    };
    logistic_probe(train, test, &LogisticOptions { probe: *options, search, standardise: true })
}

/// [`linear_probe`] with a choice of C of one's own, on features as they are if so wished.
///
/// # Errors
/// As [`linear_probe`], and if the search has a value out of range.
pub fn logistic_probe(
    train: Labelled<'_>,
    test: Labelled<'_>,
    options: &LogisticOptions,
) -> Result<ProbeOutcome, ProbeError> {
    check(options)?;
    let task = Task::of(train, test)?;
    let classes = task.classes.len();
    let ProbeOptions { c, seed, tolerance, iterations } = options.probe;
    let c = match c {
        Some(c) => c,
        None => {
            let search = (&options.search, options.standardise);
            choose_c(train, &task.train_targets, classes, seed, search)?
        }
    };
    let scale = Standardiser::choose(Rows::all(train.features), options.standardise);
    let scaled = |features| ScaledRows { rows: Rows::all(features), scale: &scale };
    let samples = Samples::new(scaled(train.features), &task.train_targets, classes);
    let model = Model::fit(&samples, c, Stop { tolerance, iterations }, None)?;
    drop(samples);

    let method = method(c, options);
    let train_loss = model.mean_loss(scaled(train.features), &task.train_targets);
    let test_loss = model.mean_loss(scaled(test.features), &task.test_targets);
    let log_probabilities = model.log_probabilities(scaled(test.features));
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

fn check(options: &LogisticOptions) -> Result<(), ProbeError> {
    let positive = |name, value: f64| {
        let good = value.is_finite() && value > 0.0;
        if good {
            Ok(())
        } else {
            Err(ProbeError::Option { name, value, expected: "finite and above 0" })
        }
    };
    positive("C", options.probe.c.unwrap_or(1.0))?;
    positive("the tolerance", options.probe.tolerance)?;
    let CSearch { grid, held_out, tolerance, .. } = &options.search;
    grid.iter().try_for_each(|&c| positive("C", c))?;
    positive("the tolerance", *tolerance)?;
    if *held_out > 0.0 && *held_out < 1.0 {
        return Ok(());
    }
    let (name, expected) = ("the held-out share", "above 0 and below 1");
    Err(ProbeError::Option { name, value: *held_out, expected })
}

fn method(c: f64, options: &LogisticOptions) -> String {
    let CSearch { grid, held_out, .. } = &options.search;
    let ProbeOptions { seed, tolerance, .. } = options.probe;
    let among = match grid.as_slice() {
        [first, .., last] if grid.len() > 10 => {
            format!("{} values from {first:e} to {last:e}", grid.len())
        }
        grid => format!("{grid:?}"),
    };
    let chosen = match options.probe.c {
        Some(_) => format!("C = {c} as given"),
        None => format!(
            "C = {c} chosen from {among} on {:.0} % of train, stratified, seed {seed}",
            100.0 * held_out
        ),
    };
    let features = if options.standardise { "standardised on train" } else { "as they are" };
    format!(
        "multinomial logistic regression, L2, {chosen}; features {features}; L-BFGS, tolerance {tolerance:e}"
    )
}
