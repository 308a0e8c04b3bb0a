//! A sheet of pictures: images in rows and columns, with headings, labels and captions. Light ground, since images have theirs.

use crate::error::ReportError;
use crate::figure::{Anchor, Ink, Text, Theme, Typeface};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

/// Most pixels of a sheet.
const MOST_PIXELS: usize = 64 << 20;
/// The em of words, in pixels.
const EM: f64 = 22.0;
/// From one line of words to the next.
const LINE: usize = 30;
/// Around everything.
const MARGIN: usize = 24;
/// Between two images, and between an image and its words.
const GAP: usize = 12;
/// Light fonts gain a little at this size.
const SHIFTS: [f64; 2] = [-0.009, 0.009];

/// An image with words below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green, blue; row by row.
    pub pixels: Vec<u8>,
    /// One line below the image; none if empty.
    pub caption: String,
}

/// Images beside each other, with words before them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetRow {
    /// Lines before the images.
    pub label: Vec<String>,
    /// The images; a place may be empty.
    pub tiles: Vec<Option<Tile>>,
}

/// A sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sheet {
    /// One line above each column.
    pub headings: Vec<String>,
    /// The rows, from top to bottom.
    pub rows: Vec<SheetRow>,
    /// Pixels of the sheet for each pixel of an image, each way.
    pub zoom: usize,
}

impl Sheet {
    /// The sheet as PNG; the same sheet gives the same bytes.
    ///
    /// # Errors
    /// A tile whose pixels do not fill it, or a sheet of no images or too many pixels.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        self.check()?;
        let typeface = Typeface::bundled()?;
        let measures = Measures::of(self, &typeface);
        let mut canvas = Canvas::new(measures.width, measures.height)?;
        self.draw(&measures, &typeface, &mut canvas);
        canvas.png()
    }

    fn check(&self) -> Result<(), ReportError> {
        let mut tiles = self.rows.iter().flat_map(|row| row.tiles.iter().flatten()).peekable();
        if tiles.peek().is_none() || self.zoom == 0 {
            return Err(ReportError::Sheet(
                "it has no images, or shows them at no size".to_owned(),
            ));
        }
        let fits = |tile: &Tile| {
            let pixels = tile.width.checked_mul(tile.height);
            let shown = pixels.and_then(|pixels| pixels.checked_mul(self.zoom.checked_pow(2)?));
            pixels.and_then(|pixels| pixels.checked_mul(3)) == Some(tile.pixels.len())
                && shown.is_some_and(|shown| (1..=MOST_PIXELS).contains(&shown))
        };
        match tiles.find(|tile| !fits(tile)) {
            None => Ok(()),
            Some(Tile { width, height, pixels, .. }) => Err(ReportError::Sheet(format!(
                "an image of {width}x{height} pixels has {} values, or is too large at a zoom of {}",
                pixels.len(),
                self.zoom
            ))),
        }
    }

    fn draw(&self, measures: &Measures, typeface: &Typeface, canvas: &mut Canvas) {
        let words = |canvas: &mut Canvas, content: &str, at: [f64; 2], anchor, ink| {
            canvas.text(&Text::new(content, at, EM).anchor(anchor).ink(ink), typeface);
        };
        for (heading, &[left, width]) in self.headings.iter().zip(&measures.columns) {
            let at = [(left + width / 2) as f64, (MARGIN + LINE) as f64 - 8.0];
            words(canvas, heading, at, Anchor::Middle, Ink::Text);
        }
        for (row, &[top, height]) in self.rows.iter().zip(&measures.rows) {
            let middle = top as f64 + height as f64 / 2.0;
            let first = middle - (row.label.len() as f64 / 2.0 - 0.7) * LINE as f64;
            for (line, content) in row.label.iter().enumerate() {
                let at = [MARGIN as f64, first + (line * LINE) as f64];
                words(canvas, content, at, Anchor::Start, Ink::Text);
            }
            for (tile, &[left, width]) in row.tiles.iter().zip(&measures.columns) {
                let Some(tile) = tile else { continue };
                let start = left + (width - tile.width * self.zoom) / 2;
                canvas.image(tile, [start, top], self.zoom);
                let at = [(left + width / 2) as f64, (top + height + LINE) as f64 - 6.0];
                words(canvas, &tile.caption, at, Anchor::Middle, Ink::Muted);
            }
        }
    }
}

/// Where everything stands.
struct Measures {
    width: usize,
    height: usize,
    /// Left edge and width of each column.
    columns: Vec<[usize; 2]>,
    /// Top edge and height of each row's images.
    rows: Vec<[usize; 2]>,
}

impl Measures {
    fn of(sheet: &Sheet, typeface: &Typeface) -> Self {
        let width_of = |text: &str| typeface.width(text, EM).ceil() as usize;
        let labels = sheet.rows.iter().flat_map(|row| &row.label);
        let label_width = labels.map(|line| width_of(line)).max().unwrap_or(0);
        let count = sheet.rows.iter().map(|row| row.tiles.len()).max().unwrap_or(0);
        let mut left = MARGIN + if label_width > 0 { label_width + 2 * GAP } else { 0 };
        let mut columns = Vec::new();
        for column in 0..count {
            let heading = sheet.headings.get(column).map_or(0, |heading| width_of(heading));
            let tiles = sheet.rows.iter().filter_map(|row| row.tiles.get(column)?.as_ref());
            let widths = tiles.map(|tile| (tile.width * sheet.zoom).max(width_of(&tile.caption)));
            let width = widths.max().unwrap_or(0).max(heading);
            columns.push([left, width]);
            left += width + GAP;
        }
        let mut top = MARGIN + if sheet.headings.is_empty() { 0 } else { LINE + GAP / 2 };
        let mut rows = Vec::new();
        for row in &sheet.rows {
            let tiles = || row.tiles.iter().flatten();
            let images = tiles().map(|tile| tile.height * sheet.zoom).max().unwrap_or(0);
            let height = images.max(row.label.len() * LINE);
            rows.push([top, height]);
            let has_captions = tiles().any(|tile| !tile.caption.is_empty());
            top += height + GAP + if has_captions { LINE } else { 0 };
        }
        Self { width: left - GAP + MARGIN, height: top - GAP + MARGIN, columns, rows }
    }
}

