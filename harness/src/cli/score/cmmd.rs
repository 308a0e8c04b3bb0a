//! `retally score cmmd`.

use super::ScoreReport;
use super::features::PairArguments;
use crate::failure::Failure;
use clap::Args;
use retally_metrics::distribution::cmmd::{CmmdOptions, cmmd};

#[derive(Debug, Args)]
pub(super) struct CmmdArguments {
    #[command(flatten)]
    pair: PairArguments,
    /// Width of the Gaussian kernel.
    #[arg(long, value_name = "X", default_value_t = 10.0)]
    sigma: f64,
    /// What the discrepancy is multiplied by.
    #[arg(long, value_name = "X", default_value_t = 1000.0)]
    scale: f64,
    /// Take the embeddings as they are; otherwise every row is divided by its length, as the released code does.
    #[arg(long)]
    as_they_are: bool,
}

pub(super) fn run(arguments: &CmmdArguments) -> Result<ScoreReport, Failure> {
    let pair = arguments.pair.open()?;
    let &CmmdArguments { sigma, scale, as_they_are, .. } = arguments;
    let options = CmmdOptions { sigma, scale, normalise: !as_they_are };
    let (reference, samples) = pair.rows();
    let measurements = cmmd(reference, samples, &options, &pair.threads)?.measurements();
    Ok(pair.report(measurements))
}
