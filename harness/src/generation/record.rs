//! What was computed, beside the numbers: protocol, network, preprocessing, inputs, machine.

use super::network::FeatureNetwork;
use crate::machine::Machine;
use crate::onnx::session::SessionRecord;
use crate::pipeline::Execution;
use retally_manifests::Digest;
use retally_suites::generation::GenerationProtocol;
use serde::Serialize;
use std::path::PathBuf;

/// Everything that decided the numbers.
#[derive(Clone, Debug, Serialize)]
pub struct ScoreRecord {
    /// Version of the program.
    pub retally: &'static str,
    /// Protocol and version: `adm/1`.
    pub protocol: String,
    /// The protocol itself.
    pub definition: GenerationProtocol,
    /// False where the two sides were not made the same way, and `--force` was given; `None` where nothing says how a side
    /// was made.
    pub comparable: Option<bool>,
    /// Why they are not.
    pub differences: Vec<String>,
    /// What a reader should know, one sentence each.
    pub notes: Vec<String>,
    /// The network, where images were sent through one.
    pub network: Option<NetworkRecord>,
    /// The reference.
    pub reference: SideRecord,
    /// The samples.
    pub samples: SideRecord,
    /// The machine.
    pub(super) machine: Machine,
}

/// The network that images were sent through.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkRecord {
    /// What the user called it.
    pub name: String,
    /// Digest of its file.
    pub sha256: Digest,
    /// Whether it says that it has the weights of the protocol's published numbers; `None` where the protocol has none.
    pub published_weights: Option<bool>,
    /// The tensors taken, by the part that they play: `pool3=pool3`.
    pub outputs: Vec<String>,
    /// Every decoding, resizing and normalising step.
    pub preprocessing: String,
    /// Images in one call.
    pub batch: usize,
    /// Version and digest of ONNX Runtime.
    pub onnxruntime: String,
    /// Execution provider.
    pub provider: &'static str,
    /// Optimisation and determinism.
    pub session: String,
    /// The sessions that were opened; none where all features were stored.
    pub sessions: Vec<SessionRecord>,
}

/// One side of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct SideRecord {
    /// As the user gave it.
    pub path: PathBuf,
    /// What was used of it: "images", "statistics", "features", or several.
    pub content: Vec<&'static str>,
    /// Samples, where they are known.
    pub count: Option<u64>,
    /// One digest over those of the images in order, or of the file.
    pub sha256: Digest,
    /// Protocol that made the statistics, where a file beside them says so.
    pub made_by: Option<String>,
}

impl NetworkRecord {
    pub(super) fn new(
        network: &FeatureNetwork,
        execution: &Execution<'_>,
        preprocessing: String,
        sessions: Vec<SessionRecord>,
    ) -> Self {
        Self {
            name: network.name.clone(),
            sha256: network.digest,
            published_weights: network.has_published_weights(),
            outputs: output_names(network),
            preprocessing,
            batch: network.batch,
            onnxruntime: execution.library_id(),
            provider: execution.device.provider(),
            session: execution.session_id(),
            sessions,
        }
    }
}

/// `pool3=pool3` for every part that has an output.
pub(super) fn output_names(network: &FeatureNetwork) -> Vec<String> {
    let named = network
        .outputs
        .iter()
        .flat_map(|output| output.parts.iter().map(move |part| format!("{part}={}", output.id())));
    named.collect()
}
