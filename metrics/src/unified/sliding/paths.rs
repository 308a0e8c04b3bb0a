//! The shortest solutions of sliding puzzles, and how many there are.

use super::board::SlidingBoard;
use crate::unified::Direction;
use std::collections::{BTreeMap, VecDeque};

/// All boards that some number of moves solves.
#[derive(Clone, Debug)]
pub struct SlidingSolutions {
    boards: BTreeMap<SlidingBoard, Reached>,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    moves: usize,
    count: u64,
}

/// The shortest solutions of one board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortestSlidingSolutions {
    /// How many different solutions are that short.
    pub count: u64,
    /// One of them, whose length is that of all: moves of the empty cell.
    pub moves: Vec<Direction>,
}

impl SlidingSolutions {
    /// Breadth-first search from the solved board over moves of the empty cell, which can be undone: the shortest
    /// solutions of a board are the shortest ways to it, backwards. `limit` moves at most; the whole puzzle has 181,440
    /// boards and is solved in 31 moves.
    #[must_use]
    pub fn within(limit: usize) -> Self {
        let solved = SlidingBoard::SOLVED;
        let mut boards = BTreeMap::from([(solved, Reached { moves: 0, count: 1 })]);
        let mut queue = VecDeque::from([(solved, 0)]);
        while let Some((board, moves)) = queue.pop_front() {
            if moves == limit {
                continue;
            }
            let ways = boards.get(&board).map_or(0, |reached| reached.count);
            for next in Direction::ALL.iter().filter_map(|step| board.after_empty_moves(*step)) {
                match boards.get_mut(&next) {
                    Some(reached) if reached.moves == moves + 1 => reached.count += ways,
                    Some(_) => {}
                    None => {
                        boards.insert(next, Reached { moves: moves + 1, count: ways });
                        queue.push_back((next, moves + 1));
                    }
                }
            }
        }
        Self { boards }
    }

    /// The shortest solutions of `board`; `None` if it takes more moves than the limit, or cannot be solved.
    #[must_use]
    pub fn of(&self, board: &SlidingBoard) -> Option<ShortestSlidingSolutions> {
        let Reached { mut moves, count } = *self.boards.get(board)?;
        let mut board = *board;
        let mut path = Vec::with_capacity(moves);
        while moves > 0 {
            moves -= 1;
            let (direction, next) = Direction::ALL.into_iter().find_map(|direction| {
                let next = board.after_empty_moves(direction)?;
                (self.boards.get(&next)?.moves == moves).then_some((direction, next))
            })?;
            path.push(direction);
            board = next;
        }
        Some(ShortestSlidingSolutions { count, moves: path })
    }

    /// Every board with the length and the number of its shortest solutions.
    pub(super) fn boards(&self) -> impl Iterator<Item = (&SlidingBoard, usize, u64)> {
        self.boards.iter().map(|(board, reached)| (board, reached.moves, reached.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of boards at each depth from a corner, and the depth of the puzzle, are published (OEIS A151944 and many
    /// others): 1, 2, 4, 8, 16, 20, 39, 62, 116, …; 181,440 boards, 31 moves.
    #[test]
    fn depths_are_those_of_the_eight_puzzle() {
        let all = SlidingSolutions::within(40);
        let mut depths = [0; 32];
        for (_, moves, _) in all.boards() {
            depths[moves] += 1;
        }
        assert_eq!(depths[..9], [1, 2, 4, 8, 16, 20, 39, 62, 116]);
        assert_eq!(depths[31], 2);
        assert_eq!(depths.iter().sum::<usize>(), 181_440);
        assert!(SlidingSolutions::within(3).boards().count() == 15);
    }

    #[test]
    fn the_figure_of_the_paper_is_solved_as_printed() {
        let board = SlidingBoard::new([2, 3, 4, 1, 6, 7, 5, 8, 9]).unwrap();
        let found = SlidingSolutions::within(8).of(&board).unwrap();
        assert_eq!(found.count, 1);
        assert_eq!(found.moves, [Direction::Down, Direction::Right, Direction::Right]);
        let unsolvable = SlidingBoard::new([3, 2, 4, 5, 6, 7, 8, 9, 1]).unwrap();
        assert_eq!(SlidingSolutions::within(40).of(&unsolvable), None);
    }
}
