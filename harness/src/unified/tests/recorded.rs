//! Grids that the released parsers gave on pictures which `drawing` can draw again.

use super::drawing::{Agent, BLACK, Canvas, MAZE, MazeStyle, SlidingStyle, WHITE, maze, sliding};
use retally_metrics::unified::Protocol;
use serde_json::Value;
use std::collections::BTreeMap;

/// Made by `tests/parity/uni_mmmu_peer.py`, which draws the same pictures.
const RECORD: &str = include_str!("../../../../tests/parity/uni_mmmu_peer.json");

/// Pixels without pattern: what `noise` of the Python file draws.
fn noise(width: usize, height: usize, seed: u32) -> Canvas {
    let mut canvas = Canvas::new(width, height, WHITE);
    let mut state = seed;
    for y in 0..height {
        for x in 0..width {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let colour = [next(), next(), next()];
            canvas.fill([x, y, 1, 1], colour);
        }
    }
    canvas
}

fn pictures() -> BTreeMap<&'static str, Canvas> {
    let board = maze(MAZE, MazeStyle::default());
    let style = MazeStyle { cell: 50, margin: 7, ..MazeStyle::default() };
    let mut wide = Canvas::new(1080, 540, WHITE);
    wide.paste(&board, 301, 0);
    let mut tall = Canvas::new(541, 900, WHITE);
    tall.paste(&board, 1, 222);
    let mut black = Canvas::new(700, 330, BLACK);
    black.paste(&maze(MAZE, style), 111, 9);
    let mut puzzle_wide = Canvas::new(400, 90, [0xe4, 0x1a, 0x1c]);
    puzzle_wide.fill([100, 10, 80, 80], [0x37, 0x7e, 0xb8]);
    let puzzle =
        sliding([2, 3, 4, 5, 6, 7, 8, 9, 1], SlidingStyle { cell: 53, margin: 9, tile: 0.9 });
    let mut puzzle_tall = Canvas::new(200, 333, WHITE);
    puzzle_tall.paste(&puzzle, 11, 77);
    BTreeMap::from([
        ("maze", board),
        ("maze-small-agent", maze(MAZE, MazeStyle { agent: Agent::Square(0.30), ..style })),
        ("maze-thin-goal", maze(MAZE, MazeStyle { frame: 0.07, ..style })),
        ("maze-wide", wide),
        ("maze-tall", tall),
        ("maze-on-black", black),
        ("noise", noise(97, 61, 1)),
        ("noise-tall", noise(31, 90, 2)),
        ("red-wide", puzzle_wide),
        ("puzzle", puzzle),
        ("puzzle-tall", puzzle_tall),
    ])
}

#[test]
fn the_released_parsers_gave_the_same_grids() {
    let record: Value = serde_json::from_str(RECORD).unwrap();
    let pictures = pictures();
    let recorded = record["recorded"].as_object().unwrap();
    assert_eq!(recorded.len(), pictures.len());
    for (name, expected) in recorded {
        let canvas = &pictures[name.as_str()];
        let grid = canvas.maze(Protocol::Official).grid.to_string().replace('\n', "/");
        assert_eq!(grid, expected["maze"].as_str().unwrap(), "{name}");
        let board = canvas.sliding(Protocol::Official).to_string();
        assert_eq!(board, expected["sliding"].as_str().unwrap(), "{name}");
    }
}
