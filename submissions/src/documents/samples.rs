//! `samples.json`: the samples that were measured on, with digest and class. The split follows from keys and classes by the
//! data set's own rule, so it is not told.

use retally_manifests::Digest;
use serde::{Deserialize, Serialize};

/// Version of the document.
pub const SAMPLES_SCHEMA: u32 = 1;

/// The document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamplesDocument {
    /// [`SAMPLES_SCHEMA`]
    pub schema: u32,
    /// The data sets in the order of the run.
    pub datasets: Vec<DatasetSamples>,
}

/// The samples of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSamples {
    /// The data set's id.
    pub id: String,
    /// Names of the classes; a class number is an index into them.
    pub classes: Vec<String>,
    /// The samples in order.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Its name in the set.
    pub key: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Its class.
    pub class: Option<u32>,
}
