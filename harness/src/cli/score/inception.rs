//! `retally score inception`.

use super::ScoreReport;
use super::features::ThreadsArgument;
use crate::arrays::StoredTable;
use crate::failure::Failure;
use clap::{ArgGroup, Args};
use retally_metrics::distribution::SetRows;
use retally_metrics::distribution::inception_score::{
    ClassScores, InceptionScoreOptions, RowOrder, Splits, Spread, inception_score,
};
use retally_metrics::table::FeatureTable;
use std::path::PathBuf;
use std::str::FromStr;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("parts").args(["splits", "split_size"]))]
pub(super) struct InceptionArguments {
    /// Logits [N, classes]: `.npy`, `.safetensors`, `FILE.safetensors#TENSOR` or `FILE.npz#ARRAY`.
    #[arg(long, value_name = "FILE")]
    logits: PathBuf,
    /// The rows are probabilities, not logits.
    #[arg(long)]
    probabilities: bool,
    /// So many nearly equal parts (torch-fidelity: 10). Default: 1.
    #[arg(long, value_name = "N")]
    splits: Option<usize>,
    /// Consecutive parts of so many rows (ADM: 5000).
    #[arg(long, value_name = "ROWS")]
    split_size: Option<usize>,
    /// Before the rows are cut: `file`, or `seeded:N` for NumPy's RandomState(N).permutation (torch-fidelity: seeded:2020).
    #[arg(long, value_name = "ORDER", default_value = "file")]
    order: Order,
    #[command(flatten)]
    threads: ThreadsArgument,
}

/// [`RowOrder`] as the command line spells it.
#[derive(Clone, Copy, Debug)]
struct Order(RowOrder);

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seed = text.strip_prefix("seeded:").and_then(|seed| seed.parse().ok());
        match (text, seed) {
            ("file", _) => Ok(Self(RowOrder::File)),
            (_, Some(seed)) => Ok(Self(RowOrder::SeededNumpy { seed })),
            _ => Err("expected `file`, or `seeded:N` with N from 0 to 4294967295".to_owned()),
        }
    }
}

pub(super) fn run(arguments: &InceptionArguments) -> Result<ScoreReport, Failure> {
    let scores = StoredTable::open_matrix(&arguments.logits)?;
    let threads = arguments.threads.start()?;
    let splits = match (arguments.split_size, arguments.splits) {
        (Some(size), _) => Splits::Blocks { size },
        (None, count) => Splits::Count { count: count.unwrap_or(1) },
    };
    let several = match splits {
        Splits::Blocks { size } => scores.shape().samples > size,
        Splits::Count { count } => count > 1,
    };
    let options = InceptionScoreOptions {
        scores: if arguments.probabilities {
            ClassScores::Probabilities
        } else {
            ClassScores::Logits
        },
        splits,
        order: arguments.order.0,
        spread: if several { Spread::Population } else { Spread::None },
    };
    let score = inception_score(SetRows::Table(&scores), &options, &threads)?;
    Ok(ScoreReport::of(score.measurements()).with_notes(scores.note))
}
