//! The maze task.

use super::exclusion::ExclusionReason;
use super::puzzle_case::{Candidate, PuzzleCase};
use super::puzzles;
use super::puzzles::CaseOutcome;
use super::scores::{CaseScore, Diagnostic, TaskScores};
use super::{Scoring, pictures};
use crate::failure::Failure;
use retally_metrics::unified::answers::{MoveScore, answered_moves};
use retally_metrics::unified::maze::{
    MazeFrameScore, MazeGrid, MazeReading, expected_frames, read_maze,
};
use retally_metrics::unified::{Column, Protocol, Task};

pub(super) fn score(scoring: &Scoring<'_>) -> Result<TaskScores, Failure> {
    let score = |case: &PuzzleCase| score_case(case, scoring.protocol);
    Ok(puzzles::score_all(Task::Maze, scoring, score)?.0)
}

/// What candidates are compared with.
struct Expected {
    words: Vec<Option<String>>,
    frames: Vec<MazeGrid>,
    first: MazeReading,
}

fn score_case(case: &PuzzleCase, protocol: Protocol) -> Result<CaseOutcome, Failure> {
    let excluded = |reason, detail: &str| {
        Ok(CaseOutcome::excluded(case, reason, puzzles::columns(Task::Maze), detail))
    };
    let Some(first) = &case.first else {
        return match protocol {
            Protocol::Official => {
                excluded(ExclusionReason::NoFirstPicture, "result.json names no step0")
            }
            // An answer cannot leave the denominator by leaving its record out.
            Protocol::Fixed => {
                Ok(CaseOutcome::all_wrong(case, Task::Maze, "result.json names no step0"))
            }
        };
    };
    let first = pictures::read(first, |picture| read_maze(picture, protocol))?;
    let words: Vec<String> = case.moves.iter().map(|word| word.to_text().to_lowercase()).collect();
    let Some(frames) = expected_frames(&first, &words) else {
        return excluded(ExclusionReason::NoAgent, "the first picture shows no agent");
    };
    if words.is_empty() && protocol == Protocol::Fixed {
        return excluded(ExclusionReason::NoMoves, "the data set has no moves for this case");
    }
    if case.candidates.is_empty() {
        return excluded(ExclusionReason::NoCandidate, "there is no text and no folder cand_*");
    }
    let expected = Expected { words: words.into_iter().map(Some).collect(), frames, first };
    let mut outcome = CaseOutcome::default();
    for (index, candidate) in case.candidates.iter().enumerate() {
        let score = CaseScore::new(&case.id, index + 1);
        let score = score_candidate(score, candidate, &expected, protocol, &mut outcome.notes)?;
        outcome.scores.push(score);
    }
    Ok(outcome)
}

fn score_candidate(
    mut score: CaseScore,
    candidate: &Candidate,
    expected: &Expected,
    protocol: Protocol,
    notes: &mut Vec<String>,
) -> Result<CaseScore, Failure> {
    let answered = answered_moves(&candidate.text);
    let moves = MoveScore::of(&expected.words, &answered);
    score.set(Column::MazeTextStep, moves.step());
    score.set_right(Column::MazeTextSample, moves.exact());

    let produced = pictures::read_frames(&candidate.frames, protocol, notes, |picture| {
        read_maze(picture, protocol).grid
    })?;
    let frames = MazeFrameScore::of(&expected.frames, &produced, &expected.first.grid);
    score.set(Column::MazeImageStep, frames.step());
    score.set_right(Column::MazeImageSample, frames.exact());
    score.set(Diagnostic::MazeWellFormed, frames.well_formed_share());
    score.set_right(Diagnostic::MazeAllWellFormed, frames.all_well_formed());

    score.tell("moves", answered);
    score.tell("frames", produced.iter().map(grid_text).collect::<Vec<_>>());
    score.tell("expected", expected.frames.iter().map(|grid| line(*grid)).collect::<Vec<_>>());
    Ok(score)
}

/// Six rows with strokes between them; `null` for a frame that cannot be decoded.
fn grid_text(grid: &Option<MazeGrid>) -> Option<String> {
    grid.map(line)
}

fn line(grid: MazeGrid) -> String {
    grid.to_string().replace('\n', "/")
}
