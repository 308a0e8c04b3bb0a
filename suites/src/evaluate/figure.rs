//! Figures: points and the correlations over them, bars, curves.

use super::{Evaluation, pairs};
use crate::cells::Cell;
use crate::claim::{self, Coordinates, PrintedClaim, Subject};
use crate::derived::{qualifier, weakest};
use crate::evaluation::{
    Axis, Bar, BarChart, CurveChart, CurvePoint, CurveSeries, Direction, Drawing, EvaluatedFigure,
    Panel, Point, Provenance,
};
use crate::labels;
use crate::schema::{self, Metric, SeriesPoints, Source};
use crate::suite::figures::{cells_along, continues, first_part};

impl<'a> Evaluation<'a> {
    pub(super) fn figure(self, figure: &'a schema::Figure) -> EvaluatedFigure {
        let drawing = match (&figure.bars, &figure.curves) {
            (Some(bars), _) => Drawing::Bars(self.bars(bars)),
            (None, Some(curves)) => Drawing::Curves(self.curves(curves)),
            (None, None) => Drawing::Scatter(
                figure.panels.iter().map(|panel| self.panel(figure, panel)).collect(),
            ),
        };
        EvaluatedFigure {
            id: figure.id.get_ref().clone(),
            label: figure.label.clone(),
            title: figure.title.clone(),
            setting: figure.setting.clone(),
            traps: figure.traps.clone(),
            drawing,
        }
    }

    fn panel(self, figure: &'a schema::Figure, panel: &'a schema::Panel) -> Panel {
        let (points, coordinates) = match figure.points.as_ref().map(|points| points.get_ref()) {
            Some(Source::Cells(table)) => self.printed_points(table, panel),
            Some(Source::Run(dataset) | Source::Correlations(dataset)) => {
                self.measured_points(dataset, panel)
            }
            None => Default::default(),
        };
        let outliers: Vec<&str> =
            figure.outliers.iter().map(|key| key.get_ref().as_str()).collect();
        let printed = self.suite.claim(panel);
        let subject = Subject {
            figure: figure.id.get_ref(),
            x: panel.x.get_ref(),
            y: panel.y.get_ref(),
            claim: printed.map(|row| PrintedClaim {
                number: &row.number,
                n: row.n,
                provenance: row.provenance,
            }),
            incomplete: figure.incomplete.as_deref(),
            outliers: &outliers,
            provenance: points.first().and_then(|point| point.provenance),
        };
        let correlation = claim::evaluate(subject, &coordinates);
        Panel {
            title: panel.title.clone(),
            x: self.axis(panel.x.get_ref()),
            y: self.axis(panel.y.get_ref()),
            points,
            correlation,
        }
    }

    /// The axis of a column: its metric, and its qualifiers.
    fn axis(self, key: &str) -> Axis {
        let definition = &self.suite.definition;
        let metric = definition.metric(key);
        let label = labels::readable(key, metric.map(Metric::axis_label), &definition.qualifiers);
        Axis {
            key: key.to_owned(),
            label,
            direction: metric.map_or(Direction::Neutral, |metric| metric.direction),
        }
    }

    fn printed_points(self, table: &str, panel: &schema::Panel) -> (Vec<Point>, Coordinates) {
        let mut points = Vec::new();
        let mut coordinates = Coordinates::default();
        let readable = |key: &str| labels::readable(key, None, &self.suite.definition.qualifiers);
        for (key, cells) in self.suite.point_rows(table) {
            let find = |metric: &str| cells.iter().copied().find(|cell| cell.column == metric);
            let (Some(x), Some(y)) = (find(panel.x.get_ref()), find(panel.y.get_ref())) else {
                continue;
            };
            coordinates.keys.push(key.to_owned());
            coordinates.x.push(x.number.value());
            coordinates.y.push(y.number.value());
            coordinates.x_tolerance.push(x.half_width());
            coordinates.y_tolerance.push(y.half_width());
            points.push(Point {
                key: key.to_owned(),
                label: encoder_name(x, y).map_or_else(|| readable(key), str::to_owned),
                family: String::new(),
                x: x.number.value(),
                y: y.number.value(),
                provenance: Some(self.weaker(x, y)),
            });
        }
        (points, coordinates)
    }

