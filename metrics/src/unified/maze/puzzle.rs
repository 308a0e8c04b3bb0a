//! A maze with one start, one goal and one shortest path; and an endless supply of them.

use super::carve::carve;
use super::grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
use super::paths::{is_open, shortest_maze_paths, spread};
use crate::random::Stream;
use crate::unified::Direction;
use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Lengths of the paths of Uni-MMMU's mazes.
pub const MAZE_PATH_LENGTHS: RangeInclusive<usize> = 2..=10;

/// After this many draws without a new maze there is probably none: 88 sets of walls with at most 240 pairs of start and goal
/// make some 20,000 mazes.
const MAX_ATTEMPTS: u32 = 100_000;

/// A maze that has one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MazePuzzle {
    grid: MazeGrid,
    start: (usize, usize),
    goal: (usize, usize),
    moves: Vec<Direction>,
}

/// Why a grid is no such maze.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MazePuzzleError {
    /// The start, or the goal, is not there once.
    #[error("a maze has one `{symbol}`, this one has {found}")]
    Places {
        /// `S` or `G`.
        symbol: &'static str,
        /// How many cells show it.
        found: usize,
    },
    /// A cell that is neither floor, wall, start nor goal.
    #[error(
        "row {row}, column {column} shows `{symbol}`; before the first move a cell is floor, wall, S or G"
    )]
    Symbol {
        /// From 0.
        row: usize,
        /// From 0.
        column: usize,
        /// What it shows.
        symbol: &'static str,
    },
    /// Walls are between start and goal.
    #[error("no path leads from the start to the goal")]
    NoPath,
    /// Several paths are equally short, so that a right answer could be called wrong.
    #[error("{count} paths are equally short; an answer is only judged where there is one")]
    Ambiguous {
        /// How many.
        count: u64,
    },
    /// Shorter or longer than the benchmark's.
    #[error("the shortest path has {found} moves; Uni-MMMU's have {} to {}", MAZE_PATH_LENGTHS.start(), MAZE_PATH_LENGTHS.end())]
    Length {
        /// Moves.
        found: usize,
    },
}

impl MazePuzzle {
    /// Takes a grid with one `S`, one `G` and one shortest path of 2 to 10 moves, which is searched for.
    ///
    /// # Errors
    /// If it is not such a grid.
    pub fn new(grid: MazeGrid) -> Result<Self, MazePuzzleError> {
        for (row, symbols) in grid.0.iter().enumerate() {
            for (column, symbol) in symbols.iter().enumerate() {
                if matches!(symbol, MazeSymbol::StartOnGoal | MazeSymbol::Unknown) {
                    return Err(MazePuzzleError::Symbol { row, column, symbol: symbol.as_str() });
                }
            }
        }
        let start = only(&grid, MazeSymbol::Start)?;
        let goal = only(&grid, MazeSymbol::Goal)?;
        let paths = shortest_maze_paths(&grid, start, goal).ok_or(MazePuzzleError::NoPath)?;
        if paths.count != 1 {
            return Err(MazePuzzleError::Ambiguous { count: paths.count });
        }
        if !MAZE_PATH_LENGTHS.contains(&paths.moves.len()) {
            return Err(MazePuzzleError::Length { found: paths.moves.len() });
        }
        Ok(Self { grid, start, goal, moves: paths.moves })
    }

    /// The maze before the first move.
    #[must_use]
    pub fn grid(&self) -> &MazeGrid {
        &self.grid
    }

    /// The answer.
    #[must_use]
    pub fn moves(&self) -> &[Direction] {
        &self.moves
    }

    /// Row and column of the goal.
    #[must_use]
    pub fn goal(&self) -> (usize, usize) {
        self.goal
    }

    /// The cell where the agent is at first and after each move: one more than there are moves.
    #[must_use]
    pub fn cells(&self) -> Vec<(usize, usize)> {
        let mut cells = vec![self.start];
        let mut cell = self.start;
        for direction in &self.moves {
            // The path was found between these walls, so no step leaves the board.
            cell = direction.from_cell(cell, MAZE_SIZE).unwrap_or(cell);
            cells.push(cell);
        }
        cells
    }

    /// Every floor cell, row by row, start and goal among them.
    #[must_use]
    pub fn open_cells(&self) -> Vec<(usize, usize)> {
        all_cells().filter(|&cell| is_open(&self.grid, cell)).collect()
    }

