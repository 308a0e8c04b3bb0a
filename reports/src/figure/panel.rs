//! One scatter panel: frame, grid, ticks, regression line, points, r box, labels of the strongest points.

use super::labels::{self, Obstacles};
use super::legend::Legend;
use super::scale::{Range, Tick, ticks};
use super::scene::{Anchor, Ink, Rect, Scene, Text};
use super::typeface::Typeface;
use super::{LABEL_SIZE, LINE_HEIGHT, TITLE_SIZE, draw_ordinate_label, is_hollow};
use crate::number::{fixed, range, typographic};
use crate::summary;
use crate::words;
use retally_suites::evaluation::{EvaluatedCorrelation, Panel, Point};

pub(super) const TICK_SIZE: f64 = 10.5;
/// Between tick labels and the ordinate.
pub(super) const TICK_GAP: f64 = 7.0;
const BOX_SIZE: f64 = 10.0;
/// Radius of a marker.
pub(super) const MARKER: f64 = 3.8;
/// Points that are named first: those whose removal moves r most.
const INFLUENTIAL: usize = 3;
/// Names in a panel; fewer where a legend tells families apart.
const NAMES: usize = 3;
const NAMES_BESIDE_LEGEND: usize = 2;
/// Shares of the ordinate's range added below and above until every r box has a corner of its own.
const ROOM_FOR_CLAIMS: [[f64; 2]; 6] =
    [[0.0, 0.0], [0.0, 0.15], [0.15, 0.0], [0.0, 0.3], [0.3, 0.0], [0.0, 0.45]];
/// A viewer's own font may be wider than the bundled one.
pub(super) const WIDER_FONT: f64 = 1.1;

/// Where a panel stands and what it shares with its neighbours.
pub(super) struct PanelFrame {
    /// The plotting area.
    pub(super) plot: Rect,
    /// The ordinate range.
    pub(super) y_range: Range,
    /// Whether tick labels stand at the ordinate.
    pub(super) y_labels: bool,
    /// The baseline of the ordinate's own label, where the panels do not share one.
    pub(super) y_title: Option<f64>,
    /// `(a)`, where there are several panels.
    pub(super) letter: Option<String>,
}

/// From data to drawing.
struct Mapping {
    plot: Rect,
    x: Range,
    y: Range,
}

impl Mapping {
    fn of(panel: &Panel, plot: Rect, y: Range) -> Self {
        Self { plot, x: Range::around(panel.points.iter().map(|point| point.x)), y }
    }

    fn x(&self, value: f64) -> f64 {
        self.plot.left + self.x.share(value) * (self.plot.right - self.plot.left)
    }

    fn y(&self, value: f64) -> f64 {
        self.plot.bottom - self.y.share(value) * (self.plot.bottom - self.plot.top)
    }

    fn at(&self, point: &Point) -> [f64; 2] {
        [self.x(point.x), self.y(point.y)]
    }
}

/// Draws `panel` into `scene`.
pub(super) fn draw_panel(
    scene: &mut Scene,
    panel: &Panel,
    frame: &PanelFrame,
    legend: &Legend,
    typeface: &Typeface,
) {
    let mapping = Mapping::of(panel, frame.plot, frame.y_range);
    draw_titles(scene, panel, frame, typeface);
    draw_axes(scene, &mapping, frame.y_labels);
    let trend = trend(panel, &mapping);
    if let Some([from, to]) = trend {
        scene.line(from, to, 1.6, Ink::Trend);
    }
    for point in &panel.points {
        legend.draw_marker(
            scene,
            mapping.at(point),
            MARKER,
            &point.family,
            is_hollow(point.provenance, panel),
        );
        scene.hotspots.push(super::scene::Hotspot {
            at: mapping.at(point),
            words: point_words(panel, point),
        });
    }
    let points: Vec<_> = panel.points.iter().map(|point| mapping.at(point)).collect();
    let lines = claim_lines(&panel.correlation);
    let (claim, _) = best_corner(frame.plot, &points, claim_size(&lines, typeface));
    draw_claim(scene, claim, &lines);
    let mut obstacles = Obstacles { plot: frame.plot, taken: vec![claim], points, trend };
    let names = if legend.is_empty() { NAMES } else { NAMES_BESIDE_LEGEND };
    let named = named_points(panel, &mapping);
    let placed = named
        .iter()
        .filter_map(|p| labels::place(&mut obstacles, mapping.at(p), &p.label, typeface));
    placed.take(names).for_each(|label| labels::draw(scene, &label));
}

/// The panel's heading in at most two lines.
pub(super) fn title_lines(panel: &Panel, width: f64, typeface: &Typeface) -> Vec<String> {
    // Room for `(a) `.
    wrap(&panel.title, width - 22.0, TITLE_SIZE * WIDER_FONT, typeface)
}

/// The abscissa's label in at most two lines.
pub(super) fn abscissa_lines(panel: &Panel, width: f64, typeface: &Typeface) -> Vec<String> {
    wrap(
        &words::with_arrow(&panel.x.label, panel.x.direction),
        width,
        LABEL_SIZE * WIDER_FONT,
        typeface,
    )
}

