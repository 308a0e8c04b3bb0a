//! Everything that a run has to compute of its encoders, and from what: which chunks there are does not depend on how the work is
//! cut. Whoever has the list and the chunks needs neither images nor models to measure them.

use super::record::{ArtifactRecord, SuiteRecord};
use crate::failure::Failure;
use crate::pipeline::ListedSamples;
use crate::sharding::Shard;
use retally_manifests::{Dataset, Digest, Model};
use retally_submissions::documents::DatasetSamples;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Version of the document.
pub(crate) const SCHEMA: u32 = 1;

/// The list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkList {
    /// [`SCHEMA`]
    pub(crate) schema: u32,
    /// Version of retally: another one may measure otherwise.
    pub(crate) retally: String,
    pub(crate) suite: SuiteRecord,
    pub(crate) execution: WorkExecution,
    /// Files of the data sets and models.
    pub(crate) artifacts: Vec<ArtifactRecord>,
    /// In the order of the run.
    pub(crate) datasets: Vec<WorkDataset>,
}

/// What decides the bits of chunks beside samples and models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkExecution {
    pub(crate) provider: String,
    pub(crate) fast: bool,
    /// Only the first samples of each data set.
    pub(crate) limit: Option<usize>,
    /// Version of ONNX Runtime.
    pub(crate) onnxruntime: String,
    /// Digest of its library.
    pub(crate) onnxruntime_sha256: Digest,
}

/// A data set and the models over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkDataset {
    /// The manifest's entry, without the place of a folder: that is another one on another machine.
    pub(crate) dataset: Dataset,
    /// Samples that the data set has; with a limit not all are used.
    pub(crate) samples_in_dataset: usize,
    pub(crate) samples: DatasetSamples,
    pub(crate) models: Vec<WorkModel>,
}

/// A model over a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkModel {
    pub(crate) model: Model,
    /// Id of every decoding, resizing and normalising step.
    pub(crate) preprocessing: String,
    /// The names of the chunks, in sample order.
    pub(crate) chunks: Vec<Digest>,
}

/// A model over a data set, by their numbers in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pairing {
    pub(crate) dataset: usize,
    pub(crate) model: usize,
}

impl WorkList {
    /// The pairings in the order of the work: a model over all data sets, then the next, so that a process opens it once.
    pub(crate) fn pairings(&self) -> Vec<Pairing> {
        let most = self.datasets.iter().map(|dataset| dataset.models.len()).max().unwrap_or(0);
        let datasets = 0..self.datasets.len();
        (0..most)
            .flat_map(|model| datasets.clone().map(move |dataset| Pairing { dataset, model }))
            .filter(|pairing| self.pairing(*pairing).is_some())
            .collect()
    }

    /// A pairing's data set and model.
    pub(crate) fn pairing(&self, pairing: Pairing) -> Option<(&WorkDataset, &WorkModel)> {
        let dataset = self.datasets.get(pairing.dataset)?;
        Some((dataset, dataset.models.get(pairing.model)?))
    }

    /// Whether samples and chunks fit together; otherwise what does not.
    pub(crate) fn check(&self) -> Result<(), String> {
        for WorkDataset { dataset, samples, models, .. } in &self.datasets {
            if dataset.chunk == 0 {
                return Err(format!("data set `{}` has chunks of no samples", dataset.id));
            }
            let expected = samples.samples.len().div_ceil(dataset.chunk as usize);
            if let Some(model) = models.iter().find(|model| model.chunks.len() != expected) {
                return Err(format!(
                    "model `{}` has {} chunks of data set `{}`, expected {expected}",
                    model.model.id,
                    model.chunks.len(),
                    dataset.id
                ));
            }
        }
        Ok(())
    }

    /// How many chunks there are.
    pub(crate) fn total(&self) -> usize {
        let models = self.datasets.iter().flat_map(|dataset| &dataset.models);
        models.map(|model| model.chunks.len()).sum()
    }

