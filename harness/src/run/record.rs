//! `run.json`: everything a reader needs to know about how a run was made. Unlike `measurements.json` it holds times and paths.

use super::shard_record::ShardRecord;
use super::work_list::WorkList;
use crate::failure::Failure;
use crate::generation::ScoreRecord;
use crate::images::augment::Photometric;
use crate::machine::Machine;
use crate::onnx::library::LibraryRecord;
use crate::onnx::session::SessionRecord;
use crate::pipeline::SampleList;
use retally_manifests::{Artifact, Conditioning, Digest, Guidance, Sampler, TargetTokens};
use retally_suites::Suite;
use retally_suites::miniature::RetrievalPlan;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Version of `run.json`.
const SCHEMA: u32 = 1;

/// The content of `run.json`.
#[derive(Debug, Serialize)]
pub(super) struct RunRecord {
    schema: u32,
    retally: &'static str,
    suite: SuiteRecord,
    options: OptionsRecord,
    machine: Value,
    onnxruntime: Value,
    /// Seconds since 1970.
    started: u64,
    ended: u64,
    pub(super) artifacts: Vec<ArtifactRecord>,
    pub(super) models: Vec<ModelRecord>,
    pub(super) datasets: Vec<DatasetRecord>,
    pub(super) generators: Vec<GeneratorRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) world_models: Vec<WorldModelRecord>,
    /// The processes that computed the chunks, where there were several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shards: Vec<ShardRecord>,
    #[serde(skip)]
    clock: RunClock,
}

/// A suite by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuiteRecord {
    pub(crate) id: String,
    pub(crate) version: u32,
    pub(crate) content_sha256: Digest,
}

impl SuiteRecord {
    pub(super) fn of(suite: &Suite) -> Self {
        Self {
            id: suite.id().to_owned(),
            version: suite.definition().version,
            content_sha256: *suite.content_digest(),
        }
    }
}

/// What the user chose.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionsRecord {
    pub(super) device: String,
    pub(super) threads: usize,
    pub(super) fast: bool,
    pub(super) limit: Option<usize>,
    /// Whether the suite's miniature was run, and not the suite.
    pub(super) miniature: bool,
}

/// A file that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArtifactRecord {
    pub(crate) id: String,
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
    pub(crate) licence: String,
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
    pub(super) session: Option<Value>,
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

impl DatasetRecord {
    pub(super) fn of(samples: SampleList<'_>) -> Self {
        let (train, test) =
            samples.split.map_or((0, 0), |split| (split.train.len(), split.test.len()));
        Self {
            id: samples.dataset.id.clone(),
            artifacts: samples.dataset.artifacts.iter().map(ToString::to_string).collect(),
            samples: samples.count(),
            train,
            test,
            classes: samples.classes.to_vec(),
        }
    }
}

impl RunRecord {
    /// Begins the record; its `ended` is set by [`RunRecord::end`].
    pub(super) fn begin(
        suite: &Suite,
        options: OptionsRecord,
        library: &LibraryRecord,
    ) -> Result<Self, Failure> {
        let (machine, library) = (to_value(&Machine::examine())?, to_value(library)?);
        let clock = RunClock::start();
        Ok(Self::new(suite, options, (machine, library), clock))
    }

    /// The record of a run whose chunks were computed by these processes; of some, the first says how.
    pub(super) fn of_shards(suite: &Suite, shards: Vec<ShardRecord>) -> Option<Self> {
        let first = shards.first()?;
        let machine = (first.machine.clone(), first.onnxruntime.clone());
        let started = shards.iter().map(|shard| shard.started).min()?;
        let options = first.options.clone();
        let record = Self::new(suite, options, machine, RunClock::start());
        Some(Self { started, shards, ..record })
    }

    fn new(
        suite: &Suite,
        options: OptionsRecord,
        (machine, onnxruntime): (Value, Value),
        clock: RunClock,
    ) -> Self {
        Self {
            schema: SCHEMA,
            retally: env!("CARGO_PKG_VERSION"),
            suite: SuiteRecord::of(suite),
            options,
            machine,
            onnxruntime,
            started: clock.now(),
            ended: 0,
            artifacts: Vec::new(),
            models: Vec::new(),
            datasets: Vec::new(),
            generators: Vec::new(),
            world_models: Vec::new(),
            shards: Vec::new(),
            clock,
        }
    }

    /// Notes the encoders of a work list; `session` gives what is recorded of a unit's session.
    pub(super) fn add_work(
        &mut self,
        work: &WorkList,
        session: impl Fn(&str, &str) -> Option<Value>,
    ) -> Result<(), Failure> {
        self.artifacts.extend(work.artifacts.iter().cloned());
        for own in &work.datasets {
            let samples = own.listed()?;
            self.datasets.push(DatasetRecord::of(samples.list()));
            self.models.extend(own.models.iter().map(|used| ModelRecord {
                id: used.model.id.clone(),
                name: used.model.name.clone(),
                artifact: used.model.artifact.to_string(),
                dataset: own.dataset.id.clone(),
                preprocessing: used.preprocessing.clone(),
                batch: used.model.input.batch,
                session: session(&own.dataset.id, &used.model.id),
                chunks: used.chunks.clone(),
            }));
        }
        Ok(())
    }

    /// Notes the end and gives the document.
    pub(super) fn end(mut self) -> Result<Value, Failure> {
        self.ended = self.clock.now().max(self.started);
        to_value(&self)
    }
}

/// A part of the record as JSON.
pub(super) fn to_value(part: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(part)
        .map_err(|error| Failure::invalid(format_args!("cannot write the run record: {error}")))
}

/// The time of day when a run began, and what has passed since by a clock that nobody sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunClock {
    seconds: u64,
    begin: Instant,
}

impl RunClock {
    /// Begins now.
    pub(super) fn start() -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { seconds: seconds.map_or(0, |elapsed| elapsed.as_secs()), begin: Instant::now() }
    }

    /// Seconds since 1970.
    pub(super) fn now(self) -> u64 {
        self.seconds.saturating_add(self.begin.elapsed().as_secs())
    }
}
