//! `retally score mrr` and `retally score pre`: predictions against banks in files.

use super::ScoreReport;
use super::features::ThreadsArgument;
use crate::arrays::ArrayFile;
use crate::failure::Failure;
use crate::threads::Threads;
use clap::{Args, ValueEnum};
use ndarray::ArrayView2;
use retally_metrics::retrieval::{
    BankScan, Distance, Placement, RetrievalOptions, TieRule, retrieval_measurements,
    rotation_measurement,
};
use std::ops::Range;
use std::path::PathBuf;

/// Numbers of the predictions and of the bank that are in memory at one time, each.
const PIECE: usize = 1 << 24;

/// Predictions and where their targets are.
#[derive(Debug, Args)]
struct QueryArguments {
    /// Predictions [Q, D]; or [I, Q, D], Q of each of I images: `.npy`, `.safetensors`, `FILE.npz#ARRAY`.
    #[arg(long, value_name = "FILE")]
    predictions: PathBuf,
    /// Targets [N, D] that all predictions share; [Q, N, D], one bank for each; [I, N, D], one for each image.
    #[arg(long, value_name = "FILE")]
    bank: PathBuf,
    /// Row of the bank that each prediction is of [Q], integers from 0. Default: the prediction's own number.
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// Seed of the interval's bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    threads: ThreadsArgument,
}

/// Arguments of `retally score mrr`.
#[derive(Debug, Args)]
pub(super) struct MrrArguments {
    #[command(flatten)]
    queries: QueryArguments,
    /// How far a prediction is from a member of the bank.
    #[arg(long, value_enum, default_value_t = DistanceName::L2)]
    distance: DistanceName,
    /// Rank of a target among members that are exactly as near.
    #[arg(long, value_enum, default_value_t = TieName::MidRank)]
    ties: TieName,
}

