//! Answers to sliding puzzles.

use super::Source;
use super::mistakes::{Corrupter, Mistake, SequenceRecord, WrongFrame, moves_text};
use crate::failure::Failure;
use crate::instances::layout::{self, DATA, SLIDING};
use crate::instances::paint::NewFile;
use crate::instances::sliding::picture;
use retally_metrics::random::Stream;
use retally_metrics::unified::sliding::{SLIDING_SIZE, SlidingBoard, SlidingSolutions};
use serde_json::json;

/// The answer to puzzle `number`, and what is wrong with it.
pub(super) fn answer(
    source: &Source<'_>,
    number: usize,
    solutions: &SlidingSolutions,
) -> Result<(SequenceRecord, Vec<NewFile>), Failure> {
    let entry = &source.list.sliding[number];
    let puzzle = entry.puzzle(solutions)?;
    let case = format!("case_{}", layout::sliding_steps(number));
    let folder = format!("{SLIDING}/{case}");
    let corrupter = |purpose| Corrupter::new(source.seed, purpose, number, source.p);
    let (written, wrong_moves) = corrupter("uni-mmmu/answers/sliding-text").moves(puzzle.moves());
    let first = format!("{DATA}/{}", layout::sliding_frame(number, 0));
    let record = json!({ "id": entry.id, "init_png": first });
    let mut files = vec![
        NewFile::json(format!("{folder}/result.json"), &record)?,
        NewFile::text(format!("{folder}/model_text.txt"), moves_text(&written)),
    ];
    let boards = puzzle.frames();
    let mut units = corrupter("uni-mmmu/answers/sliding-frames");
    let mut wrong_frames = Vec::new();
    for (position, pair) in boards.windows(2).enumerate() {
        let path = format!("{folder}/cand_01/demo_step_{:04}.png", position + 1);
        let (wrong, mut random) = units.next_unit();
        files.push(if wrong {
            let (mistake, board) = wrong_frame(pair[0], pair[1], &mut random);
            wrong_frames.push(WrongFrame { position, mistake });
            NewFile::png(path, &picture(&board)?)?
        } else {
            source.copy(&layout::sliding_frame(number, position + 1), path)?
        });
    }
    let moves = entry.moves.clone();
    Ok((SequenceRecord { case, moves, wrong_moves, wrong_frames }, files))
}

/// A board that is not `right`, which comes after `before`.
fn wrong_frame(
    before: SlidingBoard,
    right: SlidingBoard,
    random: &mut Stream,
) -> (Mistake, SlidingBoard) {
    const CELLS: u64 = (SLIDING_SIZE * SLIDING_SIZE) as u64;
    if random.below(2) == 0 {
        return (Mistake::NotMoved, before);
    }
    let mut cells = *right.cells();
    let first = random.below(CELLS);
    let second = (first + 1 + random.below(CELLS - 1)) % CELLS;
    cells.swap(first as usize, second as usize);
    // The numbers are the same ones.
    (Mistake::CellsExchanged, SlidingBoard::new(cells).unwrap_or(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_metrics::unified::sliding::SlidingPuzzles;

    #[test]
    fn wrong_frames_are_wrong() {
        for puzzle in SlidingPuzzles::new(1).take(40) {
            for pair in puzzle.frames().windows(2) {
                for index in 0..10 {
                    let mut random = Stream::new(0, "wrong", index);
                    let (mistake, board) = wrong_frame(pair[0], pair[1], &mut random);
                    assert_ne!(board, pair[1], "{mistake:?}");
                }
            }
        }
    }
}
