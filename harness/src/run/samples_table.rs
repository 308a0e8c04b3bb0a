//! `samples.parquet`: one row a sample, so that every aggregate can be recomputed by somebody else.

use super::directory::{RunDirectory, write_durably_with};
use crate::failure::Failure;
use crate::pipeline::SampleList;
use polars::prelude::{Column, DataFrame, NamedFrom, ParquetWriter, PolarsError, Series};
use retally_metrics::Finite;
use retally_metrics::spatial::ImageScores;
use std::io::Write;

/// The samples' scores at one tap.
#[derive(Debug)]
pub(crate) struct TapRows<'a> {
    /// The tap's row in tables: model id, slash, tap id.
    pub(crate) key: &'a str,
    /// One entry a sample.
    pub(crate) scores: Vec<&'a ImageScores>,
    /// Predicted class of each test sample; empty without a probe.
    pub(crate) predictions: &'a [u32],
}

/// The rows of one data set.
pub(crate) fn rows(samples: SampleList<'_>, taps: &[TapRows<'_>]) -> Result<DataFrame, Failure> {
    let mut columns = sample_columns(samples);
    for tap in taps {
        columns.extend(score_columns(tap.key, &tap.scores));
        columns.push(prediction_column(tap, samples));
    }
    DataFrame::new(samples.count(), columns).map_err(|error| failure(&error))
}

/// Writes the rows of all data sets, one below the other; nothing if there is none.
pub(super) fn write(directory: &RunDirectory, tables: Vec<DataFrame>) -> Result<(), Failure> {
    let Some(mut all) = joined(tables)? else { return Ok(()) };
    write_durably_with(&directory.root().join("samples.parquet"), |file| {
        write_table(&mut all, file)
    })
}

/// The rows of all data sets, one below the other.
pub(crate) fn joined(tables: Vec<DataFrame>) -> Result<Option<DataFrame>, Failure> {
    let mut tables = tables.into_iter();
    let Some(mut all) = tables.next() else { return Ok(None) };
    for table in tables {
        all.vstack_mut(&table).map_err(|error| failure(&error))?;
    }
    Ok(Some(all))
}

/// Writes a table: the same rows give the same bytes.
pub(crate) fn write_table(table: &mut DataFrame, output: impl Write) -> std::io::Result<()> {
    let mut output = KeptError { output, error: None };
    // On this thread: the writer's own pool of threads panics where the system gives it none. The bytes are the same.
    let written = ParquetWriter::new(&mut output).set_parallel(false).finish(table).map(drop);
    written.map_err(|error| output.error.take().unwrap_or_else(|| std::io::Error::other(error)))
}

/// Remembers what the system said: the writer of the table tells its own error instead.
struct KeptError<W> {
    output: W,
    error: Option<std::io::Error>,
}

impl<W> KeptError<W> {
    fn keep<T>(&mut self, result: std::io::Result<T>) -> std::io::Result<T> {
        result.map_err(|error| {
            let told = std::io::Error::from(error.kind());
            self.error = Some(error);
            told
        })
    }
}

impl<W: Write> Write for KeptError<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.output.write(bytes);
        self.keep(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let flushed = self.output.flush();
        self.keep(flushed)
    }
}

fn failure(error: &PolarsError) -> Failure {
    Failure::invalid(format_args!("cannot make the table of samples: {error}"))
}

fn sample_columns(samples: SampleList<'_>) -> Vec<Column> {
    let count = samples.count();
    let infos = samples.infos;
    let keys: Vec<&str> = infos.iter().map(|info| info.key.as_str()).collect();
    let digests: Vec<String> = samples.digests.iter().map(ToString::to_string).collect();
    let classes: Vec<Option<&str>> =
        infos.iter().map(|info| class_name(samples, info.class)).collect();
    let mut sets = vec![None; count];
    if let Some(split) = samples.split {
        split.train.iter().for_each(|&index| sets[index] = Some("train"));
        split.test.iter().for_each(|&index| sets[index] = Some("test"));
    }
    vec![
        column("dataset", vec![samples.dataset.id.as_str(); count]),
        column("sample", keys),
        column("sha256", digests),
        column("class", classes),
        column("split", sets),
    ]
}

fn score_columns(key: &str, scores: &[&ImageScores]) -> Vec<Column> {
    let mut values: [(&str, Vec<Option<f64>>); 4] =
        ["LDS", "CDS", "SRSS", "RMSC"].map(|name| (name, Vec::new()));
    for score in scores {
        let row = [Some(score.lds), Some(score.cds), score.srss.ok(), Some(score.rmsc)];
        for (column, value) in values.iter_mut().zip(row) {
            column.1.push(value.map(Finite::get));
        }
    }
    values.into_iter().map(|(name, values)| column(&format!("{key}/{name}"), values)).collect()
}

fn prediction_column(tap: &TapRows<'_>, samples: SampleList<'_>) -> Column {
    let mut predicted = vec![None; samples.count()];
    let test = samples.split.map_or(&[][..], |split| &split.test);
    for (&index, &class) in test.iter().zip(tap.predictions) {
        predicted[index] = class_name(samples, Some(class));
    }
    column(&format!("{}/predicted", tap.key), predicted)
}

fn class_name(samples: SampleList<'_>, class: Option<u32>) -> Option<&str> {
    samples.classes.get(class? as usize).map(String::as_str)
}

fn column<Values, Kind: ?Sized>(name: &str, values: Values) -> Column
where
    Series: NamedFrom<Values, Kind>,
{
    Series::new(name.into(), values).into()
}
