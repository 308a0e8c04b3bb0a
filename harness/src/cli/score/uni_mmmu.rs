//! `retally score uni-mmmu`.

use super::judge::{JudgeArguments, JudgeReport};
use super::number;
use crate::cli::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::threads::Threads;
use crate::unified::{
    Difference, DreamSim, DreamSimRecord, Scoring, Source, TaskScores, differences, plain_mean,
    score, write_cases,
};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::{CellAlignment, Table, presets};
use retally_metrics::unified::sliding::SlidingConvention;
use retally_metrics::unified::{Protocol, Task};
use retally_metrics::{Measurement, Outcome};
use serde::Serialize;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;

/// Differences that are printed of each task; `--json` and `--cases` have them all.
const PRINTED_DIFFERENCES: usize = 10;

#[derive(Debug, Args)]
pub(super) struct UniMmmuArguments {
    /// The model's answers: a folder as the benchmark's scripts write it (maze/, sliding/, jigsaw/ … in it), or a .jsonl file
    /// of one case a line.
    #[arg(value_name = "OUTPUTS")]
    outputs: PathBuf,
    /// The benchmark's data folder; a .jsonl file needs none.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Whose rules: those of the released script, its faults included, or the same with the faults mended; may be repeated.
    /// Default: both, side by side.
    #[arg(long, value_parser = protocol_parser())]
    protocol: Vec<Protocol>,
    /// Score this task alone; may be repeated.
    #[arg(long, value_parser = task_parser())]
    task: Vec<Task>,
    /// What the right moves of a sliding puzzle are compared as, in the fixed protocol: the words as they are stored, or
    /// words for the motion of the tile or of the empty cell, read off the data set's frames.
    #[arg(long, default_value = "as-stored", value_parser = convention_parser())]
    sliding_convention: SlidingConvention,
    /// DreamSim as three ONNX models, described in a TOML file; without it Jigsaw-I is not measured.
    #[arg(long, value_name = "FILE.toml")]
    dreamsim: Option<PathBuf>,
    /// Write the values of every case here, as .csv or .jsonl.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Threads; the result does not depend on them. Default: all cores.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    judge: JudgeArguments,
}

fn protocol_parser() -> impl TypedValueParser<Value = Protocol> {
    PossibleValuesParser::new(Protocol::ALL.map(Protocol::as_str)).map(|name| {
        if name == Protocol::Official.as_str() { Protocol::Official } else { Protocol::Fixed }
    })
}

fn task_parser() -> impl TypedValueParser<Value = Task> {
    PossibleValuesParser::new(Task::ALL.map(Task::as_str)).map(|name| {
        Task::ALL.into_iter().find(|task| task.as_str() == name).unwrap_or(Task::Jigsaw)
    })
}

fn convention_parser() -> impl TypedValueParser<Value = SlidingConvention> {
    PossibleValuesParser::new(SlidingConvention::ALL.map(SlidingConvention::as_str)).map(|name| {
        let mut all = SlidingConvention::ALL.into_iter();
        all.find(|convention| convention.as_str() == name).unwrap_or(SlidingConvention::AsStored)
    })
}

/// What was measured.
#[derive(Debug, Serialize)]
struct UniMmmuReport {
    /// The scores of each task by each protocol.
    scores: Vec<TaskScores>,
    /// The mean of the columns by each protocol that measured them all.
    plain_means: Vec<Measurement>,
    /// How the answers were asked for, where that changes what a score means.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<String>,
    /// Where the protocols differ.
    differences: Vec<Difference>,
    /// The models behind Jigsaw-I.
    #[serde(skip_serializing_if = "Option::is_none")]
    dreamsim: Option<DreamSimRecord>,
    /// Who judged, and how far that agrees with people.
    #[serde(flatten)]
    judge: JudgeReport,
}

pub(super) fn run(arguments: &UniMmmuArguments, context: &Context) -> Result<Document, Failure> {
    let source = Source::open(&arguments.outputs, arguments.data.as_deref())?;
    let threads = Threads::new(arguments.threads)?;
    let judging = arguments.judge.open(context)?;
    let dreamsim = match &arguments.dreamsim {
        Some(path) => Some(DreamSim::open(path, context.onnxruntime()?, threads.count())?),
        None => None,
    };
    let record = dreamsim.as_ref().map(|dreamsim| dreamsim.record().clone());
    let dreamsim = dreamsim.map(Mutex::new);
    let protocols = chosen(&arguments.protocol, Protocol::ALL);
    let tasks = chosen(&arguments.task, Task::ALL);
    let mut scores = Vec::new();
    for &task in &tasks {
        for &protocol in &protocols {
            let scoring = Scoring {
                source: &source,
                protocol,
                convention: arguments.sliding_convention,
                dreamsim: dreamsim.as_ref(),
                judging: &judging,
                threads: &threads,
                progress: &context.progress,
            };
            let within = |failure: Failure| {
                failure.within(format_args!("{}, {} protocol", task.as_str(), protocol.as_str()))
            };
            scores.push(score(task, &scoring).map_err(within)?);
        }
    }
    if let Some(path) = &arguments.cases {
        write_cases(path, &scores)?;
    }
    let marks = match &source {
        Source::Folders(folders) => crate::driving::marks(&folders.outputs)?,
        Source::Lines(_) => Vec::new(),
    };
    let report = UniMmmuReport {
        marks,
        plain_means: protocols
            .iter()
            .filter_map(|protocol| plain_mean(*protocol, &scores))
            .collect(),
        differences: tasks.iter().flat_map(|task| differences(*task, &scores)).collect(),
        dreamsim: record,
        judge: arguments.judge.conclude(&judging, &protocols, &scores)?,
        scores,
    };
    Document::new(report.to_text(&tasks, &protocols), &report)
}

