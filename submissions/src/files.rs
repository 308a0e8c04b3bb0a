//! The names of the files in a bundle.

use retally_manifests::Digest;

/// The signed statement: always the first file.
pub const STATEMENT: &str = "statement.dsse.json";
/// The signer's public key.
pub const PUBLIC_KEY: &str = "public-key.pem";
/// How the run was made.
pub const RUN: &str = "run.json";
/// Models and data sets as manifests describe them.
pub const MANIFEST: &str = "manifest.toml";
/// What was measured.
pub const MEASUREMENTS: &str = "measurements.json";
/// Samples with digest and class.
pub const SAMPLES: &str = "samples.json";
/// Scores and predictions of each sample, for other programs to read.
pub const SAMPLES_TABLE: &str = "samples.parquet";

/// The documents that every bundle has beside its statement and its chunks.
pub const DOCUMENTS: [&str; 6] = [MANIFEST, MEASUREMENTS, PUBLIC_KEY, RUN, SAMPLES, SAMPLES_TABLE];

const CHUNKS: &str = "chunks/";
const CHUNK: &str = ".safetensors";

/// Where a chunk stands.
#[must_use]
pub fn chunk(key: &Digest) -> String {
    format!("{CHUNKS}{key}{CHUNK}")
}

/// The key of a chunk by its file's name.
#[must_use]
pub fn chunk_key(name: &str) -> Option<Digest> {
    name.strip_prefix(CHUNKS)?.strip_suffix(CHUNK)?.parse().ok()
}
