//! Families of points: their colours and markers, and the legend that explains them.

use super::scene::{Ink, Rect, Scene, Shape, Text};
use super::typeface::Typeface;
use retally_suites::evaluation::Panel;
use std::f64::consts::{FRAC_PI_2, PI, TAU};

const SIZE: f64 = 11.0;
const MARKER: f64 = 4.4;
const LINE: f64 = 19.0;
/// Colours and marker shapes; both cycles have this length and the second is shifted, so 64 families stay apart.
const CYCLE: usize = 8;
/// The last colour, grey: points without a family in a figure that has families.
const NO_FAMILY: usize = CYCLE - 1;

/// The families of a figure in order of appearance.
pub(super) struct Legend {
    families: Vec<String>,
}

impl Legend {
    /// Collects the families of all panels.
    pub(super) fn of(panels: &[Panel]) -> Self {
        let mut families: Vec<String> = Vec::new();
        for point in panels.iter().flat_map(|panel| &panel.points) {
            if !point.family.is_empty() && !families.contains(&point.family) {
                families.push(point.family.clone());
            }
        }
        Self { families }
    }

    /// A legend of these names, in this order.
    pub(super) fn named(names: impl IntoIterator<Item = String>) -> Self {
        Self { families: names.into_iter().collect() }
    }

    /// The colour of the family at a position.
    pub(super) fn ink(position: usize) -> Ink {
        Ink::Family(position % CYCLE)
    }

    /// Whether no point has a family.
    pub(super) fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// Draws the marker of a family; points are discs of one colour where no point has a family.
    pub(super) fn draw_marker(
        &self,
        scene: &mut Scene,
        at: [f64; 2],
        radius: f64,
        family: &str,
        hollow: bool,
    ) {
        let (colour, shape) = match self.families.iter().position(|known| known == family) {
            Some(number) => (number % CYCLE, (number + number / CYCLE) % CYCLE),
            None if self.families.is_empty() => (0, 0),
            None => (NO_FAMILY, 0),
        };
        scene.shapes.push(marker(at, radius + 0.8, shape, Ink::Text));
        scene.shapes.push(marker(at, radius, shape, Ink::Family(colour)));
        if hollow {
            scene.shapes.push(marker(at, radius * 0.5, shape, Ink::Paper));
        }
    }

    /// Draws the legend below `top` and returns where it ends; nothing where there are no families.
    pub(super) fn draw(&self, scene: &mut Scene, top: f64, left: f64, typeface: &Typeface) -> f64 {
        if self.families.is_empty() {
            return top;
        }
        let (mut x, mut y) = (left, top + LINE * 0.7);
        for family in &self.families {
            let width = 2.0 * MARKER + 7.0 + typeface.width(family, SIZE) * 1.1 + 18.0;
            if x > left && x + width > scene.width {
                (x, y) = (left, y + LINE);
            }
            self.draw_marker(scene, [x + MARKER, y - SIZE * 0.35], MARKER, family, false);
            scene.text(Text::new(family.clone(), [x + 2.0 * MARKER + 6.0, y], SIZE));
            x += width;
        }
        y + LINE * 0.3
    }
}

/// A square of a colour with its name, as legend of filled areas. Returns where the legend ends.
pub(super) fn draw_swatches(
    scene: &mut Scene,
    names: &[String],
    [left, top]: [f64; 2],
    typeface: &Typeface,
) -> f64 {
    if names.is_empty() {
        return top;
    }
    let (mut x, mut y) = (left, top + LINE * 0.7);
    for (position, name) in names.iter().enumerate() {
        let width = 2.0 * MARKER + 7.0 + typeface.width(name, SIZE) * 1.1 + 18.0;
        if x > left && x + width > scene.width {
            (x, y) = (left, y + LINE);
        }
        let square = Rect::around([x + MARKER, y - SIZE * 0.35], MARKER);
        scene.fill(square, Legend::ink(position), 1.0);
        scene.text(Text::new(name.clone(), [x + 2.0 * MARKER + 6.0, y], SIZE));
        x += width;
    }
    y + LINE * 0.3
}

/// A marker whose area is about that of a disc of `radius`.
fn marker(centre: [f64; 2], radius: f64, shape: usize, ink: Ink) -> Shape {
    let regular = |corners: usize, turn: f64, size: f64| {
        let corner = |index: usize| {
            let angle = turn + TAU * index as f64 / corners as f64;
            [centre[0] + size * radius * angle.cos(), centre[1] + size * radius * angle.sin()]
        };
        Shape::Polygon { corners: (0..corners).map(corner).collect(), ink, opacity: 1.0 }
    };
    match shape {
        0 => Shape::Disc { centre, radius, ink },
        1 => regular(4, PI / 4.0, 1.25),
        2 => regular(3, -FRAC_PI_2, 1.5),
        3 => regular(4, 0.0, 1.3),
        4 => regular(3, FRAC_PI_2, 1.5),
        5 => regular(5, -FRAC_PI_2, 1.15),
        6 => star(centre, 1.5 * radius, ink),
        _ => regular(6, 0.0, 1.1),
    }
}

fn star(centre: [f64; 2], radius: f64, ink: Ink) -> Shape {
    let corner = |index: usize| {
        let angle = -FRAC_PI_2 + PI * index as f64 / 5.0;
        let reach = if index.is_multiple_of(2) { radius } else { 0.5 * radius };
        [centre[0] + reach * angle.cos(), centre[1] + reach * angle.sin()]
    };
    Shape::Polygon { corners: (0..10).map(corner).collect(), ink, opacity: 1.0 }
}
