//! The jigsaw task.

use super::exclusion::{Exclusion, ExclusionReason};
use super::files::{read_json_if_there, read_text_if_there};
use super::scores::{CaseScore, TaskScores};
use super::source::{CaseLine, Folders, Lines, Source};
use super::{DreamSim, Scoring, official, pictures, puzzles};
use crate::failure::Failure;
use crate::images::raster::Rgb;
use retally_metrics::AbsenceReason;
use retally_metrics::unified::answers::{Choice, PythonValue, final_choice};
use retally_metrics::unified::jigsaw::{JigsawPictures, PerceptualDistance};
use retally_metrics::unified::{Column, Protocol, Task};
use serde::Deserialize;
use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const NO_DISTANCE: &str = "not measured: no DreamSim model was given (--dreamsim FILE); another distance would be another metric";

/// One item.
struct Item {
    id: String,
    /// The candidate that completes the picture; `None` for a label that is neither 0 nor 1, which no choice equals.
    label: Option<Choice>,
    /// The right completion and the wrong one.
    completed: PathBuf,
    wrong: PathBuf,
    /// One a candidate.
    answers: Vec<Answer>,
}

struct Answer {
    /// `None` where there is no text file.
    text: Option<String>,
    images: Vec<PathBuf>,
}

/// The items that are scored, and those that cannot be.
struct Items {
    items: Vec<Item>,
    exclusions: Vec<Exclusion>,
    notes: Vec<String>,
}

pub(super) fn score(scoring: &Scoring<'_>) -> Result<TaskScores, Failure> {
    let found = match scoring.source {
        Source::Folders(folders) => match of_folders(folders, scoring.protocol)? {
            Ok(items) => items,
            Err(reason) => {
                return Ok(TaskScores::not_run(Task::Jigsaw, scoring.protocol, &reason));
            }
        },
        Source::Lines(lines) => of_lines(lines)?,
    };
    if found.items.is_empty() && found.exclusions.is_empty() {
        let reason = "not run: the answers hold no case of jigsaw";
        return Ok(TaskScores::not_run(Task::Jigsaw, scoring.protocol, reason));
    }
    let title = format!("jigsaw, {}", scoring.protocol.as_str());
    let mut job = scoring.progress.job(title, found.items.len() as u64, "cases");
    let (mut cases, mut notes) = (Vec::new(), found.notes);
    for item in &found.items {
        for (index, answer) in item.answers.iter().enumerate() {
            let score = CaseScore::new(&item.id, index + 1);
            let score = score_answer(score, item, answer, scoring, &mut notes)
                .map_err(|failure| failure.within(format_args!("item `{}`", item.id)))?;
            cases.push(score);
        }
        job.advance(1);
    }
    job.finish();
    let mut scores = TaskScores::of(Task::Jigsaw, scoring.protocol, cases, found.exclusions);
    if scoring.dreamsim.is_none() {
        scores.leave_out(Column::JigsawImage, AbsenceReason::MissingInput, NO_DISTANCE);
    }
    scores.notes.extend(notes);
    Ok(scores)
}

fn score_answer(
    mut score: CaseScore,
    item: &Item,
    answer: &Answer,
    scoring: &Scoring<'_>,
    notes: &mut Vec<String>,
) -> Result<CaseScore, Failure> {
    let status = answer.text.as_deref().map(final_choice);
    let choice = status.and_then(|status| status.choice());
    score.set_right(Column::JigsawText, choice.is_some() && choice == item.label);
    score.tell("choice", choice.map(Choice::index));
    score.tell("text_status", status.map_or("no-text", |status| status.as_str()));
    score.tell("pictures", answer.images.len());
    if let Some(distance) = scoring.dreamsim {
        let pictures = compare(item, &answer.images, distance, scoring.protocol, notes)?;
        if let JigsawPictures::Two(distances) = pictures {
            score.tell("distances", distances.to_vec());
        }
        score.set(Column::JigsawImage, pictures.score());
    }
    Ok(score)
}

