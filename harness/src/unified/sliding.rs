//! The sliding task.

use super::exclusion::ExclusionReason;
use super::puzzle_case::{Candidate, PuzzleCase};
use super::puzzles;
use super::puzzles::CaseOutcome;
use super::scores::{CaseScore, Diagnostic, TaskScores};
use super::{Scoring, pictures};
use crate::failure::Failure;
use retally_metrics::unified::answers::{MoveScore, answered_moves};
use retally_metrics::unified::sliding::{
    SlidingConvention, SlidingFrameScore, SlidingReading, empty_moves, read_sliding, words,
};
use retally_metrics::unified::{Column, Protocol, Task};

const TEXT_COLUMNS: [Column; 2] = [Column::SlidingTextStep, Column::SlidingTextSample];
const IMAGE_COLUMNS: [Column; 2] = [Column::SlidingImageStep, Column::SlidingImageSample];

pub(super) fn score(scoring: &Scoring<'_>) -> Result<TaskScores, Failure> {
    let convention = match scoring.protocol {
        Protocol::Official => SlidingConvention::AsStored,
        Protocol::Fixed => scoring.convention,
    };
    let score = |case: &PuzzleCase| score_case(case, scoring.protocol, convention);
    let (mut scores, outcomes) = puzzles::score_all(Task::Sliding, scoring, score)?;
    if !outcomes.is_empty() {
        scores.note(format!(
            "Sliding-T compares with the words of the convention `{}`",
            convention.as_str()
        ));
        scores.note(stored_words(&scores));
    }
    Ok(scores)
}

/// What the stored words name, counted over the cases.
fn stored_words(scores: &TaskScores) -> String {
    let first = scores.cases.iter().filter(|score| score.candidate == 1);
    let named = |name: &str| {
        first
            .clone()
            .filter(|score| score.details.get(NAMES).is_some_and(|told| told == name))
            .count()
    };
    format!(
        "stored moves name the motion of the empty cell in {} cases, of the tile in {}, neither in {}; no frames to tell by in {}",
        named("empty"),
        named("tile"),
        named("neither"),
        named("unknown"),
    )
}

/// The detail that tells what the stored words name.
const NAMES: &str = "stored_words_name";

/// What candidates are compared with.
struct Expected {
    /// The stored words.
    stored: Vec<Option<String>>,
    /// Words for the motion of the tile and of the empty cell, if the frames tell it.
    by_frames: Option<[Vec<Option<String>>; 2]>,
    /// Which of them the columns take.
    convention: SlidingConvention,
    /// The data set's frames, where the columns compare with them.
    frames: Option<Vec<SlidingReading>>,
}

impl Expected {
    fn words(&self) -> Option<&[Option<String>]> {
        let by_frames = self.by_frames.as_ref();
        match self.convention {
            SlidingConvention::AsStored => Some(&self.stored),
            SlidingConvention::Tile => by_frames.map(|[tile, _]| tile.as_slice()),
            SlidingConvention::Empty => by_frames.map(|[_, empty]| empty.as_slice()),
        }
    }

    /// What the stored words name.
    fn stored_name(&self) -> &'static str {
        match &self.by_frames {
            None => "unknown",
            Some([tile, _]) if *tile == self.stored => "tile",
            Some([_, empty]) if *empty == self.stored => "empty",
            Some(_) => "neither",
        }
    }
}

fn score_case(
    case: &PuzzleCase,
    protocol: Protocol,
    convention: SlidingConvention,
) -> Result<CaseOutcome, Failure> {
    let excluded = |reason, detail: &str| {
        Ok(CaseOutcome::excluded(case, reason, puzzles::columns(Task::Sliding), detail))
    };
    if case.first.is_none() {
        return match protocol {
            Protocol::Official => {
                excluded(ExclusionReason::NoFirstPicture, "result.json names no init_png")
            }
            Protocol::Fixed => {
                Ok(CaseOutcome::all_wrong(case, Task::Sliding, "result.json names no init_png"))
            }
        };
    }
    if case.candidates.is_empty() {
        return excluded(ExclusionReason::NoCandidate, "there is no text and no folder cand_*");
    }
    let mut outcome = CaseOutcome::default();
    let expected = expectations(case, protocol, convention, &mut outcome)?;
    for (index, candidate) in case.candidates.iter().enumerate() {
        let score = CaseScore::new(&case.id, index + 1);
        let score = score_candidate(score, candidate, &expected, protocol, &mut outcome.notes)?;
        if !score.values.is_empty() {
            outcome.scores.push(score);
        }
    }
    Ok(outcome)
}

