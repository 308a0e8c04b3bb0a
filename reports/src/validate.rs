//! Checks on an evaluated suite before anything is drawn or written: ids become file names and anchors, numbers become
//! coordinates.

use crate::error::ReportError;
use retally_suites::evaluation::{
    AxisScale, BarChart, CurveChart, Drawing, EvaluatedFigure, EvaluatedSuite, EvaluatedTable,
    Panel,
};
use std::collections::HashSet;

/// The largest magnitude that is drawn: differences and sums of two such numbers stay finite.
const LARGEST_COORDINATE: f64 = 1e100;

/// Refuses ids that could leave the output folder or break an anchor, ragged rows and numbers that cannot be drawn.
pub(crate) fn validate(suite: &EvaluatedSuite) -> Result<(), ReportError> {
    check_id("suite", &suite.id)?;
    // `figure-4-dark` would be written over the dark variant of `figure-4`.
    let figures: Vec<_> =
        suite.figures.iter().flat_map(|f| [f.id.clone(), format!("{}-dark", f.id)]).collect();
    check_ids("figure", figures.iter().map(String::as_str))?;
    check_ids("table", suite.tables.iter().map(|table| table.id.as_str()))?;
    let checks = suite.reachability.iter().map(|check| check.id.as_str());
    check_ids("group", suite.derived.iter().map(|group| group.id.as_str()).chain(checks))?;
    check_ids("picture", suite.pictures.iter().map(|picture| picture.id.as_str()))?;
    let cells = suite
        .tables
        .iter()
        .flat_map(|table| table.rows.iter())
        .flat_map(|row| row.cells.iter().flatten());
    check_ids("cell", cells.map(|cell| cell.id.as_str()))?;
    suite.tables.iter().try_for_each(check_rows)?;
    suite.figures.iter().try_for_each(check_figure)
}

fn check_ids<'a>(
    kind: &'static str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<(), ReportError> {
    let mut seen = HashSet::new();
    for id in ids {
        check_id(kind, id)?;
        if !seen.insert(id) {
            return Err(ReportError::DuplicateId { kind, id: id.to_owned() });
        }
    }
    Ok(())
}

fn check_id(kind: &'static str, id: &str) -> Result<(), ReportError> {
    let starts_well = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if starts_well && is_plain && id.len() <= 200 {
        Ok(())
    } else {
        Err(ReportError::UnsafeId { kind, id: id.to_owned() })
    }
}

fn check_rows(table: &EvaluatedTable) -> Result<(), ReportError> {
    match table.rows.iter().find(|row| row.cells.len() != table.columns.len()) {
        None => Ok(()),
        Some(row) => Err(ReportError::RaggedRow {
            table: table.id.clone(),
            row: row.key.clone(),
            found: row.cells.len(),
            expected: table.columns.len(),
        }),
    }
}

/// Refuses a figure with a number that cannot be drawn.
pub(crate) fn check_figure(figure: &EvaluatedFigure) -> Result<(), ReportError> {
    let numbers = match &figure.drawing {
        Drawing::Scatter(panels) => panels.iter().flat_map(numbers).collect(),
        Drawing::Bars(chart) => bar_numbers(chart),
        Drawing::Curves(chart) => curve_numbers(chart),
    };
    let is_logarithmic =
        matches!(&figure.drawing, Drawing::Curves(chart) if chart.scale == AxisScale::Logarithmic);
    for (what, value) in numbers {
        let has_no_logarithm = is_logarithmic && what.starts_with('x') && value <= 0.0;
        if !value.is_finite() || value.abs() > LARGEST_COORDINATE || has_no_logarithm {
            return Err(ReportError::NotDrawable { figure: figure.id.clone(), what, value });
        }
    }
    Ok(())
}

fn bar_numbers(chart: &BarChart) -> Vec<(String, f64)> {
    let bars = chart.bars.iter().map(|bar| (format!("bar `{}`", bar.key), bar.value));
    let ends = chart.range.iter().flatten().map(|&end| ("end of the axis".to_owned(), end));
    bars.chain(ends).collect()
}

fn curve_numbers(chart: &CurveChart) -> Vec<(String, f64)> {
    let points = chart.series.iter().flat_map(|series| &series.points);
    let ends = chart.range.iter().flatten().map(|&end| ("end of the axis".to_owned(), end));
    points
        .flat_map(|point| {
            [
                (format!("x of point `{}`", point.key), point.x),
                (format!("y of point `{}`", point.key), point.y),
            ]
        })
        .chain(ends)
        .collect()
}

fn numbers(panel: &Panel) -> Vec<(String, f64)> {
    let points = panel.points.iter().flat_map(|point| {
        [
            (format!("x of point `{}`", point.key), point.x),
            (format!("y of point `{}`", point.key), point.y),
        ]
    });
    let correlation = &panel.correlation;
    let name = |what: &str| format!("{what} of {} against {}", correlation.y, correlation.x);
    let line = correlation
        .line
        .iter()
        .flat_map(|line| [(name("slope"), line.slope), (name("intercept"), line.intercept)]);
    let coefficients = [("r", correlation.pearson), ("printed r", correlation.reported)]
        .into_iter()
        .filter_map(|(what, value)| Some((name(what), value?)));
    points.chain(line).chain(coefficients).collect()
}
