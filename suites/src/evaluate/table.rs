//! Tables: which measured value stands beside which printed one.

use super::cell::Place;
use super::{Evaluation, Found, pairs};
use crate::evaluation::{Column, EvaluatedCell, EvaluatedRow, EvaluatedTable};
use crate::layout::{LaidEntry, LaidRow, Layout};
use crate::run::DatasetMeasurements;
use crate::schema::{Source, Table};
use retally_metrics::statistics::{Correlation, CorrelationOptions};
use retally_metrics::{Measurement, Unit};

impl<'a> Evaluation<'a> {
    pub(super) fn table(self, table: &'a Table, layout: &'a Layout) -> EvaluatedTable {
        let rows = match table.source() {
            Source::Cells(_) => self.printed_rows(table, layout),
            Source::Run(dataset) => self.measured_rows(table, layout, &dataset),
            Source::Correlations(dataset) => self.correlation_rows(table, layout, &dataset),
        };
        EvaluatedTable {
            id: table.id.get_ref().clone(),
            label: table.label.clone(),
            title: table.title.clone(),
            setting: table.setting.clone(),
            traps: table.traps.clone(),
            columns: layout.columns.clone(),
            rows,
        }
    }

    /// Rows as printed; measured values where a run has an model of exactly that name.
    fn printed_rows(self, table: &'a Table, layout: &'a Layout) -> Vec<EvaluatedRow> {
        let row = |row: &'a LaidRow| EvaluatedRow {
            key: row.key.clone(),
            label: row.label.clone(),
            group: row.group.clone(),
            is_reference: row.is_reference,
            cells: self.cells(table, layout, Some(row), &row.key, |column| {
                if row.is_reference { None } else { self.find_by_name(table, &row.key, column) }
            }),
        };
        layout.rows.iter().map(row).collect()
    }

    /// Models as measured, then those that were only recorded.
    fn measured_rows(
        self,
        table: &'a Table,
        layout: &'a Layout,
        dataset: &str,
    ) -> Vec<EvaluatedRow> {
        let dataset = self.run.and_then(|run| run.dataset(dataset));
        let mut rows = Vec::new();
        for (dataset, model) in
            dataset.into_iter().flat_map(|d| d.models.iter().map(move |m| (d, m)))
        {
            let recorded = layout.rows.iter().find(|row| row.key == model.key);
            rows.push(EvaluatedRow {
                key: model.key.clone(),
                label: model.label.clone(),
                group: model.family.clone(),
                is_reference: false,
                cells: self.cells(table, layout, recorded, &model.key, |column| {
                    let measurement = model.measurement(&column.key)?;
                    Some(Found { dataset, model, measurement })
                }),
            });
        }
        let is_measured =
            |key: &str| dataset.is_some_and(|d| d.models.iter().any(|model| model.key == key));
        for row in layout.rows.iter().filter(|row| !is_measured(&row.key)) {
            rows.push(EvaluatedRow {
                key: row.key.clone(),
                label: row.label.clone(),
                group: row.group.clone(),
                is_reference: row.is_reference,
                cells: self.cells(table, layout, Some(row), &row.key, |_| None),
            });
        }
        rows
    }

    fn cells(
        self,
        table: &'a Table,
        layout: &'a Layout,
        printed: Option<&'a LaidRow>,
        row: &'a str,
        find: impl Fn(&'a Column) -> Option<Found<'a>>,
    ) -> Vec<Option<EvaluatedCell>> {
        let columns = layout.columns.iter().enumerate();
        let cell = |(index, column): (usize, &'a Column)| {
            let entry = printed.and_then(|row| row.entries.get(index)).unwrap_or(&LaidEntry::Empty);
            let is_reference = printed.is_some_and(|row| row.is_reference);
            let place = Place { table, columns: &layout.columns, column, row, is_reference };
            self.cell(place, entry, find(column))
        };
        columns.map(cell).collect()
    }

    /// A measurement under this true name. If several data sets have one, the one on the cell's own data set.
    fn find_by_name(self, table: &Table, name: &str, column: &Column) -> Option<Found<'a>> {
        let own = self.protocol(table, column).map(|protocol| protocol.dataset.as_str());
        let mut all = Vec::new();
        for dataset in &self.run?.datasets {
            for model in dataset.models.iter().filter(|model| model.label == name) {
                let measurement = model.measurement(&column.key);
                all.extend(measurement.map(|measurement| Found { dataset, model, measurement }));
            }
        }
        let is_own = |found: &&Found<'_>| own == Some(found.dataset.dataset.as_str());
        all.iter().find(is_own).or(all.first()).copied()
    }

    fn correlation_rows(self, table: &Table, layout: &Layout, dataset: &str) -> Vec<EvaluatedRow> {
        let Some(dataset) = self.run.and_then(|run| run.dataset(dataset)) else {
            return Vec::new();
        };
        let row = |row: &Column| {
            let cell = |column: &Column| {
                let columns = &layout.columns;
                let place = Place { table, columns, column, row: &row.key, is_reference: false };
                (column.key != row.key).then(|| correlation_cell(place, dataset))
            };
            EvaluatedRow {
                key: row.key.clone(),
                label: row.label.clone(),
                group: String::new(),
                is_reference: false,
                cells: layout.columns.iter().map(cell).collect(),
            }
        };
        layout.columns.iter().map(row).collect()
    }
}

fn correlation_cell(place: Place<'_>, dataset: &DatasetMeasurements) -> EvaluatedCell {
    let (x, y): (Vec<f64>, Vec<f64>) =
        pairs(dataset, place.row, &place.column.key).map(|(_, x, y)| (x, y)).unzip();
    let options = CorrelationOptions { bootstrap_draws: 0, ..CorrelationOptions::default() };
    let method =
        format!("Pearson correlation of {} and {} over models", place.row, place.column.key);
    let n = x.len() as u64;
    let measured = match Correlation::of(&x, &y, options) {
        Ok(found) => Measurement::of("pearson", found.pearson, Unit::None, n, method)
            .with_interval(found.fisher_interval),
        Err(absence) => Measurement::absent("pearson", Unit::None, n, method, absence),
    };
    EvaluatedCell {
        id: place.id(),
        reported: None,
        unknown: None,
        versions: Vec::new(),
        constant: None,
        also_reported: Vec::new(),
        measured: Some(measured),
        difference: None,
        band: None,
        verdict: None,
        explanation: "Measured; nothing is printed to compare it with.".to_owned(),
    }
}
