//! `retally leaderboard`: a leaderboard's site, its server, and who may send to it.

use super::{
    Document, leaderboard_build as build, leaderboard_serve as serve, leaderboard_token as token,
};
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
    /// Make the static site of a folder of checked submissions.
    Build(build::BuildCommand),
    /// Accept submissions over HTTP, check them, and serve the site.
    Serve(serve::ServeCommand),
    /// Make, list and revoke the tokens with which submissions are sent.
    Token(token::TokenCommand),
}

pub(super) fn run(command: &LeaderboardCommand, context: &Context) -> Result<Document, Failure> {
    match &command.action {
        Action::Build(command) => build::run(command, context),
        Action::Serve(command) => serve::run(command, context),
        Action::Token(command) => token::run(command),
    }
}
