//! The list of moves in an answer.

use super::python::{PythonValue, is_space};
use super::tags::Tagged;

const ANSWER: Tagged = Tagged { name: "ANSWER_JSON", brackets: Some(('[', ']')) };

/// The moves in the last `<ANSWER_JSON>[…]</ANSWER_JSON>` of a text: each element as Python's `str` writes it, without white
/// space around it, in lower case (Uni-MMMU, `eval_ummmu.py` at b5200b2).
///
/// Empty without such a tag, or if the last one holds no JSON.
#[must_use]
pub fn answered_moves(text: &str) -> Vec<String> {
    let answer = ANSWER.matches(text).last();
    match answer.map(PythonValue::parse) {
        Some(Ok(PythonValue::List(elements))) => {
            elements.iter().map(|element| normalised(&element.to_text())).collect()
        }
        _ => Vec::new(),
    }
}

/// Without white space around it, in lower case.
fn normalised(word: &str) -> String {
    word.trim_matches(is_space).to_lowercase()
}

/// How a model's moves compare with the expected ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveScore {
    /// Places at which both have the same word.
    pub matched: usize,
    /// Moves expected.
    pub expected: usize,
    /// Moves of the model.
    pub answered: usize,
}

impl MoveScore {
    /// Compares place by place. An expected value that is no text (`None`) equals nothing.
    #[must_use]
    pub fn of(expected: &[Option<String>], answered: &[String]) -> Self {
        let pairs = expected.iter().zip(answered);
        Self {
            matched: pairs.filter(|(expected, word)| expected.as_ref() == Some(*word)).count(),
            expected: expected.len(),
            answered: answered.len(),
        }
    }

    /// Share of the expected moves that match, 0 to 1. Moves beyond the expected ones cost nothing; 0 where none is expected.
    #[must_use]
    pub fn step(&self) -> f64 {
        if self.expected == 0 { 0.0 } else { self.matched as f64 / self.expected as f64 }
    }

    /// Whether all match and there are as many as expected, at least one.
    #[must_use]
    pub fn exact(&self) -> bool {
        self.expected > 0 && self.answered == self.expected && self.matched == self.expected
    }
}

#[cfg(test)]
mod tests;
