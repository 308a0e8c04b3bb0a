//! Pictures of puzzles as the benchmark draws them, and with every fault of a model.

use crate::images::raster::Rgb;
use crate::images::resize::Resampler;
use retally_manifests::Filter;
use retally_metrics::unified::maze::{MazeGrid, MazeReading, MazeSymbol, read_maze};
use retally_metrics::unified::sliding::{SLIDING_COLOURS, SlidingReading, read_sliding};
use retally_metrics::unified::{Picture, Protocol};
use std::path::Path;

pub(super) type Colour = [u8; 3];

pub(super) const WHITE: Colour = [0xff; 3];
pub(super) const BLACK: Colour = [0; 3];
const FLOOR: Colour = [0xf4, 0xef, 0xe6];
const WALL: Colour = [0x1f, 0x29, 0x37];
const START: Colour = [0x25, 0x63, 0xeb];
const GOAL: Colour = [0x22, 0xc5, 0x5e];
pub(super) const PATH: Colour = [0xef, 0x44, 0x44];

/// The fixture of papers/unimmmu, section 4.
pub(super) const MAZE: &str = "######/#.#.../#.###./#G..#./#.###./#S....";

/// A canvas to paint on.
#[derive(Clone)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// Paints the pixels of a rectangle for which `is_inside(x, y)`, counted from its corner.
    pub(super) fn paint(
        &mut self,
        [left, top, width, height]: [usize; 4],
        colour: Colour,
        is_inside: impl Fn(usize, usize) -> bool,
    ) {
        for y in 0..height {
            for x in 0..width {
                if is_inside(x, y) {
                    self.pixels[(top + y) * self.width + left + x] = colour;
                }
            }
        }
    }

    pub(super) fn fill(&mut self, rectangle: [usize; 4], colour: Colour) {
        self.paint(rectangle, colour, |_, _| true);
    }

    /// Puts another canvas on this one.
    pub(super) fn paste(&mut self, other: &Self, left: usize, top: usize) {
        for y in 0..other.height {
            let start = (top + y) * self.width + left;
            let row = &other.pixels[y * other.width..(y + 1) * other.width];
            self.pixels[start..start + other.width].copy_from_slice(row);
        }
    }

    pub(super) fn image(&self) -> Rgb {
        Rgb::new(self.width, self.height, self.pixels.as_flattened().to_vec()).unwrap()
    }

    pub(super) fn resized(&self, side: usize, filter: Filter) -> Self {
        let image = Resampler::default().resize(&self.image(), side, side, filter).unwrap();
        let pixels = image.values().as_chunks::<3>().0.to_vec();
        Self { width: side, height: side, pixels }
    }

    pub(super) fn save(&self, path: &Path) {
        let values = self.pixels.as_flattened();
        let (width, height) = (self.width as u32, self.height as u32);
        image::save_buffer(path, values, width, height, image::ExtendedColorType::Rgb8).unwrap();
    }

    pub(super) fn maze(&self, protocol: Protocol) -> MazeReading {
        read_maze(&self.picture(), protocol)
    }

    pub(super) fn sliding(&self, protocol: Protocol) -> SlidingReading {
        read_sliding(&self.picture(), protocol)
    }

    fn picture(&self) -> Picture<'_> {
        Picture::new(self.width, self.height, self.pixels.as_flattened()).unwrap()
    }
}

/// What marks the agent.
#[derive(Clone, Copy)]
pub(super) enum Agent {
    /// A square, by its side as a share of the cell's.
    Square(f64),
    /// A disc, by its diameter.
    Disc(f64),
}

/// How a maze is drawn.
#[derive(Clone, Copy)]
pub(super) struct MazeStyle {
    pub(super) cell: usize,
    pub(super) margin: usize,
    pub(super) wall: Colour,
    pub(super) floor: Colour,
    pub(super) agent: Agent,
    /// Thickness of the goal's frame as a share of the cell's side; 0.5 is a full cell.
    pub(super) frame: f64,
}

