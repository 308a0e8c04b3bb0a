//! retally: re-runs what a paper claims.
//!
//! The library behind the `retally` command, by stage: [`onnx`] (library, graph editing, sessions), [`images`] (readers,
//! decoding, resizing), [`pipeline`] (chunks, workers, measurements), [`sampling`] (noise to images), [`generation`] (generated images against a
//! reference), [`features`] (an encoder's features of images, for probes), [`endpoint`] (models behind chat endpoints, asked and recorded), `world_model` (predicted views among augmented ones), `driving` (a benchmark asked of a chat endpoint), [`run`] (one execution of a suite), [`sharding`] (one process' share of it), [`job_plan`] (job files for Slurm and other engines), [`submission`] (a run as a signed bundle, made and checked) and [`cli`].

pub mod arrays;
mod benchmarks;
pub mod bundle_verifier;
pub mod check;
pub mod cli;
pub mod context;
mod driving;
pub mod endpoint;
pub mod exit_status;
pub mod failure;
pub mod features;
mod fetch_progress;
mod file_names;
#[doc(hidden)]
pub mod fuzzing;
pub mod generation;
pub mod images;
pub mod instances;
mod interaction;
mod interchange;
pub mod interrupt;
pub mod job_plan;
mod judge;
mod machine;
pub mod object_folder;
pub mod onnx;
pub mod pipeline;
pub mod progress;
pub mod run;
pub mod sampling;
pub mod sharding;
pub mod submission;
mod text_files;
mod threads;
pub mod tokenizer;
mod unified;
mod world_model;
