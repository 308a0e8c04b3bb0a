//! Figures: points and the correlations over them.

use super::{Evaluation, pairs};
use crate::cells::Cell;
use crate::claim::{self, Coordinates, PrintedClaim, Subject};
use crate::evaluation::{Axis, Direction, EvaluatedFigure, Panel, Point, Provenance};
use crate::schema::{self, Metric, Source};

impl<'a> Evaluation<'a> {
    pub(super) fn figure(self, figure: &'a schema::Figure) -> EvaluatedFigure {
        EvaluatedFigure {
            id: figure.id.get_ref().clone(),
            label: figure.label.clone(),
            title: figure.title.clone(),
            setting: figure.setting.clone(),
            traps: figure.traps.clone(),
            panels: figure.panels.iter().map(|panel| self.panel(figure, panel)).collect(),
        }
    }

    fn panel(self, figure: &'a schema::Figure, panel: &'a schema::Panel) -> Panel {
        let (points, coordinates) = match figure.points.get_ref() {
            Source::Cells(table) => self.printed_points(table, panel),
            Source::Run(dataset) | Source::Correlations(dataset) => {
                self.measured_points(dataset, panel)
            }
        };
        let outliers: Vec<&str> =
            figure.outliers.iter().map(|key| key.get_ref().as_str()).collect();
        let printed = self.suite.claim(panel);
        let subject = Subject {
            figure: figure.id.get_ref(),
            x: panel.x.get_ref(),
            y: panel.y.get_ref(),
            claim: printed.map(|row| PrintedClaim { number: &row.number, n: row.n }),
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

    fn axis(self, key: &str) -> Axis {
        let metric = self.suite.definition.metric(key);
        Axis {
            key: key.to_owned(),
            label: metric.map_or(key, Metric::axis_label).to_owned(),
            direction: metric.map_or(Direction::Neutral, |metric| metric.direction),
        }
    }

    fn printed_points(self, table: &str, panel: &schema::Panel) -> (Vec<Point>, Coordinates) {
        let mut points = Vec::new();
        let mut coordinates = Coordinates::default();
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
                label: encoder_name(x, y).unwrap_or(key).to_owned(),
                family: String::new(),
                x: x.number.value(),
                y: y.number.value(),
                provenance: Some(weaker(x.provenance, y.provenance)),
            });
        }
        (points, coordinates)
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
}

/// The encoder's name where both coordinates are known to be its own.
fn encoder_name<'a>(x: &'a Cell, y: &Cell) -> Option<&'a str> {
    let (x, y) = (x.note_field("encoder")?, y.note_field("encoder")?);
    (x == y && x != "unknown").then_some(x)
}

/// A point is no better than its weaker coordinate.
fn weaker(x: Provenance, y: Provenance) -> Provenance {
    if y == Provenance::Digitised { y } else { x }
}
