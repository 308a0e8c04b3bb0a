//! A folder of checked submissions, one folder each: which of them can be shown, and why the others cannot.

mod hashed_file;
mod left_out;
mod scores;
mod submission;
mod walk;

pub use hashed_file::HashedFile;
pub use left_out::{LeftOut, LeftOutReason};
pub use scores::Scores;
pub use submission::Submission;

use crate::error::LeaderboardError;
use rayon::prelude::*;
use retally_manifests::Digest;
use std::collections::HashMap;
use std::path::Path;

/// The bundle, exactly as it was submitted.
pub const BUNDLE_FILE: &str = "submission.retally";
/// What was in it.
pub const ENTRY_FILE: &str = "entry.json";
/// What was checked of it.
pub const VERIFICATION_FILE: &str = "verification.json";
/// Its scores of single samples.
pub const SCORES_FILE: &str = "scores.safetensors";

/// All submissions below a folder.
#[derive(Debug)]
pub struct Collection {
    /// Those that can be shown, in the order of their ids.
    pub submissions: Vec<Submission>,
    /// The others, in the order of their folders.
    pub left_out: Vec<LeftOut>,
}

impl Collection {
    /// Reads every folder below `root` that holds a bundle. `progress` is told of each.
    ///
    /// # Errors
    /// If `root` is not a folder or cannot be listed. A submission that cannot be shown is no error.
    pub fn read(root: &Path, progress: &(dyn Fn() + Sync)) -> Result<Self, LeaderboardError> {
        let folders = walk::submission_folders(root)?;
        let read: Vec<Result<Submission, LeftOut>> = folders
            .par_iter()
            .map(|folder| {
                let read = Submission::read(folder);
                progress();
                read.map_err(|reason| LeftOut { folder: folder.clone(), reason })
            })
            .collect();
        let (mut submissions, mut left_out) = (Vec::new(), Vec::new());
        let mut places: HashMap<Digest, usize> = HashMap::new();
        for result in read {
            match result {
                // Folders come in the order of their names, so it is always the same one of two that stays.
                Ok(submission) => match places.get(&submission.entry.id) {
                    Some(&first) => left_out.push(LeftOut {
                        folder: submission.folder.clone(),
                        reason: LeftOutReason::damaged(same_as(&submissions, first)),
                    }),
                    None => {
                        places.insert(submission.entry.id, submissions.len());
                        submissions.push(submission);
                    }
                },
                Err(other) => left_out.push(other),
            }
        }
        submissions.sort_by_key(|submission| submission.entry.id);
        left_out.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(Self { submissions, left_out })
    }
}

fn same_as(submissions: &[Submission], first: usize) -> String {
    let folder = submissions.get(first).map(|submission| submission.folder.display().to_string());
    format!("it is the same submission as `{}`: remove one", folder.unwrap_or_default())
}
