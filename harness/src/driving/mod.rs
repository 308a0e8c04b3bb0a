//! Driving a model through Uni-MMMU: its multi-round protocol, played against a chat endpoint that answers with text and pictures.
//!
//! ```text
//! data (official layout) → cases → rounds of questions (endpoint, record of replies) → outputs (official layout) + driving.json
//! ```
//!
//! A case is a conversation; cases run beside each other, the questions of one follow each other. Every reply is in the record
//! before it is used, so that a killed run continues without asking twice and its answers come out the same.

mod cases;
mod data;
mod outputs;
mod play;
mod prompts;
mod record;
mod talk;
#[cfg(test)]
mod tests;

use crate::endpoint::{ChatParameters, ChatService, EndpointError, map_concurrently};
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Progress;
use cases::{Case, TaskCases};
use data::Data;
use record::{CaseRecord, DrivingRecord, Identity, Outcome, TaskRecord};
use retally_metrics::unified::Task;
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use record::marks;

/// The suite whose models are driven.
pub(crate) const SUITE: &str = "aia";

/// How a case is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// A question for each plan, each picture and the answer.
    Rounds,
    /// One question, whose reply holds all text and all pictures: for models that interleave both.
    Whole,
}

/// Whether the model is told how many moves the solution of a maze or sliding puzzle has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepCount {
    /// The model says when it is done.
    Hidden,
    /// As many rounds as the ground truth has moves, as in the released script.
    Leaked,
}

/// Everything that decides what is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) model: String,
    pub(crate) parameters: ChatParameters,
    pub(crate) mode: Mode,
    pub(crate) step_count: StepCount,
    /// Most rounds of a case whose step count is hidden.
    pub(crate) most_rounds: NonZeroU32,
    /// Whether questions say what their reply shall hold.
    pub(crate) names_modalities: bool,
}

/// What is driven.
pub(crate) struct DriveRequest<'a> {
    /// The benchmark's data.
    pub(crate) data: &'a Path,
    /// Where answers go: `outputs` in this folder.
    pub(crate) out: &'a Path,
    pub(crate) tasks: &'a [Task],
    /// Only so many cases of each task.
    pub(crate) limit: Option<NonZeroUsize>,
    pub(crate) asking: Asking,
}

impl DriveRequest<'_> {
    /// The folder of the answers, which the scorer reads.
    pub(crate) fn outputs(&self) -> PathBuf {
        outputs_of(self.out)
    }
}

fn outputs_of(out: &Path) -> PathBuf {
    out.join("outputs")
}

/// What came out.
#[derive(Debug, Serialize)]
pub(crate) struct DrivingReport {
    outputs: PathBuf,
    tasks: Vec<TaskReport>,
    /// Replies that came from the server and not from the record.
    asked: u64,
    marks: Vec<String>,
    /// Where every request and reply is.
    record: PathBuf,
}

#[derive(Debug, Serialize)]
struct TaskReport {
    task: String,
    cases: usize,
    answered: usize,
    failed: Vec<FailedCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_run: Option<String>,
}

#[derive(Debug, Serialize)]
struct FailedCase {
    case: String,
    reason: String,
    temporary: bool,
}

impl DrivingReport {
    /// 0 if every case has answers; 3 if those without may get them from the same command; 4 if some will not, or the user
    /// stopped before the end.
    pub(crate) fn status(&self) -> ExitStatus {
        let failed = || self.tasks.iter().flat_map(|task| &task.failed);
        if interrupt::requested() || failed().any(|case| !case.temporary) {
            ExitStatus::Incomplete
        } else if failed().next().is_some() {
            ExitStatus::Temporary
        } else {
            ExitStatus::AsClaimed
        }
    }

