//! `retally score frechet`.

use super::features::ThreadsArgument;
use crate::arrays::read_features;
use crate::arrays::statistics::{StatisticsFile, StatisticsOf};
use crate::failure::Failure;
use clap::Args;
use ndarray::Array2;
use retally_metrics::Measurement;
use retally_metrics::distribution::{
    FdInfinityOptions, FrechetOptions, FrechetSide, Gaussian, frechet_measurements,
};
use std::path::{Path, PathBuf};

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
    /// Seed of the half-samples and subsets.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    threads: ThreadsArgument,
}

pub(super) fn run(arguments: &FrechetArguments) -> Result<Vec<Measurement>, Failure> {
    let reference = Input::read(&arguments.reference, "the reference")?;
    let samples = Input::read(&arguments.samples, "the samples")?;
    let threads = arguments.threads.start()?;
    let seed = arguments.seed;
    let options = if arguments.quick {
        FrechetOptions::quick()
    } else {
        FrechetOptions { seed, ..FrechetOptions::default() }
    };
    let infinity =
        arguments.infinity.map(|points| FdInfinityOptions { points, seed, smallest: None });
    let options = FrechetOptions { infinity, ..options };
    Ok(frechet_measurements("FD", reference.side(), samples.side(), options, &threads)?)
}

enum Input {
    Features(Array2<f32>),
    Statistics(Gaussian),
}

impl Input {
    fn read(path: &Path, set: &'static str) -> Result<Self, Failure> {
        let is_archive = path.extension().is_some_and(|name| name.eq_ignore_ascii_case("npz"));
        if is_archive
            && let Some((mean, covariance)) =
                StatisticsFile::open(path)?.moments(StatisticsOf::Features)?
        {
            let gaussian = Gaussian::from_statistics(mean.view(), covariance.view(), None, set)?;
            return Ok(Self::Statistics(gaussian));
        }
        Ok(Self::Features(read_features(path)?))
    }

    fn side(&self) -> FrechetSide<'_> {
        match self {
            Self::Features(features) => FrechetSide::Features(features.view()),
            Self::Statistics(gaussian) => FrechetSide::Gaussian(gaussian),
        }
    }
}
