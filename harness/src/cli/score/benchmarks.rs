//! `retally score mme`, `pope`, `mmvp`, `mmmu`, `geneval`, `dpg`: prediction files by the released rules of their benchmarks.

use super::detailed::DetailedReport;
use crate::benchmarks::{WithNotes, dpg, geneval, mme, mmmu, mmvp, pope};
use crate::cli::Document;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use retally_metrics::Measurement;
use retally_metrics::statistics::ResampleOptions;
use retally_metrics::unified;
use retally_metrics::unified::dpg::ParentRule;
use retally_metrics::unified::geneval::{GenevalOptions, JudgedPicture};
use serde::Serialize;
use std::path::PathBuf;

/// How intervals are drawn.
#[derive(Debug, Args)]
struct BootstrapArguments {
    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Resamples of the bootstrap; 0: no interval.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    draws: u32,
}

impl BootstrapArguments {
    fn options(&self) -> ResampleOptions {
        ResampleOptions { seed: self.seed, draws: self.draws }
    }
}

/// Arguments of `retally score mme`.
#[derive(Debug, Args)]
pub(super) struct MmeArguments {
    /// A folder of SUBTASK.txt: image, question, truth and reply apart by tabs, lines in pairs.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    bootstrap: BootstrapArguments,
}

/// Arguments of `retally score pope`.
#[derive(Debug, Args)]
pub(super) struct PopeArguments {
    /// Replies: a JSON list or JSON lines of `question_id` and `text`.
    #[arg(long, value_name = "FILE")]
    answers: PathBuf,
    /// A folder of coco_pope_CATEGORY.json.
    #[arg(long, value_name = "FOLDER")]
    labels: PathBuf,
    /// JSON lines of `question_id` and `category`; not needed if replies have a `category`.
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    #[command(flatten)]
    bootstrap: BootstrapArguments,
}

/// Arguments of `retally score mmvp`.
#[derive(Debug, Args)]
pub(super) struct MmvpArguments {
    /// JSON lines of `answer`, `gt_answers`, and `options` if answers are raw replies.
    #[arg(value_name = "FILE")]
    results: PathBuf,
}

/// Arguments of `retally score mmmu`.
#[derive(Debug, Args)]
pub(super) struct MmmuArguments {
    /// `prediction.json` (id to answer), or JSON lines of `id`, `response` and `options`.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// JSON of id to `question_type` and `ground_truth`.
    #[arg(long, value_name = "FILE")]
    answers: PathBuf,
}

/// Arguments of `retally score geneval`.
#[derive(Debug, Args)]
pub(super) struct GenevalArguments {
    /// JSON lines: `metadata` of the prompt and `detections` in the picture.
    #[arg(value_name = "FILE")]
    detections: PathBuf,
    /// Objects count above this confidence.
    #[arg(long, value_name = "X", default_value_t = 0.3)]
    confidence: f32,
    /// The same for counting.
    #[arg(long, value_name = "X", default_value_t = 0.9)]
    counting_confidence: f32,
    /// At most so many objects of a class.
    #[arg(long, value_name = "N", default_value_t = 16)]
    most_objects: usize,
    /// Share of both sizes that is taken off the way between two objects.
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    position: f32,
    #[command(flatten)]
    bootstrap: BootstrapArguments,
}

/// Arguments of `retally score dpg`.
#[derive(Debug, Args)]
pub(super) struct DpgArguments {
    /// JSON lines, a picture each: `prompt`, and `propositions` with answers or `answers` by number.
    #[arg(value_name = "FILE")]
    answers: PathBuf,
    /// DPG-Bench's CSV file, for lines with `answers`.
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// Which parents can make a proposition false.
    #[arg(long, value_enum, default_value_t = ParentName::ScoredBefore)]
    parents: ParentName,
    #[command(flatten)]
    bootstrap: BootstrapArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ParentName {
    /// Those before it (ULMEvalKit, as AIA uses it).
    ScoredBefore,
    /// Those after it too, by their answers (ELLA's script).
    All,
}

impl From<ParentName> for ParentRule {
    fn from(name: ParentName) -> Self {
        match name {
            ParentName::ScoredBefore => Self::ScoredBefore,
            ParentName::All => Self::All,
        }
    }
}

/// Nothing but measurements.
#[derive(Debug, Serialize)]
struct NoDetails {}

/// What was said of each picture.
#[derive(Debug, Serialize)]
struct PictureDetails {
    pictures: Vec<geneval::Judged>,
}

fn document(measurements: Vec<Measurement>, notes: Vec<String>) -> Result<Document, Failure> {
    DetailedReport { measurements, notes, details: NoDetails {} }.document("")
}

pub(super) fn mme(arguments: &MmeArguments) -> Result<Document, Failure> {
    let WithNotes { content, notes } = mme::read(&arguments.folder)?;
    document(unified::mme::measurements(&content, arguments.bootstrap.options()), notes)
}

pub(super) fn pope(arguments: &PopeArguments) -> Result<Document, Failure> {
    let PopeArguments { answers, labels, questions, bootstrap } = arguments;
    let WithNotes { content, notes } = pope::read(answers, questions.as_deref(), labels)?;
    document(unified::pope::measurements(&content, bootstrap.options()), notes)
}

pub(super) fn mmvp(arguments: &MmvpArguments) -> Result<Document, Failure> {
    let WithNotes { content, notes } = mmvp::read(&arguments.results)?;
    document(unified::mmvp::measurements(&content).to_vec(), notes)
}

pub(super) fn mmmu(arguments: &MmmuArguments) -> Result<Document, Failure> {
    let WithNotes { content, notes } = mmmu::read(&arguments.predictions, &arguments.answers)?;
    document(unified::mmmu::measurements(&content), notes)
}

pub(super) fn geneval(arguments: &GenevalArguments) -> Result<Document, Failure> {
    let &GenevalArguments { confidence, counting_confidence, most_objects, position, .. } =
        arguments;
    if let Some(value) =
        [confidence, counting_confidence, position].into_iter().find(|value| !value.is_finite())
    {
        return Err(Failure::invalid(format_args!("a threshold is {value}, not a finite number")));
    }
    let options = GenevalOptions { confidence, counting_confidence, most_objects, position };
    let WithNotes { content, mut notes } = geneval::read(&arguments.detections, &options)?;
    if options != GenevalOptions::default() {
        notes.push("the thresholds are not GenEval's".to_owned());
    }
    let judged: Vec<JudgedPicture<'_>> = content
        .iter()
        .map(|picture| JudgedPicture {
            specification: &picture.specification,
            right: picture.right,
        })
        .collect();
    let measurements = unified::geneval::measurements(&judged, arguments.bootstrap.options());
    DetailedReport { measurements, notes, details: PictureDetails { pictures: content } }
        .document("")
}

pub(super) fn dpg(arguments: &DpgArguments) -> Result<Document, Failure> {
    let WithNotes { content, notes } =
        dpg::read(&arguments.answers, arguments.questions.as_deref())?;
    let rule = arguments.parents.into();
    let options = arguments.bootstrap.options();
    let measurements = unified::dpg::measurements(&content, rule, options).map_err(|error| {
        Failure::invalid(format_args!("`{}`: {error}", arguments.answers.display()))
    })?;
    document(measurements, notes)
}
