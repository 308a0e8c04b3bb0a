//! What a manifest says of an image set: its file, its layout, its labels, masks and split.

use crate::ArtifactId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A set of images that a run can measure on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Short id for the command line: `noto-emoji`.
    pub id: String,
    /// Readable name.
    pub name: String,
    /// The files, in the order that the format needs (idx: images, then labels).
    #[serde(default)]
    pub artifacts: Vec<ArtifactId>,
    /// For the format `folder` alone: a folder, relative to the manifest's. Nothing pins it as a whole; instead the digest of
    /// every image is taken, decides what is re-used, and is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// How the files hold images.
    pub format: DatasetFormat,
    /// What is done with transparency and margins before a model's own preprocessing.
    #[serde(default)]
    pub canvas: Option<Canvas>,
    /// Where object masks come from.
    #[serde(default)]
    pub mask: Option<MaskSource>,
    /// How the set is split for probes.
    pub split: Split,
    /// Consecutive samples in one chunk.
    #[serde(default = "default_chunk")]
    pub chunk: u32,
}

fn default_chunk() -> u32 {
    256
}

/// How files hold images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetFormat {
    /// A folder of images, class = subfolder if there are any.
    Folder,
    /// A tar shard (WebDataset): `key.png|jpg|jpeg|webp`, `key.cls` (class number or name as text), optional
    /// `key.mask.png`.
    Tar,
    /// MNIST idx: images, then labels.
    Idx,
    /// `.npz` or `.npy` of uint8 `[N,H,W,3]` (`arr_0`, labels `arr_1`).
    Npz,
    /// Parquet with an image column (struct of `bytes` and `path`, or binary) and a `label` column.
    Parquet,
}

/// Composition onto an opaque canvas, done in 8 bits before any resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canvas {
    /// Opaque colour behind transparent pixels, as RGB.
    pub background: [u8; 3],
    /// Pixels of background added on every side.
    pub margin: u32,
}

/// Where object masks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum MaskSource {
    /// Object = alpha of at least `threshold`.
    Alpha {
        /// Smallest alpha that counts as object, 1 to 255.
        threshold: u8,
    },
    /// A second image beside each one, non-zero = object.
    File,
}

/// How a set is split into train and test for probes. The split is part of the manifest, never of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Split {
    /// Within each class, samples are ordered by the SHA-256 of (seed, key) and the first `test_percent` per cent
    /// (rounded half up, at least one) are the test set: independent of file order.
    HashedPerClass {
        /// Mixed into the hash.
        seed: u64,
        /// 1 to 99.
        test_percent: u8,
    },
    /// The first `train` samples are the training set, the rest is the test set.
    Leading {
        /// Number of training samples.
        train: u64,
    },
    /// No labels, or no probe.
    None,
}
