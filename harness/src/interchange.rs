//! What an export may say of a run: its measurements, its record, its suite and the manifests, put together.
//!
//! Digests are those of the files that the run used, from its record. A web address of a file is told only if the manifest
//! still promises exactly those bytes there.

use crate::failure::Failure;
use crate::run::StoredRun;
use retally_manifests::{ArtifactId, Digest, Manifest, Source, WebAddress};
use retally_reports::interchange::{
    DatasetFacts, FileFacts, Judged, LibraryFacts, MetricFacts, ResultFacts, RunFacts,
    SubjectFacts, SuiteFacts,
};
use retally_suites::evaluation::{EvaluatedSuite, MeasuredModel};
use retally_suites::identity::{self, Findings};
use retally_suites::schema::Definition;
use retally_suites::{DatasetMeasurements, Suite};
use serde::Deserialize;

/// The model hub, to which addresses of its files lead.
const HUB: &str = "https://huggingface.co";

/// What is read of `run.json`; it says more.
#[derive(Debug, Deserialize)]
struct Record {
    schema: u32,
    retally: String,
    suite: RecordedSuite,
    options: serde_json::Map<String, serde_json::Value>,
    machine: RecordedMachine,
    onnxruntime: RecordedLibrary,
    started: u64,
    ended: u64,
    artifacts: Vec<RecordedFile>,
    models: Vec<RecordedModel>,
    datasets: Vec<RecordedDataset>,
}

#[derive(Debug, Deserialize)]
struct RecordedSuite {
    content_sha256: Digest,
}

#[derive(Debug, Deserialize)]
struct RecordedMachine {
    system: String,
    architecture: String,
    processor: Option<String>,
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RecordedLibrary {
    version: String,
    sha256: Digest,
}

#[derive(Debug, Deserialize)]
struct RecordedFile {
    id: String,
    sha256: Digest,
    bytes: u64,
    licence: String,
}

#[derive(Debug, Deserialize)]
struct RecordedModel {
    id: String,
    dataset: String,
    preprocessing: String,
}

#[derive(Debug, Deserialize)]
struct RecordedDataset {
    id: String,
    train: u64,
    test: u64,
}

/// The version of `run.json` that is read.
const RECORD_SCHEMA: u32 = 1;

/// Puts together what is known of a stored run.
///
/// # Errors
/// If `run.json` is missing or damaged, or belongs to other measurements.
pub(crate) fn facts(run: &StoredRun, manifest: &Manifest) -> Result<RunFacts, Failure> {
    let record = record(run)?;
    let gathering = Gathering {
        definition: run.suite.definition(),
        record: &record,
        manifest,
        evaluated: &run.evaluate(),
        findings: &identity::check_run(&run.measurements),
    };
    Ok(RunFacts {
        suite: suite(&run.suite),
        retally: record.retally.clone(),
        library: LibraryFacts {
            version: record.onnxruntime.version.clone(),
            sha256: record.onnxruntime.sha256,
        },
        started: record.started,
        ended: record.ended,
        settings: settings(&record),
        datasets: run.measurements.datasets.iter().map(|data| gathering.dataset(data)).collect(),
    })
}

fn record(run: &StoredRun) -> Result<Record, Failure> {
    let advice = "an export tells when a run was and with which files, so it needs the record that the run wrote";
    let value = run.record.clone().ok_or_else(|| {
        Failure::invalid(format_args!("the run's `run.json` is missing or no JSON: {advice}"))
    })?;
    let record: Record = serde_json::from_value(value).map_err(|error| {
        Failure::invalid(format_args!(
            "the run's `run.json` is no record of a run ({error}): {advice}"
        ))
    })?;
    if record.schema != RECORD_SCHEMA {
        return Err(Failure::invalid(format_args!(
            "the run's `run.json` has schema {}; this retally reads {RECORD_SCHEMA}: use the version that wrote it, or run again",
            record.schema
        )));
    }
    if record.suite.content_sha256 != *run.suite.content_digest() {
        return Err(Failure::invalid(
            "the run's `run.json` belongs to another suite than its `measurements.json`: run again",
        ));
    }
    Ok(record)
}

fn suite(suite: &Suite) -> SuiteFacts {
    let definition = suite.definition();
    SuiteFacts {
        id: suite.id().to_owned(),
        name: definition.name.clone(),
        version: definition.version,
        content: *suite.content_digest(),
        summary: definition.summary.clone(),
        paper: definition.paper.as_ref().map(|paper| paper.identifier.clone()),
    }
}

/// What the user chose and where it ran; no path and no name of a host.
fn settings(record: &Record) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    let mut settings: Vec<(String, String)> =
        record.options.iter().map(|(key, value)| (key.clone(), text(value))).collect();
    let machine = &record.machine;
    settings.push(("system".to_owned(), machine.system.clone()));
    settings.push(("architecture".to_owned(), machine.architecture.clone()));
    settings.extend(machine.processor.iter().map(|name| ("processor".to_owned(), name.clone())));
    settings.push(("processor_features".to_owned(), machine.features.join(" ")));
    settings
}

struct Gathering<'a> {
    definition: &'a Definition,
    record: &'a Record,
    manifest: &'a Manifest,
    evaluated: &'a EvaluatedSuite,
    findings: &'a Findings,
}

