//! The addresses of the API, and what requests must say.

use super::answer::{Refusal, document, state};
use super::append::{Piece, append};
use super::begin::{Announcement, begin};
use super::run::Shared;
use super::static_files;
use super::unread_body::discard;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use std::str::FromStr;
use std::sync::Arc;

/// The header with the SHA-256 of a bundle.
const SHA256: &str = "x-retally-sha256";
/// The header with its size.
const BYTES: &str = "x-retally-bytes";
/// The header with the place of a piece.
const OFFSET: &str = "x-retally-offset";

/// Everything that the server answers.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/api/submissions", post(announce))
        .route("/api/submissions/{upload}", get(ask).patch(send))
        .fallback(static_files::serve)
        .with_state(shared)
}

async fn announce(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    let answer = async {
        let token = authorised(&shared, &headers).await?;
        let sha256 = number(&headers, SHA256)?;
        let bytes = number(&headers, BYTES)?;
        let own = Arc::clone(&shared);
        let announced = Announcement { sha256, bytes };
        let task = tokio::task::spawn_blocking(move || begin(&own, &token, announced));
        task.await.unwrap_or_else(|error| Err(ended(&error)))
    };
    told(&shared, answer.await)
}

async fn send(
    State(shared): State<Arc<Shared>>,
    Path(upload): Path<String>,
    request: Request,
) -> Response<Body> {
    let answer = async {
        let (head, body) = request.into_parts();
        match announced(&shared, upload, &head.headers).await {
            Ok(piece) => append(Arc::clone(&shared), piece, body).await,
            Err(refusal) => {
                discard(body).await;
                Err(refusal)
            }
        }
    };
    told(&shared, answer.await)
}

/// The piece that a request announces in its head.
async fn announced(
    shared: &Arc<Shared>,
    upload: String,
    headers: &HeaderMap,
) -> Result<Piece, Refusal> {
    let token = authorised(shared, headers).await?;
    let offset = number(headers, OFFSET)?;
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Piece { token, upload, offset, length })
}

async fn ask(
    State(shared): State<Arc<Shared>>,
    Path(upload): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    let answer = async {
        let token = authorised(&shared, &headers).await?;
        let found = shared.blocking(move |shared| shared.record.upload(&token, &upload)).await?;
        let found = found.ok_or(Refusal::Unknown)?;
        Ok(document(StatusCode::OK, &state(&found)))
    };
    told(&shared, answer.await)
}

/// The id of the token that a request carries.
async fn authorised(shared: &Arc<Shared>, headers: &HeaderMap) -> Result<String, Refusal> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, token)) = value.and_then(|value| value.split_once(' ')) else {
        return Err(Refusal::Unauthorised);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Unauthorised);
    }
    let token = token.trim().to_owned();
    let found = shared.blocking(move |shared| shared.record.token_id(&token)).await?;
    found.ok_or(Refusal::Unauthorised)
}

fn number<T: FromStr>(headers: &HeaderMap, name: &'static str) -> Result<T, Refusal>
where
    T::Err: std::fmt::Display,
{
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let value = value.ok_or_else(|| Refusal::Request(format!("the header `{name}` is missing")))?;
    value.parse().map_err(|error| Refusal::Request(format!("the header `{name}`: {error}")))
}

fn ended(error: &tokio::task::JoinError) -> Refusal {
    Refusal::Trouble(crate::LeaderboardError::Server(format!("a task ended: {error}")))
}

fn told(shared: &Shared, answer: Result<Response<Body>, Refusal>) -> Response<Body> {
    answer.unwrap_or_else(|refusal| {
        if let Refusal::Trouble(error) = &refusal {
            shared.trouble("a request failed", error);
        }
        refusal.into_response()
    })
}