    /// The maze with the agent elsewhere; unchanged walls, and the start is no longer marked.
    #[must_use]
    pub fn with_agent(&self, at: (usize, usize)) -> MazeGrid {
        let mut cells = self.grid.0;
        cells[self.start.0][self.start.1] = MazeSymbol::Floor;
        if let Some(cell) = cells.get_mut(at.0).and_then(|row| row.get_mut(at.1)) {
            *cell = if at == self.goal { MazeSymbol::StartOnGoal } else { MazeSymbol::Start };
        }
        MazeGrid(cells)
    }

    /// The maze before the first move and after each one.
    #[must_use]
    pub fn frames(&self) -> Vec<MazeGrid> {
        self.cells().into_iter().map(|cell| self.with_agent(cell)).collect()
    }
}

/// Different mazes, one after the other, fixed by the seed.
///
/// Maze number i is drawn from its own random stream and drawn again while an earlier one is the same (walls, start and
/// goal), so it does not depend on how many are asked for. Ends when no new one is found.
#[derive(Clone, Debug)]
pub struct MazePuzzles {
    seed: u64,
    index: u64,
    taken: HashSet<MazeGrid>,
}

impl MazePuzzles {
    /// The mazes of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, index: 0, taken: HashSet::new() }
    }
}

impl Iterator for MazePuzzles {
    type Item = MazePuzzle;

    fn next(&mut self) -> Option<MazePuzzle> {
        let mut random = Stream::new(self.seed, "uni-mmmu/maze", self.index);
        self.index += 1;
        let mut draws = std::iter::repeat_with(|| draw(&mut random)).take(MAX_ATTEMPTS as usize);
        draws.find_map(|puzzle| puzzle.filter(|puzzle| self.taken.insert(puzzle.grid)))
    }
}

/// A maze with start and goal: any two floor cells whose distance is among [`MAZE_PATH_LENGTHS`], every pair equally likely.
fn draw(random: &mut Stream) -> Option<MazePuzzle> {
    let mut grid = MazeGrid(carve(random));
    let open: Vec<_> = all_cells().filter(|&cell| is_open(&grid, cell)).collect();
    let mut pairs = Vec::new();
    for &start in &open {
        let reached = spread(&grid, start);
        pairs.extend(open.iter().filter_map(|&goal| {
            let (distance, count) = reached[goal.0][goal.1]?;
            (count == 1 && MAZE_PATH_LENGTHS.contains(&distance)).then_some((start, goal))
        }));
    }
    let chosen = random.below(pairs.len() as u64) as usize;
    let &(start, goal) = pairs.get(chosen)?;
    grid.0[start.0][start.1] = MazeSymbol::Start;
    grid.0[goal.0][goal.1] = MazeSymbol::Goal;
    MazePuzzle::new(grid).ok()
}

fn all_cells() -> impl Iterator<Item = (usize, usize)> {
    (0..MAZE_SIZE * MAZE_SIZE).map(|cell| (cell / MAZE_SIZE, cell % MAZE_SIZE))
}

