//! `retally score precision-recall`.

use super::ScoreReport;
use super::features::PairArguments;
use crate::failure::Failure;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use retally_metrics::distribution::manifold::{Arithmetic, Boundary, ManifoldOptions, manifold};

#[derive(Debug, Args)]
pub(super) struct PrecisionRecallArguments {
    #[command(flatten)]
    pair: PairArguments,
    /// The radius of a point reaches to its k-th neighbour.
    #[arg(long, value_name = "K", default_value_t = 3)]
    k: usize,
    /// `exact`: decided as in 64-bit arithmetic; `adm-half`: in 16-bit floats, as ADM's evaluator.
    #[arg(long, default_value = "exact", value_parser = arithmetic_parser())]
    arithmetic: Arithmetic,
    /// Whether a ball holds its surface: `closed` (the original, ADM, torch-fidelity) or `open` (dgm-eval).
    #[arg(long, default_value = "closed", value_parser = boundary_parser())]
    boundary: Boundary,
}

fn arithmetic_parser() -> impl TypedValueParser<Value = Arithmetic> {
    PossibleValuesParser::new(["exact", "adm-half"]).map(|name| match name.as_str() {
        "adm-half" => Arithmetic::AdmHalf,
        _ => Arithmetic::Exact,
    })
}

fn boundary_parser() -> impl TypedValueParser<Value = Boundary> {
    PossibleValuesParser::new(["closed", "open"]).map(|name| match name.as_str() {
        "open" => Boundary::Open,
        _ => Boundary::Closed,
    })
}

pub(super) fn run(arguments: &PrecisionRecallArguments) -> Result<ScoreReport, Failure> {
    let pair = arguments.pair.open()?;
    let &PrecisionRecallArguments { k, arithmetic, boundary, .. } = arguments;
    let options = ManifoldOptions { k, arithmetic, boundary };
    let measurements = {
        let (reference, samples) = (pair.reference.to_array()?, pair.samples.to_array()?);
        manifold(reference.view(), samples.view(), &options, &pair.threads)?.measurements()
    };
    Ok(pair.report(measurements))
}
