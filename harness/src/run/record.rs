//! `run.json`: everything a reader needs to know about how a run was made. Unlike `measurements.json` it holds times and paths.

use crate::failure::Failure;
use crate::generation::ScoreRecord;
use crate::images::augment::Photometric;
use crate::machine::Machine;
use crate::onnx::library::LibraryRecord;
use crate::onnx::session::SessionRecord;
use retally_manifests::{Artifact, Conditioning, Digest, Guidance, Sampler, TargetTokens};
use retally_suites::Suite;
use retally_suites::miniature::RetrievalPlan;
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of `run.json`.
const SCHEMA: u32 = 1;

/// The content of `run.json`.
#[derive(Debug, Serialize)]
pub(super) struct RunRecord {
    schema: u32,
    retally: &'static str,
    suite: SuiteRecord,
    options: OptionsRecord,
    machine: Machine,
    onnxruntime: LibraryRecord,
    /// Seconds since 1970.
    started: u64,
    ended: u64,
    pub(super) artifacts: Vec<ArtifactRecord>,
    pub(super) models: Vec<ModelRecord>,
    pub(super) datasets: Vec<DatasetRecord>,
    pub(super) generators: Vec<GeneratorRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) world_models: Vec<WorldModelRecord>,
}

#[derive(Debug, Serialize)]
struct SuiteRecord {
    id: String,
    version: u32,
    content_sha256: Digest,
}

/// What the user chose.
#[derive(Debug, Serialize)]
pub(super) struct OptionsRecord {
    pub(super) device: String,
    pub(super) threads: usize,
    pub(super) fast: bool,
    pub(super) limit: Option<usize>,
    /// Whether the suite's miniature was run, and not the suite.
    pub(super) miniature: bool,
}

/// A file that was used.
#[derive(Debug, Serialize)]
pub(super) struct ArtifactRecord {
    pub(super) id: String,
    pub(super) sha256: Digest,
    pub(super) bytes: u64,
    pub(super) licence: String,
}

impl ArtifactRecord {
    pub(super) fn of(artifact: &Artifact) -> Self {
        Self {
            id: artifact.id.to_string(),
            sha256: artifact.sha256,
            bytes: artifact.bytes,
            licence: artifact.licence.clone(),
        }
    }
}

/// A generator that was sampled and scored.
#[derive(Debug, Serialize)]
pub(super) struct GeneratorRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) samples: usize,
    pub(super) seed: u64,
    /// Digest of everything that decides the samples.
    pub(super) samples_key: Digest,
    pub(super) sampler: Sampler,
    pub(super) guidance: Option<Guidance>,
    /// Samples that this run made; the others were stored.
    pub(super) sampled: usize,
    /// The sessions that made them.
    pub(super) sessions: Vec<SessionRecord>,
    pub(super) score: ScoreRecord,
}

/// What is not known of IWM's MRR (docs/world-models.md), by the options that stand for it.
pub(super) const UNKNOWN_OF_IWM: [&str; 11] = [
    "images: how many, and of which split",
    "augmentation: which one fills the bank, and how often it is applied",
    "distance",
    "pooling",
    "target normalisation",
    "queries: whether all members of the bank are asked for",
    "ties",
    "encoder: whether student or teacher sees the source",
    "direction: one summary has clean to variant, another variant to clean",
    "bank: whether of one image or pooled; 256 members \"in practice\"",
    "action: layout and scale",
];

/// A world model that was measured, with everything that decides its ranks.
#[derive(Debug, Serialize)]
pub(super) struct WorldModelRecord {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) dataset: String,
    pub(super) conditioning: Conditioning,
    pub(super) images: usize,
    /// Of which the images were chosen.
    pub(super) image_set: &'static str,
    pub(super) seed: u64,
    pub(super) augmentation: Photometric,
    pub(super) retrieval: RetrievalPlan,
    pub(super) targets: TargetTokens,
    pub(super) preprocessing: String,
    /// What the public summaries of IWM do not say of its MRR: each is one of the options here.
    pub(super) unknown_of_iwm: &'static [&'static str],
    /// Encoder, teacher and predictor, where this run opened them; ranks that were stored need none.
    pub(super) sessions: Vec<SessionRecord>,
    /// Names of the ranks of each image.
    pub(super) results: Vec<Digest>,
}

/// A model that was run.
#[derive(Debug, Serialize)]
pub(super) struct ModelRecord {
    pub(super) id: String,
    pub(super) name: String,
    /// The file of the model.
    pub(super) artifact: String,
    pub(super) dataset: String,
    pub(super) preprocessing: String,
    pub(super) batch: u32,
    /// The session, where this run opened one; chunks that were stored need none.
    pub(super) session: Option<SessionRecord>,
    pub(super) chunks: Vec<Digest>,
}

/// A data set that was used.
#[derive(Debug, Serialize)]
pub(super) struct DatasetRecord {
    pub(super) id: String,
    /// The files of the data set; none for a folder of images.
    pub(super) artifacts: Vec<String>,
    pub(super) samples: usize,
    pub(super) train: usize,
    pub(super) test: usize,
    pub(super) classes: Vec<String>,
}

impl RunRecord {
    /// Begins the record; its `ended` is set by [`RunRecord::end`].
    pub(super) fn begin(suite: &Suite, options: OptionsRecord, library: &LibraryRecord) -> Self {
        Self {
            schema: SCHEMA,
            retally: env!("CARGO_PKG_VERSION"),
            suite: SuiteRecord {
                id: suite.id().to_owned(),
                version: suite.definition().version,
                content_sha256: *suite.content_digest(),
            },
            options,
            machine: Machine::examine(),
            onnxruntime: library.clone(),
            started: now(),
            ended: 0,
            artifacts: Vec::new(),
            models: Vec::new(),
            datasets: Vec::new(),
            generators: Vec::new(),
            world_models: Vec::new(),
        }
    }

    /// Notes the end and gives the document.
    pub(super) fn end(mut self) -> Result<serde_json::Value, Failure> {
        self.ended = now();
        serde_json::to_value(&self)
            .map_err(|error| Failure::invalid(format_args!("cannot write the run record: {error}")))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
