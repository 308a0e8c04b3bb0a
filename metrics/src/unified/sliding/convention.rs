//! What the words of a sliding puzzle's moves name: the tile's motion, or that of the empty cell.
//!
//! The benchmark's prompt says the tile. Its figures, and so its data, name the motion of the empty cell, which is the
//! opposite. The released script compares with the words as they are stored, so that a model that obeys the prompt is
//! marked wrong.

use super::board::SlidingBoard;
use crate::unified::Direction;

/// Which motion the expected words name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlidingConvention {
    /// The words of the data set, whatever they name.
    AsStored,
    /// The tile's motion, read off the data set's frames.
    Tile,
    /// The motion of the empty cell, read off the data set's frames.
    Empty,
}

impl SlidingConvention {
    /// All, in the order in which they are printed.
    pub const ALL: [Self; 3] = [Self::AsStored, Self::Tile, Self::Empty];

    /// The name on the command line and in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsStored => "as-stored",
            Self::Tile => "tile",
            Self::Empty => "empty",
        }
    }
}

/// The motion of the empty cell from each board to the next; `None` if two neighbours are not one move apart.
#[must_use]
pub fn empty_moves(boards: &[SlidingBoard]) -> Option<Vec<Direction>> {
    boards
        .windows(2)
        .map(|pair| {
            Direction::ALL
                .into_iter()
                .find(|direction| pair[0].after_empty_moves(*direction) == Some(pair[1]))
        })
        .collect()
}

/// Words for the motion of the empty cell `moves` in a convention; the opposite ones for tiles. `None` as stored.
#[must_use]
pub fn words(moves: &[Direction], convention: SlidingConvention) -> Option<Vec<String>> {
    let word = |direction: Direction| direction.as_str().to_owned();
    match convention {
        SlidingConvention::AsStored => None,
        SlidingConvention::Empty => Some(moves.iter().copied().map(word).collect()),
        SlidingConvention::Tile => {
            Some(moves.iter().map(|direction| word(direction.opposite())).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instance of the paper's Figures 1 and 6.
    #[test]
    fn the_papers_figure_names_the_empty_cell() {
        let mut boards = vec![SlidingBoard::new([2, 3, 4, 1, 6, 7, 5, 8, 9]).unwrap()];
        for direction in [Direction::Down, Direction::Right, Direction::Right] {
            boards.push(boards.last().unwrap().after_empty_moves(direction).unwrap());
        }
        assert_eq!(boards.last(), Some(&SlidingBoard::SOLVED));
        let moves = empty_moves(&boards).unwrap();
        let empty = words(&moves, SlidingConvention::Empty).unwrap();
        assert_eq!(empty, ["down", "right", "right"]);
        let tile = words(&moves, SlidingConvention::Tile).unwrap();
        assert_eq!(tile, ["up", "left", "left"]);
        assert_eq!(words(&moves, SlidingConvention::AsStored), None);
    }

    #[test]
    fn boards_two_moves_apart_have_no_motion() {
        let solved = SlidingBoard::SOLVED;
        let two = solved
            .after_empty_moves(Direction::Up)
            .and_then(|board| board.after_empty_moves(Direction::Up))
            .unwrap();
        assert_eq!(empty_moves(&[solved, two]), None);
        assert_eq!(empty_moves(&[solved, solved]), None);
        assert_eq!(empty_moves(&[solved]), Some(Vec::new()));
    }
}
