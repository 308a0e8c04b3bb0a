//! Recomputes the digests of what is there and lists every difference.

use crate::fetch::local_path;
use crate::store::{Mismatch, StoreError, check_file};
use crate::{Artifact, ArtifactId, Manifest, Settings, Source, Store};
use serde::Serialize;
use std::path::PathBuf;

/// What is there of one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Which artifact.
    pub id: ArtifactId,
    /// The verdict over all copies.
    pub state: VerificationState,
    /// Every copy there is: in the store, then at its `file:` sources.
    pub copies: Vec<Copy>,
}

/// The verdict over all copies of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationState {
    /// There is a copy, and every copy has the digest.
    Verified,
    /// There is no copy.
    NotFetched,
    /// Some copy differs.
    Different,
    /// Some copy cannot be read, and none is known to differ.
    Unreadable,
}

/// One copy of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// The file.
    pub path: PathBuf,
    /// How it differs from the manifest, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Mismatch>,
    /// Why it cannot be read, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// Recomputes the digest of every copy of an artifact: the stored file and its `file:` sources. Nothing is fetched,
/// nothing is changed.
#[must_use]
pub fn verify(
    store: &Store,
    manifest: &Manifest,
    settings: &Settings,
    artifact: &Artifact,
) -> Verification {
    let local = artifact.sources.iter().filter_map(|source| match source {
        // A link to a user's own file is as good as the file; in the store it would be damage.
        Source::File(path) => local_path(manifest, settings, artifact, path).canonicalize().ok(),
        _ => None,
    });
    let paths = [store.object_path(&artifact.sha256)].into_iter().chain(local);
    let copies: Vec<Copy> = paths.filter_map(|path| examine(artifact, path)).collect();
    Verification { id: artifact.id.clone(), state: state(&copies), copies }
}

/// `None` if there is no such file.
fn examine(artifact: &Artifact, path: PathBuf) -> Option<Copy> {
    match check_file(artifact, &path) {
        Ok(false) => None,
        Ok(true) => Some(Copy { path, difference: None, unreadable: None }),
        Err(StoreError::Damaged { mismatch, .. }) => {
            Some(Copy { path, difference: Some(mismatch), unreadable: None })
        }
        Err(error) => Some(Copy { path, difference: None, unreadable: Some(error.to_string()) }),
    }
}

fn state(copies: &[Copy]) -> VerificationState {
    if copies.iter().any(|copy| copy.difference.is_some()) {
        VerificationState::Different
    } else if copies.iter().any(|copy| copy.unreadable.is_some()) {
        VerificationState::Unreadable
    } else if copies.is_empty() {
        VerificationState::NotFetched
    } else {
        VerificationState::Verified
    }
}