    /// The names of all chunks in the order of the work.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Digest> {
        self.pairings()
            .into_iter()
            .filter_map(|pairing| self.pairing(pairing))
            .flat_map(|(_, model)| &model.chunks)
    }

    /// A shard's chunks: of each pairing the part that is its own, where there is any.
    pub(crate) fn part(&self, shard: Shard) -> Vec<(Pairing, Range<usize>)> {
        let own = shard.part_of(self.total());
        let mut begin = 0;
        let mut parts = Vec::new();
        for pairing in self.pairings() {
            let count = self.pairing(pairing).map_or(0, |(_, model)| model.chunks.len());
            let first = own.start.clamp(begin, begin + count) - begin;
            let end = own.end.clamp(begin, begin + count) - begin;
            if first < end {
                parts.push((pairing, first..end));
            }
            begin += count;
        }
        parts
    }

    /// What differs first between two lists, in words; `None` if they are equal.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let told = |what: &str, own: &dyn std::fmt::Display, other: &dyn std::fmt::Display| {
            Some(format!("{what}: {own} against {other}"))
        };
        let (own_suite, other_suite) = (&self.suite, &other.suite);
        if own_suite.id != other_suite.id {
            return told("suite", &own_suite.id, &other_suite.id);
        }
        if own_suite != other_suite {
            return Some(format!("content of suite {}", own_suite.id));
        }
        if self.retally != other.retally {
            return told("version of retally", &self.retally, &other.retally);
        }
        if self.execution != other.execution {
            return told("execution", &self.execution, &other.execution);
        }
        let ids = |list: &Self| {
            let ids = list.datasets.iter().map(|own| own.dataset.id.as_str());
            ids.collect::<Vec<_>>().join(" ")
        };
        if ids(self) != ids(other) {
            return told("data sets", &ids(self), &ids(other));
        }
        let mut pairs = self.datasets.iter().zip(&other.datasets);
        pairs
            .find_map(|(own, other)| own.difference(other))
            .or_else(|| (self != other).then(|| "artifacts, or the version of the list".to_owned()))
    }
}

impl std::fmt::Display for WorkExecution {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { provider, fast, limit, onnxruntime, onnxruntime_sha256 } = self;
        let digest = onnxruntime_sha256.to_string();
        let digest = digest.get(..12).unwrap_or_default();
        write!(formatter, "{provider}, ONNX Runtime {onnxruntime} ({digest}…)")?;
        if *fast {
            formatter.write_str(", --fast")?;
        }
        match limit {
            Some(limit) => write!(formatter, ", --limit {limit}"),
            None => Ok(()),
        }
    }
}

impl WorkDataset {
    /// The samples, with their split.
    pub(crate) fn listed(&self) -> Result<ListedSamples, Failure> {
        ListedSamples::new(&self.dataset, &self.samples).map_err(|reason| {
            Failure::invalid(format_args!(
                "data set `{}` of the work list: {reason}",
                self.dataset.id
            ))
        })
    }

    fn difference(&self, other: &Self) -> Option<String> {
        let id = &self.dataset.id;
        if self.dataset != other.dataset {
            return Some(format!("description of data set {id}"));
        }
        let (own, others) = (&self.samples.samples, &other.samples.samples);
        if own.len() != others.len() {
            return Some(format!("data set {id}: {} samples against {}", own.len(), others.len()));
        }
        if let Some((own, _)) = own.iter().zip(others).find(|(own, other)| own != other) {
            return Some(format!("data set {id}: sample {}", own.key));
        }
        let ids = |dataset: &Self| {
            dataset.models.iter().map(|own| own.model.id.as_str()).collect::<Vec<_>>().join(" ")
        };
        if ids(self) != ids(other) {
            return Some(format!("models: {} against {}", ids(self), ids(other)));
        }
        let mut pairs = self.models.iter().zip(&other.models);
        let different = pairs.find(|(own, other)| own != other);
        different.map(|(own, _)| format!("model {}: its file, taps or preprocessing", own.model.id))
    }
}

#[cfg(test)]
#[path = "work_list_tests.rs"]
pub(crate) mod tests;
