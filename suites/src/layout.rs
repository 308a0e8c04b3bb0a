//! How printed cells stand in a table: columns, rows, and which cells share a place.

mod additions;

use crate::cells::{Cell, CellsError};
use crate::evaluation::{Column, Direction};
use crate::labels;
use crate::schema::{Definition, DefinitionError, DefinitionText, Role, Shape, Source, Table};
use std::collections::BTreeSet;
use toml::Spanned;

/// Key of the only column of a list without columns.
const VALUE: &str = "value";

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
    /// One entry for each column.
    pub(crate) entries: Vec<LaidEntry>,
    /// Whether the cells belong to another table and stand here for comparison.
    pub(crate) is_reference: bool,
}

/// What stands at one place of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LaidEntry {
    /// The paper's cell is empty.
    Empty,
    /// Positions in the suite's cells, in file order; never empty.
    Printed(Vec<usize>),
    /// The paper has a number here that we do not know, and why.
    Unknown(String),
}

impl LaidEntry {
    /// Positions in the suite's cells.
    pub(crate) fn printed(&self) -> &[usize] {
        match self {
            Self::Printed(indices) => indices,
            Self::Empty | Self::Unknown(_) => &[],
        }
    }

    /// Why the number is not known, if it is not.
    pub(crate) fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(reason) => Some(reason),
            Self::Empty | Self::Printed(_) => None,
        }
    }

    fn add(&mut self, index: usize) {
        match self {
            Self::Printed(indices) => indices.push(index),
            Self::Empty | Self::Unknown(_) => *self = Self::Printed(vec![index]),
        }
    }
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
    pub(crate) cells: &'a [Cell],
}

/// A cell and where it goes in its table.
struct Placed<'a> {
    index: usize,
    row: String,
    column: &'a str,
    unit: &'a str,
}

impl<'a> LayoutInput<'a> {
    fn cell_error(&self, index: usize, problem: String) -> Misfit {
        let Cell { file, line, .. } = &self.cells[index];
        Misfit::Cells(CellsError { file: file.clone(), line: *line, problem })
    }

    /// Lays out one table.
    pub(crate) fn lay_out(self, table: &'a Table) -> Result<Layout, Misfit> {
        let own = self.own(table)?;
        self.check_units(table, &own)?;
        let columns = self.columns(table, &own)?;
        let mut rows = self.rows(table, &own, &columns);
        self.add_unknown(table, &columns, &mut rows)?;
        self.check_overrides(table, &columns, &rows)?;
        let mut rows = self.ordered(table, rows)?;
        self.add_references(table, &columns, &mut rows)?;
        Ok(Layout { columns, rows })
    }

