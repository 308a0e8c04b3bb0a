//! Agreement with a golden set: the same cases marked by people, or by another judge.

use crate::failure::Failure;
use retally_metrics::statistics::{Correlation, CorrelationOptions, KAPPA_METHOD, cohen_kappa};
use retally_metrics::unified::Column;
use retally_metrics::{Absence, AbsenceReason, Measurement, Unit};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// From this score on the paper counts a drawing as right when it compares judges (Uni-MMMU, Table 3).
const GOOD_SCORE: f64 = 4.0;

/// Marks of cases: by column and case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    marks: BTreeMap<(Column, String), f64>,
}

impl Marks {
    /// Reads a CSV file with the headings `case`, `column` and `value`: column names as in the table (`Geometry-T`), values 0 or 1, or
    /// 0 to 5 in the two columns that have scores.
    ///
    /// # Errors
    /// If the file cannot be read, lacks a heading, names a column that is not judged, gives a value out of range, or marks a case twice.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure::file("open", path, &error))?;
        let mut reader = csv::Reader::from_reader(file);
        let headings = reader.headers().map_err(|error| unreadable(path, &error))?.clone();
        let place = |name: &str| {
            headings.iter().position(|heading| heading.trim() == name).ok_or_else(|| {
                Failure::invalid(format_args!(
                    "`{}` has no column `{name}`; expected the headings case,column,value",
                    path.display()
                ))
            })
        };
        let places = [place("case")?, place("column")?, place("value")?];
        let mut marks = Self::default();
        for row in reader.records() {
            let row = row.map_err(|error| unreadable(path, &error))?;
            let [case, column, value] =
                places.map(|place| row.get(place).unwrap_or_default().trim());
            marks.add(case, column, value).map_err(|problem| {
                let line = row.position().map_or(0, csv::Position::line);
                Failure::invalid(format_args!("`{}`, line {line}: {problem}", path.display()))
            })?;
        }
        Ok(marks)
    }

    fn add(&mut self, case: &str, column: &str, value: &str) -> Result<(), String> {
        if case.is_empty() {
            return Err("the case has no name".to_owned());
        }
        let judged = judged_columns();
        let column =
            judged.iter().copied().find(|judged| judged.name() == column).ok_or_else(|| {
                let names: Vec<_> = judged.iter().map(|column| column.name()).collect();
                format!("`{column}` is no judged column; expected one of {}", names.join(", "))
            })?;
        let scored = has_scores(column);
        let number = value.parse::<f64>().ok().filter(|number| {
            if scored { (0.0..=5.0).contains(number) } else { *number == 0.0 || *number == 1.0 }
        });
        let number = number.ok_or_else(|| {
            format!(
                "`{value}` is no mark of {}; expected {}",
                column.name(),
                if scored { "a number from 0 to 5" } else { "0 or 1" }
            )
        })?;
        match self.marks.insert((column, case.to_owned()), number) {
            None => Ok(()),
            Some(_) => Err(format!("case `{case}` is marked twice in {}", column.name())),
        }
    }

    /// Adds a mark of a judged column; other columns have no marks.
    pub(crate) fn set(&mut self, column: Column, case: &str, value: f64) {
        if judged_columns().contains(&column) {
            self.marks.insert((column, case.to_owned()), value);
        }
    }

    /// The marks as a CSV file that [`Marks::read`] reads.
    pub(crate) fn to_csv(&self) -> Result<Vec<u8>, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::invalid(format_args!("cannot write the marks as CSV: {error}"))
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["case", "column", "value"]).map_err(|error| failed(&error))?;
        for ((column, case), value) in &self.marks {
            writer
                .write_record([case.as_str(), column.name(), &value.to_string()])
                .map_err(|error| failed(&error))?;
        }
        writer.into_inner().map_err(|error| failed(&error))
    }

    /// Columns that both have marks of.
    fn columns(&self) -> impl Iterator<Item = Column> {
        let mut columns: Vec<Column> = self.marks.keys().map(|(column, _)| *column).collect();
        columns.dedup();
        columns.into_iter()
    }

    /// For each column that the golden set marks: Cohen's kappa, and of scores Pearson's r too, over the cases that both have.
    ///
    /// Scores are put into two categories for kappa, at least 4 and below, as the paper does; r is of the scores themselves.
    pub(crate) fn agreement(&self, golden: &Self) -> Vec<Measurement> {
        golden.columns().flat_map(|column| self.column_agreement(golden, column)).collect()
    }

    fn column_agreement(&self, golden: &Self, column: Column) -> Vec<Measurement> {
        let pairs: Vec<(f64, f64)> = golden
            .marks
            .iter()
            .filter(|((golden_column, _), _)| *golden_column == column)
            .filter_map(|(key, golden)| Some((*self.marks.get(key)?, *golden)))
            .collect();
        let (judge, golden): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let mut measured = vec![kappa(column, &judge, &golden)];
        if has_scores(column) {
            measured.push(pearson(column, &judge, &golden));
        }
        measured
    }
}

fn kappa(column: Column, judge: &[f64], golden: &[f64]) -> Measurement {
    let threshold = if has_scores(column) { GOOD_SCORE } else { 0.5 };
    let categories =
        |marks: &[f64]| marks.iter().map(|mark| *mark >= threshold).collect::<Vec<_>>();
    let name = format!("{} kappa", column.name());
    match cohen_kappa(&categories(judge), &categories(golden)) {
        Ok(agreement) => agreement.measurement(name),
        Err(absence) => absent(name, judge.len(), KAPPA_METHOD, absence),
    }
}

