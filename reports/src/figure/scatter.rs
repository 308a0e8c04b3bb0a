//! Scatter panels in rows, with a shared ordinate where all show the same metric on it.

use super::legend::Legend;
use super::panel::{self, PanelFrame, draw_panel};
use super::scale::Range;
use super::scene::{Rect, Scene};
use super::typeface::Typeface;
use super::{GAP, LABEL_SIZE, LINE_HEIGHT, MARGIN, ORDINATE_GAP, TITLE_SIZE, draw_ordinate_label};
use retally_suites::evaluation::Panel;

/// Panels in one row before the next row begins.
const PANELS_A_ROW: usize = 5;

/// Arranges the panels, the shared ordinate label and the legend. Returns the left edge of the first plot and where the
/// drawing ends.
pub(super) fn draw(scene: &mut Scene, panels: &[Panel], typeface: &Typeface) -> [f64; 2] {
    let legend = Legend::of(panels);
    let arrangement = Arrangement::of(panels, typeface);
    scene.width = arrangement.width().ceil();
    let mut top = MARGIN;
    let mut panel_number = 0;
    for row in panels.chunks(PANELS_A_ROW) {
        let plots = top + arrangement.head;
        for (column, panel) in row.iter().enumerate() {
            let plot = arrangement.plot(column, plots);
            let own_range = || panel::ordinate_range(std::slice::from_ref(panel), plot, typeface);
            let frame = PanelFrame {
                plot,
                y_range: arrangement.shared_y.unwrap_or_else(own_range),
                y_labels: column == 0 || arrangement.shared_y.is_none(),
                y_title: arrangement
                    .shared_y
                    .is_none()
                    .then(|| arrangement.ordinate_baseline(plot)),
                letter: (panels.len() > 1).then(|| letter(panel_number)),
            };
            draw_panel(scene, panel, &frame, &legend, typeface);
            panel_number += 1;
        }
        if let (Some(_), Some(first)) = (arrangement.shared_y, row.first()) {
            let plot = arrangement.plot(0, plots);
            draw_ordinate_label(scene, &first.y, arrangement.ordinate_baseline(plot), plot);
        }
        top = plots + arrangement.plot[1] + arrangement.foot;
    }
    [arrangement.left_edge(), legend.draw(scene, top, arrangement.left_edge(), typeface)]
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
    fn of(panels: &[Panel], typeface: &Typeface) -> Self {
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

fn letter(number: usize) -> String {
    let letter = u8::try_from(number % 26).map_or('a', |offset| char::from(b'a' + offset));
    format!("({letter})")
}