    /// The cells that the table shows.
    fn own(self, table: &'a Table) -> Result<Vec<Placed<'a>>, Misfit> {
        let data_table = match table.source() {
            Source::Cells(id) => id,
            // Recorded values of a measured table stand under the table's own id.
            Source::Run(_) | Source::Correlations(_) => table.id.get_ref().clone(),
        };
        let is_shown = |cell: &Cell| {
            cell.table == data_table
                && (table.rows.is_empty()
                    || table.rows.iter().any(|row| *row.get_ref() == cell.row))
        };
        let own: Vec<Placed<'a>> = (0..self.cells.len())
            .filter(|&index| is_shown(&self.cells[index]))
            .map(|index| self.placed(table, index))
            .collect();
        if own.is_empty() && !table.is_measured() {
            let problem = format!("`{data_table}` has no cells");
            return Err(self.place.error(table.id.span(), problem).into());
        }
        Ok(own)
    }

    fn placed(self, table: &'a Table, index: usize) -> Placed<'a> {
        let cell = &self.cells[index];
        if table.shape == Shape::Grid {
            return Placed { index, row: cell.row.clone(), column: &cell.column, unit: &cell.unit };
        }
        let (rest, last) = cell.column.rsplit_once('|').unwrap_or(("", &cell.column));
        let (rest, column) =
            if table.columns.is_empty() { (cell.column.as_str(), VALUE) } else { (rest, last) };
        let row = if rest.is_empty() { cell.row.clone() } else { format!("{}|{rest}", cell.row) };
        // A list holds many units; each stands in the heading of its row.
        Placed { index, row, column, unit: "none" }
    }

    fn check_units(self, table: &Table, own: &[Placed<'_>]) -> Result<(), Misfit> {
        for placed in own {
            let cell = &self.cells[placed.index];
            if table.role == Role::Constants {
                continue;
            }
            let Some(metric) = self.definition.metric(&cell.column) else {
                let problem =
                    format!("column `{}` belongs to no [[metric]] of the suite", cell.column);
                return Err(self.cell_error(placed.index, problem));
            };
            if !metric.units.contains(&cell.unit) {
                let problem = format!(
                    "unit `{}`; [[metric]] `{}` allows {}",
                    cell.unit,
                    metric.label,
                    metric.units.join(", ")
                );
                return Err(self.cell_error(placed.index, problem));
            }
        }
        Ok(())
    }

    /// The table's columns: keys in the listed order, else as they first appear; a key in two units makes two columns.
    fn columns(self, table: &'a Table, own: &[Placed<'a>]) -> Result<Vec<Column>, Misfit> {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for column in own.iter().map(|placed| (placed.column, placed.unit)) {
            if !found.contains(&column) {
                found.push(column);
            }
        }
        for key in table.unknown.iter().flat_map(|unknown| &unknown.columns) {
            if !found.iter().any(|(known, _)| known == key.get_ref()) {
                found.push((key.get_ref(), self.own_unit(key.get_ref())));
            }
        }
        if table.is_measured() {
            found = self.measured_columns(table);
        } else if !table.columns.is_empty() {
            found = self.listed_columns(table, &found)?;
        }
        if let Some(placed) =
            own.iter().find(|placed| !found.contains(&(placed.column, placed.unit)))
        {
            let cell = &self.cells[placed.index];
            let problem =
                format!("table `{}` has no column `{}` in {}", cell.table, cell.column, cell.unit);
            return Err(self.cell_error(placed.index, problem));
        }
        Ok(found.into_iter().map(|(key, unit)| self.column(table, key, unit)).collect())
    }

    /// The unit of a column in which no cell stands.
    fn own_unit(&self, key: &str) -> &'a str {
        let metric = self.definition.metric(key);
        metric.and_then(|metric| metric.units.first()).map_or("none", String::as_str)
    }

    fn measured_columns(&self, table: &'a Table) -> Vec<(&'a str, &'a str)> {
        let is_correlation = matches!(table.source(), Source::Correlations(_));
        let unit = |key: &str| if is_correlation { "none" } else { self.own_unit(key) };
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
            None if table.shape == Shape::List && key == VALUE => "Value".to_owned(),
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

    fn rows(&self, table: &Table, own: &[Placed<'_>], columns: &[Column]) -> Vec<LaidRow> {
        let mut rows: Vec<LaidRow> = Vec::new();
        for placed in own {
            let position = rows.iter().position(|row| row.key == placed.row).unwrap_or_else(|| {
                rows.push(self.row(table, &placed.row, columns.len(), Some(placed.index)));
                rows.len() - 1
            });
            let is_its_column =
                |column: &Column| column.key == placed.column && column.unit == placed.unit;
            if let Some(column) = columns.iter().position(is_its_column) {
                rows[position].entries[column].add(placed.index);
            }
        }
        rows
    }

    /// A row without entries; `first` is the cell that a list's row is about.
    fn row(&self, table: &Table, key: &str, width: usize, first: Option<usize>) -> LaidRow {
        let overridden = table.row_labels.iter().find(|(row, _)| row.get_ref() == key);
        let qualifiers = &self.definition.qualifiers;
        let unit =
            first.filter(|_| table.shape == Shape::List).map(|index| &self.cells[index].unit);
        let label = overridden
            .map_or_else(|| labels::readable(key, None, qualifiers), |(_, label)| label.clone());
        LaidRow {
            key: key.to_owned(),
            label: format!("{label}{}", unit.map(|unit| unit_suffix(unit)).unwrap_or_default()),
            group: labels::group(key, *table.group_part.get_ref(), qualifiers),
            entries: vec![LaidEntry::Empty; width],
            is_reference: false,
        }
    }

    /// The rows in the listed order.
    fn ordered(self, table: &Table, rows: Vec<LaidRow>) -> Result<Vec<LaidRow>, Misfit> {
        if table.rows.is_empty() || table.shape == Shape::List {
            return Ok(rows);
        }
        let mut left = rows;
        let mut ordered = Vec::with_capacity(left.len());
        for listed in &table.rows {
            let Some(position) = left.iter().position(|row| row.key == *listed.get_ref()) else {
                let problem = format!("no cell stands in row `{}`", listed.get_ref());
                return Err(self.place.error(listed.span(), problem).into());
            };
            ordered.push(left.remove(position));
        }
        // Rows of unknown cells that the list does not place.
        ordered.append(&mut left);
        Ok(ordered)
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
        let constants = table.constants.iter().flat_map(|constant| &constant.columns);
        if let Some(key) = table
            .truncated
            .iter()
            .chain(constants)
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

/// The unit of a list's row as part of its heading.
fn unit_suffix(unit: &str) -> String {
    match unit {
        "none" | "count" | "fraction" => String::new(),
        "percent" => " (%)".to_owned(),
        other => format!(" ({other})"),
    }
}

/// The anchor of a column within a table: its key, and its unit where the key alone would name two columns.
pub(crate) fn column_anchor(columns: &[Column], column: &Column) -> String {
    let is_ambiguous = columns.iter().filter(|other| other.key == column.key).count() > 1;
    if is_ambiguous { format!("{}-{}", column.key, column.unit) } else { column.key.clone() }
}
