//! How long a chunk of each encoder takes on this machine: one of each is computed, and kept.

use super::directory::RunDirectory;
use super::encoders::Encoders;
use super::selection::RunRequest;
use crate::context::Context;
use crate::failure::Failure;
use std::time::Duration;

/// What was measured of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbedModel {
    /// Opening it.
    pub load: Duration,
    /// One chunk, from images to the stored file.
    pub chunk: Duration,
    /// Its chunks in the whole run.
    pub chunks: usize,
}

/// Computes one chunk of every model of a run in its directory, preferably one that is missing.
///
/// # Errors
/// Bad input, a failed fetch, a model or image that does not fit, a full disk; or an interruption.
pub fn probe(request: &RunRequest<'_>, context: &Context) -> Result<Vec<ProbedModel>, Failure> {
    let selection = request.selection(&context.manifest)?;
    let library = context.onnxruntime()?;
    let directory = RunDirectory::open(&request.out)?;
    Encoders { request, context, selection: &selection, library }.probe(&directory)
}
