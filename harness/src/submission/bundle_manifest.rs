//! `manifest.toml` of a bundle: its models and data sets as manifests describe them, in the form of a manifest. Artifacts are not
//! repeated, since where a submitter found a file is nobody's business; `run.json` has their digests.

use crate::failure::Failure;
use retally_manifests::{Dataset, Manifest, Model};
use serde::Serialize;

/// The models and data sets of a bundle, each by rising id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BundleManifest {
    #[serde(rename = "dataset")]
    pub(super) datasets: Vec<Dataset>,
    #[serde(rename = "model")]
    pub(super) models: Vec<Model>,
}

impl BundleManifest {
    /// Puts entries in order.
    pub(super) fn new(mut datasets: Vec<Dataset>, mut models: Vec<Model>) -> Self {
        datasets.sort_by(|left, right| left.id.cmp(&right.id));
        models.sort_by(|left, right| left.id.cmp(&right.id));
        models.dedup();
        Self { datasets, models }
    }

    /// The one form of the file.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let text = toml::to_string(self).map_err(|error| {
            Failure::invalid(format_args!("cannot write models and data sets as TOML: {error}"))
        })?;
        Ok(text.into_bytes())
    }

    /// Reads the file with all the checks of a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
        let manifest = Manifest::parse("manifest.toml", text)
            .map_err(|error| crate::failure::with_causes(&error).replace("\n  ", "; "))?;
        let read =
            Self::new(manifest.datasets().cloned().collect(), manifest.models().cloned().collect());
        let expected = read.to_bytes().map_err(|failure| failure.message())?;
        retally_submissions::documents::expect_bytes(bytes, &expected)
            .map_err(|error| error.to_string())?;
        Ok(read)
    }

    pub(super) fn dataset(&self, id: &str) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.id == id)
    }

    pub(super) fn model(&self, id: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_entries_come_back_in_the_same_bytes() {
        let manifest = Manifest::builtin().unwrap();
        let read = BundleManifest::new(
            manifest.datasets().cloned().collect(),
            manifest.models().cloned().collect(),
        );
        let bytes = read.to_bytes().unwrap();
        assert_eq!(BundleManifest::from_bytes(&bytes).unwrap(), read);
        let text = String::from_utf8(bytes).unwrap();
        let spaced = text.replacen('\n', "\n\n", 1);
        assert!(BundleManifest::from_bytes(spaced.as_bytes()).is_err());
        let negative = text.replacen("batch = ", "batch = -", 1);
        assert!(BundleManifest::from_bytes(negative.as_bytes()).is_err());
    }
}
