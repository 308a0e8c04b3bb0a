//! Answers in the layout that the released scripts of Uni-MMMU read. A case's folder appears whole or not at all.

use super::Asking;
use super::StepCount;
use super::cases::{Case, Question};
use super::play::Played;
use crate::failure::Failure;
use crate::run::directory::write_durably;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::ErrorKind;
use std::path::Path;

/// Writes the answers of a case.
///
/// # Errors
/// If that fails.
pub(super) fn write(
    outputs: &Path,
    case: &Case,
    played: &Played,
    asking: &Asking,
) -> Result<(), Failure> {
    let target = outputs.join(&case.folder);
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(parent), Some(name)) = (target.parent(), name) else {
        return Err(Failure::invalid(format_args!("`{}` is no name of a case", case.folder)));
    };
    let partial = parent.join(format!(".{name}.partial"));
    remove(&partial)?;
    make(&partial)?;
    write_durably(&partial.join("model_text.txt"), played.text.as_bytes())?;
    pictures(&partial, case, played)?;
    write_json(&partial.join("result.json"), &result(case, played, asking))?;
    write_json(&partial.join("turns.json"), &played.turns)?;
    remove(&target)?;
    std::fs::rename(&partial, &target)
        .map_err(|error| Failure::file("give its name to", &target, &error))
}

fn pictures(folder: &Path, case: &Case, played: &Played) -> Result<(), Failure> {
    let (folder, prefix) = match case.question {
        Question::Puzzle(_) => (folder.join("cand_01"), "step"),
        _ => (folder.to_owned(), "model_image"),
    };
    make(&folder)?;
    for (index, image) in played.pictures.iter().enumerate() {
        let name = format!("{prefix}_{:04}.{}", index + 1, image.media_type.extension());
        write_durably(&folder.join(name), &image.bytes)?;
    }
    Ok(())
}

/// What the scorer reads of a case beside its answers, and how they were made.
fn result(case: &Case, played: &Played, asking: &Asking) -> Value {
    let mut result = Map::new();
    match &case.question {
        Question::Puzzle(question) => {
            let name = if case.folder.starts_with("maze/") { "step0" } else { "init_png" };
            result.insert(name.to_owned(), json!(question.first.name));
            let leaked = asking.step_count == StepCount::Leaked;
            result.insert("step_count_leaked".to_owned(), json!(leaked));
        }
        Question::Code(question) => {
            result.insert("svg".to_owned(), json!(question.svg));
            if let Some(png) = &question.png {
                result.insert("png".to_owned(), json!(png));
            }
        }
        Question::Jigsaw(_) | Question::Geometry(_) | Question::Science(_) => {}
    }
    result.insert("ended".to_owned(), json!(played.ended));
    Value::Object(result)
}

/// Lists the jigsaws that have answers: the released scorer takes these alone.
///
/// # Errors
/// If it cannot be written.
pub(super) fn write_jigsaw_summary<'a>(
    outputs: &Path,
    ids: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let items: Vec<Value> = ids.map(|id| json!({ "id": id })).collect();
    if items.is_empty() {
        return Ok(());
    }
    write_json(&outputs.join("jigsaw/summary.json"), &json!({ "per_item": items }))
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| {
        Failure::invalid(format_args!("cannot write `{}` as JSON: {error}", path.display()))
    })?;
    bytes.push(b'\n');
    write_durably(path, &bytes)
}

pub(super) fn make(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::file("create the folder", folder, &error))
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::file("remove the old folder", folder, &error))
        }
        _ => Ok(()),
    }
}
