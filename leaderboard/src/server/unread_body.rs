//! The rest of a body that is refused.
//!
//! A connection that is closed over unread bytes is reset, and the client may lose the answer that says why: it sees a broken connection and
//! sends the same again. So what is refused is read and thrown away first, as far as an honest client sends.

use super::limits::PIECE_BYTES;
use axum::body::Body;
use http_body_util::BodyExt;
use std::time::Duration;

/// A client that ignores the limit of a piece by more than this loses its connection.
const MOST_BYTES: u64 = 2 * PIECE_BYTES;
/// So does one that takes longer.
const MOST_TIME: Duration = Duration::from_secs(5);

/// Reads a body to its end and keeps nothing.
pub(super) async fn discard(mut body: Body) {
    let read = async {
        let mut count = 0;
        while count < MOST_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            count += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
    };
    // Whether it came to an end or not, the answer follows.
    let _ = tokio::time::timeout(MOST_TIME, read).await;
}
