//! `retally features`: an encoder's features of images, for `retally score probe`.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::features::{
    FeaturesRequest, FeaturesWritten, ImageChoice, SplitChoice, ViewRequest, write_features,
};
use crate::onnx::device::Device;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

/// More views than anybody trains on.
const MOST_VIEWS: u32 = 1000;

/// Arguments of `retally features`.
///
/// Finished chunks are kept in the store's folder until the features are written; the same command continues.
#[derive(Debug, clap::Args)]
pub(super) struct FeaturesCommand {
    /// A data set of a manifest (`retally list datasets`), or a path: a folder of images (classes are its subfolders, if
    /// there are any), a .tar, .npz, .npy, .parquet or idx file, or an image. An id goes before a path of the same name;
    /// `./NAME` is always the path.
    #[arg(value_name = "IMAGES|DATASET")]
    images: String,
    /// The encoder: a model of a manifest (`retally list models`).
    #[arg(long, value_name = "ID")]
    model: String,
    /// The tap whose patch tokens are taken. Default: the model's last.
    #[arg(long, value_name = "ID")]
    tap: Option<String>,
    /// So many augmented views of every image, [N, V, …]: torchvision's RandomResizedCrop (area 0.08 to 1, ratio 3/4 to 4/3)
    /// and a flip half the time. Without it the model's own preprocessing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_VIEWS)))]
    views: Option<u32>,
    /// Decides the views; default 0.
    #[arg(long, value_name = "N", requires = "views")]
    seed: Option<u64>,
    /// All patch tokens, [N, T, D], instead of their mean, [N, D].
    #[arg(long)]
    tokens: bool,
    /// Which part of a data set.
    #[arg(long, value_enum, default_value_t = SplitChoice::All)]
    split: SplitChoice,
    /// The first N images alone (of the part, if --split names one).
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// The .npy to write, float32. Beside it: FILE.labels.npy (int64) where the images have classes, and FILE.npy.json, which
    /// says how it was made.
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
    /// Where the model runs: `cpu`, `cuda:N`, or `cuda:local`: the GPU that torchrun or a Slurm step has chosen.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", value_parser = super::device::device)]
    device: Device,
    /// Cores to use; all of them by default. They change no bit.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

pub(super) fn run(command: &FeaturesCommand, context: &Context) -> Result<Document, Failure> {
    let seed = command.seed.unwrap_or_default();
    let request = FeaturesRequest {
        images: ImageChoice { source: &command.images, split: command.split, limit: command.limit },
        model: &command.model,
        tap: command.tap.as_deref(),
        tokens: command.tokens,
        views: command.views.and_then(NonZeroU32::new).map(|count| ViewRequest { count, seed }),
        out: &command.out,
        device: command.device,
        threads: command.threads,
    };
    let written = write_features(&request, context)?;
    Document::new(text(&written), &written)
}

fn text(written: &FeaturesWritten) -> String {
    let record = &written.record;
    let labels = match &record.labels {
        Some(labels) => {
            format!("{}: labels of {} classes\n", labels.file.display(), labels.classes.len())
        }
        None => "no labels: the images have no classes\n".to_owned(),
    };
    format!(
        "{}: float32 {:?} ({}), {} of {}\n{labels}record: {}\n",
        written.out.display(),
        record.shape,
        record.axes.join(", "),
        record.model.tap,
        record.model.id,
        written.record_file.display()
    )
}
