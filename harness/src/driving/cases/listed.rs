//! Jigsaws, geometry, science and code: one JSON file lists all cases of a task.

use super::{Case, Question};
use crate::driving::data::{Data, DataFile, text};
use crate::failure::Failure;
use serde_json::Value;
use std::fmt;

pub(super) const JIGSAW: &str = "jigsaw_dataset_2x2ref/metadata.json";
pub(super) const GEOMETRY: &str = "math_data/filtered.json";
pub(super) const SCIENCE: &str = "science/dim_all.json";
pub(super) const CODE: &str = "svg/metadata.json";

/// Most characters of a folder's name.
const LONGEST_NAME: usize = 120;

/// A square without its fourth part, and the two candidates for it.
#[derive(Clone, Debug)]
pub(in crate::driving) struct JigsawQuestion {
    pub(in crate::driving) reference: DataFile,
    pub(in crate::driving) candidates: [DataFile; 2],
}

/// A problem of geometry.
#[derive(Clone, Debug)]
pub(in crate::driving) struct GeometryQuestion {
    pub(in crate::driving) problem: String,
    pub(in crate::driving) choices: String,
    /// Whether a number is asked for, and not a proof.
    pub(in crate::driving) is_calculation: bool,
    pub(in crate::driving) figure: DataFile,
}

/// Something that changes.
#[derive(Clone, Debug)]
pub(in crate::driving) struct ScienceQuestion {
    pub(in crate::driving) condition: String,
    pub(in crate::driving) pictures: Vec<DataFile>,
}

/// The source of a drawing.
#[derive(Clone, Debug)]
pub(in crate::driving) struct CodeQuestion {
    pub(in crate::driving) source: String,
    /// The drawing's files as the list names them, for the scorer.
    pub(in crate::driving) png: Option<String>,
    pub(in crate::driving) svg: String,
}

fn refuse(list: &str, place: impl fmt::Display, problem: &str) -> Failure {
    Failure::invalid(format_args!("`{list}` of the data, {place}: {problem}"))
}

fn array<'v>(list: &str, value: &'v Value, name: &str) -> Result<&'v Vec<Value>, Failure> {
    value
        .get(name)
        .and_then(Value::as_array)
        .ok_or_else(|| refuse(list, format_args!("`{name}`"), "expected a list"))
}

/// An id that becomes the name of a folder.
fn folder_name<'v>(list: &str, item: &'v Value, number: usize) -> Result<&'v str, Failure> {
    let id = text(item, "id");
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if id.is_empty() || id.starts_with('.') || id.len() > LONGEST_NAME || !is_plain {
        let problem = "expected an `id` of letters, digits, `_`, `-` and `.`, which becomes the name of a folder";
        return Err(refuse(list, format_args!("item {number}"), problem));
    }
    Ok(id)
}

/// A key as the name of a folder, as the benchmark makes it.
fn sanitised(key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
    key.chars().map(plain).take(LONGEST_NAME).collect()
}

pub(super) fn jigsaw(data: Data<'_>) -> Result<Vec<Case>, Failure> {
    let list = data.json(JIGSAW)?;
    let case = |(number, item): (usize, &Value)| {
        let id = folder_name(JIGSAW, item, number)?;
        let picture = |what: &str, stated: Option<&Value>| {
            data.stated(JIGSAW, &format!("item `{id}`, {what}"), stated.unwrap_or(&Value::Null))
        };
        let candidate = |index: usize| {
            picture("`candidate_paths`", item.pointer(&format!("/candidate_paths/{index}")))
        };
        let question = JigsawQuestion {
            reference: picture("`ref_image_path`", item.pointer("/ref_panel/ref_image_path"))?,
            candidates: [candidate(0)?, candidate(1)?],
        };
        Ok(Case {
            id: id.to_owned(),
            folder: format!("jigsaw/{id}"),
            question: Question::Jigsaw(question),
        })
    };
    array(JIGSAW, &list, "items")?.iter().enumerate().map(case).collect()
}

pub(super) fn geometry(data: Data<'_>) -> Result<Vec<Case>, Failure> {
    let list = data.json(GEOMETRY)?;
    let groups = list
        .as_object()
        .ok_or_else(|| refuse(GEOMETRY, "the whole", "expected an object of objects"))?;
    let mut cases = Vec::new();
    for (group, items) in groups {
        let items = items.as_object().ok_or_else(|| {
            refuse(GEOMETRY, format_args!("`{group}`"), "expected an object of problems")
        })?;
        for (name, item) in items {
            let place = format!("`{group}` / `{name}`");
            let either = |first: &str, second: &str| {
                Some(text(item, first))
                    .filter(|text| !text.is_empty())
                    .unwrap_or(text(item, second))
            };
            let problem = either("problem_text_en", "problem_text");
            if problem.is_empty() {
                return Err(refuse(GEOMETRY, &place, "it has no `problem_text_en`"));
            }
            let stated = item.get("original_image").unwrap_or(&Value::Null);
            let question = GeometryQuestion {
                problem: problem.to_owned(),
                choices: choices(item.get("choices_en")),
                is_calculation: text(item, "type").starts_with("calc"),
                figure: data.stated(GEOMETRY, &format!("{place}, `original_image`"), stated)?,
            };
            cases.push(Case {
                id: format!("{group}/{name}"),
                folder: format!("math/{}__{}", sanitised(group), sanitised(name)),
                question: Question::Geometry(question),
            });
        }
    }
    Ok(cases)
}

/// Choices as one text: a text as it is, a list line by line.
fn choices(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let lines = items.iter().filter_map(Value::as_str);
            lines.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

pub(super) fn science(data: Data<'_>) -> Result<Vec<Case>, Failure> {
    let list = data.json(SCIENCE)?;
    let blocks =
        list.as_array().ok_or_else(|| refuse(SCIENCE, "the whole", "expected a list of blocks"))?;
    let mut cases: Vec<Case> = Vec::new();
    for block in blocks {
        for sample in array(SCIENCE, block, "samples")? {
            let number = cases.len() + 1;
            let place = format!("sample {number}");
            let condition = text(sample, "input_prompt");
            if condition.is_empty() {
                return Err(refuse(SCIENCE, &place, "it has no `input_prompt`"));
            }
            let stated = array(SCIENCE, sample, "input_image_file_path_list")?;
            let pictures = stated.iter().map(|path| data.stated(SCIENCE, &place, path));
            let question = ScienceQuestion {
                condition: condition.to_owned(),
                pictures: pictures.collect::<Result<_, _>>()?,
            };
            cases.push(Case {
                id: format!("sample {number}"),
                folder: format!("science/case_{number:02}"),
                question: Question::Science(question),
            });
        }
    }
    Ok(cases)
}

pub(super) fn code(data: Data<'_>) -> Result<Vec<Case>, Failure> {
    let list = data.json(CODE)?;
    let case = |(number, item): (usize, &Value)| {
        let id = folder_name(CODE, item, number)?;
        let svg = item.get("svg").unwrap_or(&Value::Null);
        let file = data.stated(CODE, &format!("item `{id}`, `svg`"), svg)?;
        let source = file.text()?;
        let png = item.get("png").and_then(Value::as_str);
        let question =
            CodeQuestion { source, png: png.map(str::to_owned), svg: text(item, "svg").to_owned() };
        Ok(Case {
            id: id.to_owned(),
            folder: format!("code/case_{:02}_{id}", number + 1),
            question: Question::Code(question),
        })
    };
    array(CODE, &list, "samples")?.iter().enumerate().map(case).collect()
}
