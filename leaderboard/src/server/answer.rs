//! Answers of the API: JSON, with the status that says what to do.

use super::record::{Upload, UploadState};
use crate::error::LeaderboardError;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

/// An answer other than success.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 400: the request is wrong.
    Request(String),
    /// 401: no token, or not a good one.
    Unauthorised,
    /// 404: this token has no such upload.
    Unknown,
    /// 409: another offset or state than the client believes; with the true one.
    Conflict(Box<Upload>, &'static str),
    /// 413: too many bytes.
    TooLarge(String),
    /// 429: later.
    Later(u64, &'static str),
    /// 503: the server's own trouble.
    Trouble(LeaderboardError),
}

impl From<LeaderboardError> for Refusal {
    fn from(error: LeaderboardError) -> Self {
        Self::Trouble(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let failed = |status, error: &str| document(status, &json!({ "error": error }));
        match self {
            Self::Request(what) => failed(StatusCode::BAD_REQUEST, &what),
            Self::Unauthorised => with_header(
                failed(
                    StatusCode::UNAUTHORIZED,
                    "send `Authorization: Bearer TOKEN` with a token of this server",
                ),
                header::WWW_AUTHENTICATE,
                "Bearer",
            ),
            Self::Unknown => failed(StatusCode::NOT_FOUND, "this token has no such upload"),
            Self::Conflict(upload, what) => {
                let mut body = state(&upload);
                if let Value::Object(fields) = &mut body {
                    fields.insert("error".to_owned(), json!(what));
                }
                document(StatusCode::CONFLICT, &body)
            }
            Self::TooLarge(what) => failed(StatusCode::PAYLOAD_TOO_LARGE, &what),
            Self::Later(seconds, what) => with_header(
                failed(StatusCode::TOO_MANY_REQUESTS, what),
                header::RETRY_AFTER,
                &seconds.to_string(),
            ),
            // What went wrong is for the server's log alone.
            Self::Trouble(_) => with_header(
                failed(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the server has trouble of its own: try again later",
                ),
                header::RETRY_AFTER,
                "30",
            ),
        }
    }
}

/// What an upload's client needs to know.
pub(super) fn state(upload: &Upload) -> Value {
    let mut body = json!({ "upload": upload.id, "state": upload.state, "offset": upload.received });
    if let Value::Object(fields) = &mut body {
        if upload.state == UploadState::Refused {
            fields.insert("reasons".to_owned(), json!(upload.reasons));
        }
        if let Some(id) = &upload.submission {
            fields.insert("id".to_owned(), json!(id));
        }
    }
    body
}

/// A JSON answer.
pub(super) fn document(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn with_header(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
