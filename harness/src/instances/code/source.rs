//! A drawing as SVG.

use super::SIDE;
use super::drawing::{Drawing, Item, Point};
use super::shape::{Form, Shape};
use std::fmt::Write;

/// The SVG of a drawing; a copied shape is a definition of its own.
pub(in crate::instances) fn source(drawing: &Drawing) -> String {
    let mut definitions = String::new();
    let mut body = String::new();
    for (index, item) in drawing.items.iter().enumerate() {
        if let Item::Uses { shape, .. } = item {
            let element = element(shape, [0, 0], &format!(" id=\"shape{index}\""));
            line(&mut definitions, format_args!("    {element}"));
        }
        write_item(&mut body, item, index);
    }
    if !definitions.is_empty() {
        definitions = format!("  <defs>\n{definitions}  </defs>\n");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{SIDE}\" height=\"{SIDE}\" viewBox=\"0 0 {SIDE} {SIDE}\">\n\
         {definitions}  <rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"#FFFFFF\"/>\n{body}</svg>\n"
    )
}

fn write_item(body: &mut String, item: &Item, index: usize) {
    match item {
        Item::Shape { shape, centre } => {
            line(body, format_args!("  {}", element(shape, *centre, "")));
        }
        Item::Repetition { shape, centres, .. } => {
            for centre in centres {
                line(body, format_args!("  {}", element(shape, *centre, "")));
            }
        }
        Item::Uses { centres, .. } => {
            for [x, y] in centres {
                line(body, format_args!("  <use href=\"#shape{index}\" x=\"{x}\" y=\"{y}\"/>"));
            }
        }
        Item::Line { colour, width, from: [x1, y1], to: [x2, y2] } => {
            let stroke = colour.hexadecimal();
            line(
                body,
                format_args!(
                    "  <line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
                ),
            );
        }
        Item::Curve { colour, width, from: [x1, y1], control: [cx, cy], to: [x2, y2] } => {
            let stroke = colour.hexadecimal();
            line(
                body,
                format_args!(
                    "  <path d=\"M {x1} {y1} Q {cx} {cy} {x2} {y2}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{width}\"/>"
                ),
            );
        }
    }
}

fn element(shape: &Shape, [x, y]: Point, attributes: &str) -> String {
    let fill = shape.colour.hexadecimal();
    let (x, y) = (i32::from(x), i32::from(y));
    let (size, half) = (i32::from(shape.size), i32::from(shape.half_height()));
    let rectangle = |height: i32| {
        format!(
            "<rect{attributes} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>",
            x - size,
            y - height,
            2 * size,
            2 * height
        )
    };
    match shape.form {
        Form::Circle => {
            format!("<circle{attributes} cx=\"{x}\" cy=\"{y}\" r=\"{size}\" fill=\"{fill}\"/>")
        }
        Form::Ellipse => format!(
            "<ellipse{attributes} cx=\"{x}\" cy=\"{y}\" rx=\"{size}\" ry=\"{half}\" fill=\"{fill}\"/>"
        ),
        Form::Square => rectangle(size),
        Form::Rectangle => rectangle(half),
        _ => {
            let corners = shape.corners().into_iter();
            let points: Vec<String> = corners
                .map(|(dx, dy)| format!("{},{}", tenths(10 * x + dx), tenths(10 * y + dy)))
                .collect();
            format!("<polygon{attributes} points=\"{}\" fill=\"{fill}\"/>", points.join(" "))
        }
    }
}

/// A number of tenths as a decimal number.
fn tenths(value: i32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (value.abs() / 10, value.abs() % 10);
    if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::code::drawing::Tier;
    use crate::instances::code::shape::Colour;

    #[test]
    fn numbers_are_written_shortly() {
        assert_eq!([0, 10, 5, -5, -1234].map(tenths), ["0", "1", "0.5", "-0.5", "-123.4"]);
    }

    #[test]
    fn copies_are_defined_once() {
        let shape = Shape { form: Form::Square, colour: Colour::Teal, size: 20 };
        let uses = Item::Uses { shape, centres: vec![[100, 100], [300, 200]] };
        let text = source(&Drawing { tier: Tier::Hard, items: vec![uses] });
        assert_eq!(text.matches("<rect id=\"shape0\" x=\"-20\" y=\"-20\" width=\"40\"").count(), 1);
        assert_eq!(text.matches("<use href=\"#shape0\"").count(), 2);
    }
}
