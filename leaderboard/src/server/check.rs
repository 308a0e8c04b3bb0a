//! Checking an upload that is complete, and making a submission of it. Runs on threads of its own.

use super::publisher::Accepted;
use super::record::Upload;
use super::run::Shared;
use super::shelf::Shelf;
use crate::collection::{BUNDLE_FILE, ENTRY_FILE, SCORES_FILE, Submission, VERIFICATION_FILE};
use crate::error::LeaderboardError;
use retally_manifests::Digest;
use std::fs::{self, File};
use std::path::Path;

/// What came of a check.
enum Outcome {
    Accepted(Digest),
    Refused(Vec<String>),
}

/// Checks an upload. It stays as it is if the check itself fails, and is checked again.
pub(super) fn check(shared: &Shared, id: &str) -> Result<(), LeaderboardError> {
    let Some(upload) = shared.record.to_check(id)? else { return Ok(()) };
    match outcome(shared, &upload)? {
        Outcome::Accepted(submission) => {
            // The bytes have another name now.
            remove_if_there(&shared.folder.upload(id))?;
            shared.publish(Accepted { upload: id.to_owned(), submission });
        }
        Outcome::Refused(reasons) => {
            shared.record.refuse(id, &reasons)?;
            remove_if_there(&shared.folder.upload(id))?;
            shared.note(format!("upload {id}: refused, {}", reasons.join("; ")));
        }
    }
    Ok(())
}

fn outcome(shared: &Shared, upload: &Upload) -> Result<Outcome, LeaderboardError> {
    // Known already if the server was killed after it was put on the shelf.
    if let Some(known) = shared.shelf.of_bundle(&upload.sha256) {
        return Ok(Outcome::Accepted(known));
    }
    let bytes = shared.folder.upload(&upload.id);
    let digest =
        Digest::of_file(&bytes).map_err(|error| LeaderboardError::file("read", &bytes, error))?;
    if digest != upload.sha256 {
        return Ok(Outcome::Refused(vec![format!(
            "the bytes that came have the SHA-256 {digest}, announced was {}: send them again",
            upload.sha256
        )]));
    }
    let staging = shared.folder.staging(&upload.id);
    let outcome = in_staging(shared, upload, (&bytes, &staging));
    // What was put on the shelf is there under another name.
    if staging.exists() {
        fs::remove_dir_all(&staging)
            .map_err(|error| LeaderboardError::file("remove", &staging, error))?;
    }
    outcome
}

fn in_staging(
    shared: &Shared,
    upload: &Upload,
    (bytes, staging): (&Path, &Path),
) -> Result<Outcome, LeaderboardError> {
    let failed = |error| LeaderboardError::file("prepare", staging, error);
    if staging.exists() {
        fs::remove_dir_all(staging).map_err(failed)?;
    }
    fs::create_dir_all(staging).map_err(failed)?;
    let bundle = staging.join(BUNDLE_FILE);
    // One file under two names; a copy where the file system has no such thing.
    fs::hard_link(bytes, &bundle)
        .or_else(|_| fs::copy(bytes, &bundle).map(drop))
        .map_err(failed)?;
    let verification = shared
        .verifier
        .verify(&bundle, &shared.folder.submissions(), staging)
        .map_err(|failure| LeaderboardError::Server(failure.to_string()))?;
    if verification.bundle_sha256 != upload.sha256 {
        return Err(LeaderboardError::Server("the checker checked another file".to_owned()));
    }
    if !verification.is_valid() {
        let reasons = verification.reasons().map(|(_, reason)| reason.to_owned()).collect();
        return Ok(Outcome::Refused(reasons));
    }
    let document = serde_json::to_vec_pretty(&verification)?;
    fs::write(staging.join(VERIFICATION_FILE), document).map_err(failed)?;
    match Submission::read(staging) {
        Ok(submission) => place(&shared.shelf, &submission, staging),
        Err(reason) => Err(LeaderboardError::Server(format!(
            "the checker left something that cannot be shown: {}",
            reason.sentence()
        ))),
    }
}

fn place(
    shelf: &Shelf,
    submission: &Submission,
    staging: &Path,
) -> Result<Outcome, LeaderboardError> {
    for name in [BUNDLE_FILE, ENTRY_FILE, VERIFICATION_FILE, SCORES_FILE] {
        let path = staging.join(name);
        if path.exists() {
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(|error| LeaderboardError::file("sync", &path, error))?;
        }
    }
    Ok(if shelf.put(submission, staging)? {
        Outcome::Accepted(submission.entry.id)
    } else {
        let what = "the same submission is already known, in another bundle";
        Outcome::Refused(vec![what.to_owned()])
    })
}

fn remove_if_there(path: &Path) -> Result<(), LeaderboardError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LeaderboardError::file("remove", path, error))
        }
        _ => Ok(()),
    }
}
