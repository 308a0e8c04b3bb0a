//! Leaderboards from folders of synthetic submissions, and a server that is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[path = "../support/synthetic.rs"]
mod synthetic;

mod browser;
mod client;
mod collection;
mod hostile;
mod server;
mod site;
