//! How the tools that people quote score generated images, as data: `suites/generation/*.toml`, one file a tool.
//!
//! A number such as an FID is comparable only within one protocol: decoder, resize, pixel scale, network output, splits,
//! order, subsets and precision all move it. So a protocol is named, versioned and recorded with every number.

use retally_manifests::{Digest, Normalise, Resize};
use retally_metrics::distribution::kernel_distance::Subsets;
use retally_metrics::distribution::{InceptionScoreOptions, ManifoldOptions};
use serde::{Deserialize, Serialize};

/// A named way to score generated images against a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationProtocol {
    /// Id for the command line: `adm`.
    pub id: String,
    /// Raised whenever a number of this protocol would change.
    pub version: u32,
    /// Readable name.
    pub name: String,
    /// The implementation that it follows, with its version or commit.
    pub follows: String,
    /// Where numbers may still differ from that implementation's, and by how much; one sentence each.
    #[serde(default)]
    pub differs: Vec<String>,
    /// From a decoded image to the network's input; absent: as the encoder's manifest entry says.
    pub image: Option<ImagePreparation>,
    /// The network that the tool's published numbers are made with; absent: any.
    pub network: Option<NetworkIdentity>,
    /// Fréchet distance, and the spatial one where the tool has it.
    pub frechet: FrechetPlan,
    /// Inception Score.
    pub inception_score: Option<InceptionScorePlan>,
    /// Kernel distance (KID).
    pub kernel_distance: Option<KernelDistancePlan>,
    /// Precision and recall of the manifolds.
    pub precision_recall: Option<PrecisionRecallPlan>,
}

/// From 8-bit RGB to the numbers that the network takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePreparation {
    /// Geometry.
    pub resize: Resize,
    /// Scale of the numbers.
    pub normalise: Normalise,
}

/// The network of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkIdentity {
    /// Digest of the published weights. An ONNX file made from them says so in its metadata (`source_sha256`).
    pub weights_sha256: Digest,
}

/// Which outputs are compared by their means and covariances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrechetPlan {
    /// What the distance is called: `FID` where the protocol fixes the way to it and `FD` otherwise, unless it says so here.
    pub name: Option<String>,
    /// The pooled features.
    pub features: String,
    /// The spatial features of sFID.
    pub spatial: Option<String>,
}

/// The Inception Score of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InceptionScorePlan {
    /// The logits.
    pub logits: String,
    /// Splits, order, spread.
    pub options: InceptionScoreOptions,
}

/// The kernel distance of a tool: a cubic polynomial kernel over random subsets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelDistancePlan {
    /// The features.
    pub features: String,
    /// Which rows are drawn.
    pub subsets: Subsets,
}

/// Precision and recall of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionRecallPlan {
    /// The features.
    pub features: String,
    /// Neighbours, arithmetic, boundary.
    pub options: ManifoldOptions,
}

/// The protocols that the program carries.
const BUILTIN: [(&str, &str); 7] = [
    ("adm", include_str!("../generation/adm.toml")),
    ("clean-fid", include_str!("../generation/clean-fid.toml")),
    ("efficientnet-lite0", include_str!("../generation/efficientnet-lite0.toml")),
    ("encoder", include_str!("../generation/encoder.toml")),
    ("pytorch-fid", include_str!("../generation/pytorch-fid.toml")),
    ("torch-fidelity", include_str!("../generation/torch-fidelity.toml")),
    ("torchmetrics", include_str!("../generation/torchmetrics.toml")),
];

/// Why there is no such protocol.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// No protocol has this id.
    #[error("there is no protocol `{id}`; the protocols are: {known}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// A protocol's text is wrong; a fault of the program, excluded by its tests.
    #[error("protocol `{id}`: {source}")]
    Form {
        /// Which one.
        id: String,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
}

impl GenerationProtocol {
    /// Ids of the protocols that the program carries.
    pub fn builtin_ids() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(id, _)| *id)
    }

    /// A protocol that the program carries.
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn builtin(id: &str) -> Result<Self, ProtocolError> {
        toml::from_str(builtin_text(id)?)
            .map_err(|error| ProtocolError::Form { id: id.to_owned(), source: Box::new(error) })
    }

    /// What its Fréchet distance is called.
    #[must_use]
    pub fn frechet_name(&self) -> &str {
        let usual = if self.image.is_some() { "FID" } else { "FD" };
        self.frechet.name.as_deref().unwrap_or(usual)
    }

    /// The digest of a built-in protocol's file, as `sha256sum` prints it (see [`crate::lock`]).
    ///
    /// # Errors
    /// If there is none of that id.
    pub fn content_digest(id: &str) -> Result<Digest, ProtocolError> {
        Ok(Digest::of_bytes(builtin_text(id)?.as_bytes()))
    }

    /// Id and version, as records name it: `adm/1`.
    #[must_use]
    pub fn versioned_id(&self) -> String {
        format!("{}/{}", self.id, self.version)
    }

    /// The network outputs that the protocol's metrics read, each once.
    #[must_use]
    pub fn outputs(&self) -> Vec<&str> {
        let mut outputs = vec![self.frechet.features.as_str()];
        outputs.extend(self.frechet.spatial.as_deref());
        outputs.extend(self.inception_score.as_ref().map(|plan| plan.logits.as_str()));
        outputs.extend(self.kernel_distance.as_ref().map(|plan| plan.features.as_str()));
        outputs.extend(self.precision_recall.as_ref().map(|plan| plan.features.as_str()));
        let mut seen = Vec::new();
        outputs.retain(|output| {
            let new = !seen.contains(output);
            seen.push(*output);
            new
        });
        outputs
    }
}

fn builtin_text(id: &str) -> Result<&'static str, ProtocolError> {
    let found = BUILTIN.iter().find(|(known, _)| *known == id);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let known = GenerationProtocol::builtin_ids().collect::<Vec<_>>().join(", ");
        ProtocolError::Unknown { id: id.to_owned(), known }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_is_read_and_has_its_own_name() {
        for id in GenerationProtocol::builtin_ids() {
            let protocol = GenerationProtocol::builtin(id).unwrap();
            assert_eq!(protocol.id, id);
            assert!(protocol.version > 0 && !protocol.follows.is_empty());
            assert_eq!(protocol.image.is_none(), id == "encoder");
        }
    }

    #[test]
    fn an_unknown_protocol_is_refused_with_the_known_ones() {
        let message = GenerationProtocol::builtin("fid").unwrap_err().to_string();
        assert!(message.contains("adm, clean-fid"), "{message}");
    }

    #[test]
    fn outputs_are_listed_once() {
        let adm = GenerationProtocol::builtin("adm").unwrap();
        assert_eq!(adm.outputs(), ["pool3", "spatial", "logits_unbiased"]);
        let clean = GenerationProtocol::builtin("clean-fid").unwrap();
        assert_eq!(clean.outputs(), ["pool3"]);
    }
}