impl Default for MazeStyle {
    fn default() -> Self {
        Self {
            cell: 86,
            margin: 12,
            wall: WALL,
            floor: FLOOR,
            agent: Agent::Square(0.5),
            frame: 0.25,
        }
    }
}

/// Draws rows parted by strokes; `@` is the agent on the goal.
pub(super) fn maze(rows: &str, style: MazeStyle) -> Canvas {
    let MazeStyle { cell, margin, .. } = style;
    let side = 6 * cell + 2 * margin;
    let mut canvas = Canvas::new(side, side, WHITE);
    for (row, line) in rows.split('/').enumerate() {
        for (column, letter) in line.chars().enumerate() {
            let corner = [margin + column * cell, margin + row * cell];
            let place = [corner[0], corner[1], cell, cell];
            canvas.fill(place, if letter == '#' { style.wall } else { style.floor });
            if matches!(letter, 'G' | '@') {
                draw_goal(&mut canvas, place, style);
            }
            if matches!(letter, 'S' | '@') {
                draw_agent(&mut canvas, place, style);
            }
        }
    }
    canvas
}

fn draw_goal(canvas: &mut Canvas, place: [usize; 4], style: MazeStyle) {
    let thick = (style.frame * style.cell as f64).round() as usize;
    let inside = thick..style.cell - thick;
    canvas.paint(place, GOAL, |x, y| !(inside.contains(&x) && inside.contains(&y)));
}

fn draw_agent(canvas: &mut Canvas, place: [usize; 4], style: MazeStyle) {
    let cell = style.cell as f64;
    match style.agent {
        Agent::Square(share) => {
            let side = (share * cell).round() as usize;
            let start = (style.cell - side) / 2;
            let inside = start..start + side;
            canvas.paint(place, START, |x, y| inside.contains(&x) && inside.contains(&y));
        }
        Agent::Disc(share) => {
            let radius = share * cell / 2.0;
            let from_centre = |at: usize| at as f64 + 0.5 - cell / 2.0;
            canvas.paint(place, START, |x, y| from_centre(x).hypot(from_centre(y)) <= radius);
        }
    }
}

/// The grid of rows parted by strokes.
pub(super) fn grid(rows: &str) -> MazeGrid {
    let mut cells = [[MazeSymbol::Unknown; 6]; 6];
    for (row, line) in rows.split('/').enumerate() {
        for (column, letter) in line.chars().enumerate() {
            cells[row][column] = match letter {
                '#' => MazeSymbol::Wall,
                '.' => MazeSymbol::Floor,
                'S' => MazeSymbol::Start,
                'G' => MazeSymbol::Goal,
                '@' => MazeSymbol::StartOnGoal,
                _ => MazeSymbol::Unknown,
            };
        }
    }
    MazeGrid(cells)
}

/// How a sliding puzzle is drawn.
#[derive(Clone, Copy)]
pub(super) struct SlidingStyle {
    pub(super) cell: usize,
    pub(super) margin: usize,
    /// Side of a tile as a share of the cell's.
    pub(super) tile: f64,
}

impl Default for SlidingStyle {
    fn default() -> Self {
        Self { cell: 160, margin: 15, tile: 1.0 }
    }
}

/// Draws nine numbers, row by row.
pub(super) fn sliding(numbers: [u8; 9], style: SlidingStyle) -> Canvas {
    let SlidingStyle { cell, margin, tile } = style;
    let side = 3 * cell + 2 * margin;
    let mut canvas = Canvas::new(side, side, WHITE);
    let width = (tile * cell as f64).round() as usize;
    let gap = (cell - width) / 2;
    for (index, number) in numbers.into_iter().enumerate() {
        let corner = [index % 3, index / 3].map(|at| margin + at * cell + gap);
        let colour = SLIDING_COLOURS[usize::from(number) - 1];
        canvas.fill([corner[0], corner[1], width, width], colour);
    }
    canvas
}
