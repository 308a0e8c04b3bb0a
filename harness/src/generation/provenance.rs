//! Where a file of statistics comes from: a small JSON file beside it, `ref.npz.json`.
//!
//! Means and covariances do not say what they are of. Without this file their origin is unknown, and is called so.

use crate::failure::Failure;
use retally_manifests::Digest;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Version of the file's form.
pub(super) const SCHEMA: u32 = 1;

/// A file of provenance is small; a longer one is something else.
const MOST_BYTES: u64 = 1 << 20;

/// How statistics were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provenance {
    /// [`SCHEMA`].
    pub(super) schema: u32,
    /// Version of the program.
    pub(super) retally: String,
    /// Digest of the statistics file that this is about.
    pub(super) statistics_sha256: Digest,
    /// Protocol and version: `adm/1`.
    pub(super) protocol: String,
    /// Id of every decoding, resizing and normalising step.
    pub(super) preprocessing: String,
    /// What the model was called.
    pub(super) model: String,
    /// Digest of the model file.
    pub(super) model_sha256: Digest,
    /// The model's tensors, by the parts that they play: `pool3=pool3`.
    pub(super) outputs: Vec<String>,
    /// Version and digest of ONNX Runtime.
    pub(super) onnxruntime: String,
    /// Execution provider.
    pub(super) provider: String,
    /// Optimisation and determinism of the sessions.
    pub(super) session: String,
    /// Whether the network said that it has the weights of the protocol's published numbers; `None` where the protocol has
    /// none.
    pub(super) published_weights: Option<bool>,
    /// How many images.
    pub(super) images: u64,
    /// One digest over those of the images, in order.
    pub(super) images_sha256: Digest,
}

/// `ref.npz` → `ref.npz.json`.
pub(crate) fn path_beside(statistics: &Path) -> PathBuf {
    let mut name = OsString::from(statistics);
    name.push(".json");
    PathBuf::from(name)
}

impl Provenance {
    /// Reads the file beside `statistics`, if there is one, and checks that it is about this very file.
    ///
    /// # Errors
    /// If it cannot be read, has another form, or is about other bytes.
    pub(super) fn of(statistics: &Path) -> Result<Option<Self>, Failure> {
        let path = path_beside(statistics);
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &path, &error)),
        };
        let invalid = |problem: String| {
            Failure::invalid(format_args!(
                "`{}` does not say where `{}` comes from: {problem}; make both again with `retally stats`, or remove it to go \
                 on with an unknown origin",
                path.display(),
                statistics.display()
            ))
        };
        if length > MOST_BYTES {
            return Err(invalid(format!("it has {length} bytes")));
        }
        let bytes = std::fs::read(&path).map_err(|error| Failure::file("read", &path, &error))?;
        let provenance: Self =
            serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if provenance.schema != SCHEMA {
            return Err(invalid(format!("it has schema {}, not {SCHEMA}", provenance.schema)));
        }
        let found = Digest::of_file(statistics)
            .map_err(|error| Failure::file("read", statistics, &error))?;
        if found != provenance.statistics_sha256 {
            return Err(invalid(format!(
                "it is about a file of digest {}, which now has {found}",
                provenance.statistics_sha256
            )));
        }
        Ok(Some(provenance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(statistics: &[u8]) -> Provenance {
        Provenance {
            schema: SCHEMA,
            retally: "0".to_owned(),
            statistics_sha256: Digest::of_bytes(statistics),
            protocol: "adm/1".to_owned(),
            preprocessing: "none".to_owned(),
            model: "m.onnx".to_owned(),
            model_sha256: Digest::of_bytes(b"model"),
            outputs: vec!["pool3=pool3".to_owned()],
            onnxruntime: "1".to_owned(),
            provider: "CPUExecutionProvider".to_owned(),
            session: "deterministic".to_owned(),
            published_weights: Some(false),
            images: 3,
            images_sha256: Digest::of_bytes(b"images"),
        }
    }

    #[test]
    fn provenance_belongs_to_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ref.npz");
        std::fs::write(&path, b"statistics").unwrap();
        assert_eq!(Provenance::of(&path).unwrap(), None);
        let provenance = example(b"statistics");
        let write = |value: &Provenance| {
            std::fs::write(path_beside(&path), serde_json::to_vec(value).unwrap()).unwrap();
        };
        write(&provenance);
        assert_eq!(Provenance::of(&path).unwrap(), Some(provenance.clone()));
        write(&example(b"other statistics"));
        assert!(Provenance::of(&path).unwrap_err().message().contains("now has"));
        write(&Provenance { schema: 2, ..provenance });
        assert!(Provenance::of(&path).unwrap_err().message().contains("schema 2"));
        std::fs::write(path_beside(&path), b"{}").unwrap();
        assert!(Provenance::of(&path).is_err());
    }
}