    /// For a person at a terminal.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for task in &self.tasks {
            let line = match &task.not_run {
                Some(reason) => format!("not run: {reason}"),
                None => format!("{} of {} cases have answers", task.answered, task.cases),
            };
            text.push_str(&format!("{:<10} {line}\n", task.task));
            for FailedCase { case, reason, temporary } in &task.failed {
                let again = if *temporary { " (the same command asks again)" } else { "" };
                text.push_str(&format!("  {case}: {reason}{again}\n"));
            }
        }
        text.extend(self.marks.iter().map(|mark| format!("note       {mark}\n")));
        text.push_str(&format!(
            "answers    {}\nrecord     {} ({} replies fetched now)\n",
            self.outputs.display(),
            self.record.display(),
            self.asked
        ));
        text
    }
}

/// Plays every case that is asked for and writes its answers.
///
/// # Errors
/// If the data cannot be read, the folder holds answers that were asked for in another way, or answers cannot be written. A case
/// that gets no answers is no error: the report names it.
pub(crate) fn drive(
    request: &DriveRequest<'_>,
    service: &ChatService,
    progress: &Progress,
) -> Result<DrivingReport, Failure> {
    let tasks = selected(request)?;
    let outputs = request.outputs();
    let identity = Identity::of(&request.asking);
    let earlier = check_place(&outputs, &identity)?;
    let open = tasks.iter().map(|task| task_record(task, |_| Outcome::Open)).collect();
    let record = DrivingRecord::new(identity, open, earlier);
    outputs::make(&outputs)?;
    record.write(&outputs)?;
    let driver = Driver { request, service, outputs: &outputs };
    let done: Vec<TaskRecord> =
        tasks.iter().map(|task| driver.task(task, progress)).collect::<Result<_, _>>()?;
    let reports = done.iter().map(task_report).collect();
    let record = record.finished(done, &service.summary());
    record.write(&outputs)?;
    Ok(DrivingReport {
        tasks: reports,
        marks: record.marks,
        outputs,
        asked: service.asked(),
        record: service.record().folder().to_owned(),
    })
}

/// A task, with its cases or why it has none.
type Selected = (Task, Result<TaskCases, String>);

fn selected(request: &DriveRequest<'_>) -> Result<Vec<Selected>, Failure> {
    let data = Data::open(request.data)?;
    let mut tasks = Vec::new();
    for &task in request.tasks {
        let mut found = cases::read(task, data)?;
        if let Ok(found) = &mut found {
            found.cases.truncate(request.limit.map_or(usize::MAX, NonZeroUsize::get));
            check_steps(found, request.asking.step_count)?;
        }
        tasks.push((task, found));
    }
    match tasks.iter().find_map(|(_, found)| found.as_ref().err()) {
        Some(reason) if tasks.iter().all(|(_, found)| found.is_err()) => {
            Err(Failure::invalid(format_args!(
                "--data {}: none of the tasks asked for has cases there ({reason}); give the folder that holds `maze`, `sliding`, …",
                request.data.display()
            )))
        }
        _ => Ok(tasks),
    }
}

/// A step count that is to be leaked must be there.
fn check_steps(task: &TaskCases, step_count: StepCount) -> Result<(), Failure> {
    let lacks = |case: &&Case| match &case.question {
        cases::Question::Puzzle(question) => question.steps.is_none(),
        _ => false,
    };
    match task.cases.iter().find(lacks) {
        Some(case) if step_count == StepCount::Leaked => Err(Failure::invalid(format_args!(
            "--leak-step-count needs the ground truth of every case, and the data has none for `{}`",
            case.id
        ))),
        _ => Ok(()),
    }
}

/// Answers that were asked for in different ways do not stand in one folder.
fn check_place(outputs: &Path, identity: &Identity) -> Result<Option<DrivingRecord>, Failure> {
    match DrivingRecord::read(outputs)? {
        Some(record) if record.identity != *identity => Err(Failure::invalid(format_args!(
            "`{}` holds answers of another model, with other parameters, prompts or options: choose another folder with --out, or \
             remove this one",
            outputs.display()
        ))),
        earlier => Ok(earlier),
    }
}

