//! `retally leaderboard serve`: a leaderboard that accepts submissions over HTTP.

use super::Document;
use crate::context::Context;
use crate::failure::Failure;

/// Arguments of `retally leaderboard serve`.
#[derive(Debug, clap::Args)]
pub(super) struct ServeCommand {}

pub(super) fn run(_command: &ServeCommand, _context: &Context) -> Result<Document, Failure> {
    Err(Failure::invalid("x"))
}
