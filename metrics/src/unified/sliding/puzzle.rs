//! A board with one shortest solution; and a supply of them.

use super::board::SlidingBoard;
use super::paths::SlidingSolutions;
use crate::random::Stream;
use crate::unified::Direction;
use std::collections::BTreeSet;

/// No puzzle of Uni-MMMU takes more moves.
pub const MAX_SLIDING_MOVES: usize = 8;

/// Fewer moves are no puzzle, and are not drawn.
const MIN_DRAWN_MOVES: usize = 2;

/// A puzzle that has one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlidingPuzzle {
    board: SlidingBoard,
    moves: Vec<Direction>,
}

/// Why a board is no such puzzle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlidingPuzzleError {
    /// It takes more moves, or cannot be solved.
    #[error(
        "{board} is not solved by {MAX_SLIDING_MOVES} moves; the solved board is 2 3 4 / 5 6 7 / 8 9 1"
    )]
    TooFar {
        /// The board.
        board: SlidingBoard,
    },
    /// Nothing is to be done.
    #[error("the board is solved already")]
    Solved,
    /// Several solutions are equally short, so that a right answer could be called wrong.
    #[error("{board} has {count} shortest solutions; an answer is only judged where there is one")]
    Ambiguous {
        /// The board.
        board: SlidingBoard,
        /// How many.
        count: u64,
    },
}

impl SlidingPuzzle {
    /// Takes a board with one shortest solution of 1 to 8 moves, which is looked up.
    ///
    /// # Errors
    /// If it is not such a board.
    pub fn new(
        board: SlidingBoard,
        solutions: &SlidingSolutions,
    ) -> Result<Self, SlidingPuzzleError> {
        let found = solutions.of(&board).filter(|found| found.moves.len() <= MAX_SLIDING_MOVES);
        let found = found.ok_or(SlidingPuzzleError::TooFar { board })?;
        if found.moves.is_empty() {
            return Err(SlidingPuzzleError::Solved);
        }
        if found.count != 1 {
            return Err(SlidingPuzzleError::Ambiguous { board, count: found.count });
        }
        Ok(Self { board, moves: found.moves })
    }

    /// The board before the first move.
    #[must_use]
    pub fn board(&self) -> &SlidingBoard {
        &self.board
    }

    /// The answer as moves of the empty cell; tiles move the other way.
    #[must_use]
    pub fn moves(&self) -> &[Direction] {
        &self.moves
    }

    /// The board before the first move and after each one; the last one is solved.
    #[must_use]
    pub fn frames(&self) -> Vec<SlidingBoard> {
        let mut frames = vec![self.board];
        let mut board = self.board;
        for direction in &self.moves {
            // The moves were found on this board, so none leads beyond its border.
            board = board.after_empty_moves(*direction).unwrap_or(board);
            frames.push(board);
        }
        frames
    }
}

/// Different puzzles, one after the other, fixed by the seed.
///
/// Puzzle number i is drawn from its own random stream: a number of moves from 2 to 8, every one equally likely, then so
/// many random moves from the solved board, none of which undoes the one before. It is drawn again while it has several shortest
/// solutions or is an earlier one, so it does not depend on how many are asked for. Since short puzzles are few, later ones
/// are longer on average. Ends when all are taken: see [`SlidingPuzzles::left`].
#[derive(Clone, Debug)]
pub struct SlidingPuzzles {
    seed: u64,
    index: u64,
    solutions: SlidingSolutions,
    left: BTreeSet<SlidingBoard>,
}

impl SlidingPuzzles {
    /// The puzzles of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let solutions = SlidingSolutions::within(MAX_SLIDING_MOVES);
        let left = solutions
            .boards()
            .filter(|&(_, moves, count)| moves >= MIN_DRAWN_MOVES && count == 1)
            .map(|(board, ..)| *board)
            .collect();
        Self { seed, index: 0, solutions, left }
    }

    /// How many more there are.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// What solves a board.
    #[must_use]
    pub fn solutions(&self) -> &SlidingSolutions {
        &self.solutions
    }
}

impl Iterator for SlidingPuzzles {
    type Item = SlidingPuzzle;

    fn next(&mut self) -> Option<SlidingPuzzle> {
        let mut random = Stream::new(self.seed, "uni-mmmu/sliding", self.index);
        self.index += 1;
        // Every board that is left is at the end of some walk of its own number of moves, so this ends.
        while !self.left.is_empty() {
            let board = walk(&mut random);
            if self.left.remove(&board) {
                return SlidingPuzzle::new(board, &self.solutions).ok();
            }
        }
        None
    }
}

