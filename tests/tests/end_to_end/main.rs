//! The real `retally` binary on real files. One test binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod bad_input;
mod benchmarks;
mod chat_server;
mod check;
mod check_bench;
mod ci_files;
mod driving;
mod emoji_workspace;
mod export;
mod features;
mod generation;
mod generator_runs;
mod hostile_bundles;
mod instances;
mod interaction;
mod job_plans;
mod judges;
mod leaderboard;
mod object_store;
mod paper_report;
mod planted;
mod probes;
mod program;
mod retrieval;
mod runs;
mod s3_server;
mod sampling;
mod score;
mod shards;
mod small_run;
mod small_submission;
mod store;
mod submission_server;
mod submissions;
mod tokenizer;
mod uni_mmmu;
mod workbench;
mod world_models;
