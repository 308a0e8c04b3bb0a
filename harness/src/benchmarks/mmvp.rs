//! MMVP's `results.jsonl`, or raw replies with options.

use super::{Name, WithNotes};
use crate::failure::Failure;
use crate::text_files::{Numbered, read_json_lines, wrong_line};
use retally_metrics::unified::mmvp::{PAIRS, choice, letter_of_answer, options};
use serde::Deserialize;
use std::path::Path;

/// A question with what was answered.
#[derive(Debug, Deserialize)]
struct Answer {
    /// A letter; or with `options` a reply that has not been cut down to one.
    answer: String,
    gt_answers: String,
    /// `(a) Open (b) Closed`.
    options: Option<String>,
    data_id: Option<Name>,
}

/// Whether both answers of each pair are right; lines 1 and 2 are a pair, 3 and 4, and so on.
///
/// # Errors
/// If the file cannot be read, its lines are odd in number, options have no `(b)`, or numbers of questions (`data_id`) are not those of pairs: 1 and 2, 3 and 4 …
pub(crate) fn read(path: &Path) -> Result<WithNotes<Vec<[bool; 2]>>, Failure> {
    let mut answers = Vec::new();
    let mut empty = 0;
    for Numbered { line, record } in read_json_lines::<Answer>(path)? {
        let chosen = match &record.options {
            None => record.answer.clone(),
            Some(text) => {
                let options = options(text).map_err(|what| wrong_line(path, line, what))?;
                choice(&record.answer, &options)
            }
        };
        empty += usize::from(chosen.trim().is_empty());
        let right = chosen == letter_of_answer(&record.gt_answers);
        answers.push((line, number(record.data_id.as_ref()), right));
    }
    let (pairs, rest) = answers.as_chunks::<2>();
    if let [(line, ..)] = rest {
        let what = "it has no pair: the number of questions is odd (the released script would leave it out)";
        return Err(wrong_line(path, *line, what));
    }
    for [(_, first, _), (line, second, _)] in pairs {
        if let (Some(first), Some(second)) = (first, second)
            && (second.checked_sub(*first) != Some(1) || first % 2 != 1)
        {
            return Err(wrong_line(
                path,
                *line,
                format_args!(
                    "questions {first} and {second} stand together, but pairs are 1 and 2, 3 and 4 …: sort the lines by `data_id`"
                ),
            ));
        }
    }
    let content: Vec<[bool; 2]> =
        pairs.iter().map(|pair| pair.each_ref().map(|answer| answer.2)).collect();
    let mut notes = Vec::new();
    if content.len() as u64 != PAIRS {
        notes.push(format!("there are {} pairs; MMVP has {PAIRS}", content.len()));
    }
    if empty > 0 {
        notes.push(format!(
            "{empty} empty replies count as wrong (the released script stops at one)"
        ));
    }
    Ok(WithNotes { content, notes })
}

fn number(name: Option<&Name>) -> Option<u64> {
    match name? {
        Name::Number(number) => Some(*number),
        Name::Text(text) => text.parse().ok(),
    }
}
