//! The real `retally` binary on real files. One test binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bad_input;
mod benchmarks;
mod chat_server;
mod driving;
mod features;
mod generation;
mod generator_runs;
mod instances;
mod interaction;
mod judges;
mod leaderboard;
mod paper_report;
mod planted;
mod probes;
mod program;
mod retrieval;
mod runs;
mod sampling;
mod score;
mod store;
mod tokenizer;
mod uni_mmmu;
mod workbench;
mod world_models;
