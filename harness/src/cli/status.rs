//! `retally status`: how far a run is, and which shards are to be started again.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;
use crate::run::place::RunPlace;
use crate::run::status::{RunStatus, StatusRequest};
use crate::sharding::Shard;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Arguments of `retally status`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all chunks are there; 4 some are missing; 2 this is no run; 3 try again."
)]
pub(super) struct StatusCommand {
    /// The run directory: a folder, or `s3://bucket/folder`.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Say what is missing by shards of this count; that of the last process if absent.
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroUsize>,
    /// Read every chunk and check its digest, instead of looking whether its file is there.
    #[arg(long)]
    verify: bool,
}

pub(super) fn run(command: &StatusCommand, context: &Context) -> Result<Document, Failure> {
    let shards = command.shards.map(|count| Shard::new(count.get(), count.get()));
    let request = StatusRequest {
        shards: shards.transpose().map_err(Failure::invalid)?,
        verify: command.verify,
    };
    let status =
        RunStatus::read(&RunPlace::named(&command.run, context)?, request, &context.progress)?;
    Document::with_status(status.to_text(), &status, status.exit_status())
}
