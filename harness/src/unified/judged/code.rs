//! Code: the pictures of what an SVG source draws, and the summary in words.

use super::geometry::read_document;
use super::sheet::Sheet;
use super::{Given, Stop, picture, title, tries, truth_of};
use crate::endpoint::{EndpointError, Picture};
use crate::failure::Failure;
use crate::judge::{Judge, Prepared, Prompt};
use crate::unified::Scoring;
use crate::unified::files::read_json_if_there;
use crate::unified::official::folders_named;
use crate::unified::scores::TaskScores;
use crate::unified::source::{Folders, Lines, Source};
use retally_metrics::unified::answers::PythonValue;
use retally_metrics::unified::judged::{
    CaseOutcome, DescriptionJudgement, DrawingJudgement, best_drawing, read_description,
    read_drawing, render_summary,
};
use retally_metrics::unified::{Column, Protocol, Task};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One candidate of a program.
#[derive(Debug)]
struct Program {
    id: String,
    candidate: usize,
    is_there: bool,
    given: Given,
    reference: Reference,
}

/// What a program draws.
#[derive(Clone, Debug, Default)]
struct Reference {
    /// A picture of it.
    png: Option<PathBuf>,
    /// The program.
    svg: Option<PathBuf>,
}

/// One picture of a program, by their indices; no picture for a program that has none, so that it is not forgotten.
#[derive(Clone, Copy, Debug)]
struct Drawing {
    program: usize,
    image: Option<usize>,
}

pub(super) fn score(scoring: &Scoring<'_>, judge: &Judge) -> Result<TaskScores, Stop> {
    let programs = match scoring.source {
        Source::Folders(folders) => of_folders(folders, scoring.protocol)?,
        Source::Lines(lines) => of_lines(lines)?,
    };
    if programs.is_empty() {
        return Err(Stop::NotRun("not run: the answers hold no case of code".to_owned()));
    }
    let tries = tries(Task::Code, scoring.protocol);
    let drawings: Vec<Drawing> = programs
        .iter()
        .enumerate()
        .flat_map(|(program, of)| {
            let images = 0..of.given.images.len().max(1);
            images.map(move |image| Drawing {
                program,
                image: (image < of.given.images.len()).then_some(image),
            })
        })
        .collect();
    let judged: Vec<CaseOutcome<DrawingJudgement>> = judge.judge(
        &title("code, pictures", scoring),
        &drawings,
        tries,
        scoring.progress,
        |drawing| match programs.get(drawing.program) {
            Some(program) => program.drawing_question(judge, drawing.image),
            None => Ok(Prepared::NoCase),
        },
        |_, reply| read_drawing(scoring.protocol, reply),
    )?;
    let descriptions: Vec<CaseOutcome<DescriptionJudgement>> = judge.judge(
        &title("code, summaries", scoring),
        &programs,
        tries,
        scoring.progress,
        |program| program.description_question(judge),
        |_, reply| read_description(scoring.protocol, reply),
    )?;
    let cases = programs.iter().map(|program| (program.id.clone(), program.candidate));
    let mut sheet = Sheet::new(Task::Code, scoring.protocol, cases);
    sheet.count_inconsistent(
        judged
            .iter()
            .filter(|outcome| matches!(outcome, CaseOutcome::Judged(judgement) if !judgement.consistent))
            .count(),
    );
    let best: Vec<CaseOutcome<DrawingJudgement>> =
        (0..programs.len()).map(|program| best_of(program, &drawings, &judged)).collect();
    sheet.enter(
        Column::CodeText,
        descriptions
            .into_iter()
            .map(|outcome| outcome.map(|judgement| f64::from(u8::from(judgement.matches)))),
    );
    let of = |part: fn(DrawingJudgement) -> f64| {
        best.clone().into_iter().map(move |outcome| outcome.map(part))
    };
    sheet.enter(Column::CodeShape, of(|judgement| judgement.shape));
    sheet.enter(Column::CodePosition, of(|judgement| judgement.position));
    Ok(sheet.finish())
}

/// The best picture of a program. One unclear reply leaves it open which one that is.
fn best_of(
    program: usize,
    drawings: &[Drawing],
    judged: &[CaseOutcome<DrawingJudgement>],
) -> CaseOutcome<DrawingJudgement> {
    let own = drawings.iter().zip(judged).filter(|(drawing, _)| drawing.program == program);
    let mut judgements = Vec::new();
    let mut other = CaseOutcome::NothingToJudge;
    for (_, outcome) in own {
        match outcome {
            CaseOutcome::Judged(judgement) => judgements.push(*judgement),
            // A picture that is none can be no better than one that is.
            CaseOutcome::NothingToJudge => {}
            CaseOutcome::Unclear(_) | CaseOutcome::NoReference(_) | CaseOutcome::NoCase => {
                other = outcome.clone()
            }
        }
    }
    match (other, best_drawing(&judgements)) {
        (CaseOutcome::NothingToJudge, Some(best)) => CaseOutcome::Judged(best),
        (other, _) => other,
    }
}

