//! The documents of a bundle, each in the one form that retally writes.

use super::concern::Concern;
use crate::failure::Failure;
use crate::submission::bundle_manifest::BundleManifest;
use crate::submission::chunk_form;
use retally_submissions::archive::{ArchiveError, ArchiveReader};
use retally_submissions::documents::{
    RUN_SCHEMA, RunDocument, SAMPLES_SCHEMA, SamplesDocument, check_schema, expect_bytes,
    from_bytes,
};
use retally_submissions::label::check_label;
use retally_submissions::limits::MOST_SAMPLES;
use retally_submissions::{Check, CheckKind, KeyFingerprint, files};
use retally_suites::{RunMeasurements, run};

/// Why later checks are not made.
pub(super) const MISSING: &str = "a document, the statement or the suite cannot be read";

/// What could be read.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) run: Option<RunDocument>,
    pub(super) manifest: Option<BundleManifest>,
    pub(super) samples: Option<SamplesDocument>,
    pub(super) measurements: Option<RunMeasurements>,
    /// Name of the key in the bundle.
    pub(super) key: Option<KeyFingerprint>,
    /// Bytes of `measurements.json`.
    pub(super) measured: Vec<u8>,
}

/// A file's bytes; a reason if there is none.
pub(super) fn read_file(
    archive: &ArchiveReader,
    name: &str,
) -> Result<Result<Vec<u8>, String>, Failure> {
    match archive.read(name) {
        Ok(Some(bytes)) => Ok(Ok(bytes)),
        Ok(None) => Ok(Err("it is missing".to_owned())),
        Err(ArchiveError::Form(reason)) => Ok(Err(reason)),
        Err(ArchiveError::Read(error)) => {
            Err(Failure::temporary(format_args!("cannot read the bundle: {error}")))
        }
    }
}

/// Reads everything; `found` is what was wrong with the statement.
pub(super) fn check(
    archive: &ArchiveReader,
    found: Vec<String>,
    key: Option<KeyFingerprint>,
) -> Result<(Documents, Check), Failure> {
    let mut concern = Concern::new(CheckKind::Schema);
    concern.fail_all(found);
    let mut note = |name: &str, reason: String| concern.fail(format!("`{name}`: {reason}"));
    let run = read_file(archive, files::RUN)?.and_then(|bytes| {
        from_bytes::<RunDocument>(&bytes, RUN_SCHEMA).map_err(|error| error.to_string())
    });
    let manifest =
        read_file(archive, files::MANIFEST)?.and_then(|bytes| BundleManifest::from_bytes(&bytes));
    let samples = read_file(archive, files::SAMPLES)?.and_then(|bytes| samples(&bytes));
    let measured = read_file(archive, files::MEASUREMENTS)?;
    let measurements = measured.as_deref().map_err(Clone::clone).and_then(measurements);
    let documents = Documents {
        run: run.map_err(|reason| note(files::RUN, reason)).ok(),
        manifest: manifest.map_err(|reason| note(files::MANIFEST, reason)).ok(),
        samples: samples.map_err(|reason| note(files::SAMPLES, reason)).ok(),
        measurements: measurements.map_err(|reason| note(files::MEASUREMENTS, reason)).ok(),
        key,
        measured: measured.unwrap_or_default(),
    };
    concern.fail_all(labels(&documents));
    let mut chunks = 0;
    for name in archive.files().keys().filter(|name| files::chunk_key(name).is_some()) {
        chunks += 1;
        if let Err(reason) = read_file(archive, name)?.and_then(|bytes| chunk_form::check(&bytes)) {
            concern.fail(format!("`{name}`: {reason}"));
        }
    }
    let detail = format!(
        "statement, run, manifest, samples and measurements read in their one form, and {chunks} chunks looked through for numbers \
         that are not finite"
    );
    Ok((documents, concern.finish(detail)))
}

fn samples(bytes: &[u8]) -> Result<SamplesDocument, String> {
    let document =
        from_bytes::<SamplesDocument>(bytes, SAMPLES_SCHEMA).map_err(|error| error.to_string())?;
    let count: usize = document.datasets.iter().map(|dataset| dataset.samples.len()).sum();
    if count > MOST_SAMPLES {
        return Err(format!("it has {count} samples, a bundle has at most {MOST_SAMPLES}"));
    }
    for dataset in &document.datasets {
        let mut keys: Vec<&str> =
            dataset.samples.iter().map(|sample| sample.key.as_str()).collect();
        keys.sort_unstable();
        if let Some([twin, _]) = keys.array_windows().find(|[left, right]| left == right) {
            return Err(format!("data set `{}` has sample {twin:?} twice", dataset.id));
        }
        if dataset.samples.is_empty() {
            return Err(format!("data set `{}` has no samples", dataset.id));
        }
    }
    Ok(document)
}

fn measurements(bytes: &[u8]) -> Result<RunMeasurements, String> {
    check_schema(bytes, run::SCHEMA).map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let measurements = RunMeasurements::parse(text).map_err(|error| {
        let message = error.to_string();
        message.strip_prefix("measurements.json: ").map(str::to_owned).unwrap_or(message)
    })?;
    let mut expected =
        serde_json::to_vec_pretty(&measurements).map_err(|error| error.to_string())?;
    expected.push(b'\n');
    expect_bytes(bytes, &expected).map_err(|error| error.to_string())?;
    Ok(measurements)
}

/// Names that people will read.
fn labels(documents: &Documents) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut check = |what: &str, text: &str| {
        if let Err(error) = check_label(text) {
            let shown: String = text.chars().take(60).collect();
            reasons.push(format!("{what} {shown:?}: {error}"));
        }
    };
    for model in documents.manifest.iter().flat_map(|manifest| &manifest.models) {
        check("the model's name", &model.name);
        check("the model's family", &model.family);
        model.taps.iter().for_each(|tap| check("the tap's name", &tap.label));
    }
    if let Some(run) = &documents.run {
        check("the version of retally", &run.retally);
        check("the version of ONNX Runtime", &run.onnxruntime.version);
        if let Some(processor) = &run.machine.processor {
            check("the processor's name", processor);
        }
    }
    let measured = documents.measurements.iter().flat_map(|run| &run.datasets);
    for model in measured.flat_map(|dataset| &dataset.models) {
        check("the measured model's name", &model.label);
    }
    reasons
}
