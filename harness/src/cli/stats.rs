//! `retally stats`: reference statistics that retally, ADM's evaluator and pytorch-fid read.

use super::Document;
use super::score::generation::NetworkArguments;
use crate::context::Context;
use crate::failure::Failure;
use crate::generation::{StatisticsRequest, StatisticsWritten, write_statistics};
use std::path::PathBuf;

/// Arguments of `retally stats`.
#[derive(Debug, clap::Args)]
pub(super) struct StatsCommand {
    /// A folder of images (all below it, sorted by relative name), a .tar, .npz, .npy, .parquet or idx file.
    images: PathBuf,
    /// The .npz to write: mu and sigma, and mu_s and sigma_s where the protocol has sFID. FILE.json beside it says how it
    /// was made.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How many of the images go into the file too, evenly spread, as arr_0: ADM's evaluator wants some in a reference
    /// file (its own have 10000), for precision and recall. They must all have one size.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_images: usize,
    #[command(flatten)]
    network: NetworkArguments,
}

pub(super) fn run(command: &StatsCommand, context: &Context) -> Result<Document, Failure> {
    let request = StatisticsRequest {
        images: &command.images,
        out: &command.out,
        network: command.network.request()?,
        kept_images: command.keep_images,
    };
    let written = write_statistics(&request, context)?;
    Document::new(text(&written), &written)
}

fn text(written: &StatisticsWritten) -> String {
    let spatial = written
        .spatial_dimensions
        .map_or_else(String::new, |length| format!(", mu_s [{length}] and sigma_s"));
    let kept = match written.kept_images {
        0 => String::new(),
        count => format!(", {count} images"),
    };
    format!(
        "{}: mu [{}] and sigma{spatial}{kept}, of {} images by {}\nprovenance: {}\n",
        written.out.display(),
        written.dimensions,
        written.images,
        written.protocol,
        written.provenance.display()
    )
}
