//! Sliding puzzles as pictures and files.

use super::layout::{self, DATA, SLIDING};
use super::manifest::{SlidingEntry, words};
use super::paint::{NewFile, fill, square, white};
use crate::failure::Failure;
use crate::images::raster::Rgb;
use retally_metrics::unified::sliding::{
    SLIDING_COLOURS, SLIDING_SIZE, SlidingBoard, SlidingPuzzle,
};
use serde::Serialize;

/// Pixels on a side of a picture.
const SIDE: usize = 510;
/// White around the board.
const MARGIN: usize = 15;
/// Side of a cell.
const CELL: usize = (SIDE - 2 * MARGIN) / SLIDING_SIZE;

/// Draws a board in the style of the benchmark's figures.
pub(super) fn picture(board: &SlidingBoard) -> Result<Rgb, Failure> {
    let mut image = white(SIDE)?;
    for (index, &number) in board.cells().iter().enumerate() {
        let (row, column) = (index / SLIDING_SIZE, index % SLIDING_SIZE);
        let cell = square(MARGIN + column * CELL, MARGIN + row * CELL, CELL);
        // A board holds the numbers 1 to 9.
        let colour = SLIDING_COLOURS.get(usize::from(number).saturating_sub(1)).copied();
        fill(&mut image, cell, colour.unwrap_or_default());
    }
    Ok(image)
}

/// What the released scripts read of a puzzle's moves.
#[derive(Serialize)]
struct Truth<'a> {
    id: &'a str,
    steps_words: &'a [String],
    moved: &'static str,
    board: &'a [u8],
}

/// What they read of all puzzles.
#[derive(Serialize)]
struct Summary {
    items: Vec<SummaryItem>,
}

#[derive(Serialize)]
struct SummaryItem {
    case_name: String,
    steps_dir: String,
    steps_words_json: String,
    steps: usize,
}

/// All files of a puzzle: a frame before the first move and after each one, and the moves.
pub(super) fn files(number: usize, puzzle: &SlidingPuzzle) -> Result<Vec<NewFile>, Failure> {
    let frames = puzzle.frames();
    let frames = frames.iter().enumerate();
    let mut files: Vec<NewFile> = frames
        .map(|(step, board)| NewFile::png(layout::sliding_frame(number, step), &picture(board)?))
        .collect::<Result<_, _>>()?;
    let entry = SlidingEntry::of(number, puzzle);
    let truth = Truth {
        id: &entry.id,
        steps_words: &entry.moves,
        moved: "empty cell",
        board: &entry.board,
    };
    files.push(NewFile::json(format!("{SLIDING}/{}", layout::sliding_truth(number)), &truth)?);
    Ok(files)
}

/// The list of all puzzles.
pub(super) fn summary(puzzles: &[SlidingPuzzle]) -> Result<NewFile, Failure> {
    let items = puzzles.iter().enumerate().map(|(number, puzzle)| {
        let folder = layout::sliding_steps(number);
        SummaryItem {
            steps_dir: format!("{DATA}/{SLIDING}/{folder}"),
            steps_words_json: format!("{DATA}/{SLIDING}/{}", layout::sliding_truth(number)),
            case_name: folder,
            steps: puzzle.moves().len(),
        }
    });
    let summary = Summary { items: items.collect() };
    NewFile::json(format!("{SLIDING}/{}", layout::SLIDING_SUMMARY), &summary)
}

impl SlidingEntry {
    /// What the list of instances says of a puzzle.
    pub(super) fn of(number: usize, puzzle: &SlidingPuzzle) -> Self {
        Self {
            id: layout::sliding_steps(number),
            board: puzzle.board().cells().to_vec(),
            moves: words(puzzle.moves()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_fills_its_cell() {
        let image = picture(&SlidingBoard::SOLVED).unwrap();
        for colour in SLIDING_COLOURS {
            let count = image.values().chunks_exact(3).filter(|pixel| *pixel == colour).count();
            assert_eq!(count, CELL * CELL);
        }
        // The empty cell is the last one of the solved board.
        let last = 3 * (SIDE * (SIDE - MARGIN - 1) + SIDE - MARGIN - 1);
        assert_eq!(image.values()[last..last + 3], SLIDING_COLOURS[0]);
        assert_eq!(CELL, 160);
    }
}
