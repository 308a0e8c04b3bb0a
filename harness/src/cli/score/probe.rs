//! `retally score probe`.

pub(super) mod protocol;
mod watch;

use super::ScoreReport;
use crate::arrays::{ArrayFile, read_features};
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use ndarray::Array2;
use protocol::{Files, ProtocolArguments};
use retally_metrics::probe::{
    KnnOptions, Labelled, ProbeOptions, Similarity, Weighting, knn_probe, linear_probe,
};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ProbeArguments {
    /// Train features [N, D]: `.npy`, `.safetensors` or `FILE.safetensors#TENSOR`.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Train labels [N], integers.
    #[arg(long, value_name = "FILE")]
    train_labels: PathBuf,
    /// Test features [M, D].
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Test labels [M], integers.
    #[arg(long, value_name = "FILE")]
    test_labels: PathBuf,
    /// Multinomial logistic regression on standardised features, or k nearest neighbours.
    #[arg(long, value_enum, default_value = "linear")]
    kind: Kind,
    /// Linear: inverse strength of the L2 penalty, as scikit-learn's C. Default: chosen on a fifth of train.
    #[arg(long, value_name = "C")]
    c: Option<f64>,
    /// Linear: seed of the fifth on which C is chosen. Protocols: of everything that is drawn. Default: 0.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Linear: largest component of the gradient of the mean objective at which a fit has converged. Default: 1e-8.
    #[arg(long, value_name = "T")]
    tolerance: Option<f64>,
    /// k-NN: how many neighbours vote. Default: 20.
    #[arg(long, value_name = "K")]
    neighbours: Option<usize>,
    /// k-NN: what is near. Default: cosine.
    #[arg(long, value_enum)]
    similarity: Option<SimilarityName>,
    /// k-NN: weigh votes by exp(similarity / T), as DINOv2 does with T = 0.07. Default: equal votes.
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    #[command(flatten)]
    changes: ProtocolArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Linear,
    Knn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SimilarityName {
    Cosine,
    Euclidean,
}

pub(super) fn run(arguments: &ProbeArguments, context: &Context) -> Result<ScoreReport, Failure> {
    if let Some(id) = &arguments.changes.protocol {
        let files = Files {
            train: &arguments.train,
            train_labels: &arguments.train_labels,
            test: &arguments.test,
            test_labels: &arguments.test_labels,
        };
        let seed = arguments.seed.unwrap_or_default();
        return protocol::run(id, &arguments.changes, &files, seed, context);
    }
    arguments.refuse_options_of_the_other_kind()?;
    let train = Samples::read(&arguments.train, &arguments.train_labels)?;
    let test = Samples::read(&arguments.test, &arguments.test_labels)?;
    let outcome = match arguments.kind {
        Kind::Linear => linear_probe(train.view(), test.view(), &arguments.linear())?,
        Kind::Knn => knn_probe(train.view(), test.view(), &arguments.nearest())?,
    };
    Ok(ScoreReport::of(outcome.measurements))
}

impl ProbeArguments {
    /// An option that would be ignored is a mistake.
    fn refuse_options_of_the_other_kind(&self) -> Result<(), Failure> {
        let linear = [
            ("--c", self.c.is_some()),
            ("--seed", self.seed.is_some()),
            ("--tolerance", self.tolerance.is_some()),
        ];
        let nearest = [
            ("--neighbours", self.neighbours.is_some()),
            ("--similarity", self.similarity.is_some()),
            ("--temperature", self.temperature.is_some()),
        ];
        let (kind, foreign) = match self.kind {
            Kind::Linear => ("linear", nearest.as_slice()),
            Kind::Knn => ("knn", linear.as_slice()),
        };
        match foreign.iter().find(|(_, given)| *given) {
            Some((option, _)) => {
                Err(Failure::invalid(format_args!("{option} means nothing to --kind {kind}")))
            }
            None => Ok(()),
        }
    }

    fn linear(&self) -> ProbeOptions {
        let default = ProbeOptions::default();
        ProbeOptions {
            c: self.c,
            seed: self.seed.unwrap_or(default.seed),
            tolerance: self.tolerance.unwrap_or(default.tolerance),
            ..default
        }
    }

    fn nearest(&self) -> KnnOptions {
        KnnOptions {
            k: self.neighbours.unwrap_or(KnnOptions::default().k),
            similarity: match self.similarity {
                Some(SimilarityName::Euclidean) => Similarity::Euclidean,
                Some(SimilarityName::Cosine) | None => Similarity::Cosine,
            },
            weighting: self
                .temperature
                .map_or(Weighting::Uniform, |temperature| Weighting::Exponential { temperature }),
        }
    }
}

struct Samples {
    features: Array2<f32>,
    labels: Vec<u32>,
}

impl Samples {
    fn read(features: &Path, labels: &Path) -> Result<Self, Failure> {
        let labels = ArrayFile::open(labels)?.read_labels()?;
        Ok(Self { features: read_features(features)?.rows, labels })
    }

    fn view(&self) -> Labelled<'_> {
        Labelled { features: self.features.view(), labels: &self.labels }
    }
}
