//! `retally run`: fetch and verify, encode, measure, judge, report.

mod driving;

use super::Document;
use crate::context::Context;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::generation::ModelReference;
use crate::interrupt;
use crate::machine;
use crate::object_folder::ObjectAddress;
use crate::onnx::device::Device;
use crate::run::miniature::{self, MiniatureRequest, WorldModelRequest};
use crate::run::place::RunPlace;
use crate::run::{Ended, GeneratorRequest, RunRequest, execute, execute_shard, plan};
use crate::sharding::{FoundShard, ShardRequest, ShardWord, find_shard};
use retally_suites::Suite;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Arguments of `retally run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunCommand {
    /// The suite: `starter`, `irepa` … (`retally list suites`).
    suite: String,
    /// Only these models, or models of your own manifest; may be repeated.
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// These data sets instead of the suite's; may be repeated.
    #[arg(long = "data", value_name = "ID")]
    datasets: Vec<String>,
    /// Where models run: `cpu`, `cuda:N`, or `cuda:local`: the GPU that torchrun or a Slurm step has chosen.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", value_parser = super::device::device)]
    device: Device,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    /// Faster kernels whose results may differ between runs (recorded).
    #[arg(long)]
    fast: bool,
    /// Where the run's files go: a folder, or `s3://bucket/folder` (docs/scale.md).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only the first N samples of each data set.
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
    /// Sample this generator and score its images, without the suite's encoders unless --model names some; may be repeated.
    #[arg(long = "generator", value_name = "ID")]
    generators: Vec<String>,
    /// Samples of each generator; the suite's number by default.
    #[arg(long, value_name = "N")]
    samples: Option<std::num::NonZeroUsize>,
    /// Seed of the samples' noise and classes; the suite's by default.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Data set that samples are compared with; the suite's by default.
    #[arg(long, value_name = "ID")]
    reference: Option<String>,
    /// Network whose outputs are compared: an .onnx file, or a model of a manifest; the suite's by default.
    #[arg(long, value_name = "FILE|ID")]
    network: Option<ModelReference>,
    /// Protocol of the scores (`retally list protocols`); the suite's by default.
    #[arg(long, value_name = "ID")]
    protocol: Option<String>,
    /// Run the suite's miniature: the paper's experiment with small data and models, in minutes on two cores.
    #[arg(long, conflicts_with_all = ["models", "generators", "samples", "seed", "reference", "network", "protocol", "keep_images"])]
    miniature: bool,
    /// Measure this world model as the suite's miniature measures its own; may be repeated.
    #[arg(long = "world-model", value_name = "ID", conflicts_with_all = ["models", "generators", "samples", "seed", "reference", "network", "protocol", "keep_images"])]
    world_models: Vec<String>,
    /// World models: an option of the retrieval in place of the suite's, as `distance=cosine`; may be repeated.
    #[arg(long, value_name = "OPTION=VALUE")]
    retrieval: Vec<String>,
    /// World models: images whose views are predicted; the suite's number by default.
    #[arg(long, value_name = "N")]
    images: Option<std::num::NonZeroU32>,
    /// Keep the generators' images in the store, and write them to the run's folder as .npz.
    #[arg(long)]
    keep_images: bool,
    /// Compute only this part of the chunks, as `2/8`, and measure nothing; `none` for the whole run inside an engine whose variables say
    /// otherwise. Without it Slurm, Kubernetes, SkyPilot, torchrun, GitLab CI and AWS Batch are asked (docs/scale.md).
    #[arg(long, value_name = "I/N|none")]
    shard: Option<ShardWord>,
    /// How many shards there are, where the engine says only which one this is (Kubernetes).
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroUsize>,
    /// Show what would be fetched and computed, and do neither.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    driving: driving::DrivingArguments,
}

pub(super) fn run(command: &RunCommand, context: &Context) -> Result<Document, Failure> {
    let suite = Suite::builtin(&command.suite)?;
    let shard = command.find_shard()?;
    if let Some(found) = shard {
        command.refuse_shards_of_other_work(found)?;
    }
    command.refuse_object_store_for_other_work()?;
    if command.driving.is_asked_for() {
        return driving::run(command, &suite, context);
    }
    if command.miniature || !command.world_models.is_empty() {
        return run_miniature(command, &suite, context);
    }
    if !command.retrieval.is_empty() || command.images.is_some() {
        return Err(Failure::invalid(
            "--retrieval and --images are about world models: add --miniature or --world-model ID, or leave them out",
        ));
    }
    let request = request(command, &suite, context)?;
    if command.dry_run {
        let plan = plan(&request, context)?;
        return Document::new(plan.to_text(), &plan);
    }
    interrupt::listen()?;
    let Some(shard) = shard else { return document(execute(&request, context)?) };
    context.progress.note(format!("shard {} (by {})", shard.shard, shard.source));
    match execute_shard(&request, shard, context)? {
        Some(done) => Document::new(done.to_text(), &done),
        None => Err(stopped(&request.out.shown(""))),
    }
}

