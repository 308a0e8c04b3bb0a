//! `run.json` of a bundle: of a run's record what others need, and nothing else.
//!
//! The rule: only the fields below are published. The record of a run directory has more (the path of ONNX Runtime's library and
//! how it was found, the sessions of this machine), and what a later version adds to it stays at home until it is added here.

use crate::documents::DocumentError;
use retally_manifests::Digest;
use serde::{Deserialize, Serialize};

/// Version of the document, and of the record that it is taken from.
pub const RUN_SCHEMA: u32 = 1;

/// The document. Reading it passes over fields that are not published; a bundle that has any is refused, since its bytes are
/// not those of [`crate::documents::to_bytes`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDocument {
    /// [`RUN_SCHEMA`]
    pub schema: u32,
    /// Version of retally.
    pub retally: String,
    /// The suite that was run.
    pub suite: SuiteReference,
    /// What the user chose.
    pub options: RunOptions,
    /// Kind of the machine.
    pub machine: MachineDescription,
    /// ONNX Runtime.
    pub onnxruntime: LibraryUse,
    /// Seconds since 1970.
    pub started: u64,
    /// Seconds since 1970.
    pub ended: u64,
    /// Files that were used.
    pub artifacts: Vec<ArtifactUse>,
    /// Models that were run.
    pub models: Vec<ModelUse>,
    /// Data sets that were used.
    pub datasets: Vec<DatasetUse>,
}

/// A suite by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteReference {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its content.
    pub content_sha256: Digest,
}

/// What the user chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOptions {
    /// `cpu`, `cuda:0`.
    pub device: String,
    /// Threads.
    pub threads: usize,
    /// Faster kernels whose results may differ between runs.
    pub fast: bool,
    /// Only the first samples.
    pub limit: Option<usize>,
    /// Whether the suite's miniature was run.
    pub miniature: bool,
}

/// Kind of the machine: what decides the last bits of results. No name of a host, no user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineDescription {
    /// Operating system.
    pub system: String,
    /// Instruction set.
    pub architecture: String,
    /// Name of the processor.
    pub processor: Option<String>,
    /// Cores that the run could use.
    pub cores: usize,
    /// Vector extensions by which kernels are chosen.
    pub features: Vec<String>,
}

/// ONNX Runtime, without where it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryUse {
    /// Its version.
    pub version: String,
    /// What it says of its build.
    pub build: String,
    /// The library file.
    pub sha256: Digest,
}

/// A file that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactUse {
    /// Its id.
    pub id: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// Its licence.
    pub licence: String,
}

/// A model that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUse {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The data set.
    pub dataset: String,
    /// Every step from file to input.
    pub preprocessing: String,
    /// Images in a call.
    pub batch: u32,
    /// Names of its chunks, in sample order.
    pub chunks: Vec<Digest>,
}

/// A data set that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetUse {
    /// Its id.
    pub id: String,
    /// Samples of it.
    pub samples: usize,
    /// Of them for training probes.
    pub train: usize,
    /// Of them for testing probes.
    pub test: usize,
    /// Names of its classes.
    pub classes: Vec<String>,
}

impl RunDocument {
    /// Takes from the `run.json` of a run directory what is published.
    ///
    /// # Errors
    /// If it is not a run's record.
    pub fn of_record(bytes: &[u8]) -> Result<Self, DocumentError> {
        super::check_schema(bytes, RUN_SCHEMA)?;
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The digest of an artifact that was used.
    #[must_use]
    pub fn artifact(&self, id: &str) -> Option<&ArtifactUse> {
        self.artifacts.iter().find(|artifact| artifact.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{from_bytes, to_bytes};

    const RECORD: &str = r#"{"schema":1,"retally":"0.1.0","suite":{"id":"s","version":1,
        "content_sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        "options":{"device":"cpu","threads":2,"fast":false,"limit":null,"miniature":false},
        "machine":{"system":"linux","architecture":"x86_64","processor":null,"cores":2,"features":["avx"],"hostname":"secret-host"},
        "onnxruntime":{"path":"/home/somebody/lib.so","source":"store","version":"1.31.1","build":"b",
        "sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        "started":1,"ended":2,"artifacts":[],"models":[],"datasets":[],"generators":[],"user":"somebody"}"#;

    #[test]
    fn what_is_not_in_the_list_stays_at_home() {
        let document = RunDocument::of_record(RECORD.as_bytes()).unwrap();
        let published = String::from_utf8(to_bytes(&document).unwrap()).unwrap();
        for private in ["somebody", "secret-host", "path", "store", "/home"] {
            assert!(!published.contains(private), "{private} in {published}");
        }
        assert_eq!(from_bytes::<RunDocument>(published.as_bytes(), 1).unwrap(), document);
        let smuggled = published.replace("\"started\"", "\"path\":\"/home\",\"started\"");
        assert!(from_bytes::<RunDocument>(smuggled.as_bytes(), 1).is_err());
    }
}
