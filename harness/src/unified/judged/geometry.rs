//! Geometry: the lines that are drawn, and the solution.

use super::sheet::Sheet;
use super::{Given, Stop, picture, title, tries, truth_of};
use crate::endpoint::EndpointError;
use crate::failure::Failure;
use crate::judge::{Judge, Prepared, Prompt};
use crate::unified::Scoring;
use crate::unified::files::{MAX_TEXT_BYTES, read_text};
use crate::unified::scores::TaskScores;
use crate::unified::source::{Folders, Lines, Source};
use retally_metrics::unified::judged::{
    CaseOutcome, GeometryKind, OverlayJudgement, SolutionJudgement, read_overlay, read_solution,
};
use retally_metrics::unified::{Column, Protocol, Task};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// One candidate of a problem.
#[derive(Debug)]
struct Problem {
    id: String,
    candidate: usize,
    /// Whether the answers have this case.
    is_there: bool,
    given: Given,
    kind: GeometryKind,
    text: String,
    solution: String,
    lines: String,
    original: PathBuf,
    overlay: PathBuf,
}

pub(super) fn score(scoring: &Scoring<'_>, judge: &Judge) -> Result<TaskScores, Stop> {
    let problems = match scoring.source {
        Source::Folders(folders) => of_folders(folders)?,
        Source::Lines(lines) => of_lines(lines)?,
    };
    if problems.is_empty() {
        return Err(Stop::NotRun("not run: the answers hold no case of geometry".to_owned()));
    }
    let tries = tries(Task::Geometry, scoring.protocol);
    let overlays: Vec<CaseOutcome<OverlayJudgement>> = judge.judge(
        &title("geometry, pictures", scoring),
        &problems,
        tries,
        scoring.progress,
        |problem| problem.overlay_question(judge),
        |_, reply| read_overlay(scoring.protocol, reply),
    )?;
    let solutions: Vec<CaseOutcome<SolutionJudgement>> = judge.judge(
        &title("geometry, solutions", scoring),
        &problems,
        tries,
        scoring.progress,
        |problem| problem.solution_question(judge, scoring.protocol),
        |problem, reply| read_solution(scoring.protocol, problem.kind, reply),
    )?;
    let cases = problems.iter().map(|problem| (problem.id.clone(), problem.candidate));
    let mut sheet = Sheet::new(Task::Geometry, scoring.protocol, cases);
    let value = |right: bool| f64::from(u8::from(right));
    sheet.count_inconsistent(
        solutions
            .iter()
            .filter(|outcome| matches!(outcome, CaseOutcome::Judged(judgement) if !judgement.consistent))
            .count(),
    );
    sheet.enter(
        Column::GeometryImage,
        overlays.into_iter().map(|outcome| outcome.map(|judgement| value(judgement.complete))),
    );
    sheet.enter(
        Column::GeometryText,
        solutions.into_iter().map(|outcome| outcome.map(|judgement| value(judgement.accepted))),
    );
    Ok(sheet.finish())
}

impl Problem {
    /// What comes before any question: a case that is missing, or that the data set has no pictures of. Both concern both columns, as in the
    /// released script.
    fn obstacle(&self) -> Option<Prepared> {
        if !self.is_there {
            return Some(Prepared::NoCase);
        }
        let missing = [&self.original, &self.overlay].into_iter().find(|path| !path.is_file());
        missing
            .map(|path| Prepared::NoReference(format!("there is no picture `{}`", path.display())))
    }

    fn overlay_question(&self, judge: &Judge) -> Result<Prepared, EndpointError> {
        if let Some(obstacle) = self.obstacle() {
            return Ok(obstacle);
        }
        let Some(made) =
            self.given.images.first().map(|path| picture::made(path)).transpose()?.flatten()
        else {
            return Ok(Prepared::NothingToJudge);
        };
        let pictures =
            [picture::reference(&self.original)?, picture::reference(&self.overlay)?, made];
        judge.question(Prompt::GeometryOverlay, &[("lines", &self.lines)], &pictures)
    }

    /// Officially a missing text is judged like an empty one.
    fn solution_question(
        &self,
        judge: &Judge,
        protocol: Protocol,
    ) -> Result<Prepared, EndpointError> {
        if let Some(obstacle) = self.obstacle() {
            return Ok(obstacle);
        }
        let text = match (self.given.text(protocol), protocol) {
            (Some(text), _) => text,
            (None, Protocol::Official) => "",
            (None, Protocol::Fixed) => return Ok(Prepared::NothingToJudge),
        };
        let fields = [
            ("kind", self.kind.as_str()),
            ("problem", self.text.as_str()),
            ("reference", self.solution.as_str()),
            ("candidate", text),
        ];
        judge.question(Prompt::GeometrySolution, &fields, &[])
    }
}

