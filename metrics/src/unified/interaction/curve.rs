//! Curves of intensity over layers: mean and spread over samples, loss, correlation of the two directions.

use super::{InteractionError, InteractionTask, StageBounds, aia_losses, row_tolerance};
use crate::statistics::{Correlation, CorrelationOptions, MeanEstimate, mean_estimate};
use crate::{Absence, AbsenceReason, Interval, Measurement, Unit};
use serde::Serialize;

/// Coverage of intervals.
const LEVEL: f64 = 0.95;

/// Significand bits of bfloat16, the coarsest type that attention is stored in.
const COARSEST_BITS: i32 = 8;

/// One sample's intensities.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleCurve {
    /// What the sample is called, for messages.
    pub id: String,
    /// Its direction.
    pub task: InteractionTask,
    /// Intensity of each layer, the first one first.
    pub intensities: Vec<f64>,
    /// What uniform attention would give on the same tokens, if that is known.
    pub uniform: Option<f64>,
}

/// How curves are summarised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurveOptions {
    /// The L of the AIA loss; the last layer if absent.
    pub last_layer: Option<usize>,
}

/// One layer over all samples of a direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerSummary {
    /// From 0.
    pub layer: usize,
    /// Mean over samples.
    pub mean: f64,
    /// Over samples, with denominator n − 1; absent for one sample.
    pub standard_deviation: Option<f64>,
    /// Of the mean, by Student's t; absent for one sample.
    pub interval: Option<Interval>,
    /// Mean over samples of the AIA loss, the paper's stages.
    pub loss_paper: f64,
    /// Mean over samples of the AIA loss, the released code's stages.
    pub loss_code: f64,
}

/// All layers over all samples of a direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurveSummary {
    /// The direction.
    pub task: InteractionTask,
    /// Number of samples.
    pub samples: u64,
    /// The L of the loss.
    pub last_layer: usize,
    /// Every layer.
    pub layers: Vec<LayerSummary>,
    /// Mean over samples of what uniform attention would give; absent unless all samples say it.
    pub uniform: Option<f64>,
    #[serde(skip)]
    measurements: Vec<Measurement>,
}

impl CurveSummary {
    /// Summarises samples of one direction and one model, in the order given.
    ///
    /// Intensities are fractions in [0, 1] (a little more where attention was stored in bfloat16).
    ///
    /// # Errors
    /// Without samples or layers, if samples differ in direction or in layers, or a value is no share.
    pub fn of(samples: &[SampleCurve], options: CurveOptions) -> Result<Self, InteractionError> {
        let Some(first) = samples.first() else {
            return Err(InteractionError::Empty { what: "no sample was given" });
        };
        let (task, count) = (first.task, first.intensities.len());
        if count == 0 {
            return Err(InteractionError::Empty { what: "the samples have no layer" });
        }
        samples.iter().try_for_each(|sample| check(sample, task, count))?;
        let last_layer = options.last_layer.unwrap_or(count - 1);
        let losses = StageBounds::ALL.map(|bounds| {
            let of =
                |sample: &SampleCurve| aia_losses(task, &sample.intensities, last_layer, bounds);
            samples.iter().map(of).collect::<Vec<_>>()
        });
        let layers: Vec<LayerSummary> =
            (0..count).map(|layer| layer_summary(samples, &losses, layer)).collect();
        let uniform: Option<Vec<f64>> = samples.iter().map(|sample| sample.uniform).collect();
        let mut summary = Self {
            task,
            samples: samples.len() as u64,
            last_layer,
            layers,
            uniform: uniform.map(|values| mean(&values)),
            measurements: Vec::new(),
        };
        summary.measurements = summary.measure(samples, &losses);
        Ok(summary)
    }

    /// Mean intensity of each layer.
    #[must_use]
    pub fn curve(&self) -> Vec<f64> {
        self.layers.iter().map(|layer| layer.mean).collect()
    }

    /// Each layer, the mean, spreads, the uniform baseline and the AIA loss, as measurements named `T2I|layer-00`.
    #[must_use]
    pub fn measurements(&self) -> &[Measurement] {
        &self.measurements
    }

    fn measure(&self, samples: &[SampleCurve], losses: &[Vec<Vec<f64>>; 2]) -> Vec<Measurement> {
        let name = |part: &str| format!("{}|{part}", self.task);
        let n = self.samples;
        let mut all: Vec<Measurement> = self.layers.iter().map(|layer| self.layer(layer)).collect();
        let means: Vec<f64> = samples.iter().map(|sample| mean(&sample.intensities)).collect();
        let estimate = mean_estimate(&means, LEVEL);
        all.push(of_estimate(
            name("mean"),
            n,
            "mean over layers and samples of the intensity",
            &estimate,
        ));
        let spread = estimate.ok().and_then(|estimate| estimate.standard_deviation);
        all.push(or_one_sample(
            name("std-of-mean"),
            n,
            "standard deviation over samples of the mean over layers (AIA Table 1 does not say what it pools)",
            spread,
        ));
        let spreads: Option<Vec<f64>> =
            self.layers.iter().map(|layer| layer.standard_deviation).collect();
        all.push(or_one_sample(
            name("mean-std"),
            n,
            "mean over layers of the standard deviation over samples (AIA Table 1 does not say what it pools)",
            spreads.map(|spreads| mean(&spreads)),
        ));
        all.push(self.uniform_measurement(name("uniform")));
        for (bounds, losses) in StageBounds::ALL.into_iter().zip(losses) {
            all.extend(self.losses(bounds, losses));
        }
        all
    }

