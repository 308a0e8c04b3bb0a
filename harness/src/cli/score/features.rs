//! Features and logits in files, as several metrics read them.

use super::ScoreReport;
use crate::arrays::read_features;
use crate::failure::Failure;
use crate::threads::Threads;
use clap::Args;
use ndarray::Array2;
use retally_metrics::Measurement;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Two sets of features from one encoder.
#[derive(Debug, Args)]
pub(super) struct PairArguments {
    /// Features of the reference [N, D]: `.npy`, `.safetensors`, `FILE.safetensors#TENSOR` or `FILE.npz#ARRAY`.
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// Features of the samples [M, D].
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    #[command(flatten)]
    threads: ThreadsArgument,
}

/// How many threads.
#[derive(Debug, Args)]
pub(super) struct ThreadsArgument {
    /// Threads; the result does not depend on them. Default: all cores.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl ThreadsArgument {
    pub(super) fn start(&self) -> Result<Threads, Failure> {
        Threads::new(self.threads)
    }
}

/// Two sets of features in memory, and the threads to compare them with.
pub(super) struct Pair {
    pub(super) reference: Array2<f32>,
    pub(super) samples: Array2<f32>,
    pub(super) threads: Threads,
    notes: Vec<String>,
}

impl Pair {
    /// What was measured, with what a reader should know of the files.
    pub(super) fn report(self, measurements: Vec<Measurement>) -> ScoreReport {
        ScoreReport::of(measurements).with_notes(self.notes)
    }
}

impl PairArguments {
    pub(super) fn read(&self) -> Result<Pair, Failure> {
        let threads = self.threads.start()?;
        let reference = read_features(&self.reference)?;
        let samples = read_features(&self.samples)?;
        let notes = reference.note.into_iter().chain(samples.note).collect();
        Ok(Pair { reference: reference.rows, samples: samples.rows, threads, notes })
    }
}
