//! `samples.parquet`: one row a sample, so that every aggregate can be recomputed by somebody else.

use super::directory::{RunDirectory, write_durably_with};
use crate::failure::Failure;
use crate::pipeline::{Chunk, MeasuredTap, Samples};
use polars::prelude::{Column, DataFrame, NamedFrom, ParquetWriter, PolarsError, Series};
use retally_metrics::Finite;
use retally_metrics::spatial::ImageScores;

/// One model over the samples: its chunks and what was measured at each of its taps.
#[derive(Debug)]
pub(super) struct ModelResults {
    pub(super) chunks: Vec<Chunk>,
    pub(super) taps: Vec<MeasuredTap>,
}

/// The rows of one data set.
pub(super) fn rows(samples: &Samples, models: &[ModelResults]) -> Result<DataFrame, Failure> {
    let mut columns = sample_columns(samples);
    for model in models {
        for (index, tap) in model.taps.iter().enumerate() {
            let scores = model.chunks.iter().flat_map(|chunk| &chunk[index].scores);
            columns.extend(score_columns(&tap.encoder.key, scores));
            columns.push(prediction_column(tap, samples));
        }
    }
    DataFrame::new(samples.count(), columns).map_err(|error| failure(&error))
}

/// Writes the rows of all data sets, one below the other.
pub(super) fn write(directory: &RunDirectory, tables: Vec<DataFrame>) -> Result<(), Failure> {
    let mut tables = tables.into_iter();
    let Some(mut all) = tables.next() else { return Ok(()) };
    for table in tables {
        all.vstack_mut(&table).map_err(|error| failure(&error))?;
    }
    write_durably_with(&directory.root().join("samples.parquet"), |file| {
        ParquetWriter::new(file).finish(&mut all).map(drop).map_err(std::io::Error::other)
    })
}

fn failure(error: &PolarsError) -> Failure {
    Failure::invalid(format_args!("cannot make the table of samples: {error}"))
}

fn sample_columns(samples: &Samples) -> Vec<Column> {
    let count = samples.count();
    let infos = samples.infos();
    let keys: Vec<&str> = infos.iter().map(|info| info.key.as_str()).collect();
    let digests: Vec<String> = samples.digests().iter().map(ToString::to_string).collect();
    let classes: Vec<Option<&str>> =
        infos.iter().map(|info| class_name(samples, info.class)).collect();
    let mut sets = vec![None; count];
    if let Some(split) = samples.split() {
        split.train.iter().for_each(|&index| sets[index] = Some("train"));
        split.test.iter().for_each(|&index| sets[index] = Some("test"));
    }
    vec![
        column("dataset", vec![samples.dataset().id.as_str(); count]),
        column("sample", keys),
        column("sha256", digests),
        column("class", classes),
        column("split", sets),
    ]
}

fn score_columns<'a>(key: &str, scores: impl Iterator<Item = &'a ImageScores>) -> Vec<Column> {
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

fn prediction_column(tap: &MeasuredTap, samples: &Samples) -> Column {
    let mut predicted = vec![None; samples.count()];
    let test = samples.split().map_or(&[][..], |split| &split.test);
    for (&index, &class) in test.iter().zip(&tap.predictions) {
        predicted[index] = class_name(samples, Some(class));
    }
    column(&format!("{}/predicted", tap.encoder.key), predicted)
}

fn class_name(samples: &Samples, class: Option<u32>) -> Option<&str> {
    samples.classes().get(class? as usize).map(String::as_str)
}

fn column<Values, Kind: ?Sized>(name: &str, values: Values) -> Column
where
    Series: NamedFrom<Values, Kind>,
{
    Series::new(name.into(), values).into()
}
