//! Figures: scatter panels, bars or curves, drawn once as a scene and written as SVG or PNG.
//!
//! A drawing depends on the figure alone: no clock, no random ids, no system fonts. The same figure gives the same
//! bytes.

mod bars;
mod curves;
mod labels;
mod legend;
mod panel;
mod png;
mod scale;
mod scatter;
mod scene;
mod svg;
mod theme;
mod typeface;
mod words;

pub(crate) use scene::{Anchor, Ink, Text};
pub use theme::Theme;
pub(crate) use theme::dark_style_rules;
pub(crate) use typeface::Typeface;

use crate::error::ReportError;
use crate::validate;
use retally_suites::evaluation::{Axis, Drawing, EvaluatedFigure, Panel, Provenance};
use scene::{Rect, Scene};

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

/// Arranges what the figure shows, and below it the notes that a reader needs.
fn compose(figure: &EvaluatedFigure) -> Result<Scene, ReportError> {
    validate::check_figure(figure)?;
    let typeface = Typeface::bundled()?;
    let caption = crate::words::caption(&figure.label, &figure.title);
    let mut scene = Scene::new(0.0, caption, words::describe(figure));
    let [left, mut top] = match &figure.drawing {
        Drawing::Scatter(panels) => scatter::draw(&mut scene, panels, &typeface),
        Drawing::Bars(chart) => bars::draw(&mut scene, chart, &typeface),
        Drawing::Curves(chart) => curves::draw(&mut scene, chart, &typeface),
    };
    let room = scene.width - left - MARGIN;
    for note in words::notes(figure) {
        for line in panel::wrapped(&note, room, NOTE_SIZE * panel::WIDER_FONT, &typeface) {
            top += NOTE_SIZE * LINE_HEIGHT;
            scene.text(Text::new(line, [left, top], NOTE_SIZE).ink(Ink::Muted));
        }
    }
    scene.height = (top + MARGIN).ceil();
    Ok(scene)
}

fn draw_ordinate_label(scene: &mut Scene, axis: &Axis, baseline: f64, plot: Rect) {
    let middle = (plot.top + plot.bottom) / 2.0;
    // The text is turned by a quarter to the left; these arrows then point up and down on the page.
    let label =
        crate::words::with_arrow(&axis.label, axis.direction).replace('↑', "→").replace('↓', "←");
    scene.text(Text::new(label, [baseline, middle], LABEL_SIZE).anchor(Anchor::Middle).rotated());
}

/// Points of this run are drawn hollow in a panel that also shows points from elsewhere.
fn is_hollow(provenance: Option<Provenance>, panel: &Panel) -> bool {
    provenance.is_none() && panel.points.iter().any(|point| point.provenance.is_some())
}
