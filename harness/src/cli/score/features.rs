//! Features and logits in files, as several metrics read them.

use super::ScoreReport;
use crate::arrays::StoredTable;
use crate::failure::Failure;
use crate::threads::Threads;
use clap::Args;
use retally_metrics::Measurement;
use retally_metrics::distribution::SetRows;
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

/// Two sets of features, which need not be in memory, and the threads to compare them with.
pub(super) struct Pair {
    pub(super) reference: StoredTable,
    pub(super) samples: StoredTable,
    pub(super) threads: Threads,
}

impl Pair {
    /// The rows of the reference and of the samples.
    pub(super) fn rows(&self) -> (SetRows<'_>, SetRows<'_>) {
        (SetRows::Table(&self.reference), SetRows::Table(&self.samples))
    }

    /// What was measured, with what a reader should know of the files.
    pub(super) fn report(self, measurements: Vec<Measurement>) -> ScoreReport {
        let notes = self.reference.note.into_iter().chain(self.samples.note);
        ScoreReport::of(measurements).with_notes(notes)
    }
}

impl PairArguments {
    pub(super) fn open(&self) -> Result<Pair, Failure> {
        let threads = self.threads.start()?;
        let reference = StoredTable::open_matrix(&self.reference)?;
        let samples = StoredTable::open_matrix(&self.samples)?;
        Ok(Pair { reference, samples, threads })
    }
}
