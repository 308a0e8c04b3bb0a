//! The folder of accepted submissions, and which bundles and submissions are in it.

use crate::collection::{BUNDLE_FILE, Collection, Submission};
use crate::error::LeaderboardError;
use crate::site::slug;
use retally_manifests::Digest;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Accepted submissions.
#[derive(Debug)]
pub(super) struct Shelf {
    root: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    of_bundle: HashMap<Digest, Digest>,
    folders: HashMap<Digest, PathBuf>,
}

impl Shelf {
    /// What is on it.
    pub(super) fn open(root: &Path) -> Result<Self, LeaderboardError> {
        let mut known = Known::default();
        for submission in Collection::read(root, &|| ())?.submissions {
            known.add(&submission, submission.folder.clone());
        }
        Ok(Self { root: root.to_owned(), known: Mutex::new(known) })
    }

    /// The submission that a bundle is.
    pub(super) fn of_bundle(&self, sha256: &Digest) -> Option<Digest> {
        self.known().of_bundle.get(sha256).copied()
    }

    /// The bundle of a submission.
    pub(super) fn bundle(&self, id: &Digest) -> Option<PathBuf> {
        self.known().folders.get(id).map(|folder| folder.join(BUNDLE_FILE))
    }

    /// Puts a finished folder on the shelf, in one step; `false` if the submission is there already.
    pub(super) fn put(
        &self,
        submission: &Submission,
        staging: &Path,
    ) -> Result<bool, LeaderboardError> {
        // Held until it is there: of two equal ones at the same time one is the second.
        let mut known = self.known();
        let entry = &submission.entry;
        if known.folders.contains_key(&entry.id) {
            return Ok(false);
        }
        let suite = self.root.join(&entry.suite.id);
        let id = entry.id.to_string();
        let short = id.get(..16).unwrap_or_default();
        let place = suite.join(format!("{short}-{}", slug(&entry.name)));
        // Two ids that begin alike and have the same name are nobody's accident.
        let place = if place.exists() { suite.join(&id) } else { place };
        let move_there = || {
            fs::create_dir_all(&suite)?;
            File::open(staging)?.sync_all()?;
            fs::rename(staging, &place)?;
            File::open(&suite)?.sync_all()?;
            File::open(&self.root)?.sync_all()
        };
        move_there()
            .map_err(|error| LeaderboardError::file("put a submission at", &place, error))?;
        known.add(submission, place);
        Ok(true)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, submission: &Submission, folder: PathBuf) {
        self.of_bundle.insert(submission.verification.bundle_sha256, submission.entry.id);
        self.folders.insert(submission.entry.id, folder);
    }
}
