//! `driving.json`: how the answers beside it were asked for. It is written before the first answer, so that no answers stand
//! without it.

use super::play::Ended;
use super::prompts::{Prompt, PromptsRecord};
use super::{Asking, Mode, StepCount};
use crate::endpoint::ServiceSummary;
use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// In the folder of the answers.
const FILE: &str = "driving.json";
const SCHEMA: u32 = 1;
/// No such file is larger.
const MAX_BYTES: u64 = 256 << 20;

const LEAK: &str = "The model was told how long the solution is: mazes and sliding puzzles were asked for exactly as many rounds as the \
    ground truth has moves, as in the released script of Uni-MMMU. Frame counts are right for that reason.";

/// Everything that decides what is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    model: String,
    mode: Mode,
    /// Whether the model was told how long the solution is.
    pub(super) step_count_leaked: bool,
    most_rounds: u32,
    modalities_named: bool,
    parameters: Value,
    prompts: PromptsRecord,
    /// What the words of a sliding puzzle's moves name in the prompt.
    sliding_moves_name: String,
}

impl Identity {
    pub(super) fn of(asking: &Asking) -> Self {
        Self {
            model: asking.model.clone(),
            mode: asking.mode,
            step_count_leaked: asking.step_count == StepCount::Leaked,
            most_rounds: asking.most_rounds.get(),
            modalities_named: asking.names_modalities,
            parameters: json!(asking.parameters),
            prompts: Prompt::record(),
            sliding_moves_name: "empty cell".to_owned(),
        }
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub(super) enum Outcome {
    /// Its answers are there.
    Answered { ended: Ended },
    /// It has none.
    Failed {
        reason: String,
        /// Whether the same command may bring them.
        temporary: bool,
    },
    /// Nobody asked yet.
    Open,
}

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CaseRecord {
    pub(super) case: String,
    pub(super) folder: String,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskRecord {
    pub(super) task: String,
    /// The worked example, which is not asked itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) demonstration: Option<String>,
    /// Why there are no cases.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) not_run: Option<String>,
    pub(super) cases: Vec<CaseRecord>,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DrivingRecord {
    schema: u32,
    pub(super) identity: Identity,
    /// What a reader of scores must know, one sentence each.
    pub(super) marks: Vec<String>,
    pub(super) tasks: Vec<TaskRecord>,
    /// Who answered; missing until the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) replies: Option<Value>,
}

impl DrivingRecord {
    /// The record before the first question. Tasks of an `earlier` record that are not asked now stay in it.
    pub(super) fn new(
        identity: Identity,
        mut tasks: Vec<TaskRecord>,
        earlier: Option<Self>,
    ) -> Self {
        let is_asked = |task: &TaskRecord| tasks.iter().any(|own| own.task == task.task);
        let kept = earlier.into_iter().flat_map(|record| record.tasks);
        let kept: Vec<TaskRecord> = kept.filter(|task| !is_asked(task)).collect();
        tasks.extend(kept);
        let marks = identity.step_count_leaked.then(|| LEAK.to_owned()).into_iter().collect();
        Self { schema: SCHEMA, identity, marks, tasks, replies: None }
    }

    /// With what came out, and the marks that follow from it.
    pub(super) fn finished(mut self, done: Vec<TaskRecord>, replies: &ServiceSummary) -> Self {
        for task in done {
            match self.tasks.iter_mut().find(|own| own.task == task.task) {
                Some(own) => *own = task,
                None => self.tasks.push(task),
            }
        }
        self.marks.extend(self.tasks.iter().filter_map(unanswered));
        self.marks.extend(replies.notes());
        Self { replies: Some(json!(replies)), ..self }
    }

    pub(super) fn write(&self, outputs: &Path) -> Result<(), Failure> {
        super::outputs::write_json(&outputs.join(FILE), self)
    }

    /// The record of a folder of answers; `None` if it has none.
    pub(super) fn read(outputs: &Path) -> Result<Option<Self>, Failure> {
        let path = outputs.join(FILE);
        let failed = |error: std::io::Error| Failure::file("read", &path, &error);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(Failure::invalid(format_args!(
                    "`{}` has {} bytes; no such record has more than {MAX_BYTES}",
                    path.display(),
                    metadata.len()
                )));
            }
            Ok(_) => {}
        }
        let record: Self =
            serde_json::from_slice(&std::fs::read(&path).map_err(failed)?).map_err(|error| {
                Failure::invalid(format_args!(
                    "`{}` is no record of this version of retally: {error}",
                    path.display()
                ))
            })?;
        if record.schema != SCHEMA {
            return Err(Failure::invalid(format_args!(
                "`{}` has schema {}; this retally reads {SCHEMA}",
                path.display(),
                record.schema
            )));
        }
        Ok(Some(record))
    }
}

fn unanswered(task: &TaskRecord) -> Option<String> {
    let answered = |case: &&CaseRecord| matches!(case.outcome, Outcome::Answered { .. });
    let missing = task.cases.len() - task.cases.iter().filter(answered).count();
    (missing > 0).then(|| {
        format!(
            "{missing} of {} cases of {} have no answers; the released scorer leaves such cases out of the denominator.",
            task.cases.len(),
            task.task
        )
    })
}

/// What must be said beside scores of these answers: how they were made, where that changes what a score means. Empty for
/// answers that retally did not ask for.
///
/// # Errors
/// If the record beside the answers cannot be read.
pub(crate) fn marks(outputs: &Path) -> Result<Vec<String>, Failure> {
    Ok(DrivingRecord::read(outputs)?.map_or_else(Vec::new, |record| record.marks))
}
