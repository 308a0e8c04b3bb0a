//! A drawing in words.

use super::SIDE;
use super::drawing::{Arrangement, Drawing, Item, Point};

/// One sentence of at most 60 words: counts, colours, shapes, places.
pub(in crate::instances) fn summary(drawing: &Drawing) -> String {
    let parts: Vec<String> = drawing.items.iter().map(words).collect();
    let layers = if drawing.items.len() > 1 && drawing.tier == super::Tier::Hard {
        ", later ones on top"
    } else {
        ""
    };
    format!("On white{layers}: {}.", parts.join("; "))
}

fn words(item: &Item) -> String {
    let colour = item.colour().word();
    match item {
        Item::Shape { shape, centre } => {
            format!("{colour} {} {}", shape.form.word(), place(*centre))
        }
        Item::Repetition { shape, centres, arrangement } => {
            let arrangement = match arrangement {
                Arrangement::Row => "row",
                Arrangement::Column => "column",
                Arrangement::Grid => "grid",
            };
            format!("{arrangement} of {} {colour} {}s", centres.len(), shape.form.word())
        }
        Item::Uses { shape, centres } => {
            let places: Vec<&str> = centres.iter().map(|centre| place(*centre)).collect();
            format!("{} {colour} {}s {}", centres.len(), shape.form.word(), places.join(", "))
        }
        Item::Line { from, to, .. } => {
            format!("{colour} line from {} to {}", place(*from), place(*to))
        }
        Item::Curve { from, to, .. } => {
            format!("{colour} curve from {} to {}", place(*from), place(*to))
        }
    }
}

/// The ninth of the drawing that a point is in.
fn place([x, y]: Point) -> &'static str {
    const PLACES: [[&str; 3]; 3] = [
        ["top left", "top centre", "top right"],
        ["middle left", "centre", "middle right"],
        ["bottom left", "bottom centre", "bottom right"],
    ];
    let third = |value: u16| (3 * usize::from(value) / SIDE).min(2);
    PLACES[third(y)][third(x)]
}