/// The folder of the data set.
const DATA: &str = "math_data";
/// The folder of the answers.
const ANSWERS: &str = "math";

/// An item of `filtered.json`.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    problem_text_en: Option<String>,
    problem_text: Option<String>,
    auxiliary_text_en: Option<String>,
    original_image: PathBuf,
    auxiliary_image: PathBuf,
    solution_en: Option<String>,
    solution: Option<String>,
}

fn of_folders(folders: &Folders) -> Result<Vec<Problem>, Stop> {
    let answers = folders.outputs.join(ANSWERS);
    if !answers.is_dir() {
        return Err(Stop::NotRun(format!("not run: there is no folder `{}`", answers.display())));
    }
    let path = folders.data.join(DATA).join("filtered.json");
    let groups: Map<String, Value> = read_document(&path, "an object of groups of problems")?;
    let mut problems = Vec::new();
    for (group, items) in groups {
        let items: Map<String, Value> = serde_json::from_value(items)
            .map_err(|error| wrong(&path, format_args!("group `{group}`: {error}")))?;
        for (name, item) in items {
            let item: Item = serde_json::from_value(item).map_err(|error| {
                wrong(&path, format_args!("item `{name}` of group `{group}`: {error}"))
            })?;
            let id = format!("{}__{}", file_name(&group), file_name(&name));
            problems.push(of_item(&answers.join(&id), id, item, &path)?);
        }
    }
    Ok(problems)
}

fn of_item(folder: &Path, id: String, item: Item, file: &Path) -> Result<Problem, Failure> {
    let beside = |path: &Path| file.with_file_name("").join(path);
    // As Python's `or`: an empty text gives way too.
    let either = |first: Option<String>, second: Option<String>| {
        first.filter(|text| !text.is_empty()).or(second).unwrap_or_default()
    };
    Ok(Problem {
        candidate: 1,
        is_there: folder.is_dir(),
        given: Given::of_folder(folder)?,
        kind: GeometryKind::of_type(item.kind.as_deref().unwrap_or_default()),
        text: either(item.problem_text_en, item.problem_text),
        solution: either(item.solution_en, item.solution),
        lines: item.auxiliary_text_en.unwrap_or_default(),
        original: beside(&item.original_image),
        overlay: beside(&item.auxiliary_image),
        id,
    })
}

/// The part of a folder's name that the released scripts make of a key: runs of other characters than letters, digits, `_`, `-` and `.`
/// become one `_`, at most 120 characters stay, and nothing becomes `item`.
fn file_name(key: &str) -> String {
    let mut name = String::new();
    let mut in_run = false;
    for character in key.trim().chars() {
        let kept = character.is_ascii_alphanumeric() || "_-.".contains(character);
        if kept {
            name.push(character);
        } else if !in_run {
            name.push('_');
        }
        in_run = !kept;
    }
    name.truncate(120);
    if name.is_empty() { "item".to_owned() } else { name }
}

/// The ground truth of a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    #[serde(rename = "type")]
    kind: String,
    problem: String,
    solution: String,
    lines: String,
    original: PathBuf,
    overlay: PathBuf,
}

fn of_lines(lines: &Lines) -> Result<Vec<Problem>, Stop> {
    const EXPECTED: &str = "`type` (calculation or proof), `problem`, `solution`, `lines` (what has to be drawn), `original` and `overlay` (pictures)";
    let mut problems = Vec::new();
    for case in lines.of(Task::Geometry) {
        for (candidate, given) in (1..).zip(Given::of_line(lines, case)) {
            let truth: Truth = truth_of(lines, case, EXPECTED)?;
            problems.push(Problem {
                id: case.id.clone(),
                candidate,
                is_there: true,
                given,
                kind: GeometryKind::of_type(&truth.kind),
                text: truth.problem,
                solution: truth.solution,
                lines: truth.lines,
                original: lines.path_of(&truth.original),
                overlay: lines.path_of(&truth.overlay),
            });
        }
    }
    Ok(problems)
}

/// A JSON file of the data set.
pub(super) fn read_document<Document: serde::de::DeserializeOwned>(
    path: &Path,
    expected: &str,
) -> Result<Document, Failure> {
    let text = read_text(path, MAX_TEXT_BYTES)?;
    serde_json::from_str(&text)
        .map_err(|error| wrong(path, format_args!("{error}; expected {expected}")))
}

fn wrong(path: &Path, problem: impl std::fmt::Display) -> Failure {
    Failure::invalid(format_args!("`{}`: {problem}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn keys_become_names_as_in_the_released_scripts() {
        assert_eq!(file_name(" a/b c: ü.x "), "a_b_c_.x");
        assert_eq!(file_name(""), "item");
        assert_eq!(file_name("  "), "item");
        assert_eq!(file_name(&"é".repeat(300)), "_");
        assert_eq!(file_name(&"ab".repeat(100)).len(), 120);
    }
}