    fn layer(&self, layer: &LayerSummary) -> Measurement {
        Measurement::of(
            format!("{}|layer-{:02}", self.task, layer.layer),
            layer.mean,
            Unit::Fraction,
            self.samples,
            "mean over samples of the mean attention mass of the queries on the keys (AIA Eq. 1)",
        )
        .with_interval(layer.interval.clone())
    }

    fn uniform_measurement(&self, name: String) -> Measurement {
        const METHOD: &str =
            "mean over samples of the intensity of attention spread evenly over visible keys";
        match self.uniform {
            Some(value) => Measurement::of(name, value, Unit::Fraction, self.samples, METHOD),
            None => {
                let detail = "a sample does not say how many tokens its queries see";
                let absence = Absence::new(AbsenceReason::MissingInput, detail);
                Measurement::absent(name, Unit::Fraction, self.samples, METHOD, absence)
            }
        }
    }

    /// The loss of samples, as the trainer has it, and that of the mean curve, as a figure shows it.
    fn losses(&self, bounds: StageBounds, losses: &[Vec<f64>]) -> [Measurement; 2] {
        let (task, last, kind) = (self.task, self.last_layer, bounds.as_str());
        let per_sample: Vec<f64> = losses.iter().map(|losses| mean(losses)).collect();
        let method = format!(
            "mean over layers and samples of Huber(I − target), stages of the {kind}, L = {last}, without λ"
        );
        let estimate = mean_estimate(&per_sample, LEVEL);
        let of_samples =
            of_estimate(format!("{task}|L_AIA|{kind}"), self.samples, &method, &estimate);
        let of_curve = Measurement::of(
            format!("{task}|L_AIA-of-mean-curve|{kind}"),
            mean(&aia_losses(task, &self.curve(), last, bounds)),
            Unit::None,
            self.samples,
            format!(
                "mean over layers of Huber(mean I − target), stages of the {kind}, L = {last}, without λ"
            ),
        );
        [Measurement { unit: Unit::None, ..of_samples }, of_curve]
    }
}

/// Correlation of the two mean curves over layers: our addition, since AIA states its negative correlation without a coefficient.
///
/// # Errors
/// An absence if the curves have different numbers of layers, fewer than 3, or one is constant.
pub fn curve_correlation(
    generation: &CurveSummary,
    understanding: &CurveSummary,
    options: CorrelationOptions,
) -> Result<Correlation, Absence> {
    let (x, y) = (generation.curve(), understanding.curve());
    if x.len() != y.len() {
        let detail = format!(
            "the curves have {} and {} layers: only layers of one model can be paired",
            x.len(),
            y.len()
        );
        return Err(Absence::new(AbsenceReason::MissingInput, detail));
    }
    Correlation::of(&x, &y, options)
}

fn check(
    sample: &SampleCurve,
    task: InteractionTask,
    layers: usize,
) -> Result<(), InteractionError> {
    if sample.task != task {
        return Err(InteractionError::Empty { what: "samples of two directions were mixed" });
    }
    if sample.intensities.len() != layers {
        return Err(InteractionError::LayerCount {
            task,
            sample: sample.id.clone(),
            found: sample.intensities.len(),
            expected: layers,
        });
    }
    let most = 1.0 + row_tolerance(COARSEST_BITS);
    let wrong = sample.intensities.iter().position(|value| !(0.0..=most).contains(value));
    wrong.map_or(Ok(()), |layer| {
        let (sample, value) = (sample.id.clone(), sample.intensities[layer]);
        Err(InteractionError::NoShare { task, sample, layer, value })
    })
}

fn layer_summary(
    samples: &[SampleCurve],
    losses: &[Vec<Vec<f64>>; 2],
    layer: usize,
) -> LayerSummary {
    let values: Vec<f64> = samples.iter().map(|sample| sample.intensities[layer]).collect();
    let [loss_paper, loss_code] = losses
        .each_ref()
        .map(|losses| mean(&losses.iter().map(|losses| losses[layer]).collect::<Vec<_>>()));
    let estimate = mean_estimate(&values, LEVEL).ok();
    LayerSummary {
        layer,
        mean: estimate.as_ref().map_or_else(|| mean(&values), |estimate| estimate.mean),
        standard_deviation: estimate.as_ref().and_then(|estimate| estimate.standard_deviation),
        interval: estimate.and_then(|estimate| estimate.interval),
        loss_paper,
        loss_code,
    }
}

fn of_estimate(
    name: String,
    n: u64,
    method: &str,
    estimate: &Result<MeanEstimate, Absence>,
) -> Measurement {
    match estimate {
        Ok(estimate) => Measurement::of(name, estimate.mean, Unit::Fraction, n, method)
            .with_interval(estimate.interval.clone()),
        Err(absence) => Measurement::absent(name, Unit::Fraction, n, method, absence.clone()),
    }
}

fn or_one_sample(name: String, n: u64, method: &str, value: Option<f64>) -> Measurement {
    match value {
        Some(value) => Measurement::of(name, value, Unit::Fraction, n, method),
        None => {
            let absence = Absence::new(AbsenceReason::TooFewSamples, "one sample has no spread");
            Measurement::absent(name, Unit::Fraction, n, method, absence)
        }
    }
}

/// Of values that are not empty.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
