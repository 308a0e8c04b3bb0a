//! Several series over one abscissa, linear or logarithmic.

use super::legend::Legend;
use super::panel::{TICK_GAP, TICK_SIZE, WIDER_FONT};
use super::scale::{Range, Tick, logarithmic_ticks, ticks};
use super::scene::{Anchor, Hotspot, Ink, Rect, Scene, Text};
use super::typeface::Typeface;
use super::{LABEL_SIZE, MARGIN, ORDINATE_GAP, draw_ordinate_label};
use crate::number::typographic;
use retally_suites::evaluation::{AxisScale, CurveChart, CurvePoint, CurveSeries};

const WIDTH: f64 = 470.0;
const HEIGHT: f64 = 310.0;
const MARKER: f64 = 4.2;
const LINE: f64 = 1.8;
/// Length of a dash and of the gap after it.
const DASH: f64 = 5.0;

/// From data to drawing.
struct Mapping {
    plot: Rect,
    x: Range,
    y: Range,
    scale: AxisScale,
}

impl Mapping {
    fn x(&self, value: f64) -> f64 {
        self.plot.left + self.x.share(on_axis(value, self.scale)) * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        self.plot.bottom - self.y.share(value) * HEIGHT
    }

    fn at(&self, point: &CurvePoint) -> [f64; 2] {
        [self.x(point.x), self.y(point.y)]
    }
}

/// A value as a length on its axis, up to a factor. Values on a logarithmic axis are above 0, which was checked.
fn on_axis(value: f64, scale: AxisScale) -> f64 {
    match scale {
        AxisScale::Linear => value,
        AxisScale::Logarithmic => value.ln(),
    }
}

/// Draws the curves and their legend. Returns the left edge for what stands below and where the drawing ends.
pub(super) fn draw(scene: &mut Scene, chart: &CurveChart, typeface: &Typeface) -> [f64; 2] {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    // A number at the end of a given axis has room for its marker.
    let y = match chart.range {
        Some([low, high]) => Range { low, high }.widened([0.02, 0.02]),
        None => Range::around(points().map(|point| point.y)),
    };
    let y_ticks = ticks(y, (HEIGHT / 32.0) as usize);
    let widths = y_ticks.iter().map(|tick| typeface.width(&tick.label, TICK_SIZE) * WIDER_FONT);
    let ordinate = TICK_GAP + widths.fold(0.0, f64::max);
    let left = MARGIN + LABEL_SIZE + ORDINATE_GAP + ordinate;
    let plot = Rect { left, top: MARGIN, right: left + WIDTH, bottom: MARGIN + HEIGHT };
    scene.width = (plot.right + MARGIN + 6.0).ceil();
    let x = Range::around(points().map(|point| on_axis(point.x, chart.scale)));
    let mapping = Mapping { plot, x, y, scale: chart.scale };
    draw_axes(scene, &mapping, &y_ticks);
    draw_ordinate_label(scene, &chart.y, plot.left - ordinate - ORDINATE_GAP, plot);
    let middle = [(plot.left + plot.right) / 2.0, plot.bottom + 34.0];
    scene.text(Text::new(chart.x.clone(), middle, LABEL_SIZE).anchor(Anchor::Middle));
    for (number, series) in chart.series.iter().enumerate() {
        draw_lines(scene, series, &mapping, Legend::ink(number));
    }
    let legend = Legend::named(chart.series.iter().map(|series| series.label.clone()));
    for series in &chart.series {
        for point in &series.points {
            legend.draw_marker(scene, mapping.at(point), MARKER, &series.label, point.is_uncertain);
            scene.hotspots.push(hotspot(chart, series, point, &mapping));
        }
    }
    [plot.left, legend.draw(scene, plot.bottom + 42.0, plot.left, typeface) + 2.0]
}

fn draw_axes(scene: &mut Scene, mapping: &Mapping, y_ticks: &[Tick]) {
    let plot = mapping.plot;
    let most = (WIDTH / 42.0) as usize;
    let x_ticks = match mapping.scale {
        AxisScale::Linear => ticks(mapping.x, most),
        AxisScale::Logarithmic => {
            logarithmic_ticks(Range { low: mapping.x.low.exp(), high: mapping.x.high.exp() }, most)
        }
    };
    for Tick { value, label } in x_ticks {
        let x = mapping.x(value);
        scene.line([x, plot.top], [x, plot.bottom], 0.8, Ink::Grid);
        scene.line([x, plot.bottom], [x, plot.bottom + 3.5], 0.9, Ink::Frame);
        let at = [x, plot.bottom + 15.5];
        scene.text(Text::new(label, at, TICK_SIZE).anchor(Anchor::Middle).ink(Ink::Muted));
    }
    for Tick { value, label } in y_ticks {
        let y = mapping.y(*value);
        scene.line([plot.left, y], [plot.right, y], 0.8, Ink::Grid);
        scene.line([plot.left - 3.5, y], [plot.left, y], 0.9, Ink::Frame);
        let at = [plot.left - TICK_GAP, y + TICK_SIZE * 0.35];
        scene.text(Text::new(label.clone(), at, TICK_SIZE).anchor(Anchor::End).ink(Ink::Muted));
    }
    scene.outline(plot, 0.9, Ink::Frame);
}

/// Joins the points of neighbouring abscissas. Where one of them is uncertain, the line is dashed, and each candidate has
/// its own.
fn draw_lines(scene: &mut Scene, series: &CurveSeries, mapping: &Mapping, ink: Ink) {
    let places: Vec<&[CurvePoint]> = series.points.chunk_by(|a, b| a.x == b.x).collect();
    for neighbours in places.windows(2) {
        let [before, after] = neighbours else { continue };
        for from in before.iter() {
            for to in after.iter() {
                let ends = [mapping.at(from), mapping.at(to)];
                if from.is_uncertain || to.is_uncertain {
                    draw_dashed(scene, ends, ink);
                } else {
                    scene.line(ends[0], ends[1], LINE, ink);
                }
            }
        }
    }
}

fn draw_dashed(scene: &mut Scene, [from, to]: [[f64; 2]; 2], ink: Ink) {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = dx.hypot(dy);
    let dashes = (length / (2.0 * DASH)).floor() as usize;
    let at = |along: f64| {
        let share = (along / length.max(DASH)).min(1.0);
        [from[0] + share * dx, from[1] + share * dy]
    };
    for dash in 0..dashes {
        let start = 2.0 * DASH * dash as f64;
        scene.line(at(start), at(start + DASH), LINE * 0.8, ink);
    }
}

fn hotspot(
    chart: &CurveChart,
    series: &CurveSeries,
    point: &CurvePoint,
    mapping: &Mapping,
) -> Hotspot {
    let doubt = if point.is_uncertain { ", uncertain" } else { "" };
    let words = format!("{}: {} {} at {}{doubt}", series.label, chart.y.key, point.y, point.x);
    Hotspot { at: mapping.at(point), words: typographic(&words) }
}
