//! `retally score kid`.

use super::ScoreReport;
use super::features::PairArguments;
use crate::failure::Failure;
use clap::Args;
use retally_metrics::distribution::DistributionError;
use retally_metrics::distribution::kernel_distance::{
    KernelDistanceOptions, PolynomialKernel, Subsets, kernel_distance,
};

#[derive(Debug, Args)]
pub(super) struct KidArguments {
    #[command(flatten)]
    pair: PairArguments,
    /// How many pairs of subsets; 0: only the estimate from all rows.
    #[arg(long, value_name = "N", default_value_t = 100)]
    subsets: usize,
    /// Rows of a subset.
    #[arg(long, value_name = "ROWS", default_value_t = 1000)]
    subset_size: usize,
    /// Seed of the draws, which are torch-fidelity's.
    #[arg(long, value_name = "N", default_value_t = 2020)]
    seed: u32,
    /// Power of the kernel (gamma x·y + coefficient)^degree.
    #[arg(long, value_name = "N", default_value_t = 3)]
    degree: u32,
    /// gamma of the kernel. Default: 1 / dimensions.
    #[arg(long, value_name = "X")]
    gamma: Option<f64>,
    /// Coefficient of the kernel.
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    coefficient: f64,
    /// The mean over subsets alone, without the estimate from all rows and its interval.
    #[arg(long)]
    quick: bool,
}

pub(super) fn run(arguments: &KidArguments) -> Result<ScoreReport, Failure> {
    let pair = arguments.pair.open()?;
    let &KidArguments { subsets, subset_size, seed, degree, gamma, coefficient, quick, .. } =
        arguments;
    let options = KernelDistanceOptions {
        kernel: PolynomialKernel { degree, gamma, coefficient },
        subsets: (subsets > 0).then_some(Subsets { count: subsets, size: subset_size, seed }),
        all_rows: !quick,
    };
    let (reference, samples) = pair.rows();
    let measurements = match kernel_distance(reference, samples, &options, &pair.threads) {
        Ok(distance) => distance.measurements(),
        Err(error @ DistributionError::TooFewRows { .. }) if subsets > 0 => {
            return Err(Failure::invalid(format_args!(
                "{error}, as many as a subset has: take smaller subsets (--subset-size), or none (--subsets 0)"
            )));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(pair.report(measurements))
}
