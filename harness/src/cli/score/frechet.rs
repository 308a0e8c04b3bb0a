//! `retally score frechet`.

use super::ScoreReport;
use super::features::ThreadsArgument;
use crate::failure::Failure;
use crate::generation::{FeatureSide, compare_origins};
use clap::Args;
use retally_metrics::distribution::{FdInfinityOptions, FrechetOptions, frechet_measurements};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct FrechetArguments {
    /// The reference: features [N, D] as `.npy`, `.safetensors` or `FILE.npz#ARRAY`, or an `.npz` with `mu` and `sigma`.
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// The samples, in the same forms.
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// The distance alone: no interval, no estimate of the small-sample bias.
    #[arg(long)]
    quick: bool,
    /// Also extrapolate to infinitely many samples (FD-infinity), from this many subsets of them.
    #[arg(long, value_name = "POINTS", num_args = 0..=1, default_missing_value = "15")]
    infinity: Option<usize>,
    /// Compare statistics that were made in different ways, as the files beside them say; the result is marked.
    #[arg(long)]
    force: bool,
    /// Seed of the half-samples and subsets.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    threads: ThreadsArgument,
}

pub(super) fn run(arguments: &FrechetArguments) -> Result<ScoreReport, Failure> {
    let threads = arguments.threads.start()?;
    let reference = FeatureSide::open(&arguments.reference, "the reference")?;
    let samples = FeatureSide::open(&arguments.samples, "the samples")?;
    let differences = compare_origins(&reference, &samples, arguments.force)?;
    let seed = arguments.seed;
    let options = if arguments.quick {
        FrechetOptions::quick()
    } else {
        FrechetOptions { seed, ..FrechetOptions::default() }
    };
    let infinity =
        arguments.infinity.map(|points| FdInfinityOptions { points, seed, smallest: None });
    let options = FrechetOptions { infinity, ..options };
    let sides = (reference.frechet(), samples.frechet());
    let measurements = frechet_measurements("FD", sides.0, sides.1, options, &threads)?;
    let marks = differences.into_iter().map(|difference| format!("NOT COMPARABLE: {difference}"));
    let notes = marks.chain(reference.note()).chain(samples.note());
    Ok(ScoreReport::of(measurements).with_notes(notes))
}
