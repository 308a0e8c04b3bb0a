//! How a picture of a maze is read.

use super::grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
use crate::unified::board::{Clamp, Extent, cell, label_counts, within};
use crate::unified::colour::{CONTENT_ADVANTAGE, Class, ClassMap, UnitColour, nearest, unit};
use crate::unified::{Picture, Protocol};
use std::ops::Range;

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MazeReading {
    /// The cells. There may be several starts and goals.
    pub grid: MazeGrid,
    /// Row and column of the agent: of the last start cell, or of the cell that was taken for want of one.
    pub start: Option<(usize, usize)>,
    /// Row and column of the goal, likewise.
    pub goal: Option<(usize, usize)>,
}

const LABELS: usize = 4;
const FLOOR: usize = 0;
const WALL: usize = 1;
const START: usize = 2;
const GOAL: usize = 3;

/// Rows and columns with more content than this are the board's.
const CONTENT_SHARE: f64 = 0.003;
/// Shares of a cell; the first three are fixed by the script's tolerance of 0.75, of which the first is 0.25 times and
/// the second 0.75 times.
const LEAST_START: f32 = 0.1875;
const LEAST_GOAL: f32 = 0.5625;
const LEAST_GROUND: f32 = 0.75;
/// What a cell needs to be taken for the start, or the goal, of a maze that shows none.
const LEAST_LIKELY_START: f32 = 0.08;
const LEAST_LIKELY_GOAL: f32 = 0.25;

type Shares = [f32; LABELS];

/// Reads a picture of a maze: finds the board, labels each pixel by the nearest of floor, wall, start and goal, and gives
/// each cell a symbol by the shares of its labels (Uni-MMMU, `eval_ummmu.py` at b5200b2; Appendix of arXiv:2510.13759).
///
/// Never fails: a picture that shows no maze gives unknown cells, or floor. [`Protocol::Official`] cuts the board out with the
/// released fault (width and height exchanged, starts before the picture); [`Protocol::Fixed`] keeps the board within the picture.
/// Shares are compared as `float32`, which is what NumPy 2 does.
#[must_use]
pub fn read_maze(picture: &Picture<'_>, protocol: Protocol) -> MazeReading {
    let palette = Palette::default();
    let map = ClassMap::of(picture, |colour| palette.classify(colour));
    let clamp = match protocol {
        Protocol::Official => Clamp::Swapped,
        Protocol::Fixed => Clamp::Inside,
    };
    let (rows, columns) = Extent::of(&map, CONTENT_SHARE).square((map.width, map.height), clamp);
    let shares = std::array::from_fn(|row| {
        let rows = within(&rows, cell(row, MAZE_SIZE, rows.len()));
        std::array::from_fn(|column| {
            let columns = within(&columns, cell(column, MAZE_SIZE, columns.len()));
            shares(&map, rows.clone(), columns)
        })
    });
    symbols(&shares)
}

struct Palette {
    /// Floor, wall, start, goal.
    labels: [UnitColour; LABELS],
    /// Wall, start, goal, path.
    content: [UnitColour; 4],
    /// White, floor.
    background: [UnitColour; 2],
}

impl Default for Palette {
    fn default() -> Self {
        let [floor, wall, start, goal, white, path] =
            [MAZE_FLOOR, MAZE_WALL, MAZE_START, MAZE_GOAL, WHITE_RGB, PATH_RGB].map(unit);
        Self {
            labels: [floor, wall, start, goal],
            content: [wall, start, goal, path],
            background: [white, floor],
        }
    }
}

/// The colour of a cell that can be entered.
pub const MAZE_FLOOR: [u8; 3] = [0xf4, 0xef, 0xe6];
/// The colour of a wall.
pub const MAZE_WALL: [u8; 3] = [0x1f, 0x29, 0x37];
/// The colour of the agent.
pub const MAZE_START: [u8; 3] = [0x25, 0x63, 0xeb];
/// The colour of the goal.
pub const MAZE_GOAL: [u8; 3] = [0x22, 0xc5, 0x5e];
const WHITE_RGB: [u8; 3] = [0xff; 3];
const PATH_RGB: [u8; 3] = [0xef, 0x44, 0x44];

impl Palette {
    fn classify(&self, colour: [u8; 3]) -> Class {
        let colour = unit(colour);
        let (label, _) = nearest(colour, &self.labels);
        let (_, content) = nearest(colour, &self.content);
        let (_, background) = nearest(colour, &self.background);
        Class::new(label, content + CONTENT_ADVANTAGE < background)
    }
}

/// The share of each label in a tile, `None` without pixels.
fn shares(map: &ClassMap, rows: Range<usize>, columns: Range<usize>) -> Option<Shares> {
    let pixels = rows.len() * columns.len();
    (pixels > 0).then(|| {
        label_counts::<LABELS>(map, rows, columns)
            .map(|count| (count as f64 / pixels as f64) as f32)
    })
}

fn symbols(shares: &[[Option<Shares>; MAZE_SIZE]; MAZE_SIZE]) -> MazeReading {
    let mut grid = shares.map(|row| row.map(|shares| shares.map_or(MazeSymbol::Unknown, symbol)));
    let (mut start, mut goal) = (None, None);
    for (row, symbols) in grid.iter().enumerate() {
        for (column, symbol) in symbols.iter().enumerate() {
            let place = Some((row, column));
            match symbol {
                MazeSymbol::Start => start = place,
                MazeSymbol::Goal => goal = place,
                MazeSymbol::StartOnGoal => (start, goal) = (place, place),
                MazeSymbol::Floor | MazeSymbol::Wall | MazeSymbol::Unknown => {}
            }
        }
    }
    if start.is_none() {
        start = likeliest(shares, START, LEAST_LIKELY_START);
        if let Some((row, column)) = start {
            grid[row][column] = MazeSymbol::Start;
        }
    }
    if goal.is_none() {
        goal = likeliest(shares, GOAL, LEAST_LIKELY_GOAL);
        if let Some((row, column)) = goal {
            grid[row][column] = match grid[row][column] {
                MazeSymbol::Start => MazeSymbol::StartOnGoal,
                _ => MazeSymbol::Goal,
            };
        }
    }
    if let (Some((row, column)), true) = (start, start == goal) {
        grid[row][column] = MazeSymbol::StartOnGoal;
    }
    MazeReading { grid: MazeGrid(grid), start, goal }
}

fn symbol(shares: Shares) -> MazeSymbol {
    let has_start = shares[START] >= LEAST_START;
    let has_goal = shares[GOAL] >= LEAST_GOAL;
    match (has_start, has_goal) {
        (true, true) => MazeSymbol::StartOnGoal,
        (true, false) => MazeSymbol::Start,
        (false, true) => MazeSymbol::Goal,
        (false, false) if shares[WALL] >= LEAST_GROUND => MazeSymbol::Wall,
        (false, false) if shares[FLOOR] >= LEAST_GROUND => MazeSymbol::Floor,
        (false, false) => MazeSymbol::Unknown,
    }
}

/// The first cell with the largest share of a label, if that is at least `least`.
fn likeliest(
    shares: &[[Option<Shares>; MAZE_SIZE]; MAZE_SIZE],
    label: usize,
    least: f32,
) -> Option<(usize, usize)> {
    let mut best = (0.0, None);
    for (row, cells) in shares.iter().enumerate() {
        for (column, shares) in cells.iter().enumerate() {
            let share = shares.map_or(0.0, |shares| shares[label]);
            if share > best.0 {
                best = (share, Some((row, column)));
            }
        }
    }
    best.1.filter(|_| best.0 >= least)
}

#[cfg(test)]
mod tests;
