//! What comes of a task: a value of each column for each candidate of each case, and the measurements that they make.

use super::exclusion::Exclusion;
use retally_metrics::statistics::{mean_estimate, wilson_interval};
use retally_metrics::unified::{Column, Protocol, Task};
use retally_metrics::{Absence, AbsenceReason, Finite, Interval, Measurement, Unit};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A column of the benchmark's table, or something beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Quantity {
    /// A column of the table.
    Column(Column),
    /// Something beside the table.
    Diagnostic(Diagnostic),
}

/// What is told beside the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Diagnostic {
    /// Share of a maze's frames that show its walls, one agent and one goal.
    MazeWellFormed,
    /// Whether all of them do, and there is one.
    MazeAllWellFormed,
    /// Moves against the motion of the tiles.
    SlidingTileStep,
    /// Whether all are right.
    SlidingTileSample,
    /// Moves against the motion of the empty cell.
    SlidingEmptyStep,
    /// Whether all are right.
    SlidingEmptySample,
}

impl Diagnostic {
    fn name(self) -> &'static str {
        match self {
            Self::MazeWellFormed => "Maze-I well-formed|step",
            Self::MazeAllWellFormed => "Maze-I well-formed|sample",
            Self::SlidingTileStep => "Sliding-T tile|step",
            Self::SlidingTileSample => "Sliding-T tile|sample",
            Self::SlidingEmptyStep => "Sliding-T empty|step",
            Self::SlidingEmptySample => "Sliding-T empty|sample",
        }
    }
}

impl From<Column> for Quantity {
    fn from(column: Column) -> Self {
        Self::Column(column)
    }
}

impl From<Diagnostic> for Quantity {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostic(diagnostic)
    }
}

/// What a candidate's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// 0 or 1.
    RightOrWrong,
    /// 0 to 1.
    Share,
    /// 0 to 5.
    Grade,
}

impl Quantity {
    /// The name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Column(column) => column.name(),
            Self::Diagnostic(diagnostic) => diagnostic.name(),
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Column(
                Column::JigsawImage
                | Column::MazeImageStep
                | Column::MazeTextStep
                | Column::SlidingImageStep
                | Column::SlidingTextStep,
            )
            | Self::Diagnostic(
                Diagnostic::MazeWellFormed
                | Diagnostic::SlidingTileStep
                | Diagnostic::SlidingEmptyStep,
            ) => Kind::Share,
            Self::Column(Column::CodeShape | Column::CodePosition) => Kind::Grade,
            Self::Column(_) | Self::Diagnostic(_) => Kind::RightOrWrong,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Column(column) => column.unit(),
            Self::Diagnostic(_) => Unit::Percent,
        }
    }
}

/// One candidate's answer to one case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CaseScore {
    /// The case.
    pub(crate) case: String,
    /// Which of its candidates, counted from 1.
    pub(crate) candidate: usize,
    /// Values: right or wrong as 1 or 0, shares from 0 to 1, grades from 0 to 5. What is not here is in no denominator.
    pub(crate) values: BTreeMap<Quantity, f64>,
    /// What a reader may want to know of it: parsed boards, counts, why something is wrong.
    pub(crate) details: Map<String, Value>,
}

impl CaseScore {
    /// A candidate without any value yet.
    pub(crate) fn new(case: impl Into<String>, candidate: usize) -> Self {
        Self { case: case.into(), candidate, values: BTreeMap::new(), details: Map::new() }
    }

    /// Adds a share or a grade.
    pub(crate) fn set(&mut self, quantity: impl Into<Quantity>, value: f64) {
        self.values.insert(quantity.into(), value);
    }

    /// Adds right or wrong.
    pub(crate) fn set_right(&mut self, quantity: impl Into<Quantity>, is_right: bool) {
        self.set(quantity, f64::from(u8::from(is_right)));
    }

    /// Adds a detail.
    pub(crate) fn tell(&mut self, name: &str, value: impl Into<Value>) {
        self.details.insert(name.to_owned(), value.into());
    }
}

