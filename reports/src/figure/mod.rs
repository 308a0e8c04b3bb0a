//! Figures: scatter panels in a row, drawn once as a scene and written as SVG or PNG.
//!
//! A drawing depends on the figure alone: no clock, no random ids, no system fonts. The same figure gives the same
//! bytes.

mod labels;
mod legend;
mod panel;
mod png;
mod scale;
mod scene;
mod svg;
mod theme;
mod typeface;

pub(crate) use scene::{Anchor, Ink, Text};
pub use theme::Theme;
pub(crate) use theme::dark_style_rules;
pub(crate) use typeface::Typeface;

use crate::error::ReportError;
use crate::validate;
use crate::words;
use legend::Legend;
use panel::{PanelFrame, draw_panel};
use retally_suites::evaluation::{Axis, EvaluatedFigure, Panel, Provenance};
use scale::Range;
use scene::{Rect, Scene};

/// Panels in one row before the next row begins.
const PANELS_A_ROW: usize = 5;
/// Room around the drawing.
const MARGIN: f64 = 10.0;
/// Between an ordinate's tick labels and its label.
const ORDINATE_GAP: f64 = 9.0;
/// Gap between panels.
const GAP: f64 = 18.0;
const TITLE_SIZE: f64 = 12.5;
const LABEL_SIZE: f64 = 11.5;
const NOTE_SIZE: f64 = 10.5;
const LINE_HEIGHT: f64 = 1.3;

/// Draws a figure as an SVG document.
///
/// # Errors
/// A number that cannot be drawn, or a refusal of the drawing library.
pub fn svg(figure: &EvaluatedFigure, theme: Theme) -> Result<String, ReportError> {
    svg::write(&compose(figure)?, theme).map_err(|reason| drawing_error(figure, reason))
}

/// Draws a figure as a PNG file with two pixels per unit of the SVG.
///
/// # Errors
/// A number that cannot be drawn, or a refusal of the drawing library or the encoder.
pub fn png(figure: &EvaluatedFigure, theme: Theme) -> Result<Vec<u8>, ReportError> {
    png::write(&compose(figure)?, theme, &Typeface::bundled()?)
        .map_err(|reason| drawing_error(figure, reason))
}

fn drawing_error(figure: &EvaluatedFigure, reason: String) -> ReportError {
    ReportError::Drawing { figure: figure.id.clone(), reason }
}

/// Arranges the panels, the shared ordinate label, the legend and the note about where the points came from.
fn compose(figure: &EvaluatedFigure) -> Result<Scene, ReportError> {
    validate::check_figure(figure)?;
    let typeface = Typeface::bundled()?;
    let legend = Legend::of(&figure.panels);
    let arrangement = Arrangement::of(figure, &typeface);
    let mut scene = Scene::new(
        arrangement.width(),
        words::caption(&figure.label, &figure.title),
        describe(figure),
    );
    let mut top = MARGIN;
    let mut panel_number = 0;
    for row in figure.panels.chunks(PANELS_A_ROW) {
        let plots = top + arrangement.head;
        for (column, panel) in row.iter().enumerate() {
            let plot = arrangement.plot(column, plots);
            let own_range = || panel::ordinate_range(std::slice::from_ref(panel), plot, &typeface);
            let frame = PanelFrame {
                plot,
                y_range: arrangement.shared_y.unwrap_or_else(own_range),
                y_labels: column == 0 || arrangement.shared_y.is_none(),
                y_title: arrangement
                    .shared_y
                    .is_none()
                    .then(|| arrangement.ordinate_baseline(plot)),
                letter: (figure.panels.len() > 1).then(|| letter(panel_number)),
            };
            draw_panel(&mut scene, panel, &frame, &legend, &typeface);
            panel_number += 1;
        }
        if let (Some(_), Some(first)) = (arrangement.shared_y, row.first()) {
            let plot = arrangement.plot(0, plots);
            draw_ordinate_label(&mut scene, &first.y, arrangement.ordinate_baseline(plot), plot);
        }
        top = plots + arrangement.plot[1] + arrangement.foot;
    }
    top = legend.draw(&mut scene, top, arrangement.left_edge(), &typeface);
    if let Some(note) = origin_note(figure) {
        top += NOTE_SIZE * LINE_HEIGHT;
        scene.text(Text::new(note, [arrangement.left_edge(), top], NOTE_SIZE).ink(Ink::Muted));
    }
    scene.height = (top + MARGIN).ceil();
    Ok(scene)
}

/// Sizes that all panels of a figure share.
struct Arrangement {
    /// Width and height of a plotting area.
    plot: [f64; 2],
    /// Height above a plotting area, for the heading.
    head: f64,
    /// Height below it, for tick labels and the abscissa's label.
    foot: f64,
    columns: usize,
    /// Room for the tick labels of an ordinate.
    ordinate: f64,
    /// The common ordinate, where every panel shows the same metric on it.
    shared_y: Option<Range>,
}

