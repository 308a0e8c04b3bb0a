//! Leaderboards from folders of synthetic submissions, and a server that is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

#[allow(dead_code, reason = "others need the rest")]
#[path = "../support/synthetic.rs"]
mod synthetic;

mod browser;
mod client;
mod collection;
mod hostile;
mod server;
mod site;