fn task_record((task, found): &Selected, mut outcome: impl FnMut(&Case) -> Outcome) -> TaskRecord {
    let (demonstration, not_run, cases) = match found {
        Ok(found) => (found.demonstration.as_ref(), None, found.cases.as_slice()),
        Err(reason) => (None, Some(reason.clone()), [].as_slice()),
    };
    let case = |case: &Case| CaseRecord {
        case: case.id.clone(),
        folder: case.folder.clone(),
        outcome: outcome(case),
    };
    TaskRecord {
        task: task.as_str().to_owned(),
        demonstration: demonstration.map(|example| example.id.clone()),
        not_run,
        cases: cases.iter().map(case).collect(),
    }
}

fn task_report(record: &TaskRecord) -> TaskReport {
    let failed = record.cases.iter().filter_map(|case| match &case.outcome {
        Outcome::Failed { reason, temporary } => Some(FailedCase {
            case: case.case.clone(),
            reason: reason.clone(),
            temporary: *temporary,
        }),
        Outcome::Answered { .. } | Outcome::Open => None,
    });
    let answered = |case: &&CaseRecord| matches!(case.outcome, Outcome::Answered { .. });
    TaskReport {
        task: record.task.clone(),
        cases: record.cases.len(),
        answered: record.cases.iter().filter(answered).count(),
        failed: failed.collect(),
        not_run: record.not_run.clone(),
    }
}

struct Driver<'a> {
    request: &'a DriveRequest<'a>,
    service: &'a ChatService,
    outputs: &'a Path,
}

impl Driver<'_> {
    /// Plays the cases of a task.
    fn task(&self, selected: &Selected, progress: &Progress) -> Result<TaskRecord, Failure> {
        let (task, found) = selected;
        let Ok(found) = found else {
            return Ok(task_record(selected, |_| Outcome::Open));
        };
        let job = Mutex::new(progress.job(task.as_str(), found.cases.len() as u64, "cases"));
        let hopeless = AtomicBool::new(false);
        let outcomes = map_concurrently(self.service.concurrency(), &found.cases, |case| {
            if hopeless.load(Ordering::Relaxed) || interrupt::requested() {
                return Ok(not_asked());
            }
            let outcome = self.case(found, case, &hopeless);
            job.lock().unwrap_or_else(PoisonError::into_inner).advance(1);
            outcome
        });
        let outcomes = outcomes.into_iter().collect::<Result<Vec<Outcome>, Failure>>()?;
        if outcomes.iter().all(|outcome| matches!(outcome, Outcome::Answered { .. })) {
            job.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        }
        let mut outcomes = outcomes.into_iter();
        let record = task_record(selected, |_| outcomes.next().unwrap_or(Outcome::Open));
        if *task == Task::Jigsaw {
            let answered = |case: &&CaseRecord| matches!(case.outcome, Outcome::Answered { .. });
            let ids = record.cases.iter().filter(answered).map(|case| case.case.as_str());
            outputs::write_jigsaw_summary(self.outputs, ids)?;
        }
        Ok(record)
    }

    fn case(
        &self,
        task: &TaskCases,
        case: &Case,
        hopeless: &AtomicBool,
    ) -> Result<Outcome, Failure> {
        let (example, asking) = (task.demonstration.as_ref(), &self.request.asking);
        match play::play(task.task, case, example, self.service, asking) {
            Ok(played) => {
                outputs::write(self.outputs, case, &played, asking)?;
                Ok(Outcome::Answered { ended: played.ended })
            }
            Err(error) => {
                hopeless.fetch_or(concerns_all(&error), Ordering::Relaxed);
                let temporary = error.is_temporary() || matches!(error, EndpointError::Interrupted);
                Ok(Outcome::Failed { reason: error.to_string(), temporary })
            }
        }
    }
}

fn not_asked() -> Outcome {
    Outcome::Failed { reason: EndpointError::NotAsked.to_string(), temporary: true }
}

/// Whether every other case would fail alike.
fn concerns_all(error: &EndpointError) -> bool {
    match error {
        EndpointError::Interrupted | EndpointError::Client { .. } | EndpointError::File { .. } => {
            true
        }
        // A missing or wrong key, or nothing at this address.
        EndpointError::Refused { status, .. } => {
            ["401", "403", "404"].iter().any(|code| status.starts_with(code))
        }
        _ => false,
    }
}