/// What the user named, in the order of `all`; all if that is nothing.
fn chosen<T: Copy + PartialEq, const N: usize>(named: &[T], all: [T; N]) -> Vec<T> {
    all.into_iter().filter(|one| named.is_empty() || named.contains(one)).collect()
}

impl UniMmmuReport {
    fn to_text(&self, tasks: &[Task], protocols: &[Protocol]) -> String {
        let mut text = self.table(tasks, protocols);
        for mark in &self.marks {
            add(&mut text, format_args!("mark       {mark}"));
        }
        for scores in &self.scores {
            let heading = format!("{}, {}", scores.task.as_str(), scores.protocol.as_str());
            for exclusion in &scores.exclusions {
                let columns: Vec<&str> =
                    exclusion.columns.iter().map(|column| column.name()).collect();
                add(
                    &mut text,
                    format_args!(
                        "left out   {heading}: case {} of {}: {}",
                        exclusion.case,
                        columns.join(", "),
                        exclusion.detail
                    ),
                );
            }
        }
        for (note, headings) in grouped(self.notes()) {
            add(&mut text, format_args!("note       {}: {note}", headings.join("; ")));
        }
        for &task in tasks {
            self.add_differences(task, &mut text);
        }
        text.push_str(&self.judge.to_text());
        text
    }

    /// Each note, and the task and protocol that it is about.
    fn notes(&self) -> Vec<(String, String)> {
        let of = |scores: &TaskScores| {
            let heading = format!("{}, {}", scores.task.as_str(), scores.protocol.as_str());
            let notes = scores.notes.clone();
            notes.into_iter().map(move |note| (note, heading.clone()))
        };
        self.scores.iter().flat_map(of).collect()
    }

    fn table(&self, tasks: &[Task], protocols: &[Protocol]) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let headings = protocols.iter().flat_map(|protocol| {
            let name = protocol.as_str();
            [name.to_owned(), "95 % interval".to_owned(), "n".to_owned()]
        });
        table.set_header(std::iter::once("column".to_owned()).chain(headings));
        let mut reasons = Vec::new();
        for &task in tasks {
            let of_task: Vec<&TaskScores> =
                self.scores.iter().filter(|scores| scores.task == task).collect();
            for name in names(&of_task) {
                let measured = of_task.iter().map(|scores| find(scores, &name));
                let mut row = vec![name.clone()];
                let absent = measured.clone().flatten().filter(|found| found.absence().is_some());
                let everywhere = absent.count() == of_task.len();
                for (measured, scores) in measured.zip(&of_task) {
                    row.extend(cells(measured));
                    if let Some(absence) = measured.and_then(Measurement::absence) {
                        let only = format!("{name} ({})", scores.protocol.as_str());
                        let subject = if everywhere { name.clone() } else { only };
                        reasons.push((absence.detail.clone(), subject));
                    }
                }
                table.add_row(row);
            }
        }
        for mean in &self.plain_means {
            add_mean(&mut table, mean);
        }
        for column in 1..table.column_count() {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("{table}\n");
        for (reason, columns) in grouped(reasons) {
            add(&mut text, format_args!("absent     {}: {reason}", columns.join(", ")));
        }
        text
    }

    fn add_differences(&self, task: Task, text: &mut String) {
        let of_task: Vec<&Difference> =
            self.differences.iter().filter(|found| found.task == task.as_str()).collect();
        for found in of_task.iter().take(PRINTED_DIFFERENCES) {
            let [official, fixed] = [found.official, found.fixed]
                .map(|value| value.map_or("left out".to_owned(), |value| format!("{value}")));
            add(
                text,
                format_args!(
                    "differs    {}: case {}, candidate {}, {}: official {official}, fixed {fixed}",
                    found.task, found.case, found.candidate, found.column
                ),
            );
        }
        if of_task.len() > PRINTED_DIFFERENCES {
            let more = of_task.len() - PRINTED_DIFFERENCES;
            add(text, format_args!("differs    {}: {more} more; --json has all", task.as_str()));
        }
    }
}

/// What is said, each sentence once, with all that it is said of, each once; in the order of the first.
fn grouped(said: Vec<(String, String)>) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (sentence, subject) in said {
        match groups.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, subjects)) if subjects.contains(&subject) => {}
            Some((_, subjects)) => subjects.push(subject),
            None => groups.push((sentence, vec![subject])),
        }
    }
    groups
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

fn add_mean(table: &mut Table, mean: &Measurement) {
    let mut row = vec![mean.metric.clone()];
    row.extend(cells(Some(mean)));
    table.add_row(row);
}

/// Columns, then what is told beside them, of either protocol.
fn names(of_task: &[&TaskScores]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let lists = of_task.iter().map(|scores| &scores.measurements);
    for measured in lists.chain(of_task.iter().map(|scores| &scores.diagnostics)).flatten() {
        if !names.contains(&measured.metric) {
            names.push(measured.metric.clone());
        }
    }
    names
}

fn find<'a>(scores: &'a TaskScores, name: &str) -> Option<&'a Measurement> {
    scores.measurements.iter().chain(&scores.diagnostics).find(|measured| measured.metric == name)
}

/// Value, interval and n.
fn cells(measured: Option<&Measurement>) -> [String; 3] {
    let Some(measured) = measured else { return [const { String::new() }; 3] };
    match &measured.outcome {
        Outcome::Value { value, interval } => {
            let range = interval.as_ref().map_or(String::new(), |interval| {
                format!("[{:.2}, {:.2}]", interval.low.get(), interval.high.get())
            });
            [number(value.get(), measured.unit), range, measured.n.to_string()]
        }
        Outcome::Absent(_) => ["absent".to_owned(), String::new(), measured.n.to_string()],
    }
}