impl Program {
    /// The reference, or what is in the way.
    fn reference(&self) -> Result<Result<Picture, Prepared>, EndpointError> {
        if !self.is_there {
            return Ok(Err(Prepared::NoCase));
        }
        let picture = match &self.reference {
            Reference { png: Some(png), .. } if png.is_file() => Some(picture::reference(png)?),
            Reference { svg: Some(svg), .. } if svg.is_file() => picture::drawn(svg)?,
            _ => None,
        };
        Ok(picture.ok_or_else(|| {
            Prepared::NoReference(
                "the data set has neither a picture of it nor SVG that can be drawn".to_owned(),
            )
        }))
    }

    fn drawing_question(
        &self,
        judge: &Judge,
        image: Option<usize>,
    ) -> Result<Prepared, EndpointError> {
        let reference = match self.reference()? {
            Ok(reference) => reference,
            Err(obstacle) => return Ok(obstacle),
        };
        let path = image.and_then(|image| self.given.images.get(image));
        let Some(made) = path.map(|path| picture::made(path)).transpose()?.flatten() else {
            return Ok(Prepared::NothingToJudge);
        };
        judge.question(Prompt::CodeDrawing, &[], &[reference, made])
    }

    fn description_question(&self, judge: &Judge) -> Result<Prepared, EndpointError> {
        let reference = match self.reference()? {
            Ok(reference) => reference,
            Err(obstacle) => return Ok(obstacle),
        };
        let Some(summary) = self.given.text.as_deref().and_then(render_summary) else {
            return Ok(Prepared::NothingToJudge);
        };
        judge.question(Prompt::CodeDescription, &[("candidate", summary)], &[reference])
    }
}

/// The folder of the data set.
const DATA: &str = "svg";
/// The folder of the answers.
const ANSWERS: &str = "code";

/// `metadata.json`.
#[derive(Debug, Deserialize)]
struct Metadata {
    samples: Vec<Sample>,
}

/// A program in it.
#[derive(Debug, Deserialize)]
struct Sample {
    /// A text or a number.
    id: Value,
    svg: Option<PathBuf>,
    png: Option<PathBuf>,
}

impl Sample {
    fn name(&self) -> String {
        self.id.as_str().map_or_else(|| self.id.to_string(), str::to_owned)
    }
}

/// The cases of the folders `case_<number>_<id>`; in the fixed protocol those of the data set that have no folder, too.
fn of_folders(folders: &Folders, protocol: Protocol) -> Result<Vec<Program>, Stop> {
    let answers = folders.outputs.join(ANSWERS);
    if !answers.is_dir() {
        return Err(Stop::NotRun(format!("not run: there is no folder `{}`", answers.display())));
    }
    let data = folders.data.join(DATA);
    let mut programs = Vec::new();
    let mut ids = Vec::new();
    for (name, path) in folders_named(&answers, "case_")? {
        let Some((_, id)) = name.strip_prefix("case_").and_then(|rest| rest.split_once('_')) else {
            continue;
        };
        ids.push(id.to_owned());
        let reference = stated_reference(&path.join("result.json"), &data)?;
        programs.push(Program {
            id: name,
            candidate: 1,
            is_there: true,
            given: Given::of_folder(&path)?,
            reference,
        });
    }
    let metadata = data.join("metadata.json");
    if protocol == Protocol::Fixed && metadata.is_file() {
        let document: Metadata = read_document(&metadata, "an object with `samples`")?;
        complete(&mut programs, &ids, &document, &data);
    }
    Ok(programs)
}

/// What a case's record says of its reference.
fn stated_reference(record: &Path, data: &Path) -> Result<Reference, Failure> {
    let record = read_json_if_there(record)?;
    let path = |name: &str| {
        let stated = record.as_ref()?.get(name)?;
        match stated {
            PythonValue::Text(path) if !path.is_empty() => Some(data.join(path)),
            _ => None,
        }
    };
    Ok(Reference { png: path("png"), svg: path("svg") })
}

/// Takes references from the data set itself, and adds the cases that were not answered.
fn complete(programs: &mut Vec<Program>, ids: &[String], document: &Metadata, data: &Path) {
    for sample in &document.samples {
        let id = sample.name();
        let path = |stated: &Option<PathBuf>| stated.as_ref().map(|stated| data.join(stated));
        let reference = Reference { png: path(&sample.png), svg: path(&sample.svg) };
        match ids.iter().position(|answered| *answered == id) {
            Some(place) => {
                if let Some(program) = programs.get_mut(place) {
                    program.reference = reference;
                }
            }
            None => programs.push(Program {
                id,
                candidate: 1,
                is_there: false,
                given: Given::default(),
                reference,
            }),
        }
    }
}

/// The ground truth of a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    png: Option<PathBuf>,
    svg: Option<PathBuf>,
}

fn of_lines(lines: &Lines) -> Result<Vec<Program>, Stop> {
    let mut programs = Vec::new();
    for case in lines.of(Task::Code) {
        for (candidate, given) in (1..).zip(Given::of_line(lines, case)) {
            let truth: Truth = truth_of(lines, case, "`png` (a picture) or `svg`")?;
            let path =
                |stated: &Option<PathBuf>| stated.as_ref().map(|stated| lines.path_of(stated));
            let reference = Reference { png: path(&truth.png), svg: path(&truth.svg) };
            programs.push(Program {
                id: case.id.clone(),
                candidate,
                is_there: true,
                given,
                reference,
            });
        }
    }
    Ok(programs)
}
