//! Science: the explanation, and the picture of the final state. The three disciplines are one task.

use super::geometry::read_document;
use super::sheet::Sheet;
use super::{Given, Stop, picture, title, tries, truth_of};
use crate::endpoint::EndpointError;
use crate::judge::{Judge, Prepared, Prompt};
use crate::unified::Scoring;
use crate::unified::official::find;
use crate::unified::scores::TaskScores;
use crate::unified::source::{Folders, Lines, Source};
use retally_metrics::unified::judged::{
    CaseOutcome, ExplanationJudgement, StateJudgement, read_explanation, read_state,
};
use retally_metrics::unified::{Column, Protocol, Task};
use serde::Deserialize;
use std::path::PathBuf;

/// One candidate of a scene.
#[derive(Debug)]
struct Scene {
    id: String,
    candidate: usize,
    is_there: bool,
    given: Given,
    initial: Option<PathBuf>,
    condition: String,
    /// The final state in words.
    end: String,
}

pub(super) fn score(scoring: &Scoring<'_>, judge: &Judge) -> Result<TaskScores, Stop> {
    let scenes = match scoring.source {
        Source::Folders(folders) => of_folders(folders)?,
        Source::Lines(lines) => of_lines(lines)?,
    };
    if scenes.is_empty() {
        return Err(Stop::NotRun("not run: the answers hold no case of science".to_owned()));
    }
    let tries = tries(Task::Science, scoring.protocol);
    let explanations: Vec<CaseOutcome<ExplanationJudgement>> = judge.judge(
        &title("science, explanations", scoring),
        &scenes,
        tries,
        scoring.progress,
        |scene| scene.explanation_question(judge, scoring.protocol),
        |_, reply| read_explanation(scoring.protocol, reply),
    )?;
    let states: Vec<CaseOutcome<StateJudgement>> = judge.judge(
        &title("science, pictures", scoring),
        &scenes,
        tries,
        scoring.progress,
        |scene| scene.picture_question(judge, scoring.protocol),
        |_, reply| read_state(scoring.protocol, reply),
    )?;
    let cases = scenes.iter().map(|scene| (scene.id.clone(), scene.candidate));
    let mut sheet = Sheet::new(Task::Science, scoring.protocol, cases);
    let value = |right: bool| f64::from(u8::from(right));
    let of = |part: fn(ExplanationJudgement) -> bool| {
        explanations
            .clone()
            .into_iter()
            .map(move |outcome| outcome.map(|judgement| value(part(judgement))))
    };
    sheet.enter(Column::ScienceReasoning, of(|judgement| judgement.reasoning));
    sheet.enter(Column::ScienceText, of(|judgement| judgement.result));
    sheet.enter(
        Column::ScienceImage,
        states.into_iter().map(|outcome| outcome.map(|judgement| value(judgement.correct))),
    );
    Ok(sheet.finish())
}

impl Scene {
    fn explanation_question(
        &self,
        judge: &Judge,
        protocol: Protocol,
    ) -> Result<Prepared, EndpointError> {
        if !self.is_there {
            return Ok(Prepared::NoCase);
        }
        if self.end.is_empty() {
            return Ok(no_end());
        }
        let Some(text) = self.given.text(protocol) else { return Ok(Prepared::NothingToJudge) };
        let fields =
            [("condition", self.condition.as_str()), ("reference", &self.end), ("candidate", text)];
        judge.question(Prompt::ScienceExplanation, &fields, &[])
    }

    fn picture_question(
        &self,
        judge: &Judge,
        protocol: Protocol,
    ) -> Result<Prepared, EndpointError> {
        if !self.is_there {
            return Ok(Prepared::NoCase);
        }
        // Officially a picture is judged against an empty text too.
        if self.end.is_empty() && protocol == Protocol::Fixed {
            return Ok(no_end());
        }
        let initial = match &self.initial {
            Some(path) if path.is_file() => path,
            Some(path) => {
                return Ok(Prepared::NoReference(format!(
                    "there is no picture `{}`",
                    path.display()
                )));
            }
            None => {
                return Ok(Prepared::NoReference(
                    "the data set names no picture of the scene".to_owned(),
                ));
            }
        };
        let Some(made) =
            self.given.images.first().map(|path| picture::made(path)).transpose()?.flatten()
        else {
            return Ok(Prepared::NothingToJudge);
        };
        let fields = [("condition", self.condition.as_str()), ("reference", self.end.as_str())];
        judge.question(Prompt::SciencePicture, &fields, &[picture::reference(initial)?, made])
    }
}

fn no_end() -> Prepared {
    Prepared::NoReference("the data set does not say how the scene ends".to_owned())
}

/// The folder of data and of answers.
const FOLDER: &str = "science";

/// A block of `dim_all.json`.
#[derive(Debug, Deserialize)]
struct Block {
    #[serde(default)]
    samples: Vec<Sample>,
}

/// A scene in it.
#[derive(Debug, Deserialize)]
struct Sample {
    input_image_file_path_list: Option<Vec<String>>,
    input_prompt: Option<String>,
    output_prompt: Option<String>,
}

/// The scenes are numbered through all blocks, from 1.
fn of_folders(folders: &Folders) -> Result<Vec<Scene>, Stop> {
    let answers = folders.outputs.join(FOLDER);
    if !answers.is_dir() {
        return Err(Stop::NotRun(format!("not run: there is no folder `{}`", answers.display())));
    }
    let path = folders.data.join(FOLDER).join("dim_all.json");
    let blocks: Vec<Block> = read_document(&path, "a list of blocks with `samples`")?;
    let samples = blocks.into_iter().flat_map(|block| block.samples);
    let scenes =
        (1..).zip(samples).map(|(number, sample): (usize, Sample)| -> Result<Scene, Stop> {
            let id = format!("case_{number:02}");
            let folder = answers.join(&id);
            let initial = sample.input_image_file_path_list.unwrap_or_default().into_iter().next();
            Ok(Scene {
                candidate: 1,
                is_there: folder.is_dir(),
                given: Given::of_folder(&folder)?,
                initial: initial.map(|stated| find(&folders.data, FOLDER, &stated)),
                condition: sample.input_prompt.unwrap_or_default(),
                end: sample.output_prompt.unwrap_or_default(),
                id,
            })
        });
    scenes.collect()
}

/// The ground truth of a line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Truth {
    initial: PathBuf,
    condition: String,
    end: String,
}

fn of_lines(lines: &Lines) -> Result<Vec<Scene>, Stop> {
    const EXPECTED: &str = "`initial` (a picture), `condition` and `end` (in words)";
    let mut scenes = Vec::new();
    for case in lines.of(Task::Science) {
        for (candidate, given) in (1..).zip(Given::of_line(lines, case)) {
            let truth: Truth = truth_of(lines, case, EXPECTED)?;
            scenes.push(Scene {
                id: case.id.clone(),
                candidate,
                is_there: true,
                given,
                initial: Some(lines.path_of(&truth.initial)),
                condition: truth.condition,
                end: truth.end,
            });
        }
    }
    Ok(scenes)
}