/// Arguments of `retally score pre`.
#[derive(Debug, Args)]
pub(super) struct PreArguments {
    #[command(flatten)]
    queries: QueryArguments,
    /// Rotation of each member of the bank as a unit quaternion [N, 4].
    #[arg(long, value_name = "FILE")]
    quaternions: PathBuf,
    /// How far a prediction is from a member of the bank (SIE: cosine).
    #[arg(long, value_enum, default_value_t = DistanceName::Cosine)]
    distance: DistanceName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DistanceName {
    L2,
    Cosine,
}

impl From<DistanceName> for Distance {
    fn from(name: DistanceName) -> Self {
        match name {
            DistanceName::L2 => Self::L2,
            DistanceName::Cosine => Self::Cosine,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TieName {
    MidRank,
    Optimistic,
    Pessimistic,
}

impl From<TieName> for TieRule {
    fn from(name: TieName) -> Self {
        match name {
            TieName::MidRank => Self::MidRank,
            TieName::Optimistic => Self::Optimistic,
            TieName::Pessimistic => Self::Pessimistic,
        }
    }
}

pub(super) fn mrr(arguments: &MrrArguments) -> Result<ScoreReport, Failure> {
    let threads = arguments.queries.threads.start()?;
    let distance = Distance::from(arguments.distance);
    let (predictions, bank) = arguments.queries.open()?;
    let (size, found) =
        Ranking::new(&arguments.queries, distance, &threads, predictions, bank)?.rank()?;
    let options = arguments.queries.options(arguments.ties.into());
    let method = format!("rank by {} distance", distance.as_str());
    let groups: Vec<Vec<Placement>> = found.groups;
    let result =
        retrieval_measurements(&groups, (size as u64, found.unit), &method, &options, &threads)?;
    let report = ScoreReport::of(result.measurements);
    Ok(ScoreReport { chance: Some(result.chance), ..report })
}

pub(super) fn pre(arguments: &PreArguments) -> Result<ScoreReport, Failure> {
    let threads = arguments.queries.threads.start()?;
    let (predictions, bank) = arguments.queries.open()?;
    if bank.shape().len() != 2 {
        return Err(bank
            .wrong_shape("[N, D]: PRE looks for the nearest member of one bank")
            .into());
    }
    let (size, found) =
        Ranking::new(&arguments.queries, arguments.distance.into(), &threads, predictions, bank)?
            .rank()?;
    let mut file = ArrayFile::open(&arguments.quaternions)?;
    if file.shape() != [size, 4] {
        return Err(file
            .wrong_shape(format!("[{size}, 4], a quaternion for each member of the bank,"))
            .into());
    }
    let mut numbers = Vec::new();
    file.read_f64(0..size, &mut numbers)?;
    let quaternions = rows(&numbers, 4)?;
    let options = arguments.queries.options(TieRule::MidRank);
    let measurement =
        rotation_measurement(&quaternions, &found.targets, &found.nearest, &options, &threads)?;
    Ok(ScoreReport::of(vec![measurement]))
}

impl QueryArguments {
    fn open(&self) -> Result<(ArrayFile, ArrayFile), Failure> {
        Ok((ArrayFile::open(&self.predictions)?, ArrayFile::open(&self.bank)?))
    }

    fn options(&self, ties: TieRule) -> RetrievalOptions {
        RetrievalOptions { ties, bootstrap_seed: self.seed, ..RetrievalOptions::default() }
    }

    /// Row of the bank for each of `count` predictions of one image, or of all.
    fn targets(&self, count: usize, bank: usize) -> Result<Vec<usize>, Failure> {
        let Some(path) = &self.targets else {
            if count > bank {
                return Err(Failure::invalid(format_args!(
                    "there are {count} predictions and {bank} members of the bank: say with --targets which member each \
                     prediction is of"
                )));
            }
            return Ok((0..count).collect());
        };
        let labels = ArrayFile::open(path)?.read_labels()?;
        if labels.len() != count {
            return Err(Failure::invalid(format_args!(
                "`{}` has {} targets, but there are {count} predictions: one target for each is needed",
                path.display(),
                labels.len()
            )));
        }
        Ok(labels.into_iter().map(|label| label as usize).collect())
    }
}

/// How predictions and banks belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pairing {
    /// One bank for all predictions.
    Shared,
    /// Prediction q in bank q.
    PerQuery,
    /// All predictions of image i in bank i.
    PerImage,
}

/// Predictions that are ranked in their banks, piece by piece.
struct Ranking<'a> {
    predictions: ArrayFile,
    bank: ArrayFile,
    pairing: Pairing,
    /// Members of a bank.
    size: usize,
    width: usize,
    targets: Vec<usize>,
    distance: Distance,
    threads: &'a Threads,
}

/// Placements by what is resampled for the interval, and the nearest members in query order.
struct Found {
    groups: Vec<Vec<Placement>>,
    unit: &'static str,
    targets: Vec<usize>,
    nearest: Vec<usize>,
}

impl<'a> Ranking<'a> {
    fn new(
        arguments: &QueryArguments,
        distance: Distance,
        threads: &'a Threads,
        predictions: ArrayFile,
        bank: ArrayFile,
    ) -> Result<Self, Failure> {
        let (pairing, queries, size, width) = match (predictions.shape(), bank.shape()) {
            (&[queries, width], &[size, _]) => (Pairing::Shared, queries, size, width),
            (&[queries, width], &[_, size, _]) => (Pairing::PerQuery, queries, size, width),
            (&[_, queries, width], &[_, size, _]) => (Pairing::PerImage, queries, size, width),
            ([_, _] | [_, _, _], _) => {
                return Err(bank
                    .wrong_shape("[N, D], or [Q, N, D] with a bank for each prediction,")
                    .into());
            }
            _ => {
                return Err(predictions.wrong_shape("[Q, D], or [I, Q, D] for I images,").into());
            }
        };
        let (first, last) = (predictions.shape()[0], bank.shape().last().copied().unwrap_or(0));
        if pairing != Pairing::Shared && bank.shape()[0] != first {
            let expected = format!("[{first}, N, {width}], a bank for each of the {first}");
            return Err(bank.wrong_shape(expected).into());
        }
        if last != width {
            return Err(bank
                .wrong_shape(format!("a last axis of {width}, as the predictions have it,"))
                .into());
        }
        if predictions.shape().contains(&0) || bank.shape().contains(&0) {
            return Err(Failure::invalid(format_args!(
                "there is nothing to rank: the predictions have shape {:?}, the bank {:?}",
                predictions.shape(),
                bank.shape()
            )));
        }
        let targets = arguments.targets(queries, size)?;
        if let Some(query) = targets.iter().position(|&target| target >= size) {
            return Err(Failure::invalid(format_args!(
                "target {query} (counted from 0) is {}, but a bank has {size} members, counted from 0",
                targets[query]
            )));
        }
        Ok(Self { predictions, bank, pairing, size, width, targets, distance, threads })
    }