fn only(grid: &MazeGrid, symbol: MazeSymbol) -> Result<(usize, usize), MazePuzzleError> {
    let found: Vec<_> = all_cells().filter(|&cell| grid.get(cell) == Some(symbol)).collect();
    match found[..] {
        [cell] => Ok(cell),
        _ => Err(MazePuzzleError::Places { symbol: symbol.as_str(), found: found.len() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All simple paths from one cell to another, by plain depth-first enumeration: knows nothing of breadth-first search.
    fn simple_paths(
        grid: &MazeGrid,
        at: (usize, usize),
        goal: (usize, usize),
        seen: &mut Vec<(usize, usize)>,
        lengths: &mut Vec<usize>,
    ) {
        if at == goal {
            lengths.push(seen.len());
            return;
        }
        seen.push(at);
        let (row, column) = (at.0 as i64, at.1 as i64);
        for (next_row, next_column) in
            [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        {
            if (0..6).contains(&next_row) && (0..6).contains(&next_column) {
                let next = (next_row as usize, next_column as usize);
                if grid.0[next.0][next.1] != MazeSymbol::Wall && !seen.contains(&next) {
                    simple_paths(grid, next, goal, seen, lengths);
                }
            }
        }
        seen.pop();
    }

    #[test]
    fn each_maze_has_one_shortest_path_by_enumeration() {
        let mut histogram = [0_usize; 11];
        for puzzle in MazePuzzles::new(0).take(300) {
            let cells = puzzle.cells();
            let mut lengths = Vec::new();
            simple_paths(puzzle.grid(), cells[0], puzzle.goal(), &mut Vec::new(), &mut lengths);
            lengths.sort_unstable();
            assert_eq!(lengths[0], puzzle.moves().len());
            assert!(lengths.get(1).is_none_or(|&second| second > lengths[0]), "{}", puzzle.grid());
            assert_eq!(cells.last(), Some(&puzzle.goal()));
            histogram[lengths[0]] += 1;
        }
        assert!(histogram[2..].iter().all(|&count| count > 5), "lengths: {histogram:?}");
        let mean = histogram.iter().enumerate().map(|(length, n)| length * n).sum::<usize>() as f64
            / 300.0;
        assert!((4.0..7.0).contains(&mean), "mean length {mean}");
    }

    #[test]
    fn mazes_differ_and_do_not_depend_on_their_number() {
        let many: Vec<_> = MazePuzzles::new(7).take(400).collect();
        let few: Vec<_> = MazePuzzles::new(7).take(20).collect();
        assert_eq!(many[..20], few);
        let different: HashSet<_> = many.iter().map(|puzzle| *puzzle.grid()).collect();
        assert_eq!(different.len(), 400);
        assert_ne!(MazePuzzles::new(8).next(), MazePuzzles::new(7).next());
    }

    #[test]
    fn frames_move_the_agent_alone() {
        for puzzle in MazePuzzles::new(3).take(50) {
            let frames = puzzle.frames();
            assert_eq!(frames[0], *puzzle.grid());
            assert_eq!(frames.len(), puzzle.moves().len() + 1);
            for frame in &frames[1..frames.len() - 1] {
                assert_eq!(frame.last(MazeSymbol::Goal), Some(puzzle.goal()));
                let walls = |grid: &MazeGrid| grid.0.map(|row| row.map(|s| s == MazeSymbol::Wall));
                assert_eq!(walls(frame), walls(puzzle.grid()));
            }
            let last = frames.last().unwrap();
            assert_eq!(last.last(MazeSymbol::StartOnGoal), Some(puzzle.goal()));
            assert_eq!(last.last(MazeSymbol::Start), None);
        }
    }

    #[test]
    fn grids_without_one_answer_are_refused() {
        let grid = |text: &str| {
            let symbols: Vec<_> = text
                .chars()
                .filter(|symbol| *symbol != '/')
                .map(|symbol| match symbol {
                    '#' => MazeSymbol::Wall,
                    'S' => MazeSymbol::Start,
                    'G' => MazeSymbol::Goal,
                    '?' => MazeSymbol::Unknown,
                    _ => MazeSymbol::Floor,
                })
                .collect();
            let rows: Vec<[MazeSymbol; 6]> =
                symbols.chunks(6).map(|row| row.try_into().unwrap()).collect();
            MazeGrid(rows.try_into().unwrap())
        };
        let of = |text| MazePuzzle::new(grid(text)).unwrap_err();
        // The fixture of the reference notes is fine.
        let fixture = "######/#.#.../#.###./#G..#./#.###./#S....";
        let puzzle = MazePuzzle::new(grid(fixture)).unwrap();
        assert_eq!(puzzle.moves(), [Direction::Up, Direction::Up]);
        let two = fixture.replace("#.#...", "#.#..S");
        assert_eq!(of(&two), MazePuzzleError::Places { symbol: "S", found: 2 });
        let none = fixture.replace('G', ".");
        assert_eq!(of(&none), MazePuzzleError::Places { symbol: "G", found: 0 });
        let closed = fixture.replacen("#.###./#S", "#####./#S", 1).replace("#S....", "#S####");
        assert_eq!(of(&closed), MazePuzzleError::NoPath);
        let open = "S...../....../....../....../....../.....G";
        assert_eq!(of(open), MazePuzzleError::Ambiguous { count: 252 });
        let near = fixture.replace("#G", "#.").replacen("#.###./#S", "#G###./#S", 1);
        assert_eq!(of(&near), MazePuzzleError::Length { found: 1 });
        let unknown = fixture.replacen('.', "?", 1);
        assert_eq!(of(&unknown), MazePuzzleError::Symbol { row: 1, column: 1, symbol: "?" });
    }
}
