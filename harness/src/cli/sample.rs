//! `retally sample`: images from a generator of a manifest.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::machine;
use crate::onnx::device::Device;
use crate::pipeline::Execution;
use crate::sampling::{
    LabelChoice, NoiseChoice, SampleFiles, SampleJob, SampleReport, SampleRequest, SamplerChanges,
    SamplerKind, TorchScript, sample_to_files,
};
use crate::sharding::Shard;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

/// Arguments of `retally sample`.
///
/// Image number i depends on the generator, the settings, the seed and i: neither on --count, --batch, --threads and
/// --shard, nor on interruptions. Finished images are kept in the store's folder; the same command continues, and a larger
/// --count uses them.
#[derive(Debug, clap::Args)]
pub(super) struct SampleCommand {
    /// A generator of a manifest (`retally list generators`).
    #[arg(value_name = "ID")]
    generator: String,
    /// How many images.
    #[arg(long, value_name = "N")]
    count: NonZeroUsize,
    /// Decides noise and classes.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Where the images go: an .npz file as ADM writes (arr_0, and the classes in arr_1), or a folder of 000000.png … and
    /// labels.csv. What others made is never overwritten. FILE.json beside it says how they were made.
    #[arg(long, value_name = "FILE.npz|DIR", required_unless_present = "shard")]
    out: Option<PathBuf>,
    /// Also a contact sheet of the first images (at most 100), sorted by class.
    #[arg(long, value_name = "FILE.png", requires = "out")]
    grid: Option<PathBuf>,
    /// Images that a thread makes together: memory, and the part of the work that is handed out at once. It changes no bit;
    /// how many rows a call of the network has, the manifest says.
    #[arg(long, value_name = "N")]
    batch: Option<NonZeroUsize>,
    /// Steps of the sampler, instead of the manifest's.
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// Scale of classifier-free guidance, instead of the manifest's; 1 is none.
    #[arg(long, value_name = "SCALE")]
    cfg: Option<f64>,
    /// Times (noise at 1) at which guidance is on.
    #[arg(long, value_name = "LO,HI", value_parser = parse_interval)]
    cfg_interval: Option<[f64; 2]>,
    /// Classes: uniform (each drawn by itself), balanced (in turn), or these in turn: 3 or 3,7,9. By default as the manifest
    /// says.
    #[arg(long, value_name = "RULE|CLASS,…")]
    labels: Option<LabelChoice>,
    /// Another sampler of the same kind of generator.
    #[arg(long, value_parser = sampler_parser())]
    sampler: Option<SamplerKind>,
    /// counter: an image's noise depends on seed and number alone. torch…: as PyTorch's CPU generator gives it for this
    /// seed, drawn in the order of published scripts (torch: JiT, MeanFlow, GANs), of batches of --noise-batch.
    #[arg(long, value_parser = ["counter", "torch", "torch-repa", "torch-sit", "torch-dit"], default_value = "counter")]
    noise: String,
    /// Images that the script whose noise is wanted makes together; their noise depends on it.
    #[arg(long, value_name = "N")]
    noise_batch: Option<NonZeroU32>,
    /// Where networks run: `cpu`, `cuda:N`, or `cuda:local`: the GPU that torchrun or a Slurm step has chosen.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", value_parser = super::device::device)]
    device: Device,
    /// Faster kernels whose results may differ between runs (recorded).
    #[arg(long)]
    fast: bool,
    /// Cores to use; all of them by default. They change no bit.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Make only every n-th chunk of images, from the i-th on. Images are written by whoever finds all chunks there: the last
    /// shard, or the same command without --shard.
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
}

pub(super) fn run(command: &SampleCommand, context: &Context) -> Result<Document, Failure> {
    let request = request(command, context)?;
    interrupt::listen()?;
    let execution = Execution {
        library: context.onnxruntime()?,
        device: command.device,
        threads: command.threads.map_or_else(machine::cores, NonZeroUsize::get),
        fast: command.fast,
    };
    let job = SampleJob::new(request, execution, context)?;
    let grid = command.grid.as_deref();
    let files = command.out.as_deref().map(|out| SampleFiles { out, grid });
    let report = sample_to_files(&job, files)?;
    Document::new(text(&report), &report)
}

fn request(command: &SampleCommand, context: &Context) -> Result<SampleRequest, Failure> {
    let mut generator = context.manifest.generator(&command.generator)?.clone();
    let changes = SamplerChanges {
        kind: command.sampler,
        steps: command.steps,
        scale: command.cfg,
        interval: command.cfg_interval,
    };
    changes.apply(&mut generator)?;
    Ok(SampleRequest {
        generator,
        labels: command.labels.clone(),
        count: command.count.get(),
        noise: noise(command)?,
        seed: command.seed,
        batch: command.batch.map(NonZeroUsize::get),
        shard: command.shard,
    })
}

fn noise(command: &SampleCommand) -> Result<NoiseChoice, Failure> {
    let script = match command.noise.as_str() {
        "torch" => TorchScript::Randn,
        "torch-repa" => TorchScript::Repa,
        "torch-sit" => TorchScript::Sit,
        "torch-dit" => TorchScript::Dit,
        _ if command.noise_batch.is_some() => {
            return Err(Failure::invalid(
                "--noise-batch is for the noise of a script: give --noise torch too",
            ));
        }
        _ => return Ok(NoiseChoice::Counter),
    };
    match command.noise_batch {
        Some(batch) => Ok(NoiseChoice::Torch { script, batch }),
        None => Err(Failure::invalid(format_args!(
            "--noise {}: say with --noise-batch how many images the script makes together; their noise depends on it",
            command.noise
        ))),
    }
}

fn sampler_parser() -> impl TypedValueParser<Value = SamplerKind> {
    PossibleValuesParser::new(SamplerKind::ALL.map(SamplerKind::name)).map(|name| {
        let found = SamplerKind::ALL.into_iter().find(|kind| kind.name() == name);
        found.unwrap_or(SamplerKind::FlowEuler)
    })
}

fn parse_interval(text: &str) -> Result<[f64; 2], String> {
    let ends = text
        .split_once(',')
        .and_then(|(low, high)| Some([low.trim().parse().ok()?, high.trim().parse().ok()?]));
    ends.ok_or_else(|| "expected two times, for example 0,0.7".to_owned())
}

fn text(report: &SampleReport) -> String {
    let SampleReport { settings, seconds, .. } = report;
    let mut lines = vec![format!(
        "{} images of `{}` (seed {}): {} made, {} stored before",
        report.count, settings.generator.id, settings.seed, report.made, report.reused
    )];
    match &report.output {
        Some(output) => {
            lines.push(format!("{}  {}", output.sha256, output.path.display()));
            if let (Some(path), Some(digest)) = (&output.grid, output.grid_sha256) {
                lines.push(format!("{digest}  {}", path.display()));
            }
            lines.push(format!("record: {}", output.record.display()));
        }
        None if report.complete => lines.push("nothing written: no --out, or another process writes there".to_owned()),
        None => lines.push(
            "nothing written yet: other shards' images are missing; the last shard writes, or the same command without --shard"
                .to_owned(),
        ),
    }
    if let (Some(rate), Some(share)) = (report.images_per_second, seconds.share_in_onnxruntime) {
        lines.push(format!(
            "{rate:.2} images a second, {:.1} % of the time in ONNX Runtime ({:.1} s network, {:.1} s decoder, {:.1} s else, \
             {:.1} s idle, of {} thread(s))",
            100.0 * share,
            seconds.network,
            seconds.decoder,
            seconds.update,
            seconds.idle,
            seconds.threads
        ));
    }
    lines.join("\n")
}
