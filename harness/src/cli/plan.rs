//! `retally plan`: job files of a run in shards, for the engine that the user has.

mod engine;
mod words;

use super::{Document, GlobalOptions};
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::job_plan::{
    GitHubJob, Gpu, GpuName, JobFile, JobPlan, Memory, ModelSeconds, Task, TaskTime, VOLUME_FOLDER,
    Word, parse_time_limit,
};
use crate::machine;
use crate::object_folder::ObjectAddress;
use crate::onnx::device::Device;
use crate::run;
use crate::run::directory::write_durably;
use engine::{EngineArguments, Format};
use retally_suites::Suite;
use serde_json::json;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use words::{RunArguments, program};

/// Cores of a task if nobody says.
const THREADS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// Arguments of `retally plan`.
#[derive(Debug, clap::Args)]
pub(super) struct PlanCommand {
    /// The suite: `starter`, `irepa` … (`retally list suites`).
    suite: String,
    /// Whose job files.
    #[arg(long, value_enum)]
    format: Format,
    /// How many shards, and so tasks. It can be changed later: finished chunks are kept.
    #[arg(long, value_name = "N")]
    shards: NonZeroU32,
    /// Where the file goes; standard output by default. A file that says something else is not replaced.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    task: TaskArguments,
    #[command(flatten)]
    engine: EngineArguments,
}

/// What a task needs.
#[derive(Debug, clap::Args)]
struct TaskArguments {
    /// How many tasks run at once; the engine decides by default.
    #[arg(long, value_name = "N")]
    at_once: Option<NonZeroU32>,
    /// Memory of a task, as `16G`; the engine's default by default.
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// The engine's name for the kind of GPU, with `--device cuda:0`.
    #[arg(long, value_name = "NAME")]
    gpu: Option<GpuName>,
    /// How long a task may take, as Slurm writes it: minutes, or `4:00:00`. Four hours by default, for nobody has measured.
    #[arg(long, value_name = "TIME", value_parser = parse_time_limit)]
    time: Option<Duration>,
    /// Compute one chunk of each model here, with the cores of a task, and take the time limit and the notice from that. With Slurm it is done in
    /// the run's folder, and kept.
    #[arg(long)]
    probe: bool,
    /// Seconds from the request to stop to the end: longer than a chunk takes. 300 by default, for nobody has measured.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    notice: Option<u16>,
    /// The folder of the store, which all tasks share; your own one, or `/retally/store` on a volume.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// How retally is called where tasks run.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

pub(super) fn run(
    command: &PlanCommand,
    global: &GlobalOptions,
    context: &Context,
) -> Result<Document, Failure> {
    command.refuse_what_has_no_place()?;
    let suite = Suite::builtin(&command.suite)?;
    let plan = job_plan(command, &suite, global, context)?;
    let file = command.engine.job(command.format)?.file(&plan)?;
    if let Some(path) = &command.out {
        write_new(path, &file.text)?;
    }
    let text = match &command.out {
        None => file.text.clone(),
        Some(path) => written(path, &file),
    };
    let value = json!({
        "format": command.format,
        "suite": command.suite,
        "shards": plan.shards,
        "at_once": plan.at_once,
        "device": command.run.device,
        "out_dir": plan.out.as_str(),
        "task": {
            "threads": plan.task.threads,
            "memory_mib": plan.task.memory.map(Memory::mebibytes),
            "time": time(&plan.task.time),
        },
        "file": { "path": command.out, "text": file.text },
        "commands": file.commands,
    });
    Document::new(text, &value)
}

fn time(time: &TaskTime) -> serde_json::Value {
    json!({
        "limit_seconds": time.limit().as_secs(),
        "limit_basis": time.basis(),
        "notice_seconds": time.notice().as_secs(),
        "notice_basis": time.notice_basis(),
    })
}

fn written(path: &Path, file: &JobFile) -> String {
    let mut text = format!("{} is written; next:\n", path.display());
    text.extend(file.commands.iter().map(|command| format!("  {command}\n")));
    text
}

/// Writes a file that is not there yet, or says the same. Job files are there to be edited: what somebody wrote is not lost.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::invalid(format_args!(
            "`{}` is a folder; --out names the job file, and --out-dir the run's folder",
            path.display()
        )));
    }
    match std::fs::read(path) {
        Ok(bytes) if bytes == text.as_bytes() => Ok(()),
        Ok(_) => Err(Failure::invalid(format_args!(
            "`{}` is there and says something else, perhaps by your own hand: remove it, or name another file with --out",
            path.display()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            write_durably(path, text.as_bytes())
        }
        Err(error) => Err(Failure::file("read", path, &error)),
    }
}

fn job_plan(
    command: &PlanCommand,
    suite: &Suite,
    global: &GlobalOptions,
    context: &Context,
) -> Result<JobPlan, Failure> {
    let out = out_dir(command, suite)?;
    let file = match &command.out {
        Some(path) => Word::of_path("--out", path)?,
        None => Word::new("the file's name", command.format.file_name(suite.id()))?,
    };
    // The words are checked before anything is computed.
    let program = program(command, suite, global, context)?;
    let mut task = task(command)?;
    if command.task.probe {
        let measured = measured_time(command, suite, context)?;
        task.time = command.with_words(measured.unwrap_or(TaskTime::assumed()));
    }
    Ok(JobPlan {
        suite: Word::new("the suite", suite.id())?,
        shards: command.shards,
        at_once: command.task.at_once,
        program,
        out,
        task,
        file,
    })
}

/// How long a task may take by one chunk of each model, computed here with the cores of a task: in the run's folder, where it is kept, if
/// tasks share a folder with this machine.
fn measured_time(
    command: &PlanCommand,
    suite: &Suite,
    context: &Context,
) -> Result<Option<TaskTime>, Failure> {
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::file("make a folder in", &std::env::temp_dir(), &error))?;
    let out = match command.format {
        Format::Slurm => PathBuf::from(out_dir(command, suite)?.as_str()),
        Format::Kubernetes | Format::Skypilot | Format::Github => scratch.path().join("run"),
    };
    let wanted = command.run.threads.unwrap_or(THREADS).get();
    let threads = wanted.min(machine::cores());
    if threads < wanted {
        context.progress.note(format!(
            "a task has {wanted} cores and this machine {threads}: the measured time is longer than a task's"
        ));
    }
    interrupt::listen()?;
    let probed = run::probe(&command.request(suite, threads, out.into()), context)?;
    let models: Vec<ModelSeconds> = probed
        .iter()
        .map(|model| ModelSeconds {
            load: model.load,
            chunk: model.chunk,
            chunks: model.chunks as u64,
        })
        .collect();
    Ok(TaskTime::measured(&models, command.shards))
}

