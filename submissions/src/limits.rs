//! How large a bundle and its parts may be. Everything here is checked before memory is asked for.

/// Bytes of a bundle.
pub const MOST_BUNDLE_BYTES: u64 = 1 << 30;
/// Files in a bundle.
pub const MOST_FILES: usize = 4096;
/// Bytes of a file's name.
pub const LONGEST_FILE_NAME: usize = 128;
/// Bytes of `statement.dsse.json`.
pub const MOST_ENVELOPE_BYTES: u64 = 8 << 20;
/// Bytes of `public-key.pem`.
pub const MOST_KEY_BYTES: u64 = 1 << 10;
/// Bytes of `run.json`, and of `manifest.toml`.
pub const MOST_RECORD_BYTES: u64 = 1 << 20;
/// Bytes of `measurements.json`.
pub const MOST_MEASUREMENTS_BYTES: u64 = 4 << 20;
/// Bytes of `samples.json`.
pub const MOST_SAMPLES_BYTES: u64 = 16 << 20;
/// Bytes of `samples.parquet`, which is never in memory as a whole.
pub const MOST_TABLE_BYTES: u64 = 256 << 20;
/// Bytes of a chunk.
pub const MOST_CHUNK_BYTES: u64 = 32 << 20;
/// Bytes of the header of a chunk: names and shapes.
pub const MOST_CHUNK_HEADER_BYTES: u64 = 1 << 20;
/// Samples of all data sets together.
pub const MOST_SAMPLES: usize = 1 << 18;
/// Feature values of one tap over a data set: samples × channels.
pub const MOST_TAP_VALUES: usize = 8 << 20;
/// Samples × taps over all data sets and models: so many rows of per-sample scores.
pub const MOST_SCORE_ROWS: usize = 1 << 21;
/// Characters of a name that people read.
pub const LONGEST_LABEL: usize = 200;

/// The most bytes that a file of this name may have; `None` if no bundle has such a file.
#[must_use]
pub fn most_bytes(name: &str) -> Option<u64> {
    use crate::files;
    match name {
        files::STATEMENT => Some(MOST_ENVELOPE_BYTES),
        files::PUBLIC_KEY => Some(MOST_KEY_BYTES),
        files::RUN | files::MANIFEST => Some(MOST_RECORD_BYTES),
        files::MEASUREMENTS => Some(MOST_MEASUREMENTS_BYTES),
        files::SAMPLES => Some(MOST_SAMPLES_BYTES),
        files::SAMPLES_TABLE => Some(MOST_TABLE_BYTES),
        _ => files::chunk_key(name).map(|_| MOST_CHUNK_BYTES),
    }
}
