//! The shortest ways through a maze, and how many there are.

use super::grid::{MAZE_SIZE, MazeGrid, MazeSymbol};
use crate::unified::Direction;
use std::collections::VecDeque;

/// The shortest paths between two cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortestMazePaths {
    /// How many different paths are that short.
    pub count: u64,
    /// One of them, whose length is that of all: the first one if up, down, left and right are tried in this order from the end.
    pub moves: Vec<Direction>,
}

/// Breadth-first search over the cells that can be entered: all but walls and cells that show nothing known.
///
/// `from` and `to` are (row, column). `None` if either is no such cell, or no path leads from one to the other.
#[must_use]
pub fn shortest_maze_paths(
    grid: &MazeGrid,
    from: (usize, usize),
    to: (usize, usize),
) -> Option<ShortestMazePaths> {
    if !is_open(grid, from) || !is_open(grid, to) {
        return None;
    }
    let reached = spread(grid, from);
    let (mut distance, count) = reached[to.0][to.1]?;
    let mut moves = Vec::with_capacity(distance);
    let mut cell = to;
    while distance > 0 {
        distance -= 1;
        let (direction, before) = Direction::ALL.into_iter().find_map(|direction| {
            let before = direction.opposite().from_cell(cell, MAZE_SIZE)?;
            let (steps, _) = reached[before.0][before.1]?;
            (steps == distance).then_some((direction, before))
        })?;
        moves.push(direction);
        cell = before;
    }
    moves.reverse();
    Some(ShortestMazePaths { count, moves })
}

/// Whether the cell can be entered.
pub(super) fn is_open(grid: &MazeGrid, cell: (usize, usize)) -> bool {
    grid.get(cell).is_some_and(|symbol| !matches!(symbol, MazeSymbol::Wall | MazeSymbol::Unknown))
}

/// For each cell its distance from `from` and the number of shortest paths to it.
pub(super) fn spread(
    grid: &MazeGrid,
    from: (usize, usize),
) -> [[Option<(usize, u64)>; MAZE_SIZE]; MAZE_SIZE] {
    let mut reached = [[None; MAZE_SIZE]; MAZE_SIZE];
    reached[from.0][from.1] = Some((0, 1));
    let mut queue = VecDeque::from([from]);
    while let Some((row, column)) = queue.pop_front() {
        let Some((distance, ways)) = reached[row][column] else { continue };
        for next in
            Direction::ALL.iter().filter_map(|step| step.from_cell((row, column), MAZE_SIZE))
        {
            if !is_open(grid, next) {
                continue;
            }
            match &mut reached[next.0][next.1] {
                Some((known, count)) if *known == distance + 1 => *count += ways,
                Some(_) => {}
                unseen => {
                    *unseen = Some((distance + 1, ways));
                    queue.push_back(next);
                }
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Down, Left, Right, Up};

    fn grid(rows: [&str; MAZE_SIZE]) -> MazeGrid {
        MazeGrid(rows.map(|row| {
            let symbols: Vec<_> = row
                .chars()
                .map(|symbol| if symbol == '#' { MazeSymbol::Wall } else { MazeSymbol::Floor })
                .collect();
            symbols.try_into().unwrap()
        }))
    }

    #[test]
    fn counts_paths_of_an_open_field() {
        // From corner to corner of an open field of 6 x 6 there are C(10, 5) shortest paths.
        let open = grid(["......"; 6]);
        let found = shortest_maze_paths(&open, (0, 0), (5, 5)).unwrap();
        assert_eq!((found.moves.len(), found.count), (10, 252));
        let found = shortest_maze_paths(&open, (2, 1), (2, 4)).unwrap();
        assert_eq!((found.moves, found.count), (vec![Right, Right, Right], 1));
        let found = shortest_maze_paths(&open, (2, 2), (2, 2)).unwrap();
        assert_eq!((found.moves, found.count), (vec![], 1));
    }

    #[test]
    fn walls_are_gone_around() {
        let maze = grid(["......", ".####.", ".#..#.", ".####.", "......", "######"]);
        let found = shortest_maze_paths(&maze, (1, 0), (0, 2)).unwrap();
        assert_eq!((found.moves, found.count), (vec![Up, Right, Right], 1));
        // Both ways around have nine steps.
        let found = shortest_maze_paths(&maze, (2, 0), (2, 5)).unwrap();
        assert_eq!((found.moves.len(), found.count), (9, 2));
        let back = shortest_maze_paths(&maze, (4, 1), (2, 0)).unwrap();
        assert_eq!(back.moves, [Left, Up, Up]);
        assert_eq!(shortest_maze_paths(&maze, (0, 0), (2, 2)), None);
        assert_eq!(shortest_maze_paths(&maze, (0, 0), (1, 1)), None);
        assert_eq!(shortest_maze_paths(&maze, (0, 0), (6, 0)), None);
        let down = shortest_maze_paths(&maze, (0, 5), (2, 5)).unwrap();
        assert_eq!(down.moves, [Down, Down]);
    }
}