fn out_dir(command: &PlanCommand, suite: &Suite) -> Result<Word, Failure> {
    if let Some(folder) = &command.run.out_dir {
        if ObjectAddress::of_path(folder).map_err(Failure::invalid)?.is_some() {
            return Err(Failure::invalid(format_args!(
                "--out-dir {}: job files are for a folder that tasks share, where logs go too; in an object store start `retally run … \
                 --shard i/n --out s3://…` yourself (docs/scale.md)",
                folder.display()
            )));
        }
        return Word::of_path("--out-dir", folder);
    }
    match command.format {
        Format::Slurm => Word::new("--out-dir", format!("retally-out/{}", suite.id())),
        Format::Kubernetes | Format::Skypilot => {
            Word::new("--out-dir", format!("{VOLUME_FOLDER}/{}", suite.id()))
        }
        Format::Github => Ok(GitHubJob::out()),
    }
}

fn task(command: &PlanCommand) -> Result<Task, Failure> {
    let PlanCommand { run, task, .. } = command;
    let gpu = match (run.device, &task.gpu) {
        (Device::Cpu, None) => None,
        (Device::Cpu, Some(name)) => {
            return Err(Failure::invalid(format_args!(
                "--gpu {name} asks for a GPU, and --device says that models run on the processor: add `--device cuda:0`"
            )));
        }
        (Device::Cuda(0), None) => Some(Gpu::Any),
        (Device::Cuda(0), Some(name)) => Some(Gpu::Named(name.clone())),
        (Device::Cuda(number), _) => {
            return Err(Failure::invalid(format_args!(
                "--device cuda:{number}: a task gets one GPU, which it sees as number 0: write `--device cuda:0`"
            )));
        }
    };
    Ok(Task {
        threads: run.threads.unwrap_or(THREADS),
        memory: task.memory,
        gpu,
        time: command.with_words(TaskTime::assumed()),
    })
}

impl PlanCommand {
    /// A time with what the user says in its place.
    fn with_words(&self, time: TaskTime) -> TaskTime {
        let notice = self.task.notice.map(|seconds| Duration::from_secs(u64::from(seconds)));
        time.with_limit(self.task.time).with_notice(notice)
    }

    /// An option that the format has no place for is not dropped in silence.
    fn refuse_what_has_no_place(&self) -> Result<(), Failure> {
        use Format::{Github, Kubernetes, Skypilot, Slurm};
        const OWN_MACHINES: &[Format] = &[Slurm, Kubernetes, Skypilot];
        let TaskArguments { at_once, memory, gpu, time, notice, store, program, probe: _ } =
            &self.task;
        let engine = &self.engine;
        let options: [(&str, bool, &[Format]); 14] = [
            ("--out-dir", self.run.out_dir.is_some(), OWN_MACHINES),
            ("--at-once", at_once.is_some(), &[Slurm, Kubernetes, Github]),
            ("--memory", memory.is_some(), OWN_MACHINES),
            ("--gpu", gpu.is_some(), &[Slurm, Kubernetes, Skypilot]),
            ("--time", time.is_some(), &[Slurm, Github]),
            ("--notice", notice.is_some(), &[Slurm, Kubernetes]),
            ("--store", store.is_some(), OWN_MACHINES),
            ("--program", program.is_some(), OWN_MACHINES),
            ("--account", engine.account.is_some(), &[Slurm]),
            ("--partition", engine.partition.is_some(), &[Slurm]),
            ("--qos", engine.qos.is_some(), &[Slurm]),
            ("--image", engine.image.is_some(), &[Kubernetes, Skypilot]),
            ("--volume", engine.volume.is_some(), &[Kubernetes, Skypilot]),
            (
                "--revision, --runner",
                engine.revision.is_some() || engine.runner.is_some(),
                &[Github],
            ),
        ];
        let foreign =
            options.iter().find(|(_, given, formats)| *given && !formats.contains(&self.format));
        match foreign {
            None => Ok(()),
            Some((option, _, formats)) => Err(Failure::invalid(format_args!(
                "{option}: a job file of {} has no place for it; it goes with --format {}",
                self.format.name(),
                formats.iter().map(|format| format.word()).collect::<Vec<_>>().join("|")
            ))),
        }
    }
}
