//! Fetching, storing and verifying, against hostile servers, archives and programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod archives;
mod documentation;
mod download;
mod generator;
mod manifest;
mod server;
mod store;
mod workbench;
mod world_model;

#[cfg(unix)]
mod derivation;
#[cfg(unix)]
mod packages;
