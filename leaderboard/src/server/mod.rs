//! A leaderboard that accepts submissions over HTTP, checks each before it is shown, and serves the site.
//!
//! What it knows is in one folder: files, and a record in SQLite. Every step is written down before the next one begins, so
//! that it can be killed at any moment: an upload goes on at the last byte that was acknowledged, a check that was under way is made
//! again, and visitors see the last whole site.

mod answer;
mod api;
mod append;
mod begin;
mod check;
mod connections;
mod file_body;
mod folder;
mod limits;
mod publisher;
mod record;
mod run;
mod shelf;
mod static_files;
mod token;
mod unread_body;
mod verifier;

pub use folder::ServerFolder;
pub use limits::Limits;
pub use record::{NewToken, Record, TokenLine};
pub use run::{Server, Settings};
pub use verifier::{Verifier, VerifierFailure};
