//! Answers to mazes.

use super::Source;
use super::mistakes::{Corrupter, Mistake, SequenceRecord, WrongFrame, moves_text};
use crate::failure::Failure;
use crate::instances::layout::{self, DATA, MAZE};
use crate::instances::maze::picture;
use crate::instances::paint::NewFile;
use retally_metrics::random::Stream;
use retally_metrics::unified::maze::{MAZE_SIZE, MazeGrid, MazePuzzle, MazeSymbol};
use serde_json::json;

/// The answer to maze `number`, and what is wrong with it.
pub(super) fn answer(
    source: &Source<'_>,
    number: usize,
) -> Result<(SequenceRecord, Vec<NewFile>), Failure> {
    let entry = &source.list.maze[number];
    let puzzle = entry.puzzle()?;
    let case = format!("case_{number:05}");
    let folder = format!("{MAZE}/{case}");
    let corrupter = |purpose| Corrupter::new(source.seed, purpose, number, source.p);
    let (written, wrong_moves) = corrupter("uni-mmmu/answers/maze-text").moves(puzzle.moves());
    let first = format!("{DATA}/{}", layout::maze_frame(number, 0));
    let mut files = vec![
        NewFile::json(format!("{folder}/result.json"), &json!({ "id": entry.id, "step0": first }))?,
        NewFile::text(format!("{folder}/model_text.txt"), moves_text(&written)),
    ];
    let mut units = corrupter("uni-mmmu/answers/maze-frames");
    let mut wrong_frames = Vec::new();
    for position in 0..puzzle.moves().len() {
        let path = format!("{folder}/cand_01/maze_step_{:04}.png", position + 1);
        let (wrong, mut random) = units.next_unit();
        files.push(if wrong {
            let (mistake, grid) = wrong_frame(&puzzle, position, &mut random);
            wrong_frames.push(WrongFrame { position, mistake });
            NewFile::png(path, &picture(&grid)?)?
        } else {
            source.copy(&layout::maze_frame(number, position + 1), path)?
        });
    }
    let moves = entry.moves.clone();
    Ok((SequenceRecord { case, moves, wrong_moves, wrong_frames }, files))
}

/// A frame that is not the one after move `position`, but could be taken for one of this maze.
fn wrong_frame(puzzle: &MazePuzzle, position: usize, random: &mut Stream) -> (Mistake, MazeGrid) {
    let cells = puzzle.cells();
    // One cell more than moves.
    let right_cell = cells.get(position + 1).copied().unwrap_or_default();
    let right = puzzle.with_agent(right_cell);
    match random.below(3) {
        0 => {
            let open = puzzle.open_cells().into_iter();
            let other: Vec<_> = open.filter(|cell| *cell != right_cell).collect();
            let cell = other[random.below(other.len() as u64) as usize];
            (Mistake::AgentElsewhere, puzzle.with_agent(cell))
        }
        1 => {
            let all = (0..MAZE_SIZE * MAZE_SIZE).map(|cell| (cell / MAZE_SIZE, cell % MAZE_SIZE));
            let walls: Vec<_> =
                all.filter(|&cell| right.get(cell) == Some(MazeSymbol::Wall)).collect();
            let (row, column) = walls[random.below(walls.len() as u64) as usize];
            let mut cells = right.0;
            cells[row][column] = MazeSymbol::Floor;
            (Mistake::WallOpened, MazeGrid(cells))
        }
        _ => {
            let without = |symbol| match symbol {
                MazeSymbol::Goal => MazeSymbol::Floor,
                MazeSymbol::StartOnGoal => MazeSymbol::Start,
                other => other,
            };
            (Mistake::GoalLost, MazeGrid(right.0.map(|row| row.map(without))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retally_metrics::unified::maze::MazePuzzles;

    #[test]
    fn wrong_frames_are_wrong() {
        for puzzle in MazePuzzles::new(1).take(40) {
            let frames = puzzle.frames();
            for position in 0..puzzle.moves().len() {
                for index in 0..10 {
                    let mut random = Stream::new(0, "wrong", index);
                    let (mistake, grid) = wrong_frame(&puzzle, position, &mut random);
                    assert_ne!(grid, frames[position + 1], "{mistake:?}");
                }
            }
        }
    }
}
