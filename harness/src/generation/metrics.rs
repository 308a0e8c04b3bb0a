//! The metrics of a protocol over two sides.

use super::side::{Role, Side};
use crate::arrays::StoredTable;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Progress;
use ndarray::{Array2, CowArray, Ix2};
use retally_metrics::distribution::inception_score::RowOrder;
use retally_metrics::distribution::{
    DistributionError, FrechetOptions, FrechetSide, Gaussian, InceptionScoreOptions,
    KernelDistanceOptions, SetRows, frechet_measurements, inception_score, kernel_distance,
    manifold, order_sensitivity,
};
use retally_metrics::executor::Executor;
use retally_metrics::{Absence, AbsenceReason, Measurement, Unit};
use retally_suites::generation::GenerationProtocol;

/// Which metrics of the protocol are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricChoice {
    /// The Fréchet distance of the pooled features alone.
    Frechet,
    /// All that the protocol has.
    All,
}

/// Rows of features or other outputs.
pub(super) enum OutputRows<'a> {
    /// Those of a file, which need not be in memory.
    Table(&'a StoredTable),
    /// Those of stored chunks, put together.
    Loaded(Array2<f32>),
}

impl<'a> OutputRows<'a> {
    fn rows(&self) -> SetRows<'_> {
        match self {
            Self::Table(table) => SetRows::Table(*table),
            Self::Loaded(rows) => rows.view().into(),
        }
    }

    /// All of them in memory.
    fn into_array(self) -> Result<CowArray<'a, f32, Ix2>, Failure> {
        match self {
            Self::Table(table) => Ok(table.to_array()?),
            Self::Loaded(rows) => Ok(rows.into()),
        }
    }
}

/// Where rows of network outputs come from.
pub(super) trait PartRows {
    /// All rows of a part of a side, in order; `None` where the side or the network has none. `main` is the part that
    /// features of unknown origin are taken for.
    fn load(&self, role: Role, part: &str, main: &str) -> Result<Option<OutputRows<'_>>, Failure>;
}

impl From<Vec<Measurement>> for MetricOutcome {
    fn from(measurements: Vec<Measurement>) -> Self {
        Self { measurements, notes: Vec::new() }
    }
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

/// Measures; no more than one part of each side is in memory at a time.
pub(super) fn measure(
    inputs: &MetricInputs<'_>,
    choice: MetricChoice,
    progress: &Progress,
) -> Result<MetricOutcome, Failure> {
    let all = [
        MetricInputs::frechet,
        MetricInputs::spatial_frechet,
        MetricInputs::inception_score,
        MetricInputs::kernel_distance,
        MetricInputs::precision_recall,
    ];
    let steps = if choice == MetricChoice::All { all.as_slice() } else { &all[..1] };
    let mut job = progress.job("metrics", steps.len() as u64, "metrics");
    let mut outcome = MetricOutcome::default();
    for step in steps {
        if interrupt::requested() {
            return Err(Failure::new(
                ExitStatus::Incomplete,
                "stopped before all metrics were computed; the network outputs are stored, and the same command continues",
            ));
        }
        let MetricOutcome { measurements, notes } = step(inputs)?;
        outcome.measurements.extend(measurements);
        outcome.notes.extend(notes);
        job.advance(1);
    }
    job.finish();
    Ok(outcome)
}

impl MetricInputs<'_> {
    fn frechet_name(&self) -> &str {
        self.protocol.frechet_name()
    }

    fn frechet(&self) -> Result<MetricOutcome, Failure> {
        let part = &self.protocol.frechet.features;
        let measurements = self.frechet_of(self.frechet_name(), part, |side| {
            side.statistics.as_ref().and_then(|statistics| statistics.features.as_ref())
        })?;
        Ok(measurements.into())
    }

    fn spatial_frechet(&self) -> Result<MetricOutcome, Failure> {
        let Some(part) = &self.protocol.frechet.spatial else {
            return Ok(MetricOutcome::default());
        };
        let measurements = self.frechet_of("sFID", part, |side| {
            side.statistics.as_ref().and_then(|statistics| statistics.spatial.as_ref())
        })?;
        Ok(measurements.into())
    }

    fn inception_score(&self) -> Result<MetricOutcome, Failure> {
        let Some(plan) = &self.protocol.inception_score else {
            return Ok(MetricOutcome::default());
        };
        let Some(logits) = self.load(Role::Samples, &plan.logits)? else {
            return Ok(vec![self.missing("IS", &plan.logits, "the samples")].into());
        };
        let options = plan.options;
        let score = match inception_score(logits.rows(), &options, self.executor) {
            Ok(score) => score,
            // Fewer rows than splits: no error of the input, but no score either.
            Err(error @ DistributionError::Options(_)) => {
                let absence = Absence::new(AbsenceReason::TooFewSamples, error.to_string());
                let n = logits.rows().count() as u64;
                let method = self.protocol.versioned_id();
                return Ok(vec![Measurement::absent("IS", Unit::None, n, method, absence)].into());
            }
            Err(error) => return Err(Failure::from(error).within("Inception Score")),
        };
        let mut notes = Vec::new();
        if options.order == RowOrder::File {
            let kind = options.scores;
            let other = order_sensitivity(logits.rows(), kind, options.splits, self.executor)?;
            if other.looks_sorted() {
                notes.push(format!(
                    "the samples look sorted by class: protocol {} scores blocks in file order, IS {:.3}; shuffled it is {:.3}, \
                     all rows at once {:.3}",
                    self.protocol.versioned_id(),
                    other.file_order.mean,
                    other.shuffled.mean,
                    other.all_rows.mean
                ));
            }
        }
        let mut measurements = score.measurements();
        if score.per_split.len() > 1 {
            let all_rows = InceptionScoreOptions {
                scores: options.scores,
                ..InceptionScoreOptions::all_rows()
            };
            let whole = inception_score(logits.rows(), &all_rows, self.executor)?;
            measurements.extend(whole.measurements().into_iter().map(|measurement| Measurement {
                metric: "IS (all rows)".to_owned(),
                ..measurement
            }));
        }
        Ok(MetricOutcome { measurements, notes })
    }

