//! Whether the parts that say the same thing agree: statement, run record, manifest, samples, measurements, files; and the samples with
//! the data set in the store, where it is there.

use super::concern::Concern;
use super::{VerifyOptions, Whole};
use crate::context::Context;
use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::pipeline::Samples;
use crate::run::measure_settings;
use crate::submission::claim::{self, Claimant};
use crate::submission::parts::{DatasetPart, Naming, parts};
use retally_manifests::{Dataset, Model};
use retally_submissions::archive::ArchiveReader;
use retally_submissions::documents::DatasetSamples;
use retally_submissions::statement::{CellResult, Predicate};
use retally_submissions::{Check, CheckKind, files};
use retally_suites::evaluate;
use std::collections::BTreeSet;
use std::fmt::Debug;

pub(super) fn check(
    whole: &Whole<'_>,
    archive: &ArchiveReader,
    options: &VerifyOptions<'_>,
) -> Result<(Option<Vec<DatasetPart>>, Check), Failure> {
    let mut concern = Concern::new(CheckKind::Consistency);
    let (parts, device) = resolve(whole, &mut concern);
    run_is_whole(whole, &mut concern);
    if let Some(parts) = &parts {
        chunk_files(parts, archive, &mut concern);
        measured_rows(whole, parts, &mut concern);
        models(whole, options.context, &mut concern);
    }
    if let Some(device) = device {
        statement(whole, device, &mut concern);
    }
    artifacts(whole, options.context, &mut concern);
    let trust = samples(whole, options.context, &mut concern)?;
    let detail =
        format!("statement, run, manifest, samples, measurements and chunks compared; {trust}");
    Ok((parts, concern.finish(detail)))
}

fn resolve(whole: &Whole<'_>, concern: &mut Concern) -> (Option<Vec<DatasetPart>>, Option<Device>) {
    let device = match whole.run.options.device.parse::<Device>() {
        Ok(device) => device,
        Err(error) => {
            concern.fail(format!("run.json: {error}"));
            return (None, None);
        }
    };
    let Some(plan) = whole.suite.run_plan() else { return (None, Some(device)) };
    let naming = Naming { run: whole.run, device, spatial: measure_settings(plan).spatial };
    match parts(naming, whole.manifest, whole.samples) {
        Ok(parts) => (Some(parts), Some(device)),
        Err(reasons) => {
            concern.fail_all(reasons);
            (None, Some(device))
        }
    }
}

/// Runs of a part of the data, and of something smaller than the suite, are not compared with others.
fn run_is_whole(whole: &Whole<'_>, concern: &mut Concern) {
    let (run, measured) = (whole.run, whole.measurements);
    if run.options.limit.is_some() || run.options.miniature {
        concern.fail("run.json says that only a part was run (limit or miniature)");
    }
    if run.ended < run.started {
        concern.fail("run.json says that the run ended before it began");
    }
    if run.models.is_empty() {
        concern.fail("run.json names no model");
    }
    for dataset in &measured.datasets {
        if dataset.samples != dataset.samples_in_dataset {
            concern.fail(format!(
                "data set `{}`: {} of {} samples were measured, the whole set is asked for",
                dataset.dataset, dataset.samples, dataset.samples_in_dataset
            ));
        }
    }
    let described: BTreeSet<&str> =
        whole.manifest.datasets.iter().map(|set| set.id.as_str()).collect();
    let used: BTreeSet<&str> = run.datasets.iter().map(|set| set.id.as_str()).collect();
    if described != used || used.len() != run.datasets.len() {
        concern.fail(format!(
            "manifest.toml describes the data sets {described:?}, run.json used {used:?}, each once"
        ));
    }
    let described: BTreeSet<&str> =
        whole.manifest.models.iter().map(|model| model.id.as_str()).collect();
    let used: BTreeSet<&str> = run.models.iter().map(|model| model.id.as_str()).collect();
    if described != used {
        concern.fail(format!(
            "manifest.toml describes the models {described:?}, run.json used {used:?}"
        ));
    }
}

/// The chunks are those that the run names, no more and no fewer.
fn chunk_files(parts: &[DatasetPart], archive: &ArchiveReader, concern: &mut Concern) {
    let models = parts.iter().flat_map(|part| &part.models);
    let expected: BTreeSet<String> =
        models.flat_map(|model| &model.keys).map(files::chunk).collect();
    let found = archive.files().keys().filter(|name| files::chunk_key(name).is_some());
    let found: BTreeSet<String> = found.cloned().collect();
    for name in expected.difference(&found) {
        concern.fail(format!("`{name}` is missing, which the measurements rest on"));
    }
    for name in found.difference(&expected) {
        concern.fail(format!("`{name}` is a chunk of no model of this run"));
    }
}

