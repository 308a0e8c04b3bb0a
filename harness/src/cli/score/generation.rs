//! `retally score fid` and `retally score generation`: generated images against a reference, by a named protocol.

use super::ScoreReport;
use crate::context::Context;
use crate::failure::Failure;
use crate::generation::{
    GenerationRequest, MetricChoice, ModelReference, NetworkRequest, OutputName, ReferenceSource,
    ScoreRecord, score,
};
use crate::onnx::device::Device;
use clap::Args;
use retally_suites::generation::GenerationProtocol;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// A side: a folder of images, a .tar, .npz, .npy, .parquet or idx file of images; an .npz of statistics (mu, sigma);
/// or features [N, D] as .npy or .safetensors.
#[derive(Debug, Args)]
pub(super) struct GenerationArguments {
    /// Real images, or their statistics or features: a folder, .npz (ADM's, or with mu and sigma), .npy, .tar, .parquet …
    reference: PathBuf,
    /// Generated images, in the same forms.
    samples: PathBuf,
    #[command(flatten)]
    network: NetworkArguments,
    /// Compare although the two sides were made in different ways; the result is marked as not comparable.
    #[arg(long)]
    force: bool,
    /// Leave out what costs time beside the protocol's own numbers: the interval and the bias of the Fréchet distance, and the
    /// kernel distance of all rows.
    #[arg(long)]
    quick: bool,
    /// Seed of the half-samples that the bias is estimated from.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The network that images go through, and where it runs. `score fid`, `score generation` and `stats` share it.
#[derive(Debug, Args)]
pub(in crate::cli) struct NetworkArguments {
    /// Whose way of computing it: adm, torch-fidelity, clean-fid, pytorch-fid, torchmetrics, or encoder (the model's own
    /// preprocessing, from its manifest entry). `retally list protocols` shows what each one is.
    #[arg(long, value_name = "ID")]
    protocol: String,
    /// The network: an .onnx file, or a model of a manifest.
    #[arg(long, value_name = "FILE|ID")]
    model: Option<ModelReference>,
    /// A tensor of the model that plays a part of the protocol under another name: `pool3=flatten_0`; may be repeated.
    #[arg(long = "output", value_name = "PART=TENSOR")]
    outputs: Vec<OutputName>,
    /// With --protocol encoder: the tap whose mean token is compared. Default: the model's last.
    #[arg(long, value_name = "ID")]
    tap: Option<String>,
    /// Images in one call of the network; part of what decides the last bits.
    #[arg(long, value_name = "N")]
    batch: Option<NonZeroUsize>,
    /// Where the network runs: `cpu`, `cuda:N`, or `cuda:local`: the GPU that torchrun or a Slurm step has chosen.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", value_parser = crate::cli::device::device)]
    device: Device,
    /// Faster kernels whose results may differ between runs (recorded).
    #[arg(long)]
    fast: bool,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl NetworkArguments {
    /// The same with the protocol looked up.
    pub(in crate::cli) fn request(&self) -> Result<NetworkRequest<'_>, Failure> {
        Ok(NetworkRequest {
            protocol: GenerationProtocol::builtin(&self.protocol)?,
            model: self.model.as_ref(),
            tap: self.tap.as_deref(),
            names: &self.outputs,
            batch: self.batch,
            device: self.device,
            fast: self.fast,
            threads: self.threads,
        })
    }
}

pub(super) fn run(
    arguments: &GenerationArguments,
    metrics: MetricChoice,
    context: &Context,
) -> Result<ScoreReport, Failure> {
    let request = GenerationRequest {
        reference: ReferenceSource::Path(&arguments.reference),
        samples: &arguments.samples,
        network: arguments.network.request()?,
        metrics,
        force: arguments.force,
        quick: arguments.quick,
        seed: arguments.seed,
    };
    let scored = score(&request, context)?;
    Ok(ScoreReport { record: Some(scored.record), ..ScoreReport::of(scored.measurements) })
}

/// What the measurements do not say, for people.
pub(super) fn details(record: &ScoreRecord) -> String {
    let mut text = format!("\nprotocol   {} ({})\n", record.protocol, record.definition.follows);
    if let Some(network) = &record.network {
        text.push_str(&format!(
            "network    {} (sha256 {})\nrun        {}, batch {}, ONNX Runtime {}\nimages     {}\n",
            network.name,
            network.sha256,
            network.provider,
            network.batch,
            network.onnxruntime.split(' ').next().unwrap_or_default(),
            network.preprocessing
        ));
    }
    for (name, side) in [("reference", &record.reference), ("samples", &record.samples)] {
        let count = side.count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
        text.push_str(&format!(
            "{name:<11}{}: {}, n = {count}\n",
            side.path.display(),
            side.content.join(" and ")
        ));
    }
    if record.comparable == Some(false) {
        text.push_str("NOT COMPARABLE (--force):\n");
        for difference in &record.differences {
            text.push_str(&format!("  {difference}\n"));
        }
    }
    for note in &record.notes {
        text.push_str(&format!("note       {note}\n"));
    }
    text
}
