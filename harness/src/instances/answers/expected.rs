//! What the programmatic columns must be: computed from the list of mistakes.

use super::jigsaw::JigsawRecord;
use super::mistakes::SequenceRecord;
use retally_metrics::unified::planted::{
    PlantedAnswer, planted_sample_percent, planted_step_percent,
};
use retally_metrics::unified::{Column, Direction};
use serde::{Deserialize, Serialize};

/// A column of Uni-MMMU's main table that needs no judge and no perceptual distance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedColumn {
    /// Its name in the table.
    pub column: String,
    /// For words of sliding puzzles, after what moves are named: `empty-cell`, as the ground truth is, or `tile`.
    pub directions: Option<String>,
    /// What it must be, from 0 to 100.
    pub percent: f64,
    /// Over how many cases.
    pub n: usize,
}

/// A column of many answers.
type Percent = fn(&[PlantedAnswer]) -> Option<f64>;

/// All columns that there are cases of.
pub(super) fn expected(
    maze: &[SequenceRecord],
    sliding: &[SequenceRecord],
    jigsaw: &[JigsawRecord],
) -> Vec<ExpectedColumn> {
    let choices: Vec<PlantedAnswer> = jigsaw
        .iter()
        .map(|record| PlantedAnswer { units: 1, wrong: usize::from(record.wrong_choice) })
        .collect();
    let frames = |records: &[SequenceRecord]| planted(records, |record| record.wrong_frames.len());
    let words = |records: &[SequenceRecord]| planted(records, |record| record.wrong_moves.len());
    let tile = planted(sliding, wrong_as_tile_moves);
    let (step, sample): (Percent, Percent) = (planted_step_percent, planted_sample_percent);
    let rows: [(Column, Option<&str>, Vec<PlantedAnswer>, Percent); 11] = [
        (Column::JigsawText, None, choices, sample),
        (Column::MazeImageStep, None, frames(maze), step),
        (Column::MazeImageSample, None, frames(maze), sample),
        (Column::MazeTextStep, None, words(maze), step),
        (Column::MazeTextSample, None, words(maze), sample),
        (Column::SlidingImageStep, None, frames(sliding), step),
        (Column::SlidingImageSample, None, frames(sliding), sample),
        (Column::SlidingTextStep, Some("empty-cell"), words(sliding), step),
        (Column::SlidingTextSample, Some("empty-cell"), words(sliding), sample),
        (Column::SlidingTextStep, Some("tile"), tile.clone(), step),
        (Column::SlidingTextSample, Some("tile"), tile, sample),
    ];
    rows.into_iter()
        .filter_map(|(column, directions, answers, percent)| {
            Some(ExpectedColumn {
                column: column.name().to_owned(),
                directions: directions.map(str::to_owned),
                percent: percent(&answers)?,
                n: answers.len(),
            })
        })
        .collect()
}

fn planted(
    records: &[SequenceRecord],
    wrong: impl Fn(&SequenceRecord) -> usize,
) -> Vec<PlantedAnswer> {
    let answer = |record| {
        let record: &SequenceRecord = record;
        PlantedAnswer { units: record.moves.len(), wrong: wrong(record) }
    };
    records.iter().map(answer).collect()
}

/// How many moves are wrong if the answer is read as moves of tiles: all but those that were made wrong by being reversed.
fn wrong_as_tile_moves(record: &SequenceRecord) -> usize {
    let reversed = record.wrong_moves.iter().filter(|wrong| {
        let right = record.moves.get(wrong.position).and_then(|word| Direction::from_word(word));
        right.is_some_and(|right| right.opposite().as_str() == wrong.written)
    });
    record.moves.len() - reversed.count().min(record.moves.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::answers::mistakes::{Mistake, WrongFrame, WrongMove};

    #[test]
    fn columns_are_those_of_pencil_and_paper() {
        let record = |moves: &[&str], wrong: &[(usize, &str)], frames: &[usize]| SequenceRecord {
            case: String::new(),
            moves: moves.iter().map(|word| (*word).to_owned()).collect(),
            wrong_moves: wrong
                .iter()
                .map(|&(position, written)| WrongMove { position, written: written.to_owned() })
                .collect(),
            wrong_frames: frames
                .iter()
                .map(|&position| WrongFrame { position, mistake: Mistake::NotMoved })
                .collect(),
        };
        let puzzles = [
            record(&["up", "left"], &[(0, "down")], &[]),
            record(&["up", "left", "up", "right"], &[(3, "up")], &[0, 1, 2, 3]),
        ];
        let jigsaw = |wrong_choice| JigsawRecord {
            case: String::new(),
            label: 0,
            wrong_choice,
            wrong_pictures: Vec::new(),
        };
        let jigsaws = [jigsaw(true), jigsaw(false), jigsaw(false), jigsaw(false)];
        let found = expected(&puzzles[..1], &puzzles, &jigsaws);
        let found: Vec<_> = found
            .iter()
            .map(|row| (row.column.as_str(), row.directions.as_deref(), row.percent, row.n))
            .collect();
        assert_eq!(
            found,
            [
                ("Jigsaw-T", None, 75.0, 4),
                ("Maze-I|step", None, 100.0, 1),
                ("Maze-I|sample", None, 100.0, 1),
                ("Maze-T|step", None, 50.0, 1),
                ("Maze-T|sample", None, 0.0, 1),
                ("Sliding-I|step", None, 50.0, 2),
                ("Sliding-I|sample", None, 50.0, 2),
                ("Sliding-T|step", Some("empty-cell"), 62.5, 2),
                ("Sliding-T|sample", Some("empty-cell"), 0.0, 2),
                ("Sliding-T|step", Some("tile"), 25.0, 2),
                ("Sliding-T|sample", Some("tile"), 0.0, 2),
            ]
        );
        assert!(expected(&[], &[], &[]).is_empty());
    }
}
