//! Receiving a piece of an upload.

use super::answer::{Refusal, document, state};
use super::limits::PIECE_BYTES;
use super::record::{Upload, UploadState};
use super::run::Shared;
use super::unread_body::discard;
use crate::error::LeaderboardError;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use http_body_util::BodyExt;
use std::io::SeekFrom;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

/// A client that sends nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(30);

/// A piece as it is announced.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) token: String,
    pub(super) upload: String,
    pub(super) offset: u64,
    /// `Content-Length`, if there is one.
    pub(super) length: Option<u64>,
}

/// Appends a body to an upload.
///
/// It runs in a task of its own: if the connection breaks, what has come is still written and noted, and nobody else writes to the
/// upload before that is done.
pub(super) async fn append(
    shared: Arc<Shared>,
    piece: Piece,
    mut body: Body,
) -> Result<Response<Body>, Refusal> {
    let task = tokio::spawn(async move {
        let answer = append_now(&shared, piece, &mut body).await;
        if answer.is_err() {
            discard(body).await;
        }
        answer
    });
    task.await.unwrap_or_else(|error| {
        Err(Refusal::Trouble(LeaderboardError::Server(format!("an upload's task ended: {error}"))))
    })
}

async fn append_now(
    shared: &Arc<Shared>,
    piece: Piece,
    body: &mut Body,
) -> Result<Response<Body>, Refusal> {
    let upload = find(shared, &piece).await?;
    let Some(_turn) = shared.writing(&upload.id) else {
        return Err(Refusal::Conflict(
            Box::new(upload),
            "another request is sending to this upload",
        ));
    };
    // It may have moved before it was this request's turn.
    let upload = find(shared, &piece).await?;
    if upload.state != UploadState::Receiving {
        return Err(Refusal::Conflict(Box::new(upload), "all bytes of this upload have come"));
    }
    if upload.received != piece.offset {
        return Err(Refusal::Conflict(Box::new(upload), "the next byte is another one"));
    }
    let most = PIECE_BYTES.min(upload.bytes - upload.received);
    if piece.length.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let path = shared.folder.upload(&upload.id);
    let mut file = opened(&path, upload.received).await?;
    let failed = |error| LeaderboardError::file("write", &path, error);
    let count = match receive(&mut file, body, most).await {
        Received::All(count) | Received::Broken(count) => count,
        // Nothing of a piece that is too large is noted.
        Received::TooMuch => return Err(too_large(most)),
        Received::Failed(error) => return Err(failed(error).into()),
    };
    file.sync_all().await.map_err(failed)?;
    let (id, received) = (upload.id.clone(), upload.received + count);
    shared.blocking(move |shared| shared.record.received(&id, received)).await?;
    let upload = find(shared, &piece).await?;
    if upload.state == UploadState::Verifying {
        shared.check(upload.id.clone());
    }
    Ok(document(StatusCode::OK, &state(&upload)))
}

async fn find(shared: &Arc<Shared>, piece: &Piece) -> Result<Upload, Refusal> {
    let (token, id) = (piece.token.clone(), piece.upload.clone());
    let found = shared.blocking(move |shared| shared.record.upload(&token, &id)).await?;
    found.ok_or(Refusal::Unknown)
}

fn too_large(most: u64) -> Refusal {
    Refusal::TooLarge(format!("this request may have {most} bytes at most"))
}

/// The file, cut to the bytes that were acknowledged: what a killed server wrote beyond them was never promised.
async fn opened(path: &Path, received: u64) -> Result<File, Refusal> {
    let open = async {
        let mut file = OpenOptions::new().write(true).open(path).await?;
        file.set_len(received).await?;
        file.seek(SeekFrom::Start(received)).await?;
        Ok(file)
    };
    open.await.map_err(|error| LeaderboardError::file("open", path, error).into())
}

enum Received {
    /// The whole body.
    All(u64),
    /// What came before the connection broke or fell silent.
    Broken(u64),
    TooMuch,
    Failed(std::io::Error),
}

async fn receive(file: &mut File, body: &mut Body, most: u64) -> Received {
    let mut count = 0;
    loop {
        let data = match tokio::time::timeout(SILENCE, body.frame()).await {
            Err(_) | Ok(Some(Err(_))) => return Received::Broken(count),
            Ok(None) => return Received::All(count),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => data,
                Err(_trailers) => continue,
            },
        };
        if data.len() as u64 > most - count {
            return Received::TooMuch;
        }
        if let Err(error) = file.write_all(&data).await {
            return Received::Failed(error);
        }
        count += data.len() as u64;
    }
}
