//! `retally leaderboard`: submissions of others are checked, put beside each other, and accepted by a server.

mod build;
mod serve;
mod token;
mod verify;

use super::Document;
use crate::context::Context;
use crate::failure::Failure;

/// Arguments of `retally leaderboard`.
#[derive(Debug, clap::Args)]
pub(super) struct LeaderboardCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check submissions, trusting nothing in them: exit code 0 if all hold, 2 if one is refused.
    Verify(verify::VerifyCommand),
    /// Make the static site of a folder of checked submissions.
    Build(build::BuildCommand),
    /// Accept submissions over HTTP, check them, and serve the site.
    Serve(serve::ServeCommand),
    /// Make, list and revoke the tokens with which submissions are sent.
    Token(token::TokenCommand),
}

pub(super) fn run(command: &LeaderboardCommand, context: &Context) -> Result<Document, Failure> {
    match &command.action {
        Action::Verify(command) => verify::run(command, context),
        Action::Build(command) => build::run(command, context),
        Action::Serve(command) => serve::run(command, context),
        Action::Token(command) => token::run(command),
    }
}
