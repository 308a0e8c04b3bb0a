//! `retally leaderboard token`: who may send submissions to a server.

use super::super::Document;
use crate::failure::Failure;
use retally_leaderboard::server::{Record, ServerFolder, TokenLine};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `retally leaderboard token`.
#[derive(Debug, clap::Args)]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    action: TokenAction,
}

#[derive(Debug, clap::Subcommand)]
enum TokenAction {
    /// Make a token and print it, once: only its digest is kept.
    New {
        /// The server's folder.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Whose token it is.
        #[arg(long, value_name = "WHO")]
        name: String,
    },
    /// List tokens: ids, names, and which are revoked.
    List {
        /// The server's folder.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
    },
    /// Revoke a token, at once and for good. A running server knows it with the next request.
    Revoke {
        /// The server's folder.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The token's id, as `token list` shows it.
        id: String,
    },
}

pub(super) fn run(command: &TokenCommand) -> Result<Document, Failure> {
    match &command.action {
        TokenAction::New { dir, name } => {
            let token = Record::open(&ServerFolder::open(dir)?)?.new_token(name)?;
            let text = format!(
                "{}\ntoken {} of {}: shown this once; the client takes it from RETALLY_TOKEN",
                token.token, token.id, token.name
            );
            Document::new(text, &token)
        }
        TokenAction::List { dir } => {
            let tokens = record_of(dir)?.tokens()?;
            Document::new(lines(&tokens), &json!({ "tokens": tokens }))
        }
        TokenAction::Revoke { dir, id } => {
            if !record_of(dir)?.revoke_token(id)? {
                return Err(Failure::invalid(format_args!(
                    "no good token has the id `{id}`: `retally leaderboard token list` shows them"
                )));
            }
            Document::new(format!("revoked {id}"), &json!({ "revoked": id }))
        }
    }
}

/// The record of a server that is there: a mistyped folder is not made.
fn record_of(dir: &Path) -> Result<Record, Failure> {
    if !dir.is_dir() {
        return Err(Failure::invalid(format_args!("`{}` is no folder of a server", dir.display())));
    }
    Ok(Record::open(&ServerFolder::open(dir)?)?)
}

fn lines(tokens: &[TokenLine]) -> String {
    if tokens.is_empty() {
        return "no token".to_owned();
    }
    let line = |token: &TokenLine| {
        let state = if token.revoked.is_some() { "revoked" } else { "good" };
        format!("{}  {state:7}  {}", token.id, token.name)
    };
    tokens.iter().map(line).collect::<Vec<_>>().join("\n")
}
