//! Every row of the maze table of papers/unimmmu, section 4.

use super::drawing::{Agent, BLACK, Canvas, MAZE, MazeStyle, PATH, WHITE, grid, maze};
use retally_manifests::Filter;
use retally_metrics::unified::Protocol;
use retally_metrics::unified::maze::MazeSymbol;

const CANONICAL: MazeStyle = MazeStyle {
    cell: 86,
    margin: 12,
    wall: [0x1f, 0x29, 0x37],
    floor: [0xf4, 0xef, 0xe6],
    agent: Agent::Square(0.5),
    frame: 0.25,
};

#[track_caller]
fn reads(canvas: &Canvas, expected: &str) {
    for protocol in Protocol::ALL {
        let reading = canvas.maze(protocol);
        assert_eq!(reading.grid, grid(expected), "{protocol:?}\n{}", reading.grid);
    }
}

#[test]
fn the_canonical_picture_and_its_harmless_variations_are_exact() {
    let canonical = maze(MAZE, CANONICAL);
    assert_eq!((canonical.image().width(), canonical.image().height()), (540, 540));
    reads(&canonical, MAZE);
    reads(&maze(MAZE, MazeStyle { margin: 0, ..CANONICAL }), MAZE);
    reads(&maze(MAZE, MazeStyle { margin: 60, ..CANONICAL }), MAZE);
    reads(&canonical.resized(256, Filter::Bicubic), MAZE);
    reads(&canonical.resized(1024, Filter::Lanczos), MAZE);
    reads(&maze(MAZE, MazeStyle { wall: BLACK, floor: WHITE, ..CANONICAL }), MAZE);
    reads(&maze(MAZE, MazeStyle { frame: 0.5, ..CANONICAL }), MAZE);
    let places = canonical.maze(Protocol::Official);
    assert_eq!((places.start, places.goal), (Some((5, 1)), Some((3, 1))));
}

#[test]
fn the_agent_on_its_goal_is_both() {
    let rows = "######/#.#.../#.###./#@..#./#.###./#.....";
    for frame in [0.25, 0.10] {
        let canvas = maze(rows, MazeStyle { frame, ..CANONICAL });
        reads(&canvas, rows);
        let reading = canvas.maze(Protocol::Official);
        assert_eq!((reading.start, reading.goal), (Some((3, 1)), Some((3, 1))));
    }
}

#[test]
fn a_smaller_agent_is_found_down_to_eight_percent_of_its_cell() {
    let agents = [
        Agent::Disc(0.5),
        Agent::Disc(0.45),
        Agent::Square(0.44),
        Agent::Square(0.43),
        Agent::Square(0.40),
        Agent::Square(0.30),
    ];
    for agent in agents {
        reads(&maze(MAZE, MazeStyle { agent, ..CANONICAL }), MAZE);
    }
    let lost = MAZE.replace('S', ".");
    for side in [0.28, 0.27, 0.25] {
        let canvas = maze(MAZE, MazeStyle { agent: Agent::Square(side), ..CANONICAL });
        reads(&canvas, &lost);
        assert_eq!(canvas.maze(Protocol::Official).start, None);
    }
}

#[test]
fn a_thinner_goal_is_found_down_to_a_quarter_of_its_cell() {
    for frame in [0.20, 0.17, 0.16, 0.15, 0.10] {
        reads(&maze(MAZE, MazeStyle { frame, ..CANONICAL }), MAZE);
    }
    for (frame, cell) in [(0.07, "?"), (0.06, "."), (0.05, ".")] {
        let canvas = maze(MAZE, MazeStyle { frame, ..CANONICAL });
        reads(&canvas, &MAZE.replace('G', cell));
        assert_eq!(canvas.maze(Protocol::Official).goal, None);
    }
}

#[test]
fn a_red_cell_reads_as_wall() {
    let mut canvas = maze(MAZE, CANONICAL);
    canvas.fill([12 + 3 * 86, 12 + 86, 86, 86], PATH);
    reads(&canvas, "######/#.##../#.###./#G..#./#.###./#S....");
}

#[test]
fn a_white_picture_is_floor_without_agent_and_goal() {
    let canvas = Canvas::new(540, 540, WHITE);
    reads(&canvas, "....../....../....../....../....../......");
    let reading = canvas.maze(Protocol::Official);
    assert_eq!((reading.start, reading.goal), (None, None));
}

const BLANK: &str = "....../....../....../....../....../......";

/// The official crop holds rows by the width and columns by the height.
#[test]
fn a_wide_picture_is_shifted_by_the_official_crop_alone() {
    let board = maze(MAZE, CANONICAL);
    let shifted = "...###/...#.#/...#.#/...#G./...#.#/...#S.";
    for (left, official) in [(0, MAZE), (270, shifted), (540, BLANK)] {
        let mut canvas = Canvas::new(1080, 540, WHITE);
        canvas.paste(&board, left, 0);
        assert_eq!(canvas.maze(Protocol::Official).grid, grid(official), "{left}");
        assert_eq!(canvas.maze(Protocol::Fixed).grid, grid(MAZE), "{left}");
    }
}

#[test]
fn a_tall_picture_is_shifted_by_the_official_crop_alone() {
    let board = maze(MAZE, CANONICAL);
    let shifted = "....../....../....../######/#.#.../#.###.";
    for (top, official) in [(0, MAZE), (270, shifted), (540, BLANK)] {
        let mut canvas = Canvas::new(540, 1080, WHITE);
        canvas.paste(&board, 0, top);
        assert_eq!(canvas.maze(Protocol::Official).grid, grid(official), "{top}");
        assert_eq!(canvas.maze(Protocol::Fixed).grid, grid(MAZE), "{top}");
    }
}

#[test]
fn a_speck_in_the_corner_spoils_its_cell_or_the_crop() {
    let mut canvas = maze(MAZE, CANONICAL);
    canvas.fill([0, 0, 5, 5], BLACK);
    reads(&canvas, &MAZE.replacen('#', "?", 1));

    let mut canvas = maze(MAZE, MazeStyle { margin: 60, ..CANONICAL });
    canvas.fill([0, 0, 10, 10], BLACK);
    for protocol in Protocol::ALL {
        let cells = canvas.maze(protocol).grid.0;
        let unknown = cells.as_flattened().iter().filter(|cell| **cell == MazeSymbol::Unknown);
        assert!(unknown.count() > 18, "{}", canvas.maze(protocol).grid);
    }
}