impl Gathering<'_> {
    fn dataset(&self, measured: &DatasetMeasurements) -> DatasetFacts {
        let known = self.manifest.dataset(&measured.dataset).ok();
        let recorded = self.record.datasets.iter().find(|data| data.id == measured.dataset);
        DatasetFacts {
            id: measured.dataset.clone(),
            name: known.map_or_else(|| measured.dataset.clone(), |dataset| dataset.name.clone()),
            samples: measured.samples,
            samples_in_dataset: measured.samples_in_dataset,
            split: recorded
                .filter(|data| data.train > 0 || data.test > 0)
                .map(|data| [data.train, data.test]),
            files: known.map_or_else(Vec::new, |dataset| self.files(&dataset.artifacts)),
            subjects: measured.models.iter().map(|model| self.subject(measured, model)).collect(),
        }
    }

    fn subject(&self, dataset: &DatasetMeasurements, measured: &MeasuredModel) -> SubjectFacts {
        let (model, part) = match measured.key.split_once('/') {
            Some((model, part)) => (model, Some(part.to_owned())),
            None => (measured.key.as_str(), None),
        };
        let (name, artifacts) = self.model(model);
        let recorded = self
            .record
            .models
            .iter()
            .find(|recorded| recorded.id == model && recorded.dataset == dataset.dataset);
        SubjectFacts {
            model: model.to_owned(),
            part,
            name: name.unwrap_or_else(|| measured.label.clone()),
            label: measured.label.clone(),
            files: self.files(&artifacts),
            preprocessing: recorded.map(|recorded| recorded.preprocessing.clone()),
            results: self.results(dataset, measured),
        }
    }

    /// True name and files of an encoder, a generator or a world model.
    fn model(&self, id: &str) -> (Option<String>, Vec<ArtifactId>) {
        if let Ok(model) = self.manifest.model(id) {
            return (Some(model.name.clone()), vec![model.artifact.clone()]);
        }
        if let Ok(generator) = self.manifest.generator(id) {
            return (Some(generator.name.clone()), generator.artifacts());
        }
        match self.manifest.world_model(id) {
            Ok(model) => (Some(model.name.clone()), model.artifacts()),
            Err(_) => (None, Vec::new()),
        }
    }

    /// Those of the files that the run used.
    fn files(&self, ids: &[ArtifactId]) -> Vec<FileFacts> {
        let used = ids.iter().filter_map(|id| {
            self.record.artifacts.iter().find(|recorded| recorded.id == id.as_str())
        });
        let facts = used.map(|recorded| FileFacts {
            name: recorded.id.clone(),
            sha256: recorded.sha256,
            bytes: recorded.bytes,
            licence: recorded.licence.clone(),
            addresses: self.addresses(recorded),
        });
        facts.collect()
    }

    fn addresses(&self, recorded: &RecordedFile) -> Vec<String> {
        let artifact = self.manifest.artifact(&recorded.id).ok();
        let same = artifact.filter(|artifact| artifact.sha256 == recorded.sha256);
        same.into_iter().flat_map(|artifact| &artifact.sources).filter_map(web_address).collect()
    }

    fn results(&self, dataset: &DatasetMeasurements, model: &MeasuredModel) -> Vec<ResultFacts> {
        let facts = model.measurements.iter().map(|measurement| ResultFacts {
            measurement: measurement.clone(),
            method: dataset.methods.get(&measurement.metric).cloned(),
            metric: self.definition.metric(&measurement.metric).map(|metric| MetricFacts {
                label: metric.label.clone(),
                direction: metric.direction,
            }),
            bounds: identity::bounds(&measurement.metric, measurement.unit),
            is_invalid: self.findings.is_invalid(&dataset.dataset, &model.key, &measurement.metric),
            judged: self.judged(model, &measurement.metric),
        });
        facts.collect()
    }

    /// Verdicts of cells in which this model's measurement stands. Rows are named by the model's key or by its true name.
    fn judged(&self, model: &MeasuredModel, metric: &str) -> Vec<Judged> {
        let measured = model.measurement(metric);
        let mut judged = Vec::new();
        for table in &self.evaluated.tables {
            let rows = table.rows.iter().filter(|row| {
                !row.is_reference && (row.key == model.key || row.key == model.label)
            });
            for (column, cell) in rows.flat_map(|row| table.columns.iter().zip(&row.cells)) {
                let Some(cell) = cell.as_ref().filter(|_| column.key == metric) else { continue };
                let is_this = cell.measured.is_some() && cell.measured.as_ref() == measured;
                if let (true, Some(verdict), Some(reported)) =
                    (is_this, cell.verdict, &cell.reported)
                {
                    judged.push(Judged {
                        cell: cell.id.clone(),
                        printed: reported.text.clone(),
                        source: reported.source.clone(),
                        verdict,
                    });
                }
            }
        }
        judged
    }
}

fn web_address(source: &Source) -> Option<String> {
    match source {
        Source::Web(address) => Some(address.url().to_string()),
        Source::Hub(file) => {
            let hub = WebAddress::new(HUB).ok()?;
            Some(file.resolve(&hub).ok()?.url().to_string())
        }
        // Members of packages and files of this machine have no address.
        Source::Pypi(_) | Source::Npm(_) | Source::File(_) => None,
    }
}