/// The scores of a task by one protocol.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskScores {
    /// The task.
    #[serde(serialize_with = "task_name")]
    pub(crate) task: Task,
    /// Whose rules.
    #[serde(serialize_with = "protocol_name")]
    pub(crate) protocol: Protocol,
    /// One for each column of the task, in the order of the table.
    pub(crate) measurements: Vec<Measurement>,
    /// What is told beside the columns.
    pub(crate) diagnostics: Vec<Measurement>,
    /// The candidates, in the order of the source.
    #[serde(skip)]
    pub(crate) cases: Vec<CaseScore>,
    /// The cases that columns leave out.
    pub(crate) exclusions: Vec<Exclusion>,
    /// What a reader should know, one sentence each.
    pub(crate) notes: Vec<String>,
}

fn task_name<S: serde::Serializer>(task: &Task, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(task.as_str())
}

fn protocol_name<S: serde::Serializer>(
    protocol: &Protocol,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(protocol.as_str())
}

impl TaskScores {
    /// Measures each column, and each diagnostic that a candidate has a value of.
    pub(crate) fn of(
        task: Task,
        protocol: Protocol,
        cases: Vec<CaseScore>,
        exclusions: Vec<Exclusion>,
    ) -> Self {
        let columns = Column::ALL.into_iter().filter(|column| column.task() == task);
        let measurements =
            columns.map(|column| measurement(column.into(), protocol, &cases)).collect();
        let mut diagnostics: Vec<Quantity> = cases
            .iter()
            .flat_map(|case| case.values.keys().copied())
            .filter(|quantity| matches!(quantity, Quantity::Diagnostic(_)))
            .collect();
        diagnostics.sort_unstable();
        diagnostics.dedup();
        let diagnostics = diagnostics
            .into_iter()
            .map(|quantity| measurement(quantity, protocol, &cases))
            .collect();
        Self { task, protocol, measurements, diagnostics, cases, exclusions, notes: Vec::new() }
    }

    /// A task of which nothing was measured.
    pub(crate) fn not_run(task: Task, protocol: Protocol, reason: &str) -> Self {
        let mut scores = Self::of(task, protocol, Vec::new(), Vec::new());
        for measured in &mut scores.measurements {
            let absence = Absence::new(AbsenceReason::MissingInput, reason);
            *measured = Measurement::absent(
                measured.metric.clone(),
                measured.unit,
                0,
                measured.method.clone(),
                absence,
            );
        }
        scores
    }

    /// Puts an absence with its reason in the place of one column.
    pub(crate) fn leave_out(&mut self, column: Column, reason: AbsenceReason, detail: &str) {
        for measured in &mut self.measurements {
            if measured.metric == column.name() {
                *measured = Measurement::absent(
                    column.name(),
                    column.unit(),
                    0,
                    measured.method.clone(),
                    Absence::new(reason, detail),
                );
            }
        }
    }

    /// Adds what a reader should know.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

const LEVEL: f64 = 0.95;

/// The mean over all candidates that have a value: a share of right ones with Wilson's interval, else a mean with
/// Student's. Shares are given as percentages.
fn measurement(quantity: Quantity, protocol: Protocol, cases: &[CaseScore]) -> Measurement {
    let values: Vec<f64> =
        cases.iter().filter_map(|case| case.values.get(&quantity).copied()).collect();
    let n = values.len() as u64;
    let (name, unit) = (quantity.name(), quantity.unit());
    let method = format!("Uni-MMMU, {} protocol: mean over candidates", protocol.as_str());
    let estimate = match mean_estimate(&values, LEVEL) {
        Ok(estimate) => estimate,
        Err(absence) if values.is_empty() => {
            let detail = "no case has a value of this column".to_owned();
            let absence = Absence { detail, ..absence };
            return Measurement::absent(name, unit, n, method, absence);
        }
        Err(absence) => return Measurement::absent(name, unit, n, method, absence),
    };
    let scale = if unit == Unit::Percent { 100.0 } else { 1.0 };
    let interval = match quantity.kind() {
        Kind::RightOrWrong => {
            let right = values.iter().filter(|value| **value > 0.5).count() as u64;
            wilson_interval(right, n, LEVEL)
        }
        Kind::Share | Kind::Grade => estimate.interval,
    };
    let interval = interval.and_then(|interval| scaled(interval, scale));
    Measurement::of(name, estimate.mean * scale, unit, n, method).with_interval(interval)
}

fn scaled(interval: Interval, scale: f64) -> Option<Interval> {
    Some(Interval {
        low: Finite::new(interval.low.get() * scale)?,
        high: Finite::new(interval.high.get() * scale)?,
        ..interval
    })
}
