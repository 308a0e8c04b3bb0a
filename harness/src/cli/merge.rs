//! `retally merge`: measure, judge and report a run whose chunks several processes have computed.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::machine;
use crate::run::merge::{MergeRequest, merge};
use crate::run::place::RunPlace;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Arguments of `retally merge`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all as claimed; 1 measured, and something is outside its band; 4 chunks are missing, and the message says \
of which shards; 2 different runs, or a chunk in two versions; 3 try again."
)]
pub(super) struct MergeCommand {
    /// The run directories: one that all shards have written to, or one of each; folders, or
    /// `s3://bucket/folder`.
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Where the merged run goes; in place if there is one directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Cores to use; all of them by default. They change no number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Take chunks that several directories have, if their bytes are the same.
    #[arg(long)]
    allow_doubled: bool,
}

pub(super) fn run(command: &MergeCommand, context: &Context) -> Result<Document, Failure> {
    let named = |path: &PathBuf| RunPlace::named(path, context);
    let runs = command.runs.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let out = command.out.as_ref().map(named).transpose()?;
    let request = MergeRequest {
        runs: &runs,
        out: out.as_ref(),
        threads: command.threads.map_or_else(machine::cores, NonZeroUsize::get),
        allow_doubled: command.allow_doubled,
    };
    let finished = merge(request, &context.progress)?;
    let status = finished.status();
    Document::with_status(finished.to_text(), &finished, status)
}