impl Arrangement {
    fn of(figure: &EvaluatedFigure, typeface: &Typeface) -> Self {
        let panels = &figure.panels;
        let columns = panels.len().clamp(1, PANELS_A_ROW);
        let [width, height] = match columns {
            1 => [420.0, 320.0],
            2 => [340.0, 280.0],
            3 => [290.0, 240.0],
            4 => [252.0, 220.0],
            _ => [214.0, 208.0],
        };
        let first = panels.first();
        let shares_y =
            panels.iter().all(|panel| first.is_some_and(|first| panel.y.key == first.y.key));
        let plot = Rect { left: 0.0, top: 0.0, right: width, bottom: height };
        let shared_y = shares_y.then(|| panel::ordinate_range(panels, plot, typeface));
        let ordinates = panels.iter().map(|panel| {
            let range = shared_y.unwrap_or_else(|| {
                panel::ordinate_range(std::slice::from_ref(panel), plot, typeface)
            });
            panel::ordinate_room(range, plot, typeface)
        });
        let title_lines =
            panels.iter().map(|panel| panel::title_lines(panel, width, typeface).len()).max();
        let label_lines =
            panels.iter().map(|panel| panel::abscissa_lines(panel, width, typeface).len()).max();
        Self {
            plot: [width, height],
            head: lines_height(title_lines, TITLE_SIZE) + 6.0,
            foot: 20.0 + lines_height(label_lines, LABEL_SIZE) + 8.0,
            columns,
            ordinate: ordinates.fold(0.0, f64::max),
            shared_y,
        }
    }

    fn gap(&self) -> f64 {
        if self.shared_y.is_some() { GAP } else { GAP + self.ordinate_width() }
    }

    /// Room for an ordinate's label and tick labels.
    fn ordinate_width(&self) -> f64 {
        LABEL_SIZE + ORDINATE_GAP + self.ordinate
    }

    /// Where the label of the ordinate of `plot` stands.
    fn ordinate_baseline(&self, plot: Rect) -> f64 {
        plot.left - self.ordinate - ORDINATE_GAP
    }

    fn left_edge(&self) -> f64 {
        MARGIN + self.ordinate_width()
    }

    fn width(&self) -> f64 {
        let columns = self.columns as f64;
        self.left_edge() + columns * self.plot[0] + (columns - 1.0) * self.gap() + MARGIN + 6.0
    }

    fn plot(&self, column: usize, top: f64) -> Rect {
        let [width, height] = self.plot;
        let left = self.left_edge() + column as f64 * (width + self.gap());
        Rect { left, top, right: left + width, bottom: top + height }
    }
}

fn lines_height(lines: Option<usize>, size: f64) -> f64 {
    lines.unwrap_or(1) as f64 * size * LINE_HEIGHT
}

fn draw_ordinate_label(scene: &mut Scene, axis: &Axis, baseline: f64, plot: Rect) {
    let middle = (plot.top + plot.bottom) / 2.0;
    // The text is turned by a quarter to the left; these arrows then point up and down on the page.
    let label = words::with_arrow(&axis.label, axis.direction).replace('↑', "→").replace('↓', "←");
    scene.text(Text::new(label, [baseline, middle], LABEL_SIZE).anchor(Anchor::Middle).rotated());
}

fn letter(number: usize) -> String {
    let letter = u8::try_from(number % 26).map_or('a', |offset| char::from(b'a' + offset));
    format!("({letter})")
}

/// Where the points came from, for example `27 points a panel, digitised‡: measured from a published figure`.
fn origin_note(figure: &EvaluatedFigure) -> Option<String> {
    let points = || figure.panels.iter().flat_map(|panel| &panel.points);
    points().next()?;
    let mut parts = Vec::new();
    for provenance in words::PROVENANCES {
        if points().any(|point| point.provenance == Some(provenance)) {
            parts.push(format!(
                "{} Points {}: {}",
                words::mark(provenance),
                words::provenance_word(provenance),
                words::provenance_meaning(provenance)
            ));
        }
    }
    if points().any(|point| point.provenance.is_none()) {
        let hollow = if parts.is_empty() { "" } else { " (hollow)" };
        parts.push(format!("Points measured by this run{hollow}"));
    }
    let parts: Vec<_> = parts.iter().map(|part| part.trim()).collect();
    Some(format!("{}. Solid line: least squares.", parts.join("; ")))
}

/// The figure in words, for readers who do not see it.
fn describe(figure: &EvaluatedFigure) -> String {
    let panels = figure.panels.iter().map(|panel| {
        let claim = &panel.correlation;
        let r =
            claim.pearson.map_or_else(|| "undefined".to_owned(), |r| crate::number::fixed(r, 3));
        let printed = claim
            .reported_text
            .as_ref()
            .map(|text| format!(", printed {text}"))
            .unwrap_or_default();
        format!(
            "{} against {}: {} points, Pearson r {r}{printed}.",
            panel.y.label, panel.x.label, claim.n
        )
    });
    panels.collect::<Vec<_>>().join(" ")
}

/// Points of this run are drawn hollow in a panel that also shows points from elsewhere.
fn is_hollow(provenance: Option<Provenance>, panel: &Panel) -> bool {
    provenance.is_none() && panel.points.iter().any(|point| point.provenance.is_some())
}
