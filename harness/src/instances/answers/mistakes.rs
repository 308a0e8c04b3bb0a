//! Which moves and frames of an answer are made wrong.

use crate::instances::manifest::words;
use retally_metrics::random::Stream;
use retally_metrics::unified::Direction;
use serde::{Deserialize, Serialize};

/// A case of a maze or sliding puzzle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SequenceRecord {
    /// The case's folder.
    pub(super) case: String,
    /// The right moves; there are as many frames.
    pub(super) moves: Vec<String>,
    /// Moves that are wrong on purpose.
    pub(super) wrong_moves: Vec<WrongMove>,
    /// Frames that are wrong on purpose.
    pub(super) wrong_frames: Vec<WrongFrame>,
}

/// A wrong move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrongMove {
    /// From 0.
    pub(super) position: usize,
    /// What stands there instead.
    pub(super) written: String,
}

/// A wrong frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrongFrame {
    /// From 0: the frame after the first move.
    pub(super) position: usize,
    /// What is wrong with it.
    pub(super) mistake: Mistake,
}

/// What can be wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mistake {
    /// The agent is in another cell.
    AgentElsewhere,
    /// A wall cell is floor.
    WallOpened,
    /// The goal is not shown.
    GoalLost,
    /// The frame before is shown again.
    NotMoved,
    /// Two cells are exchanged.
    CellsExchanged,
}

/// Draws which units are wrong: each with probability `p`. A unit that is wrong at some `p` is wrong, in the same way, at every
/// larger one: all random numbers are drawn whether they are needed or not.
pub(super) struct Corrupter {
    random: Stream,
    p: f64,
}

impl Corrupter {
    pub(super) fn new(seed: u64, purpose: &str, number: usize, p: f64) -> Self {
        Self { random: Stream::new(seed, purpose, number as u64), p }
    }

    /// Whether a unit is wrong, and a random stream of its own for how.
    pub(super) fn next_unit(&mut self) -> (bool, Stream) {
        // uniform() is below 1, so p = 1 makes all wrong and p = 0 none.
        let wrong = self.random.uniform() < self.p;
        (wrong, Stream::new(self.random.next_u64(), "uni-mmmu/answers/unit", 0))
    }

    /// The moves as they are written, and which are wrong.
    pub(super) fn moves(&mut self, right: &[Direction]) -> (Vec<String>, Vec<WrongMove>) {
        let mut written = words(right);
        let mut wrong_moves = Vec::new();
        for (position, (word, direction)) in written.iter_mut().zip(right).enumerate() {
            let (wrong, mut random) = self.next_unit();
            if wrong {
                *word = other(*direction, &mut random).as_str().to_owned();
                wrong_moves.push(WrongMove { position, written: word.clone() });
            }
        }
        (written, wrong_moves)
    }
}

/// One of the three other directions.
fn other(direction: Direction, random: &mut Stream) -> Direction {
    let others: Vec<Direction> =
        Direction::ALL.into_iter().filter(|other| *other != direction).collect();
    others[random.below(others.len() as u64) as usize]
}

/// What a model is asked to write: its moves between tags.
pub(super) fn moves_text(written: &[String]) -> String {
    let list: Vec<String> = written.iter().map(|word| format!("\"{word}\"")).collect();
    format!("The moves, one for each picture:\n<ANSWER_JSON>[{}]</ANSWER_JSON>\n", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Down, Left, Up};

    #[test]
    fn mistakes_grow_with_p() {
        let right = [Up, Up, Left, Down, Left, Up, Up, Left];
        let at = |p| Corrupter::new(3, "test", 5, p).moves(&right);
        let (written, wrong) = at(0.0);
        assert_eq!((written, wrong), (words(&right), Vec::new()));
        let (all_written, all_wrong) = at(1.0);
        assert_eq!(all_wrong.len(), right.len());
        assert!(all_written.iter().zip(words(&right)).all(|(written, right)| *written != right));
        let mut before = 0;
        for p in [0.1, 0.3, 0.6, 0.9] {
            let (written, wrong) = at(p);
            assert!(wrong.len() >= before && wrong.iter().all(|wrong| all_wrong.contains(wrong)));
            before = wrong.len();
            for (position, word) in written.iter().enumerate() {
                let is_wrong = wrong.iter().any(|wrong| wrong.position == position);
                assert_eq!(*word != right[position].as_str(), is_wrong);
            }
        }
    }

    #[test]
    fn units_are_wrong_as_often_as_said() {
        let count = (0..2_000)
            .map(|number| Corrupter::new(0, "test", number, 0.1).moves(&[Up; 5]).1.len())
            .sum::<usize>();
        // 10,000 draws; six standard deviations are 180.
        assert!(count.abs_diff(1_000) < 180, "{count}");
    }

    #[test]
    fn moves_stand_between_tags() {
        let text = moves_text(&words(&[Up, Left]));
        assert!(text.ends_with("<ANSWER_JSON>[\"up\", \"left\"]</ANSWER_JSON>\n"));
    }
}