fn pearson(column: Column, judge: &[f64], golden: &[f64]) -> Measurement {
    let name = format!("{} pearson", column.name());
    match Correlation::of(
        judge,
        golden,
        CorrelationOptions { bootstrap_draws: 0, ..Default::default() },
    ) {
        Ok(correlation) => Measurement::of(
            name,
            correlation.pearson,
            Unit::None,
            judge.len() as u64,
            PEARSON_METHOD,
        )
        .with_interval(correlation.fisher_interval),
        Err(absence) => absent(name, judge.len(), PEARSON_METHOD, absence),
    }
}

const PEARSON_METHOD: &str =
    "Pearson product-moment correlation of the judge's and the golden scores";

fn absent(name: String, n: usize, method: &str, absence: Absence) -> Measurement {
    let absence = if n == 0 {
        Absence::new(
            AbsenceReason::MissingInput,
            "the judge and the golden set have no case in common",
        )
    } else {
        absence
    };
    Measurement::absent(name, Unit::None, n as u64, method, absence)
}

/// The columns that a judge decides.
fn judged_columns() -> Vec<Column> {
    use retally_metrics::unified::Task::{Code, Geometry, Science};
    Column::ALL
        .into_iter()
        .filter(|column| matches!(column.task(), Geometry | Science | Code))
        .collect()
}

/// Whether marks go from 0 to 5.
fn has_scores(column: Column) -> bool {
    column.unit() == Unit::None
}

/// A failure to read is temporary or not as for any file; all else is the content's fault.
fn unreadable(path: &Path, error: &csv::Error) -> Failure {
    match error.kind() {
        csv::ErrorKind::Io(error) => Failure::file("read", path, error),
        _ => Failure::invalid(format_args!("`{}` is not valid CSV: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str) -> Result<Marks, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.csv");
        std::fs::write(&path, text).unwrap();
        Marks::read(&path)
    }

    #[test]
    fn agreement_is_over_the_cases_of_both() {
        let judge = marks(
            "case,column,value\na,Geometry-T,1\nb,Geometry-T,1\nc,Geometry-T,0\nd,Geometry-T,0\nx,Geometry-T,1\n\
             a,Code-S,5\nb,Code-S,4\nc,Code-S,1\nd,Code-S,3\n",
        );
        let golden = marks(
            "value,case,column\n1,a,Geometry-T\n0,b,Geometry-T\n0,c,Geometry-T\n0,d,Geometry-T\n1,y,Geometry-T\n\
             5,a,Code-S\n5,b,Code-S\n0,c,Code-S\n4,d,Code-S\n",
        );
        let measured = judge.unwrap().agreement(&golden.unwrap());
        let value = |name: &str| measured.iter().find(|one| one.metric == name).unwrap();
        // Observed 3/4, chance 1/2 · 1/4 + 1/2 · 3/4 = 1/2.
        assert_eq!(
            (value("Geometry-T kappa").value(), value("Geometry-T kappa").n),
            (Some(0.5), 4)
        );
        // Scores as good or not: 1 1 0 0 against 1 1 0 1.
        assert_eq!(value("Code-S kappa").value(), Some(0.5));
        // numpy.corrcoef([5, 4, 1, 3], [5, 5, 0, 4])[0, 1]
        assert!((value("Code-S pearson").value().unwrap() - PEARSON).abs() < 1e-12, "{measured:?}");
        assert_eq!(measured.len(), 3);
    }

    const PEARSON: f64 = 0.942908070944406;

    #[test]
    fn what_cannot_be_compared_is_absent() {
        let judge = marks("case,column,value\na,Science-R,1\nb,Science-R,1\n").unwrap();
        let constant = judge.agreement(&judge);
        assert_eq!(constant[0].absence().unwrap().reason, AbsenceReason::Undefined);
        let apart = judge.agreement(&marks("case,column,value\nc,Science-R,1\n").unwrap());
        assert_eq!(apart[0].absence().unwrap().reason, AbsenceReason::MissingInput);
    }

    #[test]
    fn bad_marks_are_refused_with_their_line() {
        for (text, part) in [
            ("case,column\na,Science-R\n", "no column `value`"),
            ("case,column,value\na,Maze-I|step,1\n", "line 2: `Maze-I|step` is no judged column"),
            ("case,column,value\na,Science-R,0.5\n", "expected 0 or 1"),
            ("case,column,value\na,Code-P,6\n", "from 0 to 5"),
            ("case,column,value\na,Code-P,NaN\n", "from 0 to 5"),
            ("case,column,value\na,Code-P,4\na,Code-P,4\n", "line 3: case `a` is marked twice"),
            ("case,column,value\n,Code-P,4\n", "no name"),
        ] {
            let message = marks(text).unwrap_err().message();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn marks_are_written_as_they_are_read() {
        let text = "case,column,value\n\"says, so\",Science-R,1\na,Code-P,4.5\n";
        let read = marks(text).unwrap();
        let written = String::from_utf8(read.to_csv().unwrap()).unwrap();
        assert_eq!(marks(&written).unwrap(), read);
    }
}
