//! The metrics of a protocol over two sides.

use super::request::MetricChoice;
use super::side::{Role, Side};
use crate::failure::Failure;
use crate::progress::Progress;
use ndarray::Array2;
use retally_metrics::distribution::{
    DistributionError, FrechetOptions, FrechetSide, Gaussian, frechet_measurements,
};
use retally_metrics::executor::Executor;
use retally_metrics::{Absence, AbsenceReason, Measurement, Unit};
use retally_suites::generation::GenerationProtocol;

/// Where rows of network outputs come from.
pub(super) trait PartRows {
    /// All rows of a part of a side, in order; `None` where the side or the network has none. `main` is the part that
    /// features of unknown origin are taken for.
    fn load(&self, role: Role, part: &str, main: &str) -> Result<Option<Array2<f32>>, Failure>;
}

/// What is compared, and how.
pub(super) struct MetricInputs<'a> {
    pub(super) protocol: &'a GenerationProtocol,
    pub(super) reference: &'a Side,
    pub(super) samples: &'a Side,
    pub(super) rows: &'a dyn PartRows,
    pub(super) executor: &'a dyn Executor,
    pub(super) quick: bool,
    pub(super) seed: u64,
}

/// Numbers, and what a reader should know of them.
#[derive(Default)]
pub(super) struct MetricOutcome {
    pub(super) measurements: Vec<Measurement>,
    pub(super) notes: Vec<String>,
}

/// Measures; one part of one side is in memory at a time for each side.
pub(super) fn measure(
    inputs: &MetricInputs<'_>,
    choice: MetricChoice,
    progress: &Progress,
) -> Result<MetricOutcome, Failure> {
    let mut outcome = MetricOutcome::default();
    let mut job = progress.job("metrics", 1, "metrics");
    outcome.measurements.extend(inputs.frechet()?);
    job.advance(1);
    if choice == MetricChoice::All {}
    job.finish();
    Ok(outcome)
}

impl MetricInputs<'_> {
    /// `FID` where the protocol fixes the way to it, `FD` for any encoder.
    fn frechet_name(&self) -> &'static str {
        if self.protocol.image.is_some() { "FID" } else { "FD" }
    }

    fn frechet(&self) -> Result<Vec<Measurement>, Failure> {
        let part = &self.protocol.frechet.features;
        self.frechet_of(self.frechet_name(), part, |side| {
            side.statistics.as_ref().and_then(|statistics| statistics.features.as_ref())
        })
    }

    fn frechet_of(
        &self,
        name: &str,
        part: &str,
        statistics: impl Fn(&Side) -> Option<&Gaussian>,
    ) -> Result<Vec<Measurement>, Failure> {
        let load = |side: &Side| match statistics(side) {
            Some(_) => Ok(None),
            None => self.load(side.role, part),
        };
        let rows = [load(self.reference)?, load(self.samples)?];
        let sides = (
            frechet_side(statistics(self.reference), &rows[0]),
            frechet_side(statistics(self.samples), &rows[1]),
        );
        let (Some(reference), Some(samples)) = sides else {
            return Ok(vec![self.missing(name, part)]);
        };
        let options = if self.quick {
            FrechetOptions::quick()
        } else {
            FrechetOptions { seed: self.seed, ..FrechetOptions::default() }
        };
        or_absent(
            (name, Unit::None, samples.rows().unwrap_or(0)),
            frechet_measurements(name, reference, samples, options, self.executor),
        )
    }

    fn load(&self, role: Role, part: &str) -> Result<Option<Array2<f32>>, Failure> {
        self.rows.load(role, part, &self.protocol.frechet.features)
    }

    /// The absence of a metric whose network output is not there.
    fn missing(&self, name: &str, part: &str) -> Measurement {
        let protocol = self.protocol.versioned_id();
        let detail = format!(
            "protocol {protocol} reads `{part}` of both sides, which one of them does not have"
        );
        let absence = Absence::new(AbsenceReason::MissingInput, detail);
        Measurement::absent(name, Unit::None, 0, protocol, absence)
    }
}

fn frechet_side<'a>(
    statistics: Option<&'a Gaussian>,
    rows: &'a Option<Array2<f32>>,
) -> Option<FrechetSide<'a>> {
    match (statistics, rows) {
        (Some(gaussian), _) => Some(FrechetSide::Gaussian(gaussian)),
        (None, Some(rows)) => Some(FrechetSide::Features(rows.view())),
        (None, None) => None,
    }
}

/// Too few rows are an absence; all else that is wrong with the input is an error.
fn or_absent(
    (name, unit, n): (&str, Unit, u64),
    result: Result<Vec<Measurement>, DistributionError>,
) -> Result<Vec<Measurement>, Failure> {
    match result {
        Ok(measurements) => Ok(measurements),
        Err(error @ DistributionError::TooFewRows { .. }) => {
            let absence = Absence::new(AbsenceReason::TooFewSamples, error.to_string());
            Ok(vec![Measurement::absent(name, unit, n, "", absence)])
        }
        Err(error) => Err(Failure::from(error).within(name)),
    }
}
