//! How printed cells stand in a table: columns, rows, and which cells share a place.

use crate::cells::{Cell, CellsError};
use crate::evaluation::{Column, Direction};
use crate::labels;
use crate::schema::{Definition, DefinitionError, DefinitionText, Role, Source, Table};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// A table whose every printed cell has found its place.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<LaidRow>,
}

/// A row of printed cells.
#[derive(Clone, Debug)]
pub(crate) struct LaidRow {
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) group: String,
    /// For each column, positions in the suite's cells, in file order; empty where the paper's cell is empty.
    pub(crate) cells: Vec<Vec<usize>>,
}

/// Why a table and its cells do not fit.
#[derive(Debug)]
pub(crate) enum Misfit {
    Definition(Box<DefinitionError>),
    Cells(CellsError),
}

impl From<Box<DefinitionError>> for Misfit {
    fn from(error: Box<DefinitionError>) -> Self {
        Self::Definition(error)
    }
}

/// What laying out needs to know.
#[derive(Clone, Copy)]
pub(crate) struct LayoutInput<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) place: DefinitionText<'a>,
    pub(crate) cells_file: &'a str,
    pub(crate) cells: &'a [Cell],
}

impl LayoutInput<'_> {
    fn cell_error(&self, cell: &Cell, problem: String) -> Misfit {
        Misfit::Cells(CellsError { file: self.cells_file.to_owned(), line: cell.line, problem })
    }

    /// Lays out one table.
    pub(crate) fn lay_out(self, table: &Table) -> Result<Layout, Misfit> {
        let data_table = match table.source() {
            Source::Cells(id) => id,
            // Recorded values of a measured table stand under the table's own id.
            Source::Run(_) | Source::Correlations(_) => table.id.get_ref().clone(),
        };
        let own: Vec<usize> =
            (0..self.cells.len()).filter(|&i| self.cells[i].table == data_table).collect();
        if own.is_empty() && !table.is_measured() {
            return Err(self
                .place
                .error(table.id.span(), format!("`{data_table}` has no cells"))
                .into());
        }
        self.check_units(table, &own)?;
        let columns = self.columns(table, &own)?;
        let rows = self.rows(table, &own, &columns);
        self.check_overrides(table, &columns, &rows)?;
        Ok(Layout { columns, rows })
    }

    fn check_units(self, table: &Table, own: &[usize]) -> Result<(), Misfit> {
        for cell in own.iter().map(|&index| &self.cells[index]) {
            if table.role == Role::Constants {
                continue;
            }
            let Some(metric) = self.definition.metric(&cell.column) else {
                let problem =
                    format!("column `{}` belongs to no [[metric]] of the suite", cell.column);
                return Err(self.cell_error(cell, problem));
            };
            if !metric.units.contains(&cell.unit) {
                let problem = format!(
                    "unit `{}`; [[metric]] `{}` allows {}",
                    cell.unit,
                    metric.label,
                    metric.units.join(", ")
                );
                return Err(self.cell_error(cell, problem));
            }
        }
        Ok(())
    }

    /// The table's columns: keys in the listed order, else as they first appear; a key in two units makes two columns.
    fn columns(self, table: &Table, own: &[usize]) -> Result<Vec<Column>, Misfit> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for cell in own.iter().map(|&index| &self.cells[index]) {
            let column = (cell.column.as_str(), cell.unit.as_str());
            if !found.contains(&column) {
                found.push(column);
            }
        }
        if table.is_measured() {
            found = self.measured_columns(table);
        } else if !table.columns.is_empty() {
            found = self.listed_columns(table, &found)?;
        }
        if let Some(cell) = own
            .iter()
            .map(|&index| &self.cells[index])
            .find(|cell| !found.contains(&(cell.column.as_str(), cell.unit.as_str())))
        {
            let problem =
                format!("table `{}` has no column `{}` in {}", cell.table, cell.column, cell.unit);
            return Err(self.cell_error(cell, problem));
        }
        Ok(found.into_iter().map(|(key, unit)| self.column(table, key, unit)).collect())
    }

    fn measured_columns<'t>(&'t self, table: &'t Table) -> Vec<(&'t str, &'t str)> {
        let is_correlation = matches!(table.source(), Source::Correlations(_));
        let unit = |key: &str| match self.definition.metric(key) {
            Some(metric) if !is_correlation => metric.units.first().map_or("none", String::as_str),
            _ => "none",
        };
        table
            .columns
            .iter()
            .map(|column| (column.get_ref().as_str(), unit(column.get_ref())))
            .collect()
    }

    fn listed_columns<'t>(
        &self,
        table: &Table,
        found: &[(&'t str, &'t str)],
    ) -> Result<Vec<(&'t str, &'t str)>, Misfit> {
        let mut ordered = Vec::new();
        for listed in &table.columns {
            let before = ordered.len();
            ordered.extend(found.iter().filter(|(key, _)| key == listed.get_ref()).copied());
            if ordered.len() == before {
                let problem = format!("no cell stands in column `{}`", listed.get_ref());
                return Err(self.place.error(listed.span(), problem).into());
            }
        }
        if let Some((missing, _)) = found.iter().find(|column| !ordered.contains(column)) {
            let problem = format!(
                "`columns` leaves out `{missing}`, in which cells stand; list every column"
            );
            return Err(self.place.error(table.id.span(), problem).into());
        }
        Ok(ordered)
    }

    fn column(&self, table: &Table, key: &str, unit: &str) -> Column {
        let metric = self.definition.metric(key).filter(|_| table.role == Role::Claims);
        let overridden = table.column_labels.iter().find(|(column, _)| column.get_ref() == key);
        let label = match overridden {
            Some((_, label)) => label.clone(),
            None => labels::readable(
                key,
                metric.map(|metric| metric.label.as_str()),
                &self.definition.qualifiers,
            ),
        };
        let is_correlation = matches!(table.source(), Source::Correlations(_));
        let own_direction = metric.filter(|_| !is_correlation).map(|metric| metric.direction);
        let direction = own_direction.unwrap_or(Direction::Neutral);
        Column { key: key.to_owned(), label, unit: unit.to_owned(), direction }
    }

    fn rows(&self, table: &Table, own: &[usize], columns: &[Column]) -> Vec<LaidRow> {
        let mut positions = BTreeMap::new();
        let mut rows: Vec<LaidRow> = Vec::new();
        for &index in own {
            let cell = &self.cells[index];
            let position = *positions.entry(cell.row.as_str()).or_insert_with(|| {
                rows.push(self.row(table, &cell.row, columns.len()));
                rows.len() - 1
            });
            let is_its_column =
                |column: &Column| column.key == cell.column && column.unit == cell.unit;
            if let Some(column) = columns.iter().position(is_its_column) {
                rows[position].cells[column].push(index);
            }
        }
        rows
    }

    fn row(&self, table: &Table, key: &str, width: usize) -> LaidRow {
        let overridden = table.row_labels.iter().find(|(row, _)| row.get_ref() == key);
        let qualifiers = &self.definition.qualifiers;
        LaidRow {
            key: key.to_owned(),
            label: overridden.map_or_else(
                || labels::readable(key, None, qualifiers),
                |(_, label)| label.clone(),
            ),
            group: labels::group(key, *table.group_part.get_ref(), qualifiers),
            cells: vec![Vec::new(); width],
        }
    }

    /// An override that matches nothing is a slip of the pen, not a wish.
    fn check_overrides(
        self,
        table: &Table,
        columns: &[Column],
        rows: &[LaidRow],
    ) -> Result<(), Misfit> {
        let column_keys: BTreeSet<&str> =
            columns.iter().map(|column| column.key.as_str()).collect();
        let row_keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let refuse =
            |key: &Spanned<String>, what: &str| {
                Misfit::from(self.place.error(
                    key.span(),
                    format!("table `{}` has no such {what}", table.id.get_ref()),
                ))
            };
        if let Some(key) = table
            .truncated
            .iter()
            .chain(table.column_labels.keys())
            .find(|key| !column_keys.contains(key.get_ref().as_str()))
        {
            return Err(refuse(key, "column"));
        }
        match table.row_labels.keys().find(|key| !row_keys.contains(key.get_ref().as_str())) {
            Some(key) => Err(refuse(key, "row")),
            None => Ok(()),
        }
    }
}

/// The anchor of a column within a table: its key, and its unit where the key alone would name two columns.
pub(crate) fn column_anchor(columns: &[Column], column: &Column) -> String {
    let is_ambiguous = columns.iter().filter(|other| other.key == column.key).count() > 1;
    if is_ambiguous { format!("{}-{}", column.key, column.unit) } else { column.key.clone() }
}