    fn rank(self) -> Result<(usize, Found), Failure> {
        let size = self.size;
        let found = match self.pairing {
            Pairing::Shared => self.in_shared_bank()?,
            Pairing::PerQuery | Pairing::PerImage => self.in_own_banks()?,
        };
        Ok((size, found))
    }

    /// As many predictions as fit the memory go past the whole bank together.
    fn in_shared_bank(mut self) -> Result<Found, Failure> {
        let (mut placements, mut nearest) = (Vec::new(), Vec::new());
        let (mut numbers, mut members, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for queries in pieces(self.targets.len(), self.width) {
            self.predictions.read_f64(queries.clone(), &mut numbers)?;
            let wanted = &self.targets[queries];
            targets.clear();
            for &target in wanted {
                self.bank.read_f64(target..target + 1, &mut members)?;
                targets.extend_from_slice(&members);
            }
            let predictions = rows(&numbers, self.width)?;
            let target_rows = rows(&targets, self.width)?;
            let mut scan =
                BankScan::new(&predictions, (wanted, &target_rows), self.size, self.distance)?;
            for piece in pieces(self.size, self.width) {
                self.bank.read_f64(piece, &mut members)?;
                scan.add(&rows(&members, self.width)?, self.threads)?;
            }
            placements.extend(scan.placements()?.iter().map(|&placement| vec![placement]));
            nearest.extend(scan.nearest()?);
        }
        Ok(Found { groups: placements, unit: "queries", targets: self.targets, nearest })
    }

    /// One bank after the other.
    fn in_own_banks(mut self) -> Result<Found, Failure> {
        let mut found =
            Found { groups: Vec::new(), unit: "queries", targets: Vec::new(), nearest: Vec::new() };
        let (mut numbers, mut members) = (Vec::new(), Vec::new());
        for index in 0..self.predictions.shape()[0] {
            self.predictions.read_f64(index..index + 1, &mut numbers)?;
            self.bank.read_f64(index..index + 1, &mut members)?;
            let targets = match self.pairing {
                Pairing::PerQuery => &self.targets[index..=index],
                Pairing::PerImage | Pairing::Shared => &self.targets,
            };
            let (placements, nearest) = retally_metrics::retrieval::place(
                &rows(&numbers, self.width)?,
                &rows(&members, self.width)?,
                targets,
                self.distance,
                self.threads,
            )
            .map_err(|error| Failure::from(error).within(format_args!("bank {index}")))?;
            found.targets.extend_from_slice(targets);
            found.groups.push(placements);
            found.nearest.extend(nearest);
        }
        if self.pairing == Pairing::PerImage {
            found.unit = "images";
        }
        Ok(found)
    }
}

/// Consecutive rows that are in memory together.
fn pieces(rows: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (PIECE / width.max(1)).max(1);
    (0..rows).step_by(step).map(move |start| start..rows.min(start + step))
}

fn rows(numbers: &[f64], width: usize) -> Result<ArrayView2<'_, f64>, Failure> {
    ArrayView2::from_shape((numbers.len() / width.max(1), width), numbers)
        .map_err(|error| Failure::invalid(format_args!("cannot read rows of {width}: {error}")))
}
