//! `retally score correlation`.

use super::ScoreReport;
use crate::failure::Failure;
use clap::Args;
use retally_metrics::statistics::{Correlation, CorrelationOptions};
use retally_metrics::{AbsenceReason, Measurement, Unit};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Points whose influence is printed; `--json` has them all.
const PRINTED_INFLUENCES: usize = 3;

#[derive(Debug, Args)]
pub(super) struct CorrelationArguments {
    /// A CSV file with a heading line.
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// Heading of the abscissa's column.
    #[arg(long, value_name = "COLUMN")]
    x: String,
    /// Heading of the ordinate's column.
    #[arg(long, value_name = "COLUMN")]
    y: String,
    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

pub(super) fn run(arguments: &CorrelationArguments) -> Result<ScoreReport, Failure> {
    let [x, y] = read_columns(&arguments.csv, [&arguments.x, &arguments.y])?;
    let options = CorrelationOptions { seed: arguments.seed, ..CorrelationOptions::default() };
    match Correlation::of(&x, &y, options) {
        Ok(correlation) => {
            let report = ScoreReport::of(correlation.measurements());
            Ok(ScoreReport { correlation: Some(correlation), ..report })
        }
        Err(absence) if absence.reason == AbsenceReason::NotFinite => {
            Err(Failure::invalid(absence.detail))
        }
        Err(absence) => {
            let absent = |metric| {
                let n = x.len() as u64;
                Measurement::absent(
                    metric,
                    Unit::None,
                    n,
                    "correlation of two columns",
                    absence.clone(),
                )
            };
            Ok(ScoreReport::of(vec![absent("pearson"), absent("spearman")]))
        }
    }
}

/// What the measurements do not say, for people.
pub(super) fn details(correlation: &Correlation) -> String {
    let mut lines = Vec::new();
    if let Some(interval) = &correlation.bootstrap_interval {
        let (low, high) = (interval.low.get(), interval.high.get());
        lines.push(format!("bootstrap 95 %          [{low:.6}, {high:.6}]  {}", interval.method));
    }
    if let Some([low, high]) = correlation.leave_one_out {
        lines.push(format!("leave-one-out range     [{low:.6}, {high:.6}]"));
    }
    for (index, without) in correlation.influence.iter().take(PRINTED_INFLUENCES) {
        lines.push(format!("without row {:<12}{without:.6}", index + 1));
    }
    let line = correlation.line;
    lines.push(format!("least-squares line      y = {} + {} x", line.intercept, line.slope));
    lines.join("\n") + "\n"
}

/// Two columns of numbers. Every row counts: a cell that is no finite number is an error, not a gap.
fn read_columns(path: &Path, names: [&str; 2]) -> Result<[Vec<f64>; 2], Failure> {
    let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
    let mut reader = csv::Reader::from_reader(file);
    let headings = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
    let columns = [find(&headings, names[0], path)?, find(&headings, names[1], path)?];
    let mut values = [Vec::new(), Vec::new()];
    for record in reader.records() {
        let record = record.map_err(|error| unreadable(path, &error))?;
        for ((values, column), name) in values.iter_mut().zip(columns).zip(names) {
            let cell = record.get(column).unwrap_or_default().trim();
            let value = cell.parse::<f64>().ok().filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| {
                let line = record.position().map_or(0, csv::Position::line);
                Failure::invalid(format_args!(
                    "`{}`, line {line}: column `{name}` holds `{cell}`, which is not a finite number",
                    path.display()
                ))
            })?);
        }
    }
    Ok(values)
}

fn find(headings: &csv::StringRecord, name: &str, path: &Path) -> Result<usize, Failure> {
    let mut matches = headings.iter().enumerate().filter(|(_, heading)| heading.trim() == name);
    match (matches.next(), matches.next()) {
        (Some((column, _)), None) => Ok(column),
        (Some(_), Some(_)) => Err(Failure::invalid(format_args!(
            "`{}` has two columns named `{name}`",
            path.display()
        ))),
        (None, _) => {
            let headings: Vec<&str> = headings.iter().collect();
            let all = headings.join(", ");
            Err(Failure::invalid(format_args!(
                "`{}` has no column `{name}`; it has {all}",
                path.display()
            )))
        }
    }
}

/// A failure to read is temporary or not as for any file; all else is the content's fault.
fn unreadable(path: &Path, error: &csv::Error) -> Failure {
    match error.kind() {
        csv::ErrorKind::Io(error) => Failure::file("read", path, error),
        _ => Failure::invalid(format_args!("`{}` is not valid CSV: {error}", path.display())),
    }
}