    /// A point is no better than its weaker coordinate, and a derived coordinate no better than what it was derived from.
    fn weaker(self, x: &Cell, y: &Cell) -> Provenance {
        let behind = |cell: &Cell| {
            let index = self.suite.cells.iter().position(|own| std::ptr::eq(own, cell));
            index.and_then(|index| self.suite.reported(index).basis).unwrap_or(cell.provenance)
        };
        let both = [behind(x), behind(y)];
        weakest(both.into_iter()).unwrap_or(x.provenance)
    }

    /// The heading under which a table shows a row of the data file.
    fn laid_label(self, table: &str, key: &str) -> Option<&'a str> {
        let shown = self.suite.definition.tables.iter().zip(&self.suite.layouts);
        let mut rows = shown
            .filter(|(shown, _)| shown.source() == Source::Cells(table.to_owned()))
            .flat_map(|(_, layout)| &layout.rows);
        rows.find(|row| row.key == key && !row.is_reference).map(|row| row.label.as_str())
    }

    fn measured_points(self, dataset: &str, panel: &schema::Panel) -> (Vec<Point>, Coordinates) {
        let mut points = Vec::new();
        let mut coordinates = Coordinates::default();
        let Some(dataset) = self.run.and_then(|run| run.dataset(dataset)) else {
            return (points, coordinates);
        };
        for (model, x, y) in pairs(dataset, panel.x.get_ref(), panel.y.get_ref()) {
            coordinates.keys.push(model.key.clone());
            coordinates.x.push(x);
            coordinates.y.push(y);
            points.push(Point {
                key: model.key.clone(),
                label: model.label.clone(),
                family: model.family.clone(),
                x,
                y,
                provenance: None,
            });
        }
        (points, coordinates)
    }

    fn bars(self, bars: &'a schema::Bars) -> BarChart {
        let column = bars.column.get_ref();
        let group = |key: &str| {
            let holds =
                |group: &schema::BarGroup| group.rows.iter().any(|row| row.get_ref() == key);
            bars.groups.iter().position(holds)
        };
        let found = match bars.points.get_ref() {
            Source::Cells(table) => self
                .suite
                .cells
                .iter()
                .filter(|cell| cell.table == *table && cell.column == *column)
                .map(|cell| Bar {
                    key: cell.row.clone(),
                    label: self.laid_label(table, &cell.row).unwrap_or(&cell.row).to_owned(),
                    group: group(&cell.row),
                    value: cell.number.value(),
                    text: Some(cell.number.text().to_owned()),
                    provenance: Some(cell.provenance),
                })
                .collect(),
            Source::Run(dataset) | Source::Correlations(dataset) => {
                let dataset = self.run.and_then(|run| run.dataset(dataset));
                let models = dataset.into_iter().flat_map(|dataset| &dataset.models);
                let bar = |model: &crate::evaluation::MeasuredModel| {
                    Some(Bar {
                        key: model.key.clone(),
                        label: model.label.clone(),
                        group: group(&model.key),
                        value: model.value(column)?,
                        text: None,
                        provenance: None,
                    })
                };
                models.filter_map(bar).collect()
            }
        };
        BarChart {
            axis: self.axis(column),
            range: bars.axis.as_ref().map(|axis| *axis.get_ref()),
            groups: bars.groups.iter().map(|group| group.label.clone()).collect(),
            bars: found,
        }
    }

    fn curves(self, curves: &'a schema::Curves) -> CurveChart {
        CurveChart {
            x: curves.x.label.clone(),
            scale: curves.x.scale,
            y: self.axis(curves.y.get_ref()),
            range: curves.axis.as_ref().map(|axis| *axis.get_ref()),
            series: curves
                .series
                .iter()
                .flat_map(|series| self.series(series, curves.y.get_ref()))
                .map(|mut series| {
                    series.points.sort_by(|a, b| a.x.total_cmp(&b.x));
                    series
                })
                .collect(),
        }
    }

    fn series(self, series: &'a schema::Series, ordinate: &'a str) -> Vec<CurveSeries> {
        let points = match series.points.get_ref() {
            SeriesPoints::Row { table, row, along } => {
                let cells = cells_along(&self.suite.cells, table, row, ordinate);
                let point = |cell: &Cell| {
                    let x = qualifier(&cell.column, along)?;
                    Some(printed_point(cell, x, cell.is_uncertain()))
                };
                cells.filter_map(point).collect()
            }
            SeriesPoints::Numbered(columns) => {
                let numbered = columns.cells(&self.suite.cells);
                numbered.map(|(cell, x)| printed_point(cell, x, cell.is_uncertain())).collect()
            }
            SeriesPoints::Rows { table, part, x } => {
                let rows = self.suite.point_rows(table);
                let own = rows.into_iter().filter(|(key, _)| first_part(key) == part);
                own.flat_map(|(_, cells)| points_of_row(&cells, x, ordinate)).collect()
            }
            SeriesPoints::Run { dataset, x, family } => {
                return self.measured_series(series, [dataset, x, ordinate], family.as_deref());
            }
        };
        vec![CurveSeries { label: series.label.clone(), points }]
    }

    /// A curve for each family of the models that have both values.
    fn measured_series(
        self,
        series: &schema::Series,
        [dataset, x, ordinate]: [&str; 3],
        family: Option<&str>,
    ) -> Vec<CurveSeries> {
        let Some(dataset) = self.run.and_then(|run| run.dataset(dataset)) else {
            return Vec::new();
        };
        let mut found: Vec<(&str, CurveSeries)> = Vec::new();
        let is_shown = |own: &str| family.is_none_or(|family| family == own);
        for (model, x, y) in pairs(dataset, x, ordinate).filter(|(m, _, _)| is_shown(&m.family)) {
            let position =
                found.iter().position(|(own, _)| *own == model.family).unwrap_or_else(|| {
                    let label =
                        if series.label.is_empty() { &model.family } else { &series.label }.clone();
                    found.push((&model.family, CurveSeries { label, points: Vec::new() }));
                    found.len() - 1
                });
            let key = model.key.clone();
            let point = CurvePoint { key, x, y, is_uncertain: false, provenance: None };
            found[position].1.points.push(point);
        }
        found.into_iter().map(|(_, series)| series).collect()
    }
}

/// The points of one printed row: several cells of the ordinate are candidates for one point.
fn points_of_row(cells: &[&Cell], x: &str, ordinate: &str) -> Vec<CurvePoint> {
    let Some(x) = cells.iter().find(|cell| cell.column == x) else {
        return Vec::new();
    };
    let own: Vec<_> = cells.iter().filter(|cell| continues(&cell.column, ordinate)).collect();
    let is_ambiguous = own.len() > 1;
    own.into_iter()
        .map(|cell| printed_point(cell, x.number.value(), is_ambiguous || cell.is_uncertain()))
        .collect()
}

fn printed_point(cell: &Cell, x: f64, is_uncertain: bool) -> CurvePoint {
    CurvePoint {
        key: cell.row.clone(),
        x,
        y: cell.number.value(),
        is_uncertain,
        provenance: Some(cell.provenance),
    }
}

/// The encoder's name where both coordinates are known to be its own.
fn encoder_name<'a>(x: &'a Cell, y: &Cell) -> Option<&'a str> {
    let (x, y) = (x.note_field("encoder")?, y.note_field("encoder")?);
    (x == y && x != "unknown").then_some(x)
}