/// Compares the two pictures with the completions in the order that the label says.
fn compare(
    item: &Item,
    images: &[PathBuf],
    distance: &Mutex<DreamSim>,
    protocol: Protocol,
    notes: &mut Vec<String>,
) -> Result<JigsawPictures, Failure> {
    let [first, second] = images else { return Ok(JigsawPictures::WrongCount(images.len())) };
    let targets = match item.label {
        Some(Choice::First) => [&item.completed, &item.wrong],
        _ => [&item.wrong, &item.completed],
    };
    let targets = match open_both(targets) {
        Ok(targets) => targets,
        // The fault is not the model's. The released script blames it all the same.
        Err(failure) if protocol == Protocol::Fixed => return Err(failure),
        Err(failure) => {
            notes.push(format!("item `{}`: {}; distance 1", item.id, failure.message()));
            return Ok(JigsawPictures::Unreadable);
        }
    };
    let answers = match open_both([first, second]) {
        Ok(answers) => answers,
        Err(failure) => {
            notes.push(format!("item `{}`: {}; distance 1", item.id, failure.message()));
            return Ok(JigsawPictures::Unreadable);
        }
    };
    let mut distance = distance.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(JigsawPictures::Two([
        distance.distance(&answers[0], &targets[0])?,
        distance.distance(&answers[1], &targets[1])?,
    ]))
}

fn open_both([first, second]: [&PathBuf; 2]) -> Result<[Rgb; 2], Failure> {
    Ok([pictures::open(first)?, pictures::open(second)?])
}

const DATA_FOLDER: &str = "jigsaw_dataset_2x2ref";

/// The items that the run's summary lists and the data set has; the inner error says why there is none.
fn of_folders(folders: &Folders, protocol: Protocol) -> Result<Result<Items, String>, Failure> {
    let root = folders.outputs.join("jigsaw");
    if !root.is_dir() {
        return Ok(Err(format!("not run: there is no folder `{}`", root.display())));
    }
    let metadata = folders.data.join(DATA_FOLDER).join("metadata.json");
    let data = read_json_if_there(&metadata)?.ok_or_else(|| {
        Failure::invalid(format_args!(
            "`{}` is missing or holds no JSON: --data takes the benchmark's data folder",
            metadata.display()
        ))
    })?;
    let known = list(&data, "items", &metadata)?;
    let summary = root.join("summary.json");
    let mut ids = match read_json_if_there(&summary)? {
        Some(value) => ids_of(list(&value, "per_item", &summary)?, &summary)?,
        None if protocol == Protocol::Official => {
            return Ok(Err(format!(
                "not run: the released script scores the items that `{}` lists, and there is no such list",
                summary.display()
            )));
        }
        // The folders tell which items were answered.
        None => {
            let ids = ids_of(known, &metadata)?;
            ids.into_iter().filter(|id| is_name(id) && root.join(id).is_dir()).collect()
        }
    };
    let mut notes = Vec::new();
    if protocol == Protocol::Fixed {
        let mut seen = HashSet::new();
        let before = ids.len();
        ids.retain(|id| seen.insert(id.clone()));
        if ids.len() < before {
            notes.push(format!(
                "`{}` lists {} items twice; each is scored once",
                summary.display(),
                before - ids.len()
            ));
        }
    }
    let mut found = Items { items: Vec::new(), exclusions: Vec::new(), notes };
    for id in ids {
        if !is_name(&id) {
            return Err(Failure::invalid(format_args!(
                "`{}`: the item id `{id}` is no name of a folder",
                summary.display()
            )));
        }
        // Of an id that is there twice the released script keeps the last.
        let entry = known
            .iter()
            .rev()
            .find(|item| item.get("id").and_then(PythonValue::as_text) == Some(&id));
        match entry {
            Some(entry) => found.items.push(item(&id, entry, &root, folders, &metadata)?),
            None => found.exclusions.push(Exclusion {
                case: id,
                reason: ExclusionReason::NotInData,
                columns: puzzles::columns(Task::Jigsaw),
                detail: format!("`{}` has no such item", metadata.display()),
            }),
        }
    }
    Ok(Ok(found))
}

