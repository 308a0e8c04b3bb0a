//! Two protocols beside each other, and the mean of all columns.

use super::scores::{Quantity, TaskScores};
use retally_metrics::unified::{Column, Protocol, Task};
use retally_metrics::{Measurement, Unit};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A value that is another one in the other protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// The task.
    pub(crate) task: &'static str,
    /// The case.
    pub(crate) case: String,
    /// Which candidate, counted from 1.
    pub(crate) candidate: usize,
    /// The column or diagnostic.
    pub(crate) column: &'static str,
    /// The value in the official protocol; `null` if the column leaves the case out.
    pub(crate) official: Option<f64>,
    /// The value in the fixed protocol, likewise.
    pub(crate) fixed: Option<f64>,
}

type Values<'a> = BTreeMap<(&'a str, usize), &'a BTreeMap<Quantity, f64>>;

/// All values of a task that differ, in the order of cases and columns; none if only one protocol was asked for.
pub(crate) fn differences(task: Task, scores: &[TaskScores]) -> Vec<Difference> {
    let of = |protocol: Protocol| {
        scores.iter().find(|scores| scores.task == task && scores.protocol == protocol)
    };
    let (Some(official), Some(fixed)) = (of(Protocol::Official), of(Protocol::Fixed)) else {
        return Vec::new();
    };
    let (official, fixed) = (values(official), values(fixed));
    let places: BTreeSet<_> = official.keys().chain(fixed.keys()).copied().collect();
    let mut found = Vec::new();
    for place in places {
        let sides = [official.get(&place), fixed.get(&place)];
        let quantities: BTreeSet<Quantity> =
            sides.iter().flatten().flat_map(|values| values.keys().copied()).collect();
        for quantity in quantities {
            let [official, fixed] =
                sides.map(|values| values.and_then(|values| values.get(&quantity)).copied());
            if official != fixed {
                found.push(Difference {
                    task: task.as_str(),
                    case: place.0.to_owned(),
                    candidate: place.1,
                    column: quantity.name(),
                    official,
                    fixed,
                });
            }
        }
    }
    found
}

fn values(scores: &TaskScores) -> Values<'_> {
    scores.cases.iter().map(|case| ((case.case.as_str(), case.candidate), &case.values)).collect()
}

/// The columns of the released table of results, which has mazes and puzzles by step.
const RELEASED_COLUMNS: [Column; 14] = [
    Column::JigsawImage,
    Column::JigsawText,
    Column::MazeImageStep,
    Column::MazeTextStep,
    Column::SlidingImageStep,
    Column::SlidingTextStep,
    Column::GeometryImage,
    Column::GeometryText,
    Column::ScienceReasoning,
    Column::ScienceText,
    Column::ScienceImage,
    Column::CodeText,
    Column::CodeShape,
    Column::CodePosition,
];

/// Grades go up to 5, shares to 100.
const GRADE_TO_PERCENT: f64 = 20.0;

/// The plain mean of 14 columns by one protocol: **ours**, since the paper's `Avg.` cannot be computed from its columns. `None`
/// unless all 14 were measured.
pub(crate) fn plain_mean(protocol: Protocol, scores: &[TaskScores]) -> Option<Measurement> {
    let measured = |column: Column| {
        let of_task = scores
            .iter()
            .find(|scores| scores.task == column.task() && scores.protocol == protocol)?;
        let measured =
            of_task.measurements.iter().find(|measured| measured.metric == column.name())?;
        let scale = if column.unit() == Unit::Percent { 1.0 } else { GRADE_TO_PERCENT };
        Some(measured.value()? * scale)
    };
    let values = RELEASED_COLUMNS.into_iter().map(measured).collect::<Option<Vec<f64>>>()?;
    let count = values.len();
    Some(Measurement::of(
        "plain mean (ours)",
        values.iter().sum::<f64>() / count as f64,
        Unit::Percent,
        count as u64,
        format!(
            "mean of {count} columns by step, grades times 20, {} protocol; not the paper's Avg., which is not reproducible",
            protocol.as_str()
        ),
    ))
}
