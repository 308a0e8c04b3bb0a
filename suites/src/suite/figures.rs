//! Figures against the data: every reference resolves, every point is complete.

use super::{DataCheck, SuiteError, is_claim, point_rows};
use crate::cells::Cell;
use crate::derived::qualifier;
use crate::schema::{
    AxisScale, Bars, Curves, DefinitionError, Figure, Panel, SeriesPoints, Source,
};
use std::ops::Range;
use toml::Spanned;

type Checked = Result<(), SuiteError>;

pub(super) fn check(data: DataCheck<'_>) -> Checked {
    for figure in &data.definition.figures {
        for panel in &figure.panels {
            claim(data, figure, panel)?;
        }
        if let Some(points) = &figure.points {
            scatter(data, figure, points)?;
        }
        figure.bars.iter().try_for_each(|chart| bars(data, chart))?;
        figure.curves.iter().try_for_each(|chart| curves(data, chart))?;
    }
    Ok(())
}

fn refuse(data: DataCheck<'_>, span: Range<usize>, problem: impl Into<String>) -> SuiteError {
    let error: Box<DefinitionError> = data.place.error(span, problem);
    error.into()
}

fn scatter(data: DataCheck<'_>, figure: &Figure, points: &Spanned<Source>) -> Checked {
    let Source::Cells(table) = points.get_ref() else {
        return Ok(());
    };
    let rows = rows_of(data, points.span(), table)?;
    for outlier in &figure.outliers {
        has_row(data, &rows, table, outlier)?;
    }
    let most = if figure.incomplete.is_some() { "at most" } else { "exactly" };
    for metric in figure.panels.iter().flat_map(|panel| [&panel.x, &panel.y]) {
        for (key, cells) in &rows {
            let found = cells.iter().filter(|cell| cell.column == *metric.get_ref()).count();
            if found > 1 || (found == 0 && figure.incomplete.is_none()) {
                let problem =
                    format!("`{key}` has {found} cells of this metric; expected {most} one");
                return Err(refuse(data, metric.span(), problem));
            }
        }
    }
    Ok(())
}

type PointRows<'a> = Vec<(&'a str, Vec<&'a Cell>)>;

fn rows_of<'a>(
    data: DataCheck<'a>,
    span: Range<usize>,
    table: &str,
) -> Result<PointRows<'a>, SuiteError> {
    let rows = point_rows(data.cells, table);
    if rows.is_empty() {
        return Err(refuse(data, span, format!("`{table}` has no cells")));
    }
    Ok(rows)
}

fn has_row(
    data: DataCheck<'_>,
    rows: &PointRows<'_>,
    table: &str,
    row: &Spanned<String>,
) -> Checked {
    if rows.iter().any(|(key, _)| key == row.get_ref()) {
        return Ok(());
    }
    Err(refuse(data, row.span(), format!("`{table}` has no such row")))
}

fn claim(data: DataCheck<'_>, figure: &Figure, panel: &Panel) -> Checked {
    let Some(claim) = &panel.claim else {
        return Ok(());
    };
    let hits: Vec<_> =
        data.correlations.iter().filter(|row| is_claim(row, claim.get_ref(), panel)).collect();
    let problem = match hits.as_slice() {
        [row] if row.is_bound() => "the paper states only a bound on this coefficient".to_owned(),
        // Of an unspecified coefficient nobody knows how to recompute it.
        [row] if row.coefficient != "pearson" && figure.incomplete.is_none() => {
            "the paper does not say which coefficient this is; only an `incomplete` figure may show it".to_owned()
        }
        [_] => return Ok(()),
        hits => {
            format!("{} printed coefficients have these names; expected exactly one", hits.len())
        }
    };
    Err(refuse(data, claim.span(), problem))
}

