//! A scene as SVG, through plotters' SVG backend.
//!
//! The backend knows whole pixels only and neither titles nor descriptions, so it draws eight pixels a unit and the
//! document's frame is written here.

use super::scene::{Anchor, Ink, Scene, Shape, Text};
use super::theme::Theme;
use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle,
};
use std::fmt::Write as _;

/// Backend pixels per SVG unit.
const UNITS: f64 = 8.0;
/// The bundled font first, then what most systems have.
const FONT_FAMILY: &str = "Ubuntu, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";
/// plotters divides font sizes by this before it writes them.
const PLOTTERS_FONT_DIVISOR: f64 = 1.24;
/// plotters puts the baseline this many em below the position of text that is anchored at its top.
const PLOTTERS_BASELINE: f64 = 0.76;

/// Writes the document.
pub(super) fn write(scene: &Scene, theme: Theme) -> Result<String, String> {
    let mut drawn = String::new();
    let size = [scene.width, scene.height].map(|length| (length * UNITS) as u32);
    let mut backend = SVGBackend::with_string(&mut drawn, (size[0], size[1]));
    scene.shapes.iter().try_for_each(|shape| draw(&mut backend, shape, theme))?;
    backend.present().map_err(|error| error.to_string())?;
    drop(backend);
    let body = drawn
        .split_once('\n')
        .and_then(|(_, rest)| rest.trim_end().strip_suffix("</svg>"))
        .ok_or_else(|| "the SVG backend wrote no document".to_owned())?;
    let [red, green, blue] = Ink::Paper.rgb(theme);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\">\n\
         <title>{}</title>\n<desc>{}</desc>\n\
         <rect width=\"{}\" height=\"{}\" fill=\"#{red:02X}{green:02X}{blue:02X}\"/>\n",
        scene.width,
        scene.height,
        size[0],
        size[1],
        escape(&scene.title),
        escape(&scene.description),
        size[0],
        size[1],
    );
    out.push_str(
        &body.replace(" opacity=\"1\"", "").replace(" stroke=\"none\" stroke-width=\"1\"", ""),
    );
    for hotspot in &scene.hotspots {
        let [x, y] = hotspot.at.map(|coordinate| (coordinate * UNITS).round());
        let radius = 6.0 * UNITS;
        let words = escape(&hotspot.words);
        let _ = writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill-opacity=\"0\"><title>{words}</title></circle>"
        );
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn draw(backend: &mut SVGBackend<'_>, shape: &Shape, theme: Theme) -> Result<(), String> {
    let colour = |ink: Ink| {
        let [red, green, blue] = ink.rgb(theme);
        RGBColor(red, green, blue)
    };
    let drawn = match shape {
        Shape::Text(text) => return draw_text(backend, text, colour(text.ink)),
        Shape::Line { from, to, width, ink } => {
            let stroke_width = (width * UNITS).round() as u32;
            let style = ShapeStyle { color: colour(*ink).into(), filled: false, stroke_width };
            backend.draw_line(pixel(*from), pixel(*to), &style)
        }
        Shape::Polygon { corners, ink, opacity } => {
            let RGBColor(red, green, blue) = colour(*ink);
            backend.fill_polygon(
                corners.iter().map(|&corner| pixel(corner)),
                &RGBAColor(red, green, blue, *opacity),
            )
        }
        Shape::Disc { centre, radius, ink } => backend.draw_circle(
            pixel(*centre),
            (radius * UNITS).round() as u32,
            &colour(*ink),
            true,
        ),
    };
    drawn.map_err(|error| error.to_string())
}

fn draw_text(backend: &mut SVGBackend<'_>, text: &Text, colour: RGBColor) -> Result<(), String> {
    let horizontal = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let weight = if text.bold { FontStyle::Bold } else { FontStyle::Normal };
    let font = FontDesc::new(
        FontFamily::Name(FONT_FAMILY),
        text.size * UNITS * PLOTTERS_FONT_DIVISOR,
        weight,
    );
    let font = if text.rotated { font.transform(FontTransform::Rotate270) } else { font };
    let style = TextStyle::from(font).color(&colour).pos(Pos::new(horizontal, VPos::Top));
    let rise = PLOTTERS_BASELINE * text.size;
    let at = if text.rotated {
        [text.at[0] - rise, text.at[1]]
    } else {
        [text.at[0], text.at[1] - rise]
    };
    backend.draw_text(&text.content, &style, pixel(at)).map_err(|error| error.to_string())
}

fn pixel(at: [f64; 2]) -> (i32, i32) {
    let [x, y] = at.map(|coordinate| (coordinate * UNITS).round() as i32);
    (x, y)
}

/// Escapes text for XML content, without the control characters that XML forbids.
fn escape(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).fold(
        String::new(),
        |mut out, character| {
            match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                other => out.push(other),
            }
            out
        },
    )
}