fn list<'a>(value: &'a PythonValue, key: &str, path: &Path) -> Result<&'a [PythonValue], Failure> {
    match value.get(key) {
        Some(PythonValue::List(elements)) => Ok(elements),
        // The released script takes a missing list for an empty one.
        None if matches!(value, PythonValue::Dictionary(_)) => Ok(&[]),
        _ => Err(Failure::invalid(format_args!(
            "`{}` is no object with a list `{key}`",
            path.display()
        ))),
    }
}

fn ids_of(items: &[PythonValue], path: &Path) -> Result<Vec<String>, Failure> {
    items
        .iter()
        .map(|item| {
            item.get("id").and_then(PythonValue::as_text).map(str::to_owned).ok_or_else(|| {
                Failure::invalid(format_args!("`{}` has an item without an `id`", path.display()))
            })
        })
        .collect()
}

/// Whether an id is the name of a folder, and not the way to another.
fn is_name(id: &str) -> bool {
    let mut parts = Path::new(id).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == id)
}

fn item(
    id: &str,
    entry: &PythonValue,
    root: &Path,
    folders: &Folders,
    metadata: &Path,
) -> Result<Item, Failure> {
    let missing = |key: &str| {
        Failure::invalid(format_args!(
            "`{}`: item `{id}` has no usable `{key}`",
            metadata.display()
        ))
    };
    let label = entry.get("label").ok_or_else(|| missing("label"))?;
    let picture = |key: &str| {
        let stated = entry.get(key).and_then(PythonValue::as_text).ok_or_else(|| missing(key))?;
        Ok::<_, Failure>(official::find(&folders.data, DATA_FOLDER, stated))
    };
    let folder = root.join(id);
    Ok(Item {
        id: id.to_owned(),
        label: Choice::of(label),
        completed: picture("gt_completed_2x2_path")?,
        wrong: picture("gt_wrong_2x2_path")?,
        answers: vec![Answer {
            text: read_text_if_there(&folder.join("model_text.txt"))?,
            images: official::model_images(&folder)?,
        }],
    })
}

/// The ground truth of a jigsaw in a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JigsawTruth {
    /// 0 or 1.
    label: u8,
    completed: PathBuf,
    wrong: PathBuf,
}

fn of_lines(lines: &Lines) -> Result<Items, Failure> {
    let items =
        lines.of(Task::Jigsaw).map(|case| of_line(lines, case)).collect::<Result<_, _>>()?;
    Ok(Items { items, exclusions: Vec::new(), notes: Vec::new() })
}

fn of_line(lines: &Lines, case: &CaseLine) -> Result<Item, Failure> {
    let expected =
        "expected ground_truth with `label` (0 or 1), `completed` and `wrong` (pictures)";
    let truth: JigsawTruth = serde_json::from_value(case.ground_truth.clone().into())
        .map_err(|error| lines.refuse(case, format_args!("{error}; {expected}")))?;
    let label = match truth.label {
        0 => Choice::First,
        1 => Choice::Second,
        _ => return Err(lines.refuse(case, expected)),
    };
    let count = case.texts.len().max(case.images.len()).max(1);
    let answer = |index: usize| Answer {
        text: case.texts.get(index).cloned(),
        images: case
            .images
            .get(index)
            .map_or_else(Vec::new, |paths| paths.iter().map(|path| lines.path_of(path)).collect()),
    };
    Ok(Item {
        id: case.id.clone(),
        label: Some(label),
        completed: lines.path_of(&truth.completed),
        wrong: lines.path_of(&truth.wrong),
        answers: (0..count).map(answer).collect(),
    })
}