impl RunCommand {
    /// Which part of the run this process is.
    fn find_shard(&self) -> Result<Option<FoundShard>, Failure> {
        let request = ShardRequest { shard: self.shard, count: self.shards };
        find_shard(request, &|name| std::env::var(name).ok())
    }

    /// Only what encoders and generators compute goes to an object store.
    fn refuse_object_store_for_other_work(&self) -> Result<(), Failure> {
        let Some(out) = &self.out else { return Ok(()) };
        if ObjectAddress::of_path(out).map_err(Failure::invalid)?.is_none() {
            return Ok(());
        }
        let other = if self.driving.is_asked_for() {
            "a driven model's exchanges"
        } else if self.miniature || !self.world_models.is_empty() {
            "a miniature"
        } else if self.keep_images {
            "the images of --keep-images"
        } else {
            return Ok(());
        };
        Err(Failure::invalid(format_args!(
            "--out {}: {other} cannot be kept in an object store: give a folder",
            out.display()
        )))
    }

    /// Only encoders have chunks that several processes can compute.
    fn refuse_shards_of_other_work(&self, found: FoundShard) -> Result<(), Failure> {
        let other = if self.driving.is_asked_for() {
            "a driven model"
        } else if self.miniature || !self.world_models.is_empty() {
            "a miniature"
        } else if self.dry_run {
            "--dry-run"
        } else {
            return Ok(());
        };
        Err(Failure::invalid(format_args!(
            "{} says that this is shard {}, and {other} is not cut into shards: give `--shard none`",
            found.source, found.shard
        )))
    }
}

fn run_miniature(
    command: &RunCommand,
    suite: &Suite,
    context: &Context,
) -> Result<Document, Failure> {
    let dataset = match command.datasets.as_slice() {
        [] => None,
        _ if command.world_models.is_empty() => {
            return Err(Failure::invalid(
                "a miniature has its own data; --data goes with --world-model ID, the images that it is measured on",
            ));
        }
        [one] => Some(one.as_str()),
        _ => {
            return Err(Failure::invalid(
                "world models are measured on one data set: give --data once",
            ));
        }
    };
    let folder = format!("{}-miniature", suite.id());
    let request = MiniatureRequest {
        suite,
        device: command.device,
        threads: command.threads.map_or_else(machine::cores, std::num::NonZeroUsize::get),
        fast: command.fast,
        out: command.out.clone().unwrap_or_else(|| PathBuf::from("retally-out").join(folder)),
        limit: command.limit.map(std::num::NonZeroUsize::get),
        world_models: WorldModelRequest {
            ids: &command.world_models,
            dataset,
            images: command.images,
            retrieval: &command.retrieval,
        },
    };
    if command.dry_run {
        let plan = miniature::plan(&request, context)?;
        return Document::new(plan.to_text(), &plan);
    }
    interrupt::listen()?;
    document(miniature::execute(&request, context)?)
}

fn document(ended: Ended) -> Result<Document, Failure> {
    match ended {
        Ended::Interrupted { out } => Err(stopped(&out)),
        Ended::Complete(finished) => {
            let status = finished.status();
            Document::with_status(finished.to_text(), &finished, status)
        }
    }
}

fn stopped(out: &Path) -> Failure {
    Failure::new(
        ExitStatus::Incomplete,
        format_args!(
            "stopped before the end; what is done is kept in `{}`, and the same command continues",
            out.display()
        ),
    )
}

fn request<'a>(
    command: &'a RunCommand,
    suite: &'a Suite,
    context: &Context,
) -> Result<RunRequest<'a>, Failure> {
    let default = PathBuf::from("retally-out").join(suite.id());
    Ok(RunRequest {
        suite,
        models: &command.models,
        datasets: &command.datasets,
        device: command.device,
        threads: command.threads.map_or_else(machine::cores, std::num::NonZeroUsize::get),
        fast: command.fast,
        out: RunPlace::named(command.out.as_ref().unwrap_or(&default), context)?,
        limit: command.limit.map(std::num::NonZeroUsize::get),
        generators: GeneratorRequest {
            ids: &command.generators,
            samples: command.samples,
            seed: command.seed,
            reference: command.reference.as_deref(),
            network: command.network.as_ref(),
            protocol: command.protocol.as_deref(),
            keep_images: command.keep_images,
        },
    })
}
