//! A scene as PNG, through plotters' bitmap backend.
//!
//! The backend does not smooth edges, so it draws three times larger than asked and the picture is averaged down.

use super::scene::{Ink, Scene, Shape};
use super::theme::Theme;
use super::typeface::Typeface;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color, RGBAColor, ShapeStyle};

/// Pixels of the file per SVG unit.
const PIXELS: usize = 2;
/// Drawn pixels per pixel of the file, each way.
const OVERSAMPLING: usize = 3;
/// Drawn pixels per SVG unit.
const UNITS: f64 = (PIXELS * OVERSAMPLING) as f64;
/// Bold text is the light font drawn several times, this share of an em apart; regular text gains a little too, since
/// Ubuntu Light is thin at small sizes.
const BOLD: [f64; 4] = [-0.021, -0.007, 0.007, 0.021];
const REGULAR: [f64; 2] = [-0.009, 0.009];

/// Encodes the picture.
pub(super) fn write(scene: &Scene, theme: Theme, typeface: &Typeface) -> Result<Vec<u8>, String> {
    let [width, height] = [scene.width, scene.height].map(|length| length as usize * PIXELS);
    let (wide, tall) = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut drawn = Ink::Paper.rgb(theme).repeat(wide * tall);
    let mut backend = BitMapBackend::with_buffer(&mut drawn, (wide as u32, tall as u32));
    for shape in &scene.shapes {
        draw(&mut backend, shape, theme, typeface)?;
    }
    backend.present().map_err(|error| error.to_string())?;
    drop(backend);
    let pixels = averaged(&drawn, width, height);
    let mut file = Vec::new();
    PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::Adaptive)
        .write_image(&pixels, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| error.to_string())?;
    Ok(file)
}

fn draw(
    backend: &mut BitMapBackend<'_>,
    shape: &Shape,
    theme: Theme,
    typeface: &Typeface,
) -> Result<(), String> {
    let colour = |ink: Ink, opacity: f64| {
        let [red, green, blue] = ink.rgb(theme);
        RGBAColor(red, green, blue, opacity)
    };
    let drawn = match shape {
        Shape::Line { from, to, width, ink } => {
            let stroke_width = (width * UNITS).round() as u32;
            let style = ShapeStyle { color: colour(*ink, 1.0), filled: false, stroke_width };
            backend.draw_line(pixel(*from), pixel(*to), &style)
        }
        Shape::Polygon { corners, ink, opacity } => backend
            .fill_polygon(corners.iter().map(|&corner| pixel(corner)), &colour(*ink, *opacity)),
        Shape::Disc { centre, radius, ink } => backend.draw_circle(
            pixel(*centre),
            (radius * UNITS).round() as u32,
            &colour(*ink, 1.0),
            true,
        ),
        Shape::Text(text) => {
            let mut drawn = Ok(());
            for &shift in if text.bold { BOLD.as_slice() } else { REGULAR.as_slice() } {
                let mut copy = text.clone();
                copy.at[usize::from(text.rotated)] += shift * text.size;
                typeface.rasterise(&copy, UNITS, |x, y, coverage| {
                    if drawn.is_ok() && coverage > 0.0 {
                        let covered = colour(text.ink, f64::from(coverage.min(1.0)));
                        drawn = backend.draw_pixel((x, y), covered.to_backend_color());
                    }
                });
            }
            drawn
        }
    };
    drawn.map_err(|error| error.to_string())
}

fn pixel(at: [f64; 2]) -> (i32, i32) {
    let [x, y] = at.map(|coordinate| (coordinate * UNITS).round() as i32);
    (x, y)
}

/// Means of `OVERSAMPLING` x `OVERSAMPLING` blocks, rounded to the nearest level.
fn averaged(drawn: &[u8], width: usize, height: usize) -> Vec<u8> {
    const BLOCK: usize = OVERSAMPLING * OVERSAMPLING;
    let wide = width * OVERSAMPLING;
    let mut pixels = Vec::with_capacity(width * height * 3);
    let mut sums = vec![0usize; width * 3];
    for band in drawn.chunks_exact(wide * 3 * OVERSAMPLING) {
        sums.fill(0);
        for line in band.chunks_exact(wide * 3) {
            for (sum, block) in sums.chunks_exact_mut(3).zip(line.chunks_exact(3 * OVERSAMPLING)) {
                for colour in block.chunks_exact(3) {
                    sum.iter_mut().zip(colour).for_each(|(sum, &level)| *sum += usize::from(level));
                }
            }
        }
        pixels.extend(sums.iter().map(|&sum| ((sum + BLOCK / 2) / BLOCK) as u8));
    }
    pixels
}
