//! Where a model's answers and the ground truth are: the folders of the benchmark, or a file of one line a case.

use super::files::{MAX_TEXT_BYTES, read_text};
use crate::failure::Failure;
use crate::file_names::has_extension;
use retally_metrics::unified::Task;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Answers and ground truth.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The layout of the released scripts.
    Folders(Folders),
    /// One JSON object a line.
    Lines(Lines),
}

/// The folders of the benchmark.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    /// The model's answers: `maze/`, `sliding/`, `jigsaw/` … in it.
    pub(crate) outputs: PathBuf,
    /// The data set: `maze/`, `sliding/`, `jigsaw_dataset_2x2ref/` … in it.
    pub(crate) data: PathBuf,
}

/// The cases of a file of lines.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// The file.
    pub(crate) path: PathBuf,
    /// What paths in it are relative to.
    pub(crate) folder: PathBuf,
    /// The lines.
    pub(crate) cases: Vec<CaseLine>,
}

/// One case, of any task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseLine {
    /// `maze`, `sliding`, `jigsaw`, `geometry`, `science` or `code`.
    task: String,
    /// The case's name.
    pub(crate) id: String,
    /// The model's texts, one a candidate.
    #[serde(default)]
    pub(crate) texts: Vec<String>,
    /// Paths of the model's pictures in their order, one list a candidate.
    #[serde(default)]
    pub(crate) images: Vec<Vec<PathBuf>>,
    /// What the task's scorer compares with.
    pub(crate) ground_truth: Map<String, Value>,
    /// Where the line is, counted from 1.
    #[serde(skip)]
    pub(crate) line: usize,
}

impl Source {
    /// A folder of answers with the data set's folder, or a `.jsonl` file that needs none.
    ///
    /// # Errors
    /// If something is missing or a line is no case.
    pub(crate) fn open(answers: &Path, data: Option<&Path>) -> Result<Self, Failure> {
        if has_extension(answers, "jsonl") {
            return Ok(Self::Lines(Lines::read(answers)?));
        }
        if !answers.is_dir() {
            return Err(Failure::invalid(format_args!(
                "`{}` is neither a folder of answers (with maze/, sliding/, jigsaw/ … in it) nor a .jsonl file",
                answers.display()
            )));
        }
        let Some(data) = data else {
            return Err(Failure::invalid(format_args!(
                "`{}` is a folder of answers: give the benchmark's data folder with --data",
                answers.display()
            )));
        };
        if !data.is_dir() {
            return Err(Failure::invalid(format_args!(
                "`{}` is no folder: --data takes the benchmark's `data` folder, with maze/, sliding/ … in it",
                data.display()
            )));
        }
        Ok(Self::Folders(Folders { outputs: answers.to_owned(), data: data.to_owned() }))
    }
}

impl Lines {
    fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path, MAX_TEXT_BYTES)?;
        let mut cases: Vec<CaseLine> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let place = || format!("`{}`, line {number}", path.display());
            let mut case: CaseLine = serde_json::from_str(line).map_err(|error| {
                Failure::invalid(format_args!(
                    "{}: {error}; expected an object with task, id, texts, images, ground_truth",
                    place()
                ))
            })?;
            if !Task::ALL.iter().any(|task| task.as_str() == case.task) {
                let tasks = Task::ALL.map(Task::as_str).join(", ");
                return Err(Failure::invalid(format_args!(
                    "{}: there is no task `{}`; there are {tasks}",
                    place(),
                    case.task
                )));
            }
            case.line = number;
            cases.push(case);
        }
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { path: path.to_owned(), folder, cases })
    }

    /// The cases of one task.
    pub(crate) fn of(&self, task: Task) -> impl Iterator<Item = &CaseLine> {
        self.cases.iter().filter(move |case| case.task == task.as_str())
    }

    /// What is wrong with the ground truth of a line.
    pub(crate) fn refuse(&self, case: &CaseLine, problem: impl std::fmt::Display) -> Failure {
        Failure::invalid(format_args!(
            "`{}`, line {} (case `{}`): {problem}",
            self.path.display(),
            case.line,
            case.id
        ))
    }

    /// The path that a line names.
    pub(crate) fn path_of(&self, stated: &Path) -> PathBuf {
        self.folder.join(stated)
    }
}
