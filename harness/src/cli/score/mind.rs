//! `retally score mind`.

use super::ScoreReport;
use super::features::PairArguments;
use crate::failure::Failure;
use clap::Args;
use retally_metrics::distribution::mind::{MindOptions, mind};

#[derive(Debug, Args)]
pub(super) struct MindArguments {
    #[command(flatten)]
    pair: PairArguments,
    /// Random directions that both sets are projected on.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    directions: usize,
    /// Seed of the directions, and of the rows left out of the larger set.
    #[arg(long, value_name = "N", default_value_t = 2020)]
    seed: u32,
}

pub(super) fn run(arguments: &MindArguments) -> Result<ScoreReport, Failure> {
    let pair = arguments.pair.open()?;
    let &MindArguments { directions, seed, .. } = arguments;
    let options = MindOptions { directions, seed };
    let (reference, samples) = pair.rows();
    let measurements = mind(reference, samples, &options, &pair.threads)?.measurements();
    Ok(pair.report(measurements))
}
