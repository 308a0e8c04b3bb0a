//! What a run would have to bring into the store first.

use crate::context::Context;
use crate::failure::Failure;
use retally_manifests::ArtifactId;
use serde::Serialize;
use std::fmt;

/// Artifacts that a run needs and the store lacks.
#[derive(Debug, Serialize)]
pub struct ToFetch {
    /// Their ids, each once.
    #[serde(rename = "to_fetch")]
    pub ids: Vec<String>,
    /// Their size.
    #[serde(rename = "bytes_to_fetch")]
    pub bytes: u64,
}

impl ToFetch {
    /// Those of some artifacts that the store lacks.
    ///
    /// # Errors
    /// If an artifact is in no manifest, or the store cannot be read.
    pub(super) fn of(ids: Vec<ArtifactId>, context: &Context) -> Result<Self, Failure> {
        let store = context.store()?;
        let mut lacking = Self { ids: Vec::new(), bytes: 0 };
        for id in ids {
            let artifact = context.manifest.artifact(&id)?;
            let id = id.to_string();
            if store.get(artifact)?.is_none() && !lacking.ids.contains(&id) {
                lacking.bytes += artifact.bytes;
                lacking.ids.push(id);
            }
        }
        Ok(lacking)
    }
}

impl fmt::Display for ToFetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ids.as_slice() {
            [] => formatter.write_str("nothing"),
            ids => write!(formatter, "{} ({:.1} MB)", ids.join(", "), self.bytes as f64 / 1e6),
        }
    }
}
