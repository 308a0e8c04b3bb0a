//! Answers to DPG-Bench's propositions as JSON lines, with the propositions beside each or in the benchmark's CSV file.

use super::{Name, WithNotes};
use crate::failure::Failure;
use crate::text_files::{Numbered, read_json_lines, read_text, wrong_line};
use retally_metrics::unified::dpg::{Picture, Proposition};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The answer that counts.
const YES: &str = "yes";

/// A picture with its propositions, or with answers to those of the CSV file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    prompt: Name,
    /// Which picture of the prompt; for the reader alone.
    #[serde(rename = "image")]
    _image: Option<serde_json::Value>,
    propositions: Option<Vec<Asked>>,
    /// Number of the proposition to answer.
    answers: Option<BTreeMap<u64, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    id: u64,
    #[serde(default)]
    parents: Vec<u64>,
    category: Option<String>,
    answer: String,
}

/// A row of `dpg_bench.csv`.
#[derive(Debug, Deserialize)]
struct Row {
    item_id: String,
    proposition_id: u64,
    dependency: String,
    category_broad: String,
}

#[derive(Clone, Debug)]
struct Question {
    id: u64,
    parents: Vec<u64>,
    category: String,
}

/// Reads pictures; `questions` is the benchmark's CSV file, for lines with `answers`.
///
/// # Errors
/// If a file cannot be read, a line has neither propositions nor answers, or answers that are not those of its prompt's propositions.
pub(crate) fn read(
    path: &Path,
    questions: Option<&Path>,
) -> Result<WithNotes<Vec<Picture>>, Failure> {
    let questions = questions.map(read_questions).transpose()?;
    let mut strange = 0_usize;
    let mut content = Vec::new();
    for Numbered { line, record } in read_json_lines::<Line>(path)? {
        let asked =
            record.propositions(questions.as_ref()).map_err(|what| wrong_line(path, line, what))?;
        strange +=
            asked.iter().filter(|asked| ![YES, "no"].contains(&asked.answer.as_str())).count();
        let propositions = asked.into_iter().map(Asked::proposition).collect();
        content.push(Picture { prompt: record.prompt.to_string(), propositions });
    }
    let mut notes = Vec::new();
    if strange > 0 {
        notes.push(format!(
            "{strange} answers are neither `yes` nor `no` and count as no, as in the released scripts"
        ));
    }
    Ok(WithNotes { content, notes })
}

impl Line {
    fn propositions(
        &self,
        questions: Option<&HashMap<String, Vec<Question>>>,
    ) -> Result<Vec<Asked>, String> {
        match (&self.propositions, &self.answers) {
            (Some(propositions), None) => Ok(propositions.iter().map(Asked::again).collect()),
            (None, Some(answers)) => {
                let questions = questions
                    .ok_or("it has `answers`: give the file of propositions with --questions")?;
                let prompt = self.prompt.to_string();
                let asked = questions
                    .get(&prompt)
                    .ok_or_else(|| format!("the file of propositions has no prompt `{prompt}`"))?;
                answered(asked, answers)
            }
            _ => Err("it needs either `propositions` or `answers`".to_owned()),
        }
    }
}

fn answered(asked: &[Question], answers: &BTreeMap<u64, String>) -> Result<Vec<Asked>, String> {
    if let Some(id) = answers.keys().find(|id| !asked.iter().any(|question| question.id == **id)) {
        return Err(format!("proposition {id} is not one of its prompt"));
    }
    let answered = |question: &Question| {
        let Question { id, parents, category } = question.clone();
        let answer = answers.get(&id).cloned();
        let answer = answer.ok_or_else(|| format!("proposition {id} has no answer"))?;
        Ok::<_, String>(Asked { id, parents, category: Some(category), answer })
    };
    asked.iter().map(answered).collect()
}

impl Asked {
    fn again(&self) -> Self {
        let Self { id, parents, category, answer } = self;
        Self {
            id: *id,
            parents: parents.clone(),
            category: category.clone(),
            answer: answer.clone(),
        }
    }

    fn proposition(self) -> Proposition {
        let Self { id, parents, category, answer } = self;
        Proposition { id, parents, category, yes: answer == YES }
    }
}

/// Propositions of each prompt, in the order of the file.
fn read_questions(path: &Path) -> Result<HashMap<String, Vec<Question>>, Failure> {
    let text = read_text(path)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut prompts: HashMap<String, Vec<Question>> = HashMap::new();
    for row in reader.deserialize::<Row>() {
        let row = row.map_err(|error| {
            Failure::invalid(format_args!("`{}` is not DPG-Bench's CSV: {error}", path.display()))
        })?;
        let parents = row.dependency.split(',').map(|parent| parent.trim().parse());
        let parents = parents.collect::<Result<Vec<u64>, _>>().map_err(|_| {
            Failure::invalid(format_args!(
                "`{}`: proposition {} of `{}` depends on `{}`, which are not numbers",
                path.display(),
                row.proposition_id,
                row.item_id,
                row.dependency
            ))
        })?;
        let question = Question { id: row.proposition_id, parents, category: row.category_broad };
        prompts.entry(row.item_id).or_default().push(question);
    }
    Ok(prompts)
}