    fn kernel_distance(&self) -> Result<MetricOutcome, Failure> {
        let Some(plan) = &self.protocol.kernel_distance else {
            return Ok(MetricOutcome::default());
        };
        let Some(sides) = self.load_both(&plan.features)? else {
            return Ok(vec![self.missing("KID", &plan.features, BOTH)].into());
        };
        let [reference, samples] = sides.each_ref().map(OutputRows::rows);
        let [reference_rows, sample_rows] = [&reference, &samples].map(SetRows::count);
        let enough = reference_rows.min(sample_rows) >= plan.subsets.size;
        let options = KernelDistanceOptions {
            subsets: enough.then_some(plan.subsets),
            all_rows: !(self.quick && enough),
            ..KernelDistanceOptions::default()
        };
        let mut measurements = Vec::new();
        if !enough {
            let detail = format!(
                "protocol {} draws subsets of {} rows, there are {} in the reference and {} in the samples",
                self.protocol.versioned_id(),
                plan.subsets.size,
                reference_rows,
                sample_rows
            );
            let absence = Absence::new(AbsenceReason::TooFewSamples, detail);
            let n = sample_rows as u64;
            let method = self.protocol.versioned_id();
            measurements.push(Measurement::absent("KID", Unit::None, n, method, absence));
        }
        let distance = kernel_distance(reference, samples, &options, self.executor);
        let distance = distance.map(|distance| distance.measurements());
        measurements.extend(self.or_absent(&["KID (all rows)"], sample_rows as u64, distance)?);
        Ok(measurements.into())
    }

    fn precision_recall(&self) -> Result<MetricOutcome, Failure> {
        let Some(plan) = &self.protocol.precision_recall else {
            return Ok(MetricOutcome::default());
        };
        let Some([reference, samples]) = self.load_both(&plan.features)? else {
            let absent = MANIFOLD_METRICS.map(|name| self.missing(name, &plan.features, BOTH));
            return Ok(absent.to_vec().into());
        };
        let (reference, samples) = (reference.into_array()?, samples.into_array()?);
        let found = manifold(reference.view(), samples.view(), &plan.options, self.executor);
        let n = samples.nrows() as u64;
        let measurements = found.map(|manifold| manifold.measurements());
        Ok(self.or_absent(&MANIFOLD_METRICS, n, measurements)?.into())
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
            return Ok(vec![self.missing(name, part, BOTH)]);
        };
        let options = if self.quick {
            FrechetOptions::quick()
        } else {
            FrechetOptions { seed: self.seed, ..FrechetOptions::default() }
        };
        let n = samples.rows().unwrap_or(0);
        let measurements = frechet_measurements(name, reference, samples, options, self.executor);
        self.or_absent(&[name], n, measurements)
    }

    fn load(&self, role: Role, part: &str) -> Result<Option<OutputRows<'_>>, Failure> {
        self.rows.load(role, part, &self.protocol.frechet.features)
    }

    fn load_both(&self, part: &str) -> Result<Option<[OutputRows<'_>; 2]>, Failure> {
        let sides = self.load(Role::Reference, part)?.zip(self.load(Role::Samples, part)?);
        Ok(sides.map(|(reference, samples)| [reference, samples]))
    }

    /// The absence of a metric whose network output is not there.
    fn missing(&self, name: &str, part: &str, of: &str) -> Measurement {
        let protocol = self.protocol.versioned_id();
        let detail = format!("protocol {protocol} reads `{part}` of {of}, and it is not there");
        let absence = Absence::new(AbsenceReason::MissingInput, detail);
        Measurement::absent(name, unit(name), 0, protocol, absence)
    }

    /// Too few rows are an absence of all that would have been measured; all else that is wrong with the input is an error.
    fn or_absent(
        &self,
        names: &[&str],
        n: u64,
        result: Result<Vec<Measurement>, DistributionError>,
    ) -> Result<Vec<Measurement>, Failure> {
        match result {
            Ok(measurements) => Ok(measurements),
            Err(error @ DistributionError::TooFewRows { .. }) => {
                let absent = |name: &&str| {
                    let absence = Absence::new(AbsenceReason::TooFewSamples, error.to_string());
                    let method = self.protocol.versioned_id();
                    Measurement::absent(*name, unit(name), n, method, absence)
                };
                Ok(names.iter().map(absent).collect())
            }
            Err(error) => Err(Failure::from(error).within(names.join(", "))),
        }
    }
}

/// Where both sides are read.
const BOTH: &str = "both sides";

/// What [`manifold`] measures.
const MANIFOLD_METRICS: [&str; 4] = ["precision", "recall", "density", "coverage"];

/// The unit of a metric of this name.
fn unit(name: &str) -> Unit {
    if matches!(name, "precision" | "recall" | "coverage") { Unit::Fraction } else { Unit::None }
}

fn frechet_side<'a>(
    statistics: Option<&'a Gaussian>,
    rows: &'a Option<OutputRows<'_>>,
) -> Option<FrechetSide<'a>> {
    match (statistics, rows) {
        (Some(gaussian), _) => Some(FrechetSide::Gaussian(gaussian)),
        (None, Some(rows)) => Some(FrechetSide::Features(rows.rows())),
        (None, None) => None,
    }
}