/// Pixels in the making.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Result<Self, ReportError> {
        let accepted = width.checked_mul(height).filter(|pixels| *pixels <= MOST_PIXELS);
        let Some(count) = accepted else {
            return Err(ReportError::Sheet(format!(
                "it would have {width}x{height} pixels; show fewer images, or smaller ones"
            )));
        };
        Ok(Self { width, height, pixels: Ink::Paper.rgb(Theme::Light).repeat(count) })
    }

    fn image(&mut self, tile: &Tile, [left, top]: [usize; 2], zoom: usize) {
        for (y, row) in tile.pixels.chunks_exact(3 * tile.width.max(1)).enumerate() {
            let line: Vec<u8> = row.chunks_exact(3).flat_map(|pixel| pixel.repeat(zoom)).collect();
            for repeat in 0..zoom {
                let start = 3 * ((top + y * zoom + repeat) * self.width + left);
                if let Some(target) = self.pixels.get_mut(start..start + line.len()) {
                    target.copy_from_slice(&line);
                }
            }
        }
    }

    fn text(&mut self, text: &Text, typeface: &Typeface) {
        let ink = text.ink.rgb(Theme::Light);
        let (width, height) = (self.width as i32, self.height as i32);
        for shift in SHIFTS {
            let mut copy = text.clone();
            copy.at[0] += shift * text.size;
            typeface.rasterise(&copy, 1.0, |x, y, coverage| {
                if !((0..width).contains(&x) && (0..height).contains(&y)) {
                    return;
                }
                let start = 3 * (y * width + x) as usize;
                let pixel = self.pixels[start..start + 3].iter_mut();
                for (level, ink) in pixel.zip(ink) {
                    let mixed = f32::from(*level)
                        + (f32::from(ink) - f32::from(*level)) * coverage.clamp(0.0, 1.0);
                    *level = mixed.round() as u8;
                }
            });
        }
    }

    fn png(&self) -> Result<Vec<u8>, ReportError> {
        let mut file = Vec::new();
        PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::Adaptive)
            .write_image(
                &self.pixels,
                self.width as u32,
                self.height as u32,
                ExtendedColorType::Rgb8,
            )
            .map_err(|error| ReportError::Sheet(error.to_string()))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(level: u8, caption: &str) -> Tile {
        Tile { width: 2, height: 1, pixels: vec![level; 6], caption: caption.to_owned() }
    }

    fn sheet() -> Sheet {
        let row = SheetRow {
            label: vec!["one".to_owned()],
            tiles: vec![Some(tile(9, "")), None, Some(tile(7, "seven"))],
        };
        Sheet {
            headings: vec!["a".to_owned(), String::new(), "c".to_owned()],
            rows: vec![row],
            zoom: 40,
        }
    }

    fn decoded(sheet: &Sheet) -> image::RgbImage {
        image::load_from_memory(&sheet.png().unwrap()).unwrap().to_rgb8()
    }

    #[test]
    fn images_stand_enlarged_in_their_columns() {
        let picture = decoded(&sheet());
        let count = |level: u8| picture.pixels().filter(|pixel| pixel.0 == [level; 3]).count();
        // 80 x 40 pixels each; words are drawn in other colours.
        assert_eq!([count(9), count(7)], [3200, 3200]);
        let left = |level: u8| {
            let found = picture.enumerate_pixels().find(|(_, _, pixel)| pixel.0 == [level; 3]);
            found.map(|(x, _, _)| x).unwrap()
        };
        assert!(left(9) < left(7));
        assert_eq!(picture.get_pixel(0, 0).0, [255; 3]);
    }

    #[test]
    fn the_same_sheet_has_the_same_bytes() {
        assert_eq!(sheet().png().unwrap(), sheet().png().unwrap());
        let mut other = sheet();
        other.rows[0].label[0].push('!');
        assert_ne!(other.png().unwrap(), sheet().png().unwrap());
    }

    #[test]
    fn sheets_that_cannot_be_drawn_are_refused() {
        let refused = |change: &dyn Fn(&mut Sheet)| {
            let mut changed = sheet();
            change(&mut changed);
            changed.png().unwrap_err().to_string()
        };
        assert!(refused(&|sheet| sheet.rows.clear()).contains("no images"));
        assert!(refused(&|sheet| sheet.zoom = 0).contains("at no size"));
        assert!(refused(&|sheet| sheet.zoom = usize::MAX).contains("too large"));
        assert!(
            refused(&|sheet| sheet.rows[0].tiles[0] = Some(Tile { width: 3, ..tile(1, "") }))
                .contains("3x1 pixels has 6 values")
        );
    }
}