/// `measurements.json` has a row for every tap, in order, over so many samples.
fn measured_rows(whole: &Whole<'_>, parts: &[DatasetPart], concern: &mut Concern) {
    let measured: Vec<&str> =
        whole.measurements.datasets.iter().map(|set| set.dataset.as_str()).collect();
    let expected: Vec<&str> = parts.iter().map(|part| part.dataset().id.as_str()).collect();
    if measured != expected {
        concern.fail(format!(
            "measurements.json is about the data sets {measured:?}, run.json about {expected:?}"
        ));
        return;
    }
    for (part, measured) in parts.iter().zip(&whole.measurements.datasets) {
        if measured.samples != part.list().count() as u64 {
            concern.fail(format!(
                "data set `{}`: measurements.json says {} samples, samples.json has {}",
                measured.dataset,
                measured.samples,
                part.list().count()
            ));
        }
        let taps = part
            .models
            .iter()
            .flat_map(|model| model.model.taps.iter().map(move |tap| (&model.model, tap)));
        let expected: Vec<String> =
            taps.map(|(model, tap)| format!("{}/{}", model.id, tap.id)).collect();
        let found: Vec<&str> = measured.models.iter().map(|model| model.key.as_str()).collect();
        if found != expected {
            concern.fail(format!(
                "data set `{}`: measurements.json has the rows {found:?}, manifest.toml gives {expected:?}",
                measured.dataset
            ));
        }
    }
}

/// A model that the manifests here know is the one that they describe, with some or all of its taps.
fn models(whole: &Whole<'_>, context: &Context, concern: &mut Concern) {
    for model in &whole.manifest.models {
        let Ok(known) = context.manifest.model(&model.id) else { continue };
        let taps: Vec<_> =
            known.taps.iter().filter(|tap| model.taps.contains(tap)).cloned().collect();
        if (Model { taps, ..known.clone() }) != *model {
            concern.fail(format!(
                "model `{}` is described in another way than in the manifests here: a model of one's own needs an id of its own",
                model.id
            ));
        }
    }
}

/// Artifacts that the manifests here know have the digest that they are known by, and every one is of use.
fn artifacts(whole: &Whole<'_>, context: &Context, concern: &mut Concern) {
    let manifest = whole.manifest;
    let files = manifest.models.iter().map(|model| &model.artifact);
    let needed: BTreeSet<&str> = manifest
        .datasets
        .iter()
        .flat_map(|dataset| &dataset.artifacts)
        .chain(files)
        .map(|id| id.as_str())
        .collect();
    let mut named = BTreeSet::new();
    for used in &whole.run.artifacts {
        if !needed.contains(used.id.as_str()) {
            concern.fail(format!(
                "run.json names the artifact {:?}, which no model and no data set needs",
                used.id
            ));
        }
        named.insert(used.id.as_str());
        let Ok(known) = context.manifest.artifact(&used.id) else { continue };
        if (known.sha256, known.bytes) != (used.sha256, used.bytes) {
            concern.fail(format!(
                "artifact `{}` has SHA-256 {} and {} bytes in run.json, {} and {} in the manifests here",
                used.id, used.sha256, used.bytes, known.sha256, known.bytes
            ));
        }
    }
    for id in needed.difference(&named) {
        concern.fail(format!("run.json does not give the digest of artifact `{id}`"));
    }
}

/// The predicate is what follows from the measurements in the bundle.
fn statement(whole: &Whole<'_>, device: Device, concern: &mut Concern) {
    let found = &whole.statement.predicate;
    if whole.measurements.suite != whole.suite.id() {
        return;
    }
    let claimant = Claimant { name: found.name.clone(), key: found.key };
    let evaluated = evaluate(whole.suite, Some(whole.measurements));
    let expected = claim::predicate(claimant, whole.suite, &evaluated, whole.run, device);
    let signer = whole.documents_key();
    if signer.is_some_and(|key| key != found.key) {
        concern.fail(format!(
            "the statement says that key {} speaks, but another one is in the bundle",
            found.key
        ));
    }
    let mut ids = BTreeSet::new();
    if let Some(twin) = expected.results.iter().find(|result| !ids.insert(result.id.as_str())) {
        concern.fail(format!(
            "two cells are called {:?}: give models and taps ids that differ in letters or digits",
            twin.id
        ));
    }
    compare(found, &expected, concern);
}

