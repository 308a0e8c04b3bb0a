//! Beginning an upload, or finding the one that was begun.

use super::answer::{Refusal, document, state};
use super::record::UploadState;
use super::run::Shared;
use super::token::random_digits;
use crate::error::LeaderboardError;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use retally_manifests::Digest;
use serde_json::json;
use std::fs::File;

/// Hexadecimal digits of an upload's id.
const ID_DIGITS: usize = 32;
/// How long a client waits for an open upload to end, in seconds.
const OPEN_EASES_IN: u64 = 30;
/// How long it waits for a day's bytes.
const DAY_EASES_IN: u64 = 3600;

/// What a client announces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announcement {
    pub(super) sha256: Digest,
    pub(super) bytes: u64,
}

/// Answers an announcement. Blocks.
pub(super) fn begin(
    shared: &Shared,
    token: &str,
    announced: Announcement,
) -> Result<Response<Body>, Refusal> {
    let limits = &shared.limits;
    let Announcement { sha256, bytes } = announced;
    if bytes == 0 {
        return Err(Refusal::Request("a bundle is not empty".to_owned()));
    }
    if bytes > limits.bundle_bytes {
        return Err(Refusal::TooLarge(format!(
            "a bundle has at most {} bytes here, this one has {bytes}",
            limits.bundle_bytes
        )));
    }
    // From looking to writing nobody else begins one: two requests would make two uploads of the same bytes.
    let _turn = shared.beginning();
    if let Some(id) = shared.record.published(&sha256)? {
        return Ok(document(StatusCode::OK, &json!({ "state": "published", "id": id })));
    }
    if let Some(upload) = shared.record.upload_of_token(token, &sha256)?
        // A refused one may be sent again: the bytes may have changed on the way.
        && upload.state != UploadState::Refused
    {
        if upload.bytes != bytes {
            return Err(Refusal::Request(format!(
                "these bytes were announced before as {}, now as {bytes}",
                upload.bytes
            )));
        }
        return Ok(document(StatusCode::OK, &state(&upload)));
    }
    within_limits(shared, token, bytes)?;
    let id = random_digits(ID_DIGITS)?;
    let path = shared.folder.upload(&id);
    File::create_new(&path)
        .and_then(|file| file.sync_all())
        .map_err(|error| LeaderboardError::file("create", &path, error))?;
    shared.record.begin(token, &id, (&sha256, bytes))?;
    Ok(document(StatusCode::CREATED, &json!({ "upload": id, "state": "receiving", "offset": 0 })))
}

fn within_limits(shared: &Shared, token: &str, bytes: u64) -> Result<(), Refusal> {
    let (limits, usage) = (&shared.limits, shared.record.usage(token)?);
    if usage.in_last_hour >= u64::from(limits.uploads_an_hour) {
        return Err(Refusal::Later(
            usage.hour_eases_in,
            "this token began too many uploads in an hour",
        ));
    }
    if usage.open >= u64::from(limits.open_uploads) {
        return Err(Refusal::Later(
            OPEN_EASES_IN,
            "this token has too many uploads that are not finished",
        ));
    }
    if usage.bytes_in_last_day.saturating_add(bytes) > limits.bytes_a_day {
        return Err(Refusal::Later(DAY_EASES_IN, "this token announced too many bytes in a day"));
    }
    Ok(())
}
