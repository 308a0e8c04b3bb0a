//! Mazes by depth-first carving.

use super::grid::{MAZE_SIZE, MazeSymbol};
use crate::random::Stream;
use crate::unified::Direction;

/// Rooms are the cells whose row and column are odd; this many on a side.
const ROOMS: u64 = MAZE_SIZE as u64 / 2;

/// Carves a maze, as Uni-MMMU's mazes are described: all is wall; from a random cell with odd coordinates a depth-first
/// walk goes two cells at a time into rooms that it has not seen, in random directions, and opens the cell between.
///
/// The rooms become a tree, so between any two floor cells there is one path. Row 0 and column 0 stay wall, since the
/// side is even. The cells are floor and wall only.
pub(super) fn carve(random: &mut Stream) -> [[MazeSymbol; MAZE_SIZE]; MAZE_SIZE] {
    let mut cells = [[MazeSymbol::Wall; MAZE_SIZE]; MAZE_SIZE];
    let mut odd = || 2 * random.below(ROOMS) as usize + 1;
    let mut walk = vec![(odd(), odd())];
    while let Some(&(row, column)) = walk.last() {
        cells[row][column] = MazeSymbol::Floor;
        let ahead: Vec<_> = Direction::ALL
            .into_iter()
            .filter_map(|direction| {
                let between = direction.from_cell((row, column), MAZE_SIZE)?;
                let room = direction.from_cell(between, MAZE_SIZE)?;
                (cells[room.0][room.1] == MazeSymbol::Wall).then_some((between, room))
            })
            // Outside of the rooms nothing is carved: from an odd coordinate two steps never lead to an even one.
            .collect();
        if ahead.is_empty() {
            walk.pop();
            continue;
        }
        let (between, room) = ahead[random.below(ahead.len() as u64) as usize];
        cells[between.0][between.1] = MazeSymbol::Floor;
        walk.push(room);
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_a_tree() {
        for index in 0..200 {
            let cells = carve(&mut Stream::new(1, "carve", index));
            let is_floor = |row: usize, column: usize| cells[row][column] == MazeSymbol::Floor;
            let mut floor = 0;
            let mut neighbours = 0;
            for row in 0..MAZE_SIZE {
                for column in 0..MAZE_SIZE {
                    floor += usize::from(is_floor(row, column));
                    if row % 2 == 1 && column % 2 == 1 {
                        assert!(is_floor(row, column), "a room is closed");
                    }
                    let right = column + 1 < MAZE_SIZE && is_floor(row, column + 1);
                    let below = row + 1 < MAZE_SIZE && is_floor(row + 1, column);
                    if is_floor(row, column) {
                        neighbours += usize::from(right) + usize::from(below);
                    }
                }
            }
            // Nine rooms and eight openings; a connected graph of 17 cells with 16 edges is a tree.
            assert_eq!((floor, neighbours), (17, 16), "{cells:?}");
        }
    }

    /// Of the 192 spanning trees of 3 by 3 rooms, 88 are the tree of a depth-first walk (counted by enumerating all walks in
    /// Python).
    #[test]
    fn all_walks_come_up() {
        let mazes: std::collections::BTreeSet<_> =
            (0..20_000).map(|index| carve(&mut Stream::new(2, "carve", index))).collect();
        assert_eq!(mazes.len(), 88);
    }
}
