//! `retally instances`: open instances of Uni-MMMU, and answers to them whose score is known.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::instances::{
    AnswersReport, AnswersRequest, InstancesReport, InstancesRequest, OPEN_TASKS, make_answers,
    make_instances,
};
use crate::interrupt;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use retally_metrics::unified::Task;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Arguments of `retally instances`.
#[derive(Debug, clap::Args)]
pub(super) struct InstancesCommand {
    #[command(subcommand)]
    action: InstancesAction,
}

#[derive(Debug, clap::Subcommand)]
enum InstancesAction {
    /// Make mazes, sliding puzzles, jigsaws and SVG code tasks in the layout of Uni-MMMU's data.
    ///
    /// Instance number i depends on the seed and i, not on --count. Every maze has one shortest path and every sliding puzzle one
    /// shortest solution. This is not the official data; geometry and science are not made.
    UniMmmu(UniMmmuArguments),
    /// Write answers to instances, right or with planted mistakes, and what a scorer must print for them.
    Answers(AnswersArguments),
}

#[derive(Debug, clap::Args)]
struct UniMmmuArguments {
    /// Decides everything that is drawn.
    #[arg(long, value_name = "N")]
    seed: u64,
    /// How many instances of each task.
    #[arg(long, value_name = "N")]
    count: usize,
    /// The folder of the data: new, empty, or with the same instances, which are then checked.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this task; may be repeated. All four by default.
    #[arg(long = "task", value_name = "TASK", value_parser = task_parser())]
    tasks: Vec<Task>,
    /// Cut jigsaws from these images (a folder, .tar, .npz, .parquet …) instead of scenes of the shipped emoji. Images that make no
    /// well-posed jigsaw are left out and listed.
    #[arg(long, value_name = "IMAGES")]
    images: Option<PathBuf>,
    /// Also write answers into this folder, as `retally instances answers` does with the same seed.
    #[arg(long, value_name = "DIR")]
    oracle: Option<PathBuf>,
    /// Probability that a unit of an answer is made wrong.
    #[arg(long, value_name = "P", requires = "oracle", default_value_t = 0.0)]
    corrupt: f64,
}

#[derive(Debug, clap::Args)]
struct AnswersArguments {
    /// A folder that `retally instances uni-mmmu` made.
    data: PathBuf,
    /// The folder of the answers (what the released scripts call outputs/MODEL): new, empty, or with the same answers.
    #[arg(long, visible_alias = "out", value_name = "DIR")]
    oracle: PathBuf,
    /// Probability that a unit of an answer (a move, a frame, a choice, a picture, a summary) is made wrong.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    corrupt: f64,
    /// Decides which units are wrong, and how.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn task_parser() -> impl TypedValueParser<Value = Task> {
    // Geometry and science are named too, so that their refusal says why.
    PossibleValuesParser::new(Task::ALL.map(Task::as_str)).map(|name| {
        let found = Task::ALL.into_iter().find(|task| task.as_str() == name);
        found.unwrap_or(OPEN_TASKS[0])
    })
}

/// What `instances uni-mmmu` prints.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    instances: InstancesReport,
    answers: Option<AnswersReport>,
}

pub(super) fn run(command: &InstancesCommand, context: &Context) -> Result<Document, Failure> {
    interrupt::listen()?;
    match &command.action {
        InstancesAction::UniMmmu(arguments) => uni_mmmu(arguments, context),
        InstancesAction::Answers(arguments) => {
            let request = AnswersRequest {
                data: arguments.data.clone(),
                out: arguments.oracle.clone(),
                corrupt: arguments.corrupt,
                seed: arguments.seed,
            };
            let report = make_answers(&request, context)?;
            Document::new(answers_text(&report), &report)
        }
    }
}

fn uni_mmmu(arguments: &UniMmmuArguments, context: &Context) -> Result<Document, Failure> {
    let request = InstancesRequest {
        seed: arguments.seed,
        count: arguments.count,
        tasks: arguments.tasks.clone(),
        images: arguments.images.clone(),
        out: arguments.out.clone(),
    };
    let instances = make_instances(&request, context)?;
    let answers = arguments.oracle.as_ref().map(|out| {
        let request = AnswersRequest {
            data: arguments.out.clone(),
            out: out.clone(),
            corrupt: arguments.corrupt,
            seed: arguments.seed,
        };
        make_answers(&request, context)
    });
    let made = Made { instances, answers: answers.transpose()? };
    let mut text = instances_text(&made.instances);
    if let Some(answers) = &made.answers {
        text.push('\n');
        text.push_str(&answers_text(answers));
    }
    Document::new(text, &made)
}

fn instances_text(report: &InstancesReport) -> String {
    let done = if report.made { "made" } else { "there already, every file checked" };
    let mut lines = vec![
        format!(
            "{} instances each of {} (seed {}): {done}; not the official data",
            report.count,
            report.tasks.join(", "),
            report.seed
        ),
        format!("{}  {}", report.instances_sha256, report.out.join("instances.json").display()),
        format!("{} files in {}", report.files, report.out.display()),
    ];
    for (what, lengths) in
        [("maze paths", &report.maze_lengths), ("sliding solutions", &report.sliding_lengths)]
    {
        if !lengths.is_empty() {
            lines.push(format!("{what}: {}", histogram(lengths)));
        }
    }
    if let Some(first) = report.unusable_images.first() {
        lines.push(format!(
            "{} image(s) make no well-posed jigsaw and were left out, among them `{}`: {}",
            report.unusable_images.len(),
            first.image,
            first.reason
        ));
    }
    lines.join("\n")
}

fn histogram(lengths: &BTreeMap<usize, usize>) -> String {
    let total: usize = lengths.values().sum();
    let moves: usize = lengths.iter().map(|(length, count)| length * count).sum();
    let counts: Vec<String> =
        lengths.iter().map(|(length, count)| format!("{count} of {length}")).collect();
    format!("{} moves (mean {:.2})", counts.join(", "), moves as f64 / total.max(1) as f64)
}

fn answers_text(report: &AnswersReport) -> String {
    let done = if report.made { "written" } else { "there already, every file checked" };
    let mistakes: Vec<String> = report
        .mistakes
        .iter()
        .map(|(unit, mistakes)| format!("{} of {} {unit}", mistakes.wrong, mistakes.of))
        .collect();
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["column", "must be (%)", "n"]);
    for column in &report.expected {
        let name = match &column.directions {
            Some(directions) => format!("{} ({directions})", column.column),
            None => column.column.clone(),
        };
        table.add_row([name, format!("{:.4}", column.percent), column.n.to_string()]);
    }
    format!(
        "answers: {done} (each unit wrong with probability {}, seed {})\n{}  {}\nwrong on purpose: {}\n{}",
        report.corrupt,
        report.seed,
        report.answers_sha256,
        report.out.join("answers.json").display(),
        mistakes.join(", "),
        table.trim_fmt()
    )
}
