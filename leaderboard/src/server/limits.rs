//! What a server accepts, and how fast.

/// Limits of a server; those of uploads are each token's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one bundle.
    pub bundle_bytes: u64,
    /// Uploads that a token begins in an hour.
    pub uploads_an_hour: u32,
    /// Uploads that a token has begun and that are not published or refused yet.
    pub open_uploads: u32,
    /// Bytes that a token announces in a day.
    pub bytes_a_day: u64,
    /// Connections at once; further ones wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bundle_bytes: 256 << 20,
            uploads_an_hour: 120,
            open_uploads: 16,
            bytes_a_day: 8 << 30,
            connections: 256,
        }
    }
}

/// Bytes of one request at most.
pub(super) const PIECE_BYTES: u64 = 8 << 20;
