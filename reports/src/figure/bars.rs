//! Horizontal bars, one below the other, with their numbers at the ends.

use super::legend::{self, Legend};
use super::panel::{TICK_GAP, TICK_SIZE, WIDER_FONT};
use super::scale::{Range, ticks};
use super::scene::{Anchor, Hotspot, Ink, Rect, Scene, Shape, Text};
use super::typeface::Typeface;
use super::{LABEL_SIZE, MARGIN};
use crate::number::typographic;
use crate::words;
use retally_suites::evaluation::{Bar, BarChart};

/// Length of the axis.
const LENGTH: f64 = 420.0;
const THICKNESS: f64 = 15.0;
const STEP: f64 = 22.0;
const NAME_SIZE: f64 = 11.0;
const NUMBER_SIZE: f64 = 10.5;
/// Room for a number behind the longest bar.
const NUMBER_ROOM: f64 = 44.0;
/// Where the sign of a cut axis stands, from the axis on, and how far it leans.
const CUT_AT: f64 = 9.0;
const CUT_LEAN: f64 = 3.0;

/// Draws the bars and their legend. Returns the left edge for what stands below and where the drawing ends.
pub(super) fn draw(scene: &mut Scene, chart: &BarChart, typeface: &Typeface) -> [f64; 2] {
    let names = chart.bars.iter().map(|bar| typeface.width(&bar.label, NAME_SIZE) * WIDER_FONT);
    let left = MARGIN + names.fold(0.0, f64::max) + TICK_GAP;
    let height = STEP * chart.bars.len().max(1) as f64 + 6.0;
    let plot = Rect { left, top: MARGIN, right: left + LENGTH, bottom: MARGIN + height };
    scene.width = (plot.right + NUMBER_ROOM + MARGIN).ceil();
    let range = axis_range(chart);
    let x = |value: f64| {
        plot.left + range.share(value.clamp(range.low, range.high)) * (plot.right - plot.left)
    };
    for tick in ticks(range, 8) {
        let at = x(tick.value);
        scene.line([at, plot.top], [at, plot.bottom], 0.8, Ink::Grid);
        scene.line([at, plot.bottom], [at, plot.bottom + 3.5], 0.9, Ink::Frame);
        let place = [at, plot.bottom + 15.5];
        scene.text(Text::new(tick.label, place, TICK_SIZE).anchor(Anchor::Middle).ink(Ink::Muted));
    }
    let is_cut = range.low > 0.0 || range.high < 0.0;
    let origin = x(0.0_f64.clamp(range.low, range.high));
    for (index, bar) in chart.bars.iter().enumerate() {
        let top = plot.top + 3.0 + STEP * index as f64 + (STEP - THICKNESS) / 2.0;
        draw_bar(scene, bar, [origin, x(bar.value)], top, is_cut);
    }
    scene.line([plot.left, plot.top], [plot.left, plot.bottom], 1.0, Ink::Frame);
    scene.line([plot.left, plot.bottom], [plot.right, plot.bottom], 0.9, Ink::Frame);
    let title = words::with_arrow(&chart.axis.label, chart.axis.direction);
    let middle = [(plot.left + plot.right) / 2.0, plot.bottom + 34.0];
    scene.text(Text::new(title, middle, LABEL_SIZE).anchor(Anchor::Middle));
    let end = legend::draw_swatches(scene, &chart.groups, [MARGIN, plot.bottom + 42.0], typeface);
    [MARGIN, end + 2.0]
}

/// The axis that the suite asks for, else one from 0 on.
fn axis_range(chart: &BarChart) -> Range {
    if let Some([low, high]) = chart.range {
        return Range { low, high };
    }
    let values = || chart.bars.iter().map(|bar| bar.value);
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    if low < high { Range { low, high } } else { Range { low: 0.0, high: 1.0 } }
}

fn draw_bar(scene: &mut Scene, bar: &Bar, [from, to]: [f64; 2], top: f64, is_cut: bool) {
    let body = Rect { left: from.min(to), top, right: from.max(to), bottom: top + THICKNESS };
    scene.fill(body, Legend::ink(bar.group.unwrap_or(0)), 1.0);
    if is_cut && body.right - body.left > CUT_AT + 3.0 * CUT_LEAN {
        draw_cut(scene, body);
    }
    let baseline = top + THICKNESS * 0.5 + NAME_SIZE * 0.35;
    let name = [from.min(to) - TICK_GAP, baseline];
    scene.text(Text::new(bar.label.clone(), name, NAME_SIZE).anchor(Anchor::End));
    let mark = bar.provenance.map(words::mark).unwrap_or_default();
    let value = bar.text.clone().unwrap_or_else(|| crate::number::six_digits(bar.value));
    let number = typographic(&format!("{value}{mark}"));
    scene.text(Text::new(number.clone(), [to.max(from) + 5.0, baseline], NUMBER_SIZE));
    scene.hotspots.push(Hotspot {
        at: [to, top + THICKNESS / 2.0],
        words: format!("{}: {number}", bar.label),
    });
}

/// The sign that a bar does not begin at 0: a slanted gap across it.
fn draw_cut(scene: &mut Scene, body: Rect) {
    let middle = body.left + CUT_AT;
    let corners = vec![
        [middle - CUT_LEAN, body.bottom + 1.0],
        [middle + CUT_LEAN, body.top - 1.0],
        [middle + CUT_LEAN + 3.0, body.top - 1.0],
        [middle - CUT_LEAN + 3.0, body.bottom + 1.0],
    ];
    scene.shapes.push(Shape::Polygon { corners, ink: Ink::Paper, opacity: 1.0 });
}
