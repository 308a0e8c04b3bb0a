use super::*;
use proptest::prelude::*;

/// Sums that stand for the classes of all colours, made by `tests/parity/uni_mmmu_colours.py`.
const COLOURS: &str = include_str!("../../../../../tests/parity/uni_mmmu_colours.json");

#[test]
fn every_colour_has_numpys_class() {
    let palette = Palette::default();
    crate::unified::colour::assert_classes(COLOURS, "maze", |colour| palette.classify(colour));
}

/// A maze as the benchmark draws it: full cells, the start a square of half the side, the goal a frame a quarter thick.
fn drawn(
    grid: &MazeGrid,
    cell: usize,
    [left, right, top, bottom]: [usize; 4],
) -> (usize, usize, Vec<u8>) {
    let (width, height) = (6 * cell + left + right, 6 * cell + top + bottom);
    let mut values = Vec::with_capacity(3 * width * height);
    for y in 0..height {
        for x in 0..width {
            let inside = y >= top && x >= left && y < top + 6 * cell && x < left + 6 * cell;
            let colour = if inside {
                let (y, x) = (y - top, x - left);
                colour_in(grid.0[y / cell][x / cell], [y % cell, x % cell], cell)
            } else {
                WHITE_RGB
            };
            values.extend_from_slice(&colour);
        }
    }
    (width, height, values)
}

fn colour_in(symbol: MazeSymbol, place: [usize; 2], cell: usize) -> [u8; 3] {
    let is_middle = place.iter().all(|at| (cell / 4..cell - cell / 4).contains(at));
    match (symbol, is_middle) {
        (MazeSymbol::Wall, _) => MAZE_WALL,
        (MazeSymbol::Start | MazeSymbol::StartOnGoal, true) => MAZE_START,
        (MazeSymbol::Goal | MazeSymbol::StartOnGoal, false) => MAZE_GOAL,
        _ => MAZE_FLOOR,
    }
}

/// Mazes: the first row and column are wall, one start and one goal, or one on the other.
fn mazes() -> impl Strategy<Value = MazeGrid> {
    (prop::collection::vec(prop::bool::ANY, 25), 0..25_usize, 0..25_usize).prop_map(
        |(walls, start, goal)| {
            let mut cells = [[MazeSymbol::Wall; MAZE_SIZE]; MAZE_SIZE];
            for (index, wall) in walls.into_iter().enumerate() {
                let symbol = match (index == start, index == goal) {
                    (true, true) => MazeSymbol::StartOnGoal,
                    (true, false) => MazeSymbol::Start,
                    (false, true) => MazeSymbol::Goal,
                    (false, false) if wall => MazeSymbol::Wall,
                    (false, false) => MazeSymbol::Floor,
                };
                cells[1 + index / 5][1 + index % 5] = symbol;
            }
            MazeGrid(cells)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the size of cells and margins, even where all four differ.
    #[test]
    fn a_drawn_maze_is_read_back(
        grid in mazes(),
        cell in 32..64_usize,
        margins in prop::array::uniform4(0..150_usize),
    ) {
        let (width, height, values) = drawn(&grid, cell, margins);
        let reading = read_maze(&Picture::new(width, height, &values).unwrap(), Protocol::Fixed);
        prop_assert_eq!(reading.grid, grid, "{}", reading.grid);
        prop_assert!(reading.start.is_some() && reading.goal.is_some());
    }

    /// The crop fault needs a picture that is not square.
    #[test]
    fn protocols_agree_on_square_pictures(grid in mazes(), cell in 20..60_usize, margin in 0..60_usize) {
        let (width, height, values) = drawn(&grid, cell, [margin; 4]);
        let picture = Picture::new(width, height, &values).unwrap();
        prop_assert_eq!(read_maze(&picture, Protocol::Official), read_maze(&picture, Protocol::Fixed));
    }

    #[test]
    fn noise_of_any_shape_is_read_without_failure(
        width in 1..40_usize,
        height in 1..40_usize,
        seed in any::<u32>(),
    ) {
        let values: Vec<u8> = (0..3 * width * height)
            .map(|index| ((index as u32 ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let picture = Picture::new(width, height, &values).unwrap();
        for protocol in Protocol::ALL {
            let reading = read_maze(&picture, protocol);
            for (place, symbol) in [(reading.start, MazeSymbol::Start), (reading.goal, MazeSymbol::Goal)] {
                if let Some(place) = place {
                    let read = reading.grid.get(place);
                    prop_assert!(read == Some(symbol) || read == Some(MazeSymbol::StartOnGoal));
                }
            }
        }
    }
}

#[test]
fn shares_decide_symbols_with_start_before_goal_before_ground() {
    for (shares, expected) in [
        ([0.4375, 0.0, 0.1875, 0.375], MazeSymbol::Start),
        ([0.25, 0.0, 0.1875, 0.5625], MazeSymbol::StartOnGoal),
        ([0.4375, 0.0, 0.0, 0.5625], MazeSymbol::Goal),
        ([0.0, 0.75, 0.125, 0.125], MazeSymbol::Wall),
        ([0.75, 0.0, 0.1874, 0.0], MazeSymbol::Floor),
        ([0.7, 0.3, 0.0, 0.0], MazeSymbol::Unknown),
    ] {
        assert_eq!(symbol(shares), expected, "{shares:?}");
    }
}

/// 2 of 25 pixels are 0.08 in both `float32` numbers, which is what NumPy 2 compares.
#[test]
fn the_likeliest_cell_is_taken_at_its_least_share_and_the_first_of_equals() {
    let mut cells = [[Some([1.0, 0.0, 0.0, 0.0]); MAZE_SIZE]; MAZE_SIZE];
    let share = (2.0_f64 / 25.0) as f32;
    cells[1][2] = Some([1.0 - share, 0.0, share, 0.0]);
    cells[3][0] = cells[1][2];
    let reading = symbols(&cells);
    assert_eq!((reading.start, reading.goal), (Some((1, 2)), None));
    assert_eq!(reading.grid.get((1, 2)), Some(MazeSymbol::Start));
    assert_eq!(reading.grid.get((3, 0)), Some(MazeSymbol::Floor));
    // The same cell for want of a goal: both.
    cells[1][2] = Some([0.65, 0.0, 0.09, 0.26]);
    let reading = symbols(&cells);
    assert_eq!(reading.grid.get((1, 2)), Some(MazeSymbol::StartOnGoal));
    assert_eq!(reading.goal, Some((1, 2)));
}
