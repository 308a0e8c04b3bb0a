//! `retally leaderboard token`: who may send submissions to a server.

use super::Document;
use crate::failure::Failure;

/// Arguments of `retally leaderboard token`.
#[derive(Debug, clap::Args)]
pub(super) struct TokenCommand {}

pub(super) fn run(_command: &TokenCommand) -> Result<Document, Failure> {
    Err(Failure::invalid("x"))
}
