//! What a command made, or found.

use super::manifest::{InstanceList, LIST, UnusableImage};
use crate::failure::Failure;
use retally_manifests::Digest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Instances in a folder.
#[derive(Clone, Debug, Serialize)]
pub struct InstancesReport {
    /// The folder of the data.
    pub out: PathBuf,
    /// Whether they were made now; otherwise they were there, and every file was checked.
    pub made: bool,
    /// SHA-256 of the list, which holds the digests of all other files.
    pub instances_sha256: Digest,
    /// Of all random draws.
    pub seed: u64,
    /// Instances of each task.
    pub count: usize,
    /// The tasks.
    pub tasks: Vec<String>,
    /// Files, without the list.
    pub files: usize,
    /// How many mazes have a shortest path of each length.
    pub maze_lengths: BTreeMap<usize, usize>,
    /// How many sliding puzzles have a shortest solution of each length.
    pub sliding_lengths: BTreeMap<usize, usize>,
    /// Images of the user that make no well-posed jigsaw.
    pub unusable_images: Vec<UnusableImage>,
}

impl InstancesReport {
    pub(super) fn new(out: &Path, list: &InstanceList, made: bool) -> Result<Self, Failure> {
        let path = out.join(LIST);
        let instances_sha256 =
            Digest::of_file(&path).map_err(|error| Failure::file("read", &path, &error))?;
        Ok(Self {
            out: out.to_owned(),
            made,
            instances_sha256,
            seed: list.identity.seed,
            count: list.identity.count,
            tasks: list.identity.tasks.clone(),
            files: list.files.len(),
            maze_lengths: histogram(list.maze.iter().map(|entry| entry.moves.len())),
            sliding_lengths: histogram(list.sliding.iter().map(|entry| entry.moves.len())),
            unusable_images: list.unusable_images.clone(),
        })
    }
}

fn histogram(lengths: impl Iterator<Item = usize>) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for length in lengths {
        *counts.entry(length).or_default() += 1;
    }
    counts
}
