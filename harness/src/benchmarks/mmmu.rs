//! MMMU's predictions and answers.

use super::WithNotes;
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::text_files::{Numbered, read_json, read_json_lines, wrong_line};
use retally_metrics::unified::mmmu::{
    QUESTIONS, QUESTIONS_A_SUBJECT, Scored, choice, choice_is_right, key_phrases, open_is_right,
    subject_of,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

const MULTIPLE_CHOICE: &str = "multiple-choice";

/// One entry of the answer file.
#[derive(Debug, Deserialize)]
struct Answer {
    question_type: String,
    ground_truth: OneOrMore,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

/// A reply that has not been cut down to a letter.
#[derive(Debug, Deserialize)]
struct Reply {
    id: String,
    response: String,
    /// Texts of A, B, C …; none for an open question.
    #[serde(default)]
    options: Vec<String>,
}

/// Scores predictions: `prediction.json` of the released evaluation (id to letter, or to the reply to an open question), or JSON lines of raw replies with options.
///
/// # Errors
/// If a file cannot be read, a prediction is of a question that the answers do not have, or is there twice, or its options are not a choice.
pub(crate) fn read(predictions: &Path, answers: &Path) -> Result<WithNotes<Vec<Scored>>, Failure> {
    let mut answers: BTreeMap<String, Answer> = read_json(answers)?;
    let total = answers.len();
    let mut content = Vec::new();
    let mut score = |id: &str, prediction: &str| {
        let answer = answers.remove(id).ok_or_else(|| {
            format!("question `{id}` is not among the answers, or was there before")
        })?;
        let subject = subject_of(id)
            .ok_or_else(|| format!("question `{id}`: an id is like validation_Accounting_1"))?;
        let truth = answer.ground_truth.into_vec();
        let right = if answer.question_type == MULTIPLE_CHOICE {
            choice_is_right(prediction, &truth)
        } else {
            open_is_right(&key_phrases(prediction), &truth)
        };
        content.push(Scored { subject: subject.to_owned(), right });
        Ok::<(), String>(())
    };
    if has_extension(predictions, "json") {
        for (id, prediction) in read_json::<BTreeMap<String, String>>(predictions)? {
            score(&id, &prediction).map_err(|what| {
                Failure::invalid(format_args!("`{}`: {what}", predictions.display()))
            })?;
        }
    } else {
        for Numbered { line, record } in read_json_lines::<Reply>(predictions)? {
            choice(&record.response, &record.options)
                .and_then(|chosen| score(&record.id, &chosen))
                .map_err(|what| wrong_line(predictions, line, what))?;
        }
    }
    let notes = notes(&content, total);
    Ok(WithNotes { content, notes })
}

fn notes(content: &[Scored], total: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if total as u64 != QUESTIONS {
        notes.push(format!(
            "the answers are of {total} questions; MMMU's validation split has {QUESTIONS}"
        ));
    }
    if content.len() < total {
        notes.push(format!(
            "{} of {total} questions have no prediction and are left out, as in the released script",
            total - content.len()
        ));
    }
    let mut subjects: BTreeMap<&str, u64> = BTreeMap::new();
    content.iter().for_each(|question| *subjects.entry(&question.subject).or_default() += 1);
    let uneven = subjects.iter().filter(|(_, count)| **count != QUESTIONS_A_SUBJECT).count();
    if content.len() == total && uneven > 0 {
        notes.push(format!(
            "{uneven} subjects have another number of questions than {QUESTIONS_A_SUBJECT}"
        ));
    }
    notes
}
