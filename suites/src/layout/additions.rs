//! What stands in a table beside its own cells: numbers that are not known, and cells of other tables for comparison.

use super::{LaidEntry, LaidRow, LayoutInput, Misfit};
use crate::cells::CellPlace;
use crate::evaluation::Column;
use crate::schema::{ReferenceRow, Table, UnknownCells};
use toml::Spanned;

impl LayoutInput<'_> {
    /// Marks unknown cells, and adds rows of which nothing else is known.
    pub(super) fn add_unknown(
        self,
        table: &Table,
        columns: &[Column],
        rows: &mut Vec<LaidRow>,
    ) -> Result<(), Misfit> {
        for unknown in &table.unknown {
            let places = self.unknown_columns(table, unknown, columns)?;
            for key in &unknown.rows {
                let position =
                    rows.iter().position(|row| row.key == *key.get_ref()).unwrap_or_else(|| {
                        rows.push(self.row(table, key.get_ref(), columns.len(), None));
                        rows.len() - 1
                    });
                self.mark_unknown(key, unknown, &places, &mut rows[position])?;
            }
        }
        Ok(())
    }

    /// Positions of the columns that a declaration names; none if it means every empty one.
    fn unknown_columns(
        self,
        table: &Table,
        unknown: &UnknownCells,
        columns: &[Column],
    ) -> Result<Vec<usize>, Misfit> {
        let position = |key: &Spanned<String>| {
            columns.iter().position(|column| column.key == *key.get_ref()).ok_or_else(|| {
                let problem = format!("table `{}` has no such column", table.id.get_ref());
                Misfit::from(self.place.error(key.span(), problem))
            })
        };
        unknown.columns.iter().map(position).collect()
    }

    fn mark_unknown(
        self,
        key: &Spanned<String>,
        unknown: &UnknownCells,
        columns: &[usize],
        row: &mut LaidRow,
    ) -> Result<(), Misfit> {
        let refuse = |problem: &str| Misfit::from(self.place.error(key.span(), problem));
        let mut marked = 0;
        for (index, entry) in row.entries.iter_mut().enumerate() {
            let is_named = columns.contains(&index);
            match entry {
                LaidEntry::Empty if is_named || columns.is_empty() => {
                    *entry = LaidEntry::Unknown(unknown.reason.get_ref().clone());
                    marked += 1;
                }
                LaidEntry::Printed(_) | LaidEntry::Unknown(_) if is_named => {
                    return Err(refuse("a cell of this row is known, or said twice to be unknown"));
                }
                _ => {}
            }
        }
        if marked == 0 { Err(refuse("every cell of this row is known")) } else { Ok(()) }
    }

    /// Adds the rows of other tables' cells below the table's own.
    pub(super) fn add_references(
        self,
        table: &Table,
        columns: &[Column],
        rows: &mut Vec<LaidRow>,
    ) -> Result<(), Misfit> {
        for reference in &table.references {
            let mut row = self.row(table, reference.label.get_ref(), columns.len(), None);
            (row.is_reference, row.group) = (true, String::new());
            row.label.clone_from(reference.label.get_ref());
            self.fill_reference(reference, columns, &mut row)?;
            rows.push(row);
        }
        Ok(())
    }

    /// Shows each cell in every column of its metric and unit.
    fn fill_reference(
        self,
        reference: &ReferenceRow,
        columns: &[Column],
        row: &mut LaidRow,
    ) -> Result<(), Misfit> {
        let metric = |key: &str| key.split('|').next().unwrap_or_default().to_owned();
        for text in &reference.cells {
            let refuse = |problem: &str| Misfit::from(self.place.error(text.span(), problem));
            let place = CellPlace::parse(text.get_ref()).ok_or_else(|| {
                refuse("expected `table / row / column`, as `table-2 / A / gFID`")
            })?;
            let index = self
                .cells
                .iter()
                .position(|cell| place.holds(cell))
                .ok_or_else(|| refuse("no cell stands there"))?;
            let cell = &self.cells[index];
            let mut shown = 0;
            for (column, entry) in columns.iter().zip(&mut row.entries) {
                if metric(&column.key) == metric(&cell.column) && column.unit == cell.unit {
                    entry.add(index);
                    shown += 1;
                }
            }
            if shown == 0 {
                return Err(refuse("the table has no column of this metric and unit"));
            }
        }
        Ok(())
    }
}
