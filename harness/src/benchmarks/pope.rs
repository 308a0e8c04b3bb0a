//! POPE's answers, questions and label files.

use super::{Name, WithNotes};
use crate::failure::Failure;
use crate::file_names::has_extension;
use crate::text_files::{Numbered, read_json, read_json_lines, wrong_line};
use retally_metrics::unified::pope::{CATEGORIES, Category, Judged, QUESTIONS, says_yes};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Questions of LLaVA's `random` category.
const LLAVA_RANDOM: u64 = 2910;

/// A reply, as the released evaluation writes it.
#[derive(Debug, Deserialize)]
struct Answer {
    question_id: Name,
    text: String,
    category: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Question {
    question_id: Name,
    category: String,
}

#[derive(Debug, Deserialize)]
struct Label {
    label: String,
}

/// Reads replies (`.json`, one list; or JSON lines), the categories of their questions (JSON lines; not needed if replies have a `category`), and
/// `coco_pope_CATEGORY.json` (JSON lines) of a folder. The replies of a category stand in the order of its labels.
///
/// # Errors
/// If a file cannot be read, a question is unknown, a label is neither yes nor no, or a category has not as many replies as labels.
pub(crate) fn read(
    answers: &Path,
    questions: Option<&Path>,
    labels: &Path,
) -> Result<WithNotes<Vec<Category>>, Failure> {
    let categories = questions.map(categories_of_questions).transpose()?;
    let mut by_category: HashMap<String, Vec<bool>> = HashMap::new();
    for answer in read_answers(answers)? {
        let known = categories.as_ref().and_then(|known| known.get(&answer.question_id)).cloned();
        let category = answer.category.or(known).ok_or_else(|| {
            Failure::invalid(format_args!(
                "`{}`: the category of question {} is not known: give the file of questions, or a `category` with each answer",
                answers.display(),
                answer.question_id
            ))
        })?;
        by_category.entry(category).or_default().push(says_yes(&answer.text));
    }
    let (mut content, mut notes) = (Vec::new(), Vec::new());
    for (name, path) in label_files(labels)? {
        let labels = read_labels(&path)?;
        let replies = by_category.remove(&name).unwrap_or_default();
        if replies.len() != labels.len() {
            return Err(Failure::invalid(format_args!(
                "category `{name}` has {} answers, `{}` has {} labels: one answer for each is needed, in the same order (the released script would leave out the rest)",
                replies.len(),
                path.display(),
                labels.len()
            )));
        }
        let count = labels.len() as u64;
        if count != QUESTIONS && !(name == "random" && count == LLAVA_RANDOM) {
            notes.push(format!("category `{name}` has {count} questions; POPE has {QUESTIONS}"));
        }
        let judged = replies.into_iter().zip(labels).map(|(said, label)| Judged { said, label });
        content.push(Category { replies: judged.collect(), name });
    }
    if let Some(category) = by_category.keys().min() {
        return Err(Failure::invalid(format_args!(
            "there are answers of category `{category}`, but no `coco_pope_{category}.json` in `{}`",
            labels.display()
        )));
    }
    let names: Vec<&str> = content.iter().map(|category| category.name.as_str()).collect();
    if names != CATEGORIES {
        notes.push(format!(
            "the mean F1 is over {}; POPE's is over {}",
            names.join(", "),
            CATEGORIES.join(", ")
        ));
    }
    Ok(WithNotes { content, notes })
}

fn read_answers(path: &Path) -> Result<Vec<Answer>, Failure> {
    if has_extension(path, "json") {
        return read_json(path);
    }
    Ok(read_json_lines(path)?.into_iter().map(|numbered| numbered.record).collect())
}

fn categories_of_questions(path: &Path) -> Result<HashMap<Name, String>, Failure> {
    let questions = read_json_lines::<Question>(path)?;
    Ok(questions
        .into_iter()
        .map(|found| (found.record.question_id, found.record.category))
        .collect())
}

/// Categories and their files, by name.
fn label_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let failed = |error| Failure::file("read", folder, &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let category = name.strip_prefix("coco_pope_").and_then(|name| name.strip_suffix(".json"));
        found.extend(category.map(|category| (category.to_owned(), path.clone())));
    }
    if found.is_empty() {
        return Err(Failure::invalid(format_args!(
            "`{}` holds no label file `coco_pope_CATEGORY.json`",
            folder.display()
        )));
    }
    found.sort();
    Ok(found)
}

fn read_labels(path: &Path) -> Result<Vec<bool>, Failure> {
    let label = |Numbered { line, record }: Numbered<Label>| match record.label.as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => {
            Err(wrong_line(path, line, format_args!("its label is `{other}`, neither yes nor no")))
        }
    };
    read_json_lines(path)?.into_iter().map(label).collect()
}