/// The ordinate range of panels that share it, with room for the r box of each in a corner without points.
pub(super) fn ordinate_range(panels: &[Panel], plot: Rect, typeface: &Typeface) -> Range {
    let tight =
        Range::around(panels.iter().flat_map(|panel| panel.points.iter().map(|point| point.y)));
    let fits = |range: &Range| panels.iter().all(|panel| claim_fits(panel, plot, *range, typeface));
    ROOM_FOR_CLAIMS.into_iter().map(|room| tight.widened(room)).find(fits).unwrap_or(tight)
}

fn claim_fits(panel: &Panel, plot: Rect, y: Range, typeface: &Typeface) -> bool {
    let mapping = Mapping::of(panel, plot, y);
    let points: Vec<_> = panel.points.iter().map(|point| mapping.at(point)).collect();
    best_corner(plot, &points, claim_size(&claim_lines(&panel.correlation), typeface)).1 == 0
}

/// Breaks text into lines no wider than `width`; a word that is wider stands alone.
pub(super) fn wrapped(text: &str, width: f64, size: f64, typeface: &Typeface) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|line| typeface.width(line, size) <= width) {
            Some(line) => {
                lines.pop();
                lines.push(line);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Breaks text at the space nearest to its middle if it is wider than `width`.
fn wrap(text: &str, width: f64, size: f64, typeface: &Typeface) -> Vec<String> {
    if typeface.width(text, size) <= width {
        return vec![text.to_owned()];
    }
    let middle = text.len() / 2;
    match text.match_indices(' ').map(|(at, _)| at).min_by_key(|at| at.abs_diff(middle)) {
        Some(at) => vec![text[..at].to_owned(), text[at + 1..].to_owned()],
        None => vec![text.to_owned()],
    }
}

fn draw_titles(scene: &mut Scene, panel: &Panel, frame: &PanelFrame, typeface: &Typeface) {
    let plot = frame.plot;
    let width = plot.right - plot.left;
    let titles = title_lines(panel, width, typeface);
    for (index, line) in titles.iter().enumerate() {
        let above = (titles.len() - 1 - index) as f64 * TITLE_SIZE * LINE_HEIGHT;
        let prefix = if index == 0 {
            frame.letter.as_ref().map(|letter| format!("{letter} "))
        } else {
            None
        };
        let line = format!("{}{line}", prefix.unwrap_or_default());
        scene.text(Text::new(line, [plot.left, plot.top - 8.0 - above], TITLE_SIZE).bold());
    }
    let middle = (plot.left + plot.right) / 2.0;
    for (index, line) in abscissa_lines(panel, width, typeface).into_iter().enumerate() {
        let below = 34.0 + index as f64 * LABEL_SIZE * LINE_HEIGHT;
        scene.text(
            Text::new(line, [middle, plot.bottom + below], LABEL_SIZE).anchor(Anchor::Middle),
        );
    }
    if let Some(baseline) = frame.y_title {
        draw_ordinate_label(scene, &panel.y, baseline, plot);
    }
}

fn ordinate_ticks(range: Range, plot: Rect) -> Vec<Tick> {
    ticks(range, ((plot.bottom - plot.top) / 32.0) as usize)
}

/// Room that the widest tick label of an ordinate takes beside its plot.
pub(super) fn ordinate_room(range: Range, plot: Rect, typeface: &Typeface) -> f64 {
    let widths =
        ordinate_ticks(range, plot).into_iter().map(|tick| typeface.width(&tick.label, TICK_SIZE));
    TICK_GAP + widths.fold(0.0, f64::max) * WIDER_FONT
}

fn draw_axes(scene: &mut Scene, mapping: &Mapping, y_labels: bool) {
    let plot = mapping.plot;
    let columns = ((plot.right - plot.left) / 42.0) as usize;
    for Tick { value, label } in ticks(mapping.x, columns) {
        let x = mapping.x(value);
        scene.line([x, plot.top], [x, plot.bottom], 0.8, Ink::Grid);
        scene.line([x, plot.bottom], [x, plot.bottom + 3.5], 0.9, Ink::Frame);
        let at = [x, plot.bottom + 15.5];
        scene.text(Text::new(label, at, TICK_SIZE).anchor(Anchor::Middle).ink(Ink::Muted));
    }
    for Tick { value, label } in ordinate_ticks(mapping.y, plot) {
        let y = mapping.y(value);
        scene.line([plot.left, y], [plot.right, y], 0.8, Ink::Grid);
        scene.line([plot.left - 3.5, y], [plot.left, y], 0.9, Ink::Frame);
        if y_labels {
            let at = [plot.left - TICK_GAP, y + TICK_SIZE * 0.35];
            scene.text(Text::new(label, at, TICK_SIZE).anchor(Anchor::End).ink(Ink::Muted));
        }
    }
    scene.outline(plot, 0.9, Ink::Frame);
}

/// The part of the least-squares line over the points' range that lies inside the plot.
fn trend(panel: &Panel, mapping: &Mapping) -> Option<[[f64; 2]; 2]> {
    let line = panel.correlation.line?;
    let xs = || panel.points.iter().map(|point| point.x);
    let (mut low, mut high) =
        (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    if line.slope != 0.0 {
        let crossings = [mapping.y.low, mapping.y.high].map(|y| (y - line.intercept) / line.slope);
        low = low.max(crossings[0].min(crossings[1]));
        high = high.min(crossings[0].max(crossings[1]));
    }
    let end = |x: f64| [mapping.x(x), mapping.y(line.intercept + line.slope * x)];
    (low < high).then(|| [end(low), end(high)])
}

/// The lines of the r box.
fn claim_lines(claim: &EvaluatedCorrelation) -> Vec<String> {
    if claim.incomplete.is_some() {
        return incomplete_lines(claim);
    }
    let r = claim.pearson.map_or_else(|| "undefined".to_owned(), |r| fixed(r, 3));
    let mut lines = vec![format!("r = {r}  (n = {})", claim.n)];
    if let Some(interval) = claim.interval {
        lines.push(format!("95 % {}", range(interval, 2)));
    }
    if claim.reported_text.is_some() {
        lines.push(format!("printed r = {}", summary::printed_coefficient(claim)));
    }
    lines.iter().map(|line| typographic(line)).collect()
}

/// Where only some points are known, the box says so and gives no number of its own.
fn incomplete_lines(claim: &EvaluatedCorrelation) -> Vec<String> {
    let mut lines = vec![format!("{} points known", claim.n)];
    match claim.reported_text {
        Some(_) => {
            let printed = summary::printed_coefficient(claim);
            lines.push(typographic(&format!("printed {printed}")));
            lines.push("not recomputed".to_owned());
        }
        None => lines.push("coefficient unknown".to_owned()),
    }
    lines
}

fn claim_size(lines: &[String], typeface: &Typeface) -> [f64; 2] {
    let width = lines.iter().map(|line| typeface.width(line, BOX_SIZE)).fold(0.0, f64::max);
    [width * WIDER_FONT + 10.0, lines.len() as f64 * BOX_SIZE * LINE_HEIGHT + 8.0]
}

/// The corner of the plot where a box covers fewest points, and how many it covers there.
fn best_corner(plot: Rect, points: &[[f64; 2]], [width, height]: [f64; 2]) -> (Rect, usize) {
    let inner = plot.grown(-5.0);
    let corner =
        |left: f64, top: f64| Rect { left, top, right: left + width, bottom: top + height };
    let corners = [
        corner(inner.right - width, inner.top),
        corner(inner.left, inner.top),
        corner(inner.left, inner.bottom - height),
        corner(inner.right - width, inner.bottom - height),
    ];
    let hits = |rect: &Rect| {
        points.iter().filter(|&&point| rect.overlaps(&Rect::around(point, MARKER + 1.0))).count()
    };
    corners
        .into_iter()
        .map(|rect| (rect, hits(&rect)))
        .min_by_key(|&(_, hits)| hits)
        .unwrap_or((corner(inner.left, inner.top), 0))
}

fn draw_claim(scene: &mut Scene, claim: Rect, lines: &[String]) {
    scene.fill(claim, Ink::Paper, 0.9);
    scene.outline(claim, 0.8, Ink::Frame);
    for (index, line) in lines.iter().enumerate() {
        let baseline = claim.top + 4.0 + BOX_SIZE * (1.0 + index as f64 * LINE_HEIGHT);
        let text = Text::new(line.clone(), [claim.left + 5.0, baseline], BOX_SIZE);
        scene.text(if index == 0 { text.bold() } else { text.ink(Ink::Muted) });
    }
}

/// Panels with few points name them all; else a point without a name of its own is not named.
const FEW_POINTS: usize = 6;

/// The points with a name: the ones whose removal moves r most, then the others, farthest from the plot's middle first.
fn named_points<'a>(panel: &'a Panel, mapping: &Mapping) -> Vec<&'a Point> {
    let plot = mapping.plot;
    let distance = |point: &Point| {
        let [x, y] = mapping.at(point);
        (x - (plot.left + plot.right) / 2.0).hypot(y - (plot.top + plot.bottom) / 2.0)
    };
    let rank = |point: &Point| {
        panel.correlation.influence.iter().take(INFLUENTIAL).position(|(key, _)| key == &point.key)
    };
    let is_named = |point: &Point| {
        point.label != point.key || panel.points.len() <= FEW_POINTS && point.provenance.is_some()
    };
    let mut named: Vec<_> =
        panel.points.iter().filter(|p| is_named(p) && !p.label.is_empty()).collect();
    named.sort_by(|a, b| {
        let ranks = rank(a).unwrap_or(INFLUENTIAL).cmp(&rank(b).unwrap_or(INFLUENTIAL));
        ranks.then(distance(b).total_cmp(&distance(a)))
    });
    named
}

fn point_words(panel: &Panel, point: &Point) -> String {
    let values = format!("{} {}, {} {}", panel.x.key, point.x, panel.y.key, point.y);
    let name = if point.label == point.key {
        point.key.clone()
    } else {
        format!("{} ({})", point.label, point.key)
    };
    format!("{name}: {}", typographic(&values))
}
