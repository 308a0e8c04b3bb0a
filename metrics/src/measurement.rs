//! What every metric returns: a number with its unit, count, interval and method, or a typed absence.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A finite `f64`. NaN and infinity cannot be held, so they cannot travel.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

impl Finite {
    /// Returns `None` for NaN and infinities.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Finite {
    type Error = NotFinite;
    fn try_from(value: f64) -> Result<Self, NotFinite> {
        Self::new(value).ok_or(NotFinite(value))
    }
}

impl From<Finite> for f64 {
    fn from(value: Finite) -> Self {
        value.0
    }
}

/// The error of turning NaN or an infinity into a [`Finite`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0} is not a finite number")]
pub struct NotFinite(pub f64);

/// The unit a value is printed in. It is never guessed from the value's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A pure number.
    None,
    /// 0 to 100.
    Percent,
    /// 0 to 1.
    Fraction,
    /// Natural logarithms, as in a cross-entropy.
    Nats,
    /// A number of things.
    Count,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Percent => "percent",
            Self::Fraction => "fraction",
            Self::Nats => "nats",
            Self::Count => "count",
        })
    }
}

/// A two-sided interval around a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: Finite,
    /// Upper end.
    pub high: Finite,
    /// Nominal coverage, for example 0.95.
    pub level: f64,
    /// How it was computed: `student-t`, `wilson`, `fisher-z`, `bootstrap-percentile (seed 0, 10000 draws)` …
    pub method: String,
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbsenceReason {
    /// The input that the metric needs was not given (for example no masks).
    MissingInput,
    /// Fewer samples than the definition needs.
    TooFewSamples,
    /// The definition has no value on this input (zero variance, no valid anchor, …).
    Undefined,
    /// Arithmetic on this input left the finite numbers.
    NotFinite,
    /// An iterative method did not reach its tolerance.
    NotConverged,
    /// A training's loss left all reason.
    Diverged,
}

/// A missing value with its reason; never 0, never NaN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// The kind of absence.
    pub reason: AbsenceReason,
    /// One sentence for the reader: what was missing and where.
    pub detail: String,
}

impl Absence {
    /// Makes an absence.
    pub fn new(reason: AbsenceReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// A value or its absence.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Measured.
    Value {
        /// The number.
        value: Finite,
        /// Its uncertainty, where the method gives one.
        interval: Option<Interval>,
    },
    /// Not measured.
    Absent(Absence),
}

/// One measured quantity.
///
/// As JSON: `{"metric":"LDS","value":0.1,"unit":"none","n":10,"interval":null,"method":"…"}`; an absent one has
/// `"value":null` and an `"absence"` object with `reason` and `detail`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "MeasurementDocument", try_from = "MeasurementDocument")]
pub struct Measurement {
    /// Field name of the metric: `LDS`, `accuracy`, `pearson` …
    pub metric: String,
    /// The value or why there is none.
    pub outcome: Outcome,
    /// The unit of the value and of its interval.
    pub unit: Unit,
    /// How many samples the value rests on.
    pub n: u64,
    /// Definition and parameters, enough to repeat it.
    pub method: String,
}

impl Measurement {
    /// A measured value; a number that is not finite becomes an absence.
    pub fn of(
        metric: impl Into<String>,
        value: f64,
        unit: Unit,
        n: u64,
        method: impl Into<String>,
    ) -> Self {
        let outcome = match Finite::new(value) {
            Some(value) => Outcome::Value { value, interval: None },
            None => Outcome::Absent(Absence::new(
                AbsenceReason::NotFinite,
                format!("the computation gave {value} on this input"),
            )),
        };
        Self { metric: metric.into(), outcome, unit, n, method: method.into() }
    }

    /// A typed absence.
    pub fn absent(
        metric: impl Into<String>,
        unit: Unit,
        n: u64,
        method: impl Into<String>,
        absence: Absence,
    ) -> Self {
        Self {
            metric: metric.into(),
            outcome: Outcome::Absent(absence),
            unit,
            n,
            method: method.into(),
        }
    }

    /// Adds an interval to a value; an absence stays as it is.
    #[must_use]
    pub fn with_interval(mut self, new: Option<Interval>) -> Self {
        if let Outcome::Value { interval, .. } = &mut self.outcome {
            *interval = new;
        }
        self
    }

    /// The number, if there is one.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        match &self.outcome {
            Outcome::Value { value, .. } => Some(value.get()),
            Outcome::Absent(_) => None,
        }
    }

    /// The interval, if there is one.
    #[must_use]
    pub fn interval(&self) -> Option<&Interval> {
        match &self.outcome {
            Outcome::Value { interval, .. } => interval.as_ref(),
            Outcome::Absent(_) => None,
        }
    }

    /// The absence, if there is no number.
    #[must_use]
    pub fn absence(&self) -> Option<&Absence> {
        match &self.outcome {
            Outcome::Value { .. } => None,
            Outcome::Absent(absence) => Some(absence),
        }
    }
}

/// The JSON form of a [`Measurement`], kept apart so that the type itself cannot hold both a value and an absence.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MeasurementDocument {
    metric: String,
    value: Option<Finite>,
    unit: Unit,
    n: u64,
    interval: Option<Interval>,
    method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absence: Option<Absence>,
}

impl From<Measurement> for MeasurementDocument {
    fn from(m: Measurement) -> Self {
        let (value, interval, absence) = match m.outcome {
            Outcome::Value { value, interval } => (Some(value), interval, None),
            Outcome::Absent(absence) => (None, None, Some(absence)),
        };
        Self { metric: m.metric, value, unit: m.unit, n: m.n, interval, method: m.method, absence }
    }
}

impl TryFrom<MeasurementDocument> for Measurement {
    type Error = String;
    fn try_from(d: MeasurementDocument) -> Result<Self, String> {
        let outcome = match (d.value, d.absence) {
            (Some(value), None) => Outcome::Value { value, interval: d.interval },
            (None, Some(absence)) => Outcome::Absent(absence),
            _ => {
                return Err(format!(
                    "measurement `{}` must have either a value or an absence",
                    d.metric
                ));
            }
        };
        Ok(Self { metric: d.metric, outcome, unit: d.unit, n: d.n, method: d.method })
    }
}
