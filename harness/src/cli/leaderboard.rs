//! `retally leaderboard`: what is done with submissions of others.

mod verify;

use super::Document;
use crate::context::Context;
use crate::failure::Failure;

/// Arguments of `retally leaderboard`.
#[derive(Debug, clap::Args)]
pub(super) struct LeaderboardCommand {
    #[command(subcommand)]
    action: LeaderboardAction,
}

#[derive(Debug, clap::Subcommand)]
enum LeaderboardAction {
    /// Check submissions, trusting nothing in them: exit code 0 if all hold, 2 if one is refused.
    Verify(verify::VerifyCommand),
}

pub(super) fn run(command: &LeaderboardCommand, context: &Context) -> Result<Document, Failure> {
    match &command.action {
        LeaderboardAction::Verify(command) => verify::run(command, context),
    }
}
