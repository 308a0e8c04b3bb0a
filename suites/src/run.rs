//! What a run measured: the content of `measurements.json`.

use crate::evaluation::MeasuredModel;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema version that this program writes and reads.
pub const SCHEMA: u32 = 2;

/// Names of retally's own methods, as protocols of suites use them. A change of method is a new number.
pub mod method {
    /// LDS, CDS, SRSS and RMSC as the code released with iREPA computes them.
    pub const SPATIAL_CODE: &str = "retally-spatial-code/1";
    /// LDS, CDS, SRSS and RMSC as iREPA's text defines them.
    pub const SPATIAL_PAPER: &str = "retally-spatial-paper/1";
    /// Multinomial logistic regression on standardised mean-pooled patch tokens.
    pub const LINEAR_PROBE: &str = "retally-linear-probe/1";
    /// The same on mean and standard deviation of each latent of a patch PCA over an image's tokens.
    pub const TOKEN_PROBE: &str = "retally-linear-probe/1 on pooled latents";
    /// Mean squared error of a pixel value of images that went through a patch PCA.
    pub const PATCH_PCA: &str = "retally-patch-pca/1";
    /// Exact nearest neighbours on mean-pooled patch tokens.
    pub const NEAREST_NEIGHBOURS: &str = "retally-nearest-neighbours/1";
    /// Rank of a world model's prediction among augmented views of one image, as IWM is read.
    pub const WORLD_MODEL_RETRIEVAL: &str = "retally-world-model-retrieval/1";
}

/// The measurements of one run. Holds no time, host or path: equal inputs give equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunMeasurements {
    /// Version of this format: [`SCHEMA`].
    pub schema: u32,
    /// Suite id.
    pub suite: String,
    /// Suite version.
    pub suite_version: u32,
    /// Content digest of the suite that was run.
    pub suite_content_sha256: String,
    /// One entry for each data set.
    pub datasets: Vec<DatasetMeasurements>,
}

/// What was measured on one data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetMeasurements {
    /// Data set id.
    pub dataset: String,
    /// Samples that the run looked at.
    pub samples: u64,
    /// Samples that the data set has.
    pub samples_in_dataset: u64,
    /// For each metric key, the method that measured it (see [`method`]).
    pub methods: BTreeMap<String, String>,
    /// Encoders and generators in the order of the run.
    pub models: Vec<MeasuredModel>,
}

/// Why a `measurements.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Not JSON of the expected form.
    #[error("measurements.json: {0}")]
    Form(#[from] serde_json::Error),
    /// Another schema version.
    #[error(
        "measurements.json has schema {found}; this retally reads {SCHEMA}: use the version that wrote it, or run again"
    )]
    Schema {
        /// The version in the file.
        found: u64,
    },
    /// A data set or model that stands twice.
    #[error("measurements.json: {what} `{id}` stands twice")]
    Double {
        /// `data set`, `model`.
        what: &'static str,
        /// Its id.
        id: String,
    },
}

/// What is looked at first.
#[derive(Deserialize)]
struct Version {
    schema: Option<u64>,
}

impl RunMeasurements {
    /// Reads `measurements.json`.
    ///
    /// # Errors
    /// [`RunError`]; the schema version is looked at before anything else.
    pub fn parse(text: &str) -> Result<Self, RunError> {
        // The rest is passed over, not built: the file may be anybody's.
        match serde_json::from_str::<Version>(text)?.schema {
            Some(found) if found != u64::from(SCHEMA) => return Err(RunError::Schema { found }),
            _ => {}
        }
        let run: Self = serde_json::from_str(text)?;
        run.check_unique()?;
        Ok(run)
    }

    fn check_unique(&self) -> Result<(), RunError> {
        first_double(self.datasets.iter().map(|dataset| dataset.dataset.as_str()))
            .map_or(Ok(()), |id| Err(RunError::Double { what: "data set", id }))?;
        for dataset in &self.datasets {
            first_double(dataset.models.iter().map(|model| model.key.as_str()))
                .map_or(Ok(()), |id| Err(RunError::Double { what: "model", id }))?;
        }
        Ok(())
    }

    /// The measurements on one data set.
    #[must_use]
    pub fn dataset(&self, id: &str) -> Option<&DatasetMeasurements> {
        self.datasets.iter().find(|dataset| dataset.dataset == id)
    }
}

fn first_double<'a>(ids: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut seen = std::collections::BTreeSet::new();
    let mut ids = ids;
    ids.find(|id| !seen.insert(*id)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"schema":2,"suite":"starter","suite_version":1,"suite_content_sha256":"00","datasets":[]}"#;

    #[test]
    fn json_round_trip() {
        let run = RunMeasurements::parse(EMPTY).unwrap();
        assert_eq!(serde_json::to_string(&run).unwrap(), EMPTY);
    }

    #[test]
    fn other_versions_unknown_keys_and_doubles_are_refused() {
        let newer = EMPTY.replace("\"schema\":2", "\"schema\":3");
        assert!(
            RunMeasurements::parse(&newer)
                .unwrap_err()
                .to_string()
                .contains("schema 3; this retally reads 2")
        );
        let unknown = EMPTY.replace("\"suite\"", "\"sweet\"");
        assert!(
            RunMeasurements::parse(&unknown)
                .unwrap_err()
                .to_string()
                .contains("unknown field `sweet`")
        );
        let dataset =
            r#"{"dataset":"d","samples":1,"samples_in_dataset":1,"methods":{},"models":[]}"#;
        let twice = EMPTY.replace("[]", &format!("[{dataset},{dataset}]"));
        assert!(
            RunMeasurements::parse(&twice)
                .unwrap_err()
                .to_string()
                .contains("data set `d` stands twice")
        );
    }
}
