//! What retally is told where tasks run: the user's own words, checked against the manifests.

use super::engine::Format;
use super::{PlanCommand, THREADS};
use crate::cli::GlobalOptions;
use crate::context::Context;
use crate::failure::Failure;
use crate::job_plan::{GitHubJob, Program, Word};
use crate::onnx::device::Device;
use crate::run::place::RunPlace;
use crate::run::{self, GeneratorRequest, RunRequest};
use retally_suites::Suite;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What `retally run` is told: its own words, but for the folder.
#[derive(Debug, clap::Args)]
pub(super) struct RunArguments {
    /// Only these models, or models of your own manifest; may be repeated.
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// These data sets instead of the suite's; may be repeated.
    #[arg(long = "data", value_name = "ID")]
    datasets: Vec<String>,
    /// Only the first N samples of each data set.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Where models run: `cpu`, or `cuda:0` for a GPU a task.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    pub(super) device: Device,
    /// Cores of a task; 4 by default, those of the runner with GitHub. They change no number.
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<NonZeroUsize>,
    /// Faster kernels whose results may differ between runs (recorded).
    #[arg(long)]
    fast: bool,
    /// The run's folder: one that all tasks share. `retally-out/SUITE` with Slurm, `/retally/SUITE` on a volume.
    #[arg(long, value_name = "DIR")]
    pub(super) out_dir: Option<PathBuf>,
}

impl PlanCommand {
    /// The run that is planned, in this folder.
    pub(super) fn request<'a>(
        &'a self,
        suite: &'a Suite,
        threads: usize,
        out: RunPlace,
    ) -> RunRequest<'a> {
        RunRequest {
            suite,
            models: &self.run.models,
            datasets: &self.run.datasets,
            device: self.run.device,
            threads,
            fast: self.run.fast,
            out,
            limit: self.run.limit.map(NonZeroUsize::get),
            generators: GeneratorRequest::default(),
        }
    }
}

/// How retally is called. What is asked for is looked up in the manifests first: a slip must not cost a night in a queue.
pub(super) fn program(
    command: &PlanCommand,
    suite: &Suite,
    global: &GlobalOptions,
    context: &Context,
) -> Result<Program, Failure> {
    let PlanCommand { run, task, .. } = command;
    let request =
        command.request(suite, run.threads.unwrap_or(THREADS).get(), PathBuf::new().into());
    let selected = run::plan(&request, context)?;
    let name = match (&task.program, command.format) {
        (Some(program), _) => Word::of_path("--program", program)?,
        (None, Format::Github) => GitHubJob::program(),
        (None, _) => Word::fixed("retally"),
    };
    let store = task.store.as_deref().map(|folder| Word::of_path("--store", folder)).transpose()?;
    Ok(Program {
        name,
        everywhere: everywhere(global)?,
        run: run.words(command.format)?,
        fetch: fetched(&selected, global, context)?,
        store,
    })
}

/// Options that every call gets.
fn everywhere(global: &GlobalOptions) -> Result<Vec<Word>, Failure> {
    let mut words = Vec::new();
    if global.offline {
        words.push(Word::fixed("--offline"));
    }
    if let Some(path) = &global.onnxruntime {
        words.push(Word::option("onnxruntime", &Word::of_path("--onnxruntime", path)?));
    }
    for path in &global.manifests {
        words.push(Word::option("manifest", &Word::of_path("--manifest", path)?));
    }
    Ok(words)
}

/// What `retally fetch` is asked for: only what this run needs. A data set of the user's own files has nothing to fetch.
fn fetched(
    selected: &run::Plan,
    global: &GlobalOptions,
    context: &Context,
) -> Result<Vec<Word>, Failure> {
    let mut words = Vec::new();
    if global.onnxruntime.is_none() {
        words.push(Word::fixed("onnxruntime"));
    }
    for id in &selected.datasets {
        if !context.manifest.dataset(id)?.artifacts.is_empty() {
            words.push(Word::new("the data set", id.as_str())?);
        }
    }
    for (id, _) in &selected.models {
        words.push(Word::new("the model", id.as_str())?);
    }
    Ok(words)
}

impl RunArguments {
    /// The same as words of `retally run`.
    fn words(&self, format: Format) -> Result<Vec<Word>, Failure> {
        let mut words =
            vec![Word::option("device", &Word::new("--device", self.device.to_string())?)];
        // A runner of GitHub has the cores that it has, and `run` takes all of them.
        if format != Format::Github || self.threads.is_some() {
            words.push(Word::count_option("threads", self.threads.unwrap_or(THREADS).get() as u64));
        }
        if self.fast {
            words.push(Word::fixed("--fast"));
        }
        if let Some(limit) = self.limit {
            words.push(Word::count_option("limit", limit.get() as u64));
        }
        for id in &self.models {
            words.push(Word::option("model", &Word::new("--model", id.as_str())?));
        }
        for id in &self.datasets {
            words.push(Word::option("data", &Word::new("--data", id.as_str())?));
        }
        Ok(words)
    }
}