fn bars(data: DataCheck<'_>, bars: &Bars) -> Checked {
    let Source::Cells(table) = bars.points.get_ref() else {
        return Ok(());
    };
    let rows = rows_of(data, bars.points.span(), table)?;
    for row in bars.groups.iter().flat_map(|group| &group.rows) {
        has_row(data, &rows, table, row)?;
    }
    let is_shown = |cell: &&&Cell| cell.column == *bars.column.get_ref();
    for (key, cells) in &rows {
        let shown: Vec<_> = cells.iter().filter(is_shown).collect();
        let [cell] = shown.as_slice() else {
            let problem =
                format!("`{key}` has {} cells of this column; expected exactly one", shown.len());
            return Err(refuse(data, bars.column.span(), problem));
        };
        let (value, ends) = (cell.number.value(), bars.axis.as_ref().map(|axis| *axis.get_ref()));
        if let (Some([low, high]), Some(axis)) = (ends, &bars.axis)
            && !(low..=high).contains(&value)
        {
            let problem = format!("`{key}` is {value}, outside the axis");
            return Err(refuse(data, axis.span(), problem));
        }
    }
    Ok(())
}

fn curves(data: DataCheck<'_>, curves: &Curves) -> Checked {
    for series in &curves.series {
        let mut ys = Vec::new();
        let xs = match series.points.get_ref() {
            SeriesPoints::Run { .. } => continue,
            SeriesPoints::Row { table, row, along } => {
                let points = cells_along(data.cells, table, row, curves.y.get_ref());
                let points = points.inspect(|cell| ys.push(cell.number.value()));
                points.filter_map(|cell| qualifier(&cell.column, along)).collect::<Vec<_>>()
            }
            SeriesPoints::Numbered(columns) => {
                let numbered: Vec<_> = columns.cells(data.cells).collect();
                ys.extend(numbered.iter().map(|(cell, _)| cell.number.value()));
                numbered.into_iter().map(|(_, x)| x).collect()
            }
            SeriesPoints::Rows { table, part, x } => {
                let rows = rows_of(data, series.points.span(), table)?;
                let own = rows.iter().filter(|(key, _)| first_part(key) == part);
                let ordinates = own.clone().flat_map(|(_, cells)| cells);
                let is_shown = |cell: &&&Cell| continues(&cell.column, curves.y.get_ref());
                ys.extend(ordinates.filter(is_shown).map(|cell| cell.number.value()));
                let abscissa = |cells: &[&Cell]| {
                    let cell = cells.iter().find(|cell| cell.column == *x)?;
                    Some(cell.number.value())
                };
                own.filter_map(|(_, cells)| abscissa(cells)).collect()
            }
        };
        if xs.is_empty() {
            return Err(refuse(data, series.points.span(), "no cell has this abscissa"));
        }
        if let Some(axis) = &curves.axis
            && let [low, high] = *axis.get_ref()
            && let Some(outside) = ys.iter().find(|y| !(low..=high).contains(*y))
        {
            return Err(refuse(
                data,
                axis.span(),
                format!("a point is {outside}, outside the axis"),
            ));
        }
        if curves.x.scale == AxisScale::Logarithmic && xs.iter().any(|&x| x <= 0.0) {
            let problem = "a logarithmic axis shows numbers above 0 only";
            return Err(refuse(data, series.points.span(), problem));
        }
    }
    Ok(())
}

/// The cells of a row whose columns are the ordinate with further qualifiers.
pub(crate) fn cells_along<'a>(
    cells: &'a [Cell],
    table: &'a str,
    row: &'a str,
    ordinate: &'a str,
) -> impl Iterator<Item = &'a Cell> {
    cells.iter().filter(move |cell| {
        cell.table == table && cell.row == row && continues(&cell.column, ordinate)
    })
}

/// Whether a column key is another one, alone or with further qualifiers.
pub(crate) fn continues(column: &str, ordinate: &str) -> bool {
    column.strip_prefix(ordinate).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
}

/// The first part of a key.
pub(crate) fn first_part(key: &str) -> &str {
    key.split('|').next().unwrap_or(key)
}