fn compare(found: &Predicate, expected: &Predicate, concern: &mut Concern) {
    field("suite", &found.suite, &expected.suite, concern);
    field("ended", &found.ended, &expected.ended, concern);
    field("environment", &found.environment, &expected.environment, concern);
    field("provider", &found.provider, &expected.provider, concern);
    if found.results.len() != expected.results.len() {
        concern.fail(format!(
            "the statement has {} results, the measurements give {}",
            found.results.len(),
            expected.results.len()
        ));
    }
    for (found, expected) in found.results.iter().zip(&expected.results) {
        result(found, expected, concern);
    }
}

fn field<T: PartialEq + Debug>(name: &str, found: &T, expected: &T, concern: &mut Concern) {
    if found != expected {
        concern.fail(format!(
            "the statement's {name} is {found:?}, the other files give {expected:?}"
        ));
    }
}

fn result(found: &CellResult, expected: &CellResult, concern: &mut Concern) {
    if found == expected {
        return;
    }
    let place = (&found.id, &found.table, &found.row, &found.column);
    if place != (&expected.id, &expected.table, &expected.row, &expected.column) {
        concern.fail(format!(
            "the statement has cell {:?} where {:?} is expected",
            found.id, expected.id
        ));
    } else if found.measured != expected.measured {
        let value = |result: &CellResult| {
            result.measured.value().map_or("no value".to_owned(), |value| value.to_string())
        };
        concern.fail(format!(
            "cell `{}`: the statement says {} (or another count, interval or method), measurements.json {}",
            found.id,
            value(found),
            value(expected)
        ));
    } else {
        concern.fail(format!(
            "cell `{}`: expected value, tolerance or verdict are not those of the suite: {:?}, {:?}",
            found.id, found.verdict, expected.verdict
        ));
    }
}

/// Compares samples with the data sets in the store. Says on what the labels rest.
fn samples(whole: &Whole<'_>, context: &Context, concern: &mut Concern) -> Result<String, Failure> {
    let mut notes = Vec::new();
    for listed in &whole.samples.datasets {
        // Whether the manifests here know it is a matter of the suite's check.
        let Ok(dataset) = context.manifest.dataset(&listed.id) else { continue };
        match stored(dataset, context)? {
            Some(expected) => {
                notes.push(format!("samples and labels of `{}` are those of the data set in the store", listed.id));
                compare_samples(listed, &expected, concern);
            }
            None => notes.push(format!(
                "samples and labels of `{}` rest on the submitter's word, since the data set is not in the store (`retally fetch`)",
                listed.id
            )),
        }
    }
    Ok(notes.join("; "))
}

/// The samples of a data set, if all its artifacts are in the store.
fn stored(dataset: &Dataset, context: &Context) -> Result<Option<DatasetSamples>, Failure> {
    Ok(open_stored(dataset, context)?.map(|samples| samples.listed()))
}

/// A data set, if all its artifacts are in the store.
pub(super) fn open_stored(
    dataset: &Dataset,
    context: &Context,
) -> Result<Option<Samples>, Failure> {
    let store = context.store()?;
    let mut files = Vec::new();
    for id in &dataset.artifacts {
        match store.verified(context.manifest.artifact(id)?)? {
            Some(path) => files.push(path),
            None => return Ok(None),
        }
    }
    if files.is_empty() { Ok(None) } else { Samples::open(dataset, &files, None).map(Some) }
}

fn compare_samples(found: &DatasetSamples, expected: &DatasetSamples, concern: &mut Concern) {
    let id = &found.id;
    if found.samples.len() != expected.samples.len() {
        concern.fail(format!(
            "data set `{id}`: samples.json has {} samples, the data set {}",
            found.samples.len(),
            expected.samples.len()
        ));
    }
    if found.classes != expected.classes {
        concern.fail(format!("data set `{id}`: samples.json has other classes than the data set"));
    }
    let pairs = found.samples.iter().zip(&expected.samples);
    for (found, expected) in pairs.filter(|(found, expected)| found != expected) {
        concern.fail(format!(
            "data set `{id}`: samples.json has sample {:?} with SHA-256 {} and class {:?}, the data set has {:?}, {}, {:?}",
            found.key, found.sha256, found.class, expected.key, expected.sha256, expected.class
        ));
    }
}