/// Reads the data set's frames and words. In the fixed protocol, what the data set lacks is in no denominator.
fn expectations(
    case: &PuzzleCase,
    protocol: Protocol,
    convention: SlidingConvention,
    outcome: &mut CaseOutcome,
) -> Result<Expected, Failure> {
    let read =
        |path: &std::path::PathBuf| pictures::read(path, |picture| read_sliding(picture, protocol));
    let frames = case.frames.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    // The released script never opens the first picture, so that it may be missing.
    let first = case.first.as_ref().and_then(|path| read(path).ok());
    let boards: Option<Vec<_>> = first.iter().chain(&frames).map(SlidingReading::board).collect();
    let moves = boards.filter(|boards| first.is_some() && boards.len() > 1);
    let moves = moves.and_then(|boards| empty_moves(&boards));
    let by_frames = moves.map(|moves| {
        [SlidingConvention::Tile, SlidingConvention::Empty].map(|convention| {
            words(&moves, convention).unwrap_or_default().into_iter().map(Some).collect()
        })
    });
    let stored = case
        .moves
        .iter()
        .map(|word| match protocol {
            // A stored value that is no text equals no answer.
            Protocol::Official => word.as_text().map(str::to_owned),
            Protocol::Fixed => Some(word.to_text().trim().to_lowercase()),
        })
        .collect();
    let mut expected = Expected { stored, by_frames, convention, frames: Some(frames) };
    if protocol == Protocol::Fixed {
        leave_out_what_is_missing(case, &mut expected, outcome);
    }
    Ok(expected)
}

fn leave_out_what_is_missing(
    case: &PuzzleCase,
    expected: &mut Expected,
    outcome: &mut CaseOutcome,
) {
    let image = || IMAGE_COLUMNS.to_vec();
    if case.frames.is_empty() {
        let detail = "the data set has no frames for this case";
        outcome.exclude(case, ExclusionReason::NoFrames, image(), detail);
        expected.frames = None;
    } else if expected.by_frames.is_none() {
        let detail = "the data set's frames do not show boards one move apart";
        outcome.exclude(case, ExclusionReason::UnclearFrames, image(), detail);
        expected.frames = None;
    }
    match expected.words() {
        Some([]) => {
            let detail = "the data set has no moves for this case";
            outcome.exclude(case, ExclusionReason::NoMoves, TEXT_COLUMNS.to_vec(), detail);
        }
        None => {
            let detail = "the data set's frames do not tell the motion of tile and empty cell";
            outcome.exclude(case, ExclusionReason::UnclearFrames, TEXT_COLUMNS.to_vec(), detail);
        }
        Some(_) => {}
    }
}

fn score_candidate(
    mut score: CaseScore,
    candidate: &Candidate,
    expected: &Expected,
    protocol: Protocol,
    notes: &mut Vec<String>,
) -> Result<CaseScore, Failure> {
    let answered = answered_moves(&candidate.text);
    let is_scored = |words: &&[Option<String>]| protocol == Protocol::Official || !words.is_empty();
    if let Some(words) = expected.words().filter(is_scored) {
        let moves = MoveScore::of(words, &answered);
        score.set(Column::SlidingTextStep, moves.step());
        score.set_right(Column::SlidingTextSample, moves.exact());
    }
    if let Some([tile, empty]) = &expected.by_frames {
        let (tile, empty) = (MoveScore::of(tile, &answered), MoveScore::of(empty, &answered));
        score.set(Diagnostic::SlidingTileStep, tile.step());
        score.set_right(Diagnostic::SlidingTileSample, tile.exact());
        score.set(Diagnostic::SlidingEmptyStep, empty.step());
        score.set_right(Diagnostic::SlidingEmptySample, empty.exact());
    }
    let produced = pictures::read_frames(&candidate.frames, protocol, notes, |picture| {
        read_sliding(picture, protocol)
    })?;
    if let Some(frames) = &expected.frames {
        let frames = SlidingFrameScore::of(frames, &produced, protocol);
        score.set(Column::SlidingImageStep, frames.step());
        score.set_right(Column::SlidingImageSample, frames.exact());
    }
    score.tell("moves", answered);
    score.tell("frames", texts(&produced));
    let wanted: Vec<_> = expected.frames.iter().flatten().copied().map(Some).collect();
    score.tell("expected", texts(&wanted));
    score.tell(NAMES, expected.stored_name());
    Ok(score)
}

fn texts(frames: &[Option<SlidingReading>]) -> Vec<Option<String>> {
    frames.iter().map(|frame| frame.map(|frame| frame.to_string())).collect()
}
