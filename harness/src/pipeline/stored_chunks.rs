//! The chunks of a model over a data set as a run directory holds them.

use super::chunk::{self, Chunk};
use super::sealed;
use crate::exit_status::ExitStatus;
use crate::failure::Failure;
use crate::run::directory::chunk_path;
use rayon::prelude::*;
use retally_manifests::{Digest, Model, Tap};
use std::ops::Range;
use std::path::Path;

/// Where the chunks of a model are, and what is in them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredChunks<'a> {
    /// The run directory.
    pub(crate) root: &'a Path,
    pub(crate) model: &'a Model,
    /// The names of the chunks, in sample order.
    pub(crate) keys: &'a [Digest],
    /// The samples of each.
    pub(crate) ranges: &'a [Range<usize>],
}

/// What is found under a chunk's name.
#[derive(Debug)]
pub(crate) enum StoredChunk {
    /// The chunk, with the right seal.
    Whole(Chunk),
    /// Nothing.
    Absent,
    /// Something else, and what is wrong with it.
    Damaged(String),
}

impl StoredChunks<'_> {
    /// Reads a chunk and checks its digest, its names and its shapes.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub(crate) fn read(&self, index: usize) -> Result<StoredChunk, Failure> {
        self.read_part(index, &self.model.taps)
    }

    fn read_part(&self, index: usize, taps: &[Tap]) -> Result<StoredChunk, Failure> {
        let (key, samples) = (&self.keys[index], self.ranges[index].len());
        let Some(bytes) = sealed::read_bytes(&chunk_path(self.root, key))? else {
            return Ok(StoredChunk::Absent);
        };
        Ok(match chunk::decode(&bytes, key, taps, samples) {
            Ok(chunk) => StoredChunk::Whole(chunk),
            Err(reason) => StoredChunk::Damaged(reason),
        })
    }

    /// All chunks, in sample order, read by as many threads as the caller's pool has.
    ///
    /// # Errors
    /// If one is not there or damaged: then the run is incomplete.
    pub(crate) fn read_all(&self) -> Result<Vec<Chunk>, Failure> {
        self.read_taps(&self.model.taps)
    }

    /// All chunks with some of the model's taps alone. Every file is read whole for its digest.
    ///
    /// # Errors
    /// As [`Self::read_all`].
    pub(crate) fn read_taps(&self, taps: &[Tap]) -> Result<Vec<Chunk>, Failure> {
        (0..self.keys.len())
            .into_par_iter()
            .map(|index| {
                let what = match self.read_part(index, taps)? {
                    StoredChunk::Whole(chunk) => return Ok(chunk),
                    StoredChunk::Absent => "is not there".to_owned(),
                    StoredChunk::Damaged(reason) => format!("is damaged ({reason})"),
                };
                Err(Failure::new(
                    ExitStatus::Incomplete,
                    format_args!(
                        "chunk {} of {} of model `{}`, `{}`, {what}: `retally run` with the same words computes it again",
                        index + 1,
                        self.keys.len(),
                        self.model.id,
                        chunk_path(self.root, &self.keys[index]).display()
                    ),
                ))
            })
            .collect()
    }
}