fn walk(random: &mut Stream) -> SlidingBoard {
    let lengths = (MAX_SLIDING_MOVES - MIN_DRAWN_MOVES + 1) as u64;
    let length = MIN_DRAWN_MOVES + random.below(lengths) as usize;
    let mut board = SlidingBoard::SOLVED;
    let mut before = None;
    for _ in 0..length {
        let ahead: Vec<_> = Direction::ALL
            .into_iter()
            .filter(|direction| before != Some(direction.opposite()))
            .filter_map(|direction| Some((direction, board.after_empty_moves(direction)?)))
            .collect();
        // From every cell at least one way leads on without going back.
        if let Some(&(direction, next)) = ahead.get(random.below(ahead.len() as u64) as usize) {
            (board, before) = (next, Some(direction));
        }
    }
    board
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many sequences of exactly `left` moves solve a board: plain enumeration of all of them.
    fn solutions_of_length(cells: [u8; 9], left: usize) -> u64 {
        if left == 0 {
            return u64::from(cells == [2, 3, 4, 5, 6, 7, 8, 9, 1]);
        }
        let empty = cells.iter().position(|&tile| tile == 1).unwrap();
        let (row, column) = (empty / 3, empty % 3);
        let mut neighbours = Vec::new();
        if row > 0 {
            neighbours.push(empty - 3);
        }
        if row < 2 {
            neighbours.push(empty + 3);
        }
        if column > 0 {
            neighbours.push(empty - 1);
        }
        if column < 2 {
            neighbours.push(empty + 1);
        }
        neighbours
            .into_iter()
            .map(|neighbour| {
                let mut next = cells;
                next.swap(empty, neighbour);
                solutions_of_length(next, left - 1)
            })
            .sum()
    }

    #[test]
    fn each_puzzle_has_one_shortest_solution_by_enumeration() {
        let mut lengths = [0_usize; 9];
        for puzzle in SlidingPuzzles::new(0).take(84) {
            let cells = *puzzle.board().cells();
            let length = puzzle.moves().len();
            for shorter in 0..length {
                assert_eq!(solutions_of_length(cells, shorter), 0, "{}", puzzle.board());
            }
            assert_eq!(solutions_of_length(cells, length), 1, "{}", puzzle.board());
            assert_eq!(puzzle.frames().last(), Some(&SlidingBoard::SOLVED));
            assert_eq!(puzzle.frames().len(), length + 1);
            lengths[length] += 1;
        }
        let mean =
            lengths.iter().enumerate().map(|(length, n)| length * n).sum::<usize>() as f64 / 84.0;
        assert!((5.0..7.0).contains(&mean), "lengths {lengths:?}");
    }

    #[test]
    fn puzzles_differ_end_and_do_not_depend_on_their_number() {
        let puzzles = SlidingPuzzles::new(5);
        let pool = puzzles.left();
        let all: Vec<_> = puzzles.collect();
        assert_eq!(all.len(), pool);
        let different: BTreeSet<_> = all.iter().map(|puzzle| *puzzle.board()).collect();
        assert_eq!(different.len(), pool);
        let few: Vec<_> = SlidingPuzzles::new(5).take(10).collect();
        assert_eq!(all[..10], few);
        let other: Vec<_> = SlidingPuzzles::new(6).take(10).collect();
        assert_ne!(few, other);
    }

    #[test]
    fn boards_without_one_answer_are_refused() {
        let solutions = SlidingSolutions::within(40);
        let of = |board| SlidingPuzzle::new(board, &solutions).unwrap_err();
        assert_eq!(of(SlidingBoard::SOLVED), SlidingPuzzleError::Solved);
        let unsolvable = SlidingBoard::new([3, 2, 4, 5, 6, 7, 8, 9, 1]).unwrap();
        assert_eq!(of(unsolvable), SlidingPuzzleError::TooFar { board: unsolvable });
        let ambiguous = solutions
            .boards()
            .find(|&(_, moves, count)| moves <= MAX_SLIDING_MOVES && count == 2)
            .map(|(board, ..)| *board)
            .unwrap();
        assert_eq!(of(ambiguous), SlidingPuzzleError::Ambiguous { board: ambiguous, count: 2 });
        let far = solutions.boards().find(|&(_, moves, _)| moves == 9).unwrap();
        assert_eq!(of(*far.0), SlidingPuzzleError::TooFar { board: *far.0 });
    }
}
