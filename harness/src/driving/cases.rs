//! The cases of each task: what is shown to the model, and the folder that its answers go to.

mod listed;
mod puzzle;

pub(super) use listed::{CodeQuestion, GeometryQuestion, JigsawQuestion, ScienceQuestion};
pub(super) use puzzle::{Demonstration, PuzzleQuestion};

use super::data::Data;
use crate::failure::Failure;
use retally_metrics::unified::Task;

/// A case.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Its name in messages.
    pub(super) id: String,
    /// Where its answers go, within the folder of the outputs: `maze/case_00000`.
    pub(super) folder: String,
    /// What is asked.
    pub(super) question: Question,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// A maze or a sliding puzzle.
    Puzzle(PuzzleQuestion),
    Jigsaw(JigsawQuestion),
    Geometry(GeometryQuestion),
    Science(ScienceQuestion),
    Code(CodeQuestion),
}

/// The cases of a task.
#[derive(Clone, Debug)]
pub(super) struct TaskCases {
    pub(super) task: Task,
    /// The worked example of mazes and sliding puzzles, which is not asked itself.
    pub(super) demonstration: Option<Demonstration>,
    pub(super) cases: Vec<Case>,
}

/// Reads the cases of a task; the inner error says why there are none.
///
/// # Errors
/// If a list or file of the data is not what it should be.
pub(super) fn read(task: Task, data: Data<'_>) -> Result<Result<TaskCases, String>, Failure> {
    let place = match task {
        Task::Maze => "maze",
        Task::Sliding => "sliding",
        Task::Jigsaw => listed::JIGSAW,
        Task::Geometry => listed::GEOMETRY,
        Task::Science => listed::SCIENCE,
        Task::Code => listed::CODE,
    };
    if !data.has(place) {
        return Ok(Err(format!("the data has no `{place}`")));
    }
    let (demonstration, cases) = match task {
        Task::Maze | Task::Sliding => {
            let (demonstration, cases) = puzzle::read(task, data)?;
            (Some(demonstration), cases)
        }
        Task::Jigsaw => (None, listed::jigsaw(data)?),
        Task::Geometry => (None, listed::geometry(data)?),
        Task::Science => (None, listed::science(data)?),
        Task::Code => (None, listed::code(data)?),
    };
    if cases.is_empty() {
        return Ok(Err(format!("`{place}` of the data holds no case")));
    }
    Ok(Ok(TaskCases { task, demonstration, cases }))
}
