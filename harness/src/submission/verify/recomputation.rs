//! Every number computed again, and the laws that numbers obey.

use super::concern::{Concern, skipped};
use super::{Verifier, Whole};
use crate::failure::Failure;
use crate::run::{measure_settings, methods};
use crate::submission::parts::DatasetPart;
use crate::submission::recompute::{
    self, Obstacle, Recomputation, RecomputedDataset, samples_table_digest,
};
use crate::threads::Threads;
use retally_metrics::Measurement;
use retally_metrics::spatial::ImageScores;
use retally_submissions::{Check, CheckKind, files};
use retally_suites::evaluation::MeasuredModel;
use retally_suites::{RunMeasurements, identity};

/// What was computed again.
#[derive(Debug)]
pub(super) struct Recomputed {
    pub(super) measurements: RunMeasurements,
    pub(super) datasets: Vec<RecomputedDataset>,
}

pub(super) fn check(
    verifier: Verifier<'_>,
    whole: &Whole<'_>,
    parts: &[DatasetPart],
    threads: &Threads,
) -> Result<(Option<Recomputed>, Check), Failure> {
    let mut concern = Concern::new(CheckKind::Recomputation);
    let Some(plan) = whole.suite.run_plan() else {
        return Ok((None, skipped(CheckKind::Recomputation, "the suite has nothing to run")));
    };
    let settings = measure_settings(plan);
    let recomputation = Recomputation {
        archive: verifier.archive,
        settings: &settings,
        threads,
        progress: &verifier.options.context.progress,
    };
    let mut datasets = Vec::new();
    for part in parts {
        match recomputation.dataset(part) {
            Ok(dataset) => datasets.push(dataset),
            Err(Obstacle::Failure(failure)) => return Err(failure),
            Err(Obstacle::Reason(reason)) => {
                concern.fail(reason);
                return Ok((None, concern.finish("the chunks were read")));
            }
        }
    }
    let measurements = recompute::measurements(whole.suite, &methods(plan), parts, &datasets);
    let count = compare(whole, &measurements, &mut concern);
    compare_table(verifier, parts, &datasets, &mut concern)?;
    let samples: usize = parts.iter().map(|part| part.list().count()).sum();
    let detail = format!(
        "{count} measurements and {} computed again from the features and scores of {samples} samples, to the last bit",
        files::SAMPLES_TABLE
    );
    Ok((Some(Recomputed { measurements, datasets }), concern.finish(detail)))
}

/// Compares bytes, and if they differ numbers, so that the reason names them. How many measurements there are.
fn compare(whole: &Whole<'_>, expected: &RunMeasurements, concern: &mut Concern) -> usize {
    let all = || expected.datasets.iter().flat_map(|dataset| &dataset.models);
    let count = all().map(|model| model.measurements.len()).sum();
    let bytes = serde_json::to_vec_pretty(expected).map(|mut bytes| {
        bytes.push(b'\n');
        bytes
    });
    if bytes.is_ok_and(|bytes| bytes == whole.documents.measured) {
        return count;
    }
    let found = whole.measurements.datasets.iter().flat_map(|dataset| &dataset.models);
    for (found, expected) in found.zip(all()) {
        compare_model(found, expected, concern);
    }
    if !concern.has_failed() {
        concern.fail(
            "measurements.json is not what a run writes of these chunks, samples and this suite",
        );
    }
    count
}

fn compare_model(found: &MeasuredModel, expected: &MeasuredModel, concern: &mut Concern) {
    if (&found.label, &found.family) != (&expected.label, &expected.family) {
        concern.fail(format!(
            "{}: it is called {:?} ({:?}) in measurements.json, {:?} ({:?}) by manifest.toml",
            expected.key, found.label, found.family, expected.label, expected.family
        ));
    }
    let metrics = |model: &MeasuredModel| {
        model.measurements.iter().map(|one| one.metric.clone()).collect::<Vec<_>>()
    };
    if metrics(found) != metrics(expected) {
        concern.fail(format!(
            "{}: measurements.json has {:?}, computed were {:?}",
            expected.key,
            metrics(found),
            metrics(expected)
        ));
        return;
    }
    let pairs = found.measurements.iter().zip(&expected.measurements);
    for (found, expected_measurement) in pairs.filter(|(found, expected)| found != expected) {
        concern.fail(format!(
            "{}, {}: measurements.json says {}, computed from the chunks is {}",
            expected.key,
            found.metric,
            shown(found),
            shown(expected_measurement)
        ));
    }
}

fn shown(measurement: &Measurement) -> String {
    // As JSON: every digit, interval and method.
    serde_json::to_string(measurement).unwrap_or_default()
}

/// The table is compared, never parsed: a Parquet file can claim any number of rows.
fn compare_table(
    verifier: Verifier<'_>,
    parts: &[DatasetPart],
    datasets: &[RecomputedDataset],
    concern: &mut Concern,
) -> Result<(), Failure> {
    let name = files::SAMPLES_TABLE;
    let expected = samples_table_digest(parts, datasets)?;
    match verifier.archive.files().get(name) {
        None => concern.fail(format!("`{name}` is missing")),
        Some(found) if found.sha256 != expected => concern.fail(format!(
            "`{name}` has SHA-256 {}, but the scores in the chunks and the predictions that follow from the features give {expected}",
            found.sha256
        )),
        Some(_) => {}
    }
    Ok(())
}

/// The laws of `retally_suites::identity`, on what the bundle says and on the scores of each sample.
pub(super) fn identities(
    measurements: Option<&RunMeasurements>,
    recomputed: Option<&Recomputed>,
) -> Check {
    let Some(measurements) = measurements else {
        return skipped(CheckKind::Identities, "measurements.json cannot be read");
    };
    let mut concern = Concern::new(CheckKind::Identities);
    let findings = identity::check_run(measurements);
    let broken = findings.checks.iter().filter(|check| !check.holds);
    concern.fail_all(
        broken.map(|check| format!("{} ({}): {}", check.law, check.subject, check.detail)),
    );
    let taps =
        recomputed.into_iter().flat_map(|found| &found.datasets).flat_map(|dataset| &dataset.taps);
    let mut samples = 0;
    for tap in taps {
        samples += tap.scores.len();
        if let Some(place) = tap.scores.iter().position(|scores| !is_possible(scores)) {
            concern.fail(format!(
                "{}: the scores of sample {} are outside what LDS, CDS, SRSS and RMSC can be",
                tap.measured.encoder.key,
                place + 1
            ));
        }
    }
    concern.finish(format!(
        "{} laws on the measurements, and the range of {samples} rows of scores",
        findings.checks.len()
    ))
}

/// Slack for sums of rounded numbers.
const ROUNDING: f64 = 1e-9;

/// The ranges that `retally_suites::identity` derives.
fn is_possible(scores: &ImageScores) -> bool {
    let within =
        |value: f64, low: f64, high: f64| (low - ROUNDING..=high + ROUNDING).contains(&value);
    within(scores.lds.get(), -2.0, 2.0)
        && within(scores.cds.get(), -8.0 / 21.0, 8.0 / 21.0)
        && scores.srss.map_or(true, |value| within(value.get(), -2.0, 2.0))
        && within(scores.rmsc.get(), 0.0, 1.0)
}
