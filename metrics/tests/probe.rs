//! Probes against scikit-learn and NumPy (recorded by `tests/parity/metrics_probe.py`) and against their own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use ndarray::{Array2, ArrayView2, array, s};
use proptest::prelude::*;
use retally_metrics::AbsenceReason;
use retally_metrics::probe::{
    KnnOptions, Labelled, ProbeError, ProbeOptions, ProbeOutcome, Similarity, Weighting, knn_probe,
    linear_probe,
};
use retally_metrics::random::Stream;
use serde_json::Value;

/// uint8 [1797, 65] in NumPy's format: 64 pixels and the label.
const DIGITS: &[u8] = include_bytes!("data/digits.npy");
const NPY_HEADER: usize = 128;
const RECORDED: &str = include_str!("../../tests/parity/metrics_probe.json");

struct Digits {
    features: Array2<f32>,
    labels: Vec<u32>,
    train: usize,
}

impl Digits {
    fn load(relabel: fn(u32) -> u32) -> Self {
        let table = ArrayView2::from_shape((1797, 65), &DIGITS[NPY_HEADER..]).unwrap();
        let labels = table.column(64).iter().map(|&label| relabel(u32::from(label))).collect();
        Self { features: table.slice(s![.., ..64]).mapv(f32::from), labels, train: 1200 }
    }

    fn train(&self) -> Labelled<'_> {
        Labelled {
            features: self.features.slice(s![..self.train, ..]),
            labels: &self.labels[..self.train],
        }
    }

    fn test(&self) -> Labelled<'_> {
        Labelled {
            features: self.features.slice(s![self.train.., ..]),
            labels: &self.labels[self.train..],
        }
    }
}

fn value(outcome: &ProbeOutcome, metric: &str) -> Option<f64> {
    outcome.measurements.iter().find(|measurement| measurement.metric == metric).unwrap().value()
}

#[test]
fn logistic_regression_agrees_with_scikit_learn() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    for case in recorded["linear"].as_array().unwrap() {
        let digits = Digits::load(match case["task"].as_str().unwrap() {
            "ten" => |label| label,
            "two" => |label| label / 5,
            _ => |label| label / 4,
        });
        let options = ProbeOptions { c: case["C"].as_f64(), ..ProbeOptions::default() };
        let outcome = linear_probe(digits.train(), digits.test(), &options).unwrap();
        for (metric, expected) in case["scores"].as_object().unwrap() {
            let (actual, expected) = (value(&outcome, metric).unwrap(), expected.as_f64().unwrap());
            let allowed = if metric.contains("loss") || metric.contains("objective") {
                1e-4 * expected
            } else {
                // One of the 597 test digits would be 0.17 points.
                0.1
            };
            assert!((actual - expected).abs() <= allowed, "{case}: {metric} is {actual}");
        }
    }
}

#[test]
fn nearest_neighbours_agree_with_numpy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let digits = Digits::load(|label| label);
    for case in recorded["knn"].as_array().unwrap() {
        let weighting = case["temperature"]
            .as_f64()
            .map_or(Weighting::Uniform, |temperature| Weighting::Exponential { temperature });
        let similarity = match case["similarity"].as_str().unwrap() {
            "cosine" => Similarity::Cosine,
            _ => Similarity::Euclidean,
        };
        let options = KnnOptions { k: case["k"].as_u64().unwrap() as usize, similarity, weighting };
        let outcome = knn_probe(digits.train(), digits.test(), &options).unwrap();
        let (actual, expected) =
            (value(&outcome, "accuracy").unwrap(), case["accuracy"].as_f64().unwrap());
        assert!((actual - expected).abs() < 1e-9, "{case}: {actual}");
    }
}

#[test]
fn accuracies_recombine_from_predictions_and_classes() {
    let digits = Digits::load(|label| label);
    let outcome = knn_probe(digits.train(), digits.test(), &KnnOptions::default()).unwrap();
    let test = digits.test().labels;
    assert_eq!(outcome.predictions.len(), test.len());
    let correct = outcome
        .predictions
        .iter()
        .zip(test)
        .filter(|(predicted, label)| predicted == label)
        .count();
    let accuracy = value(&outcome, "accuracy").unwrap();
    assert!((accuracy * test.len() as f64 / 100.0 - correct as f64).abs() < 1e-9);
    assert_eq!(outcome.per_class.iter().map(|class| class.correct).sum::<u64>(), correct as u64);
    assert_eq!(outcome.per_class.iter().map(|class| class.n).sum::<u64>(), test.len() as u64);
    assert!(value(&outcome, "top-5").unwrap() >= accuracy);
    let interval = outcome.measurements[0].interval().unwrap();
    assert!(interval.low.get() < accuracy && accuracy < interval.high.get());
    assert_eq!(interval.method, "wilson");
}

#[test]
fn c_is_chosen_without_the_test_set_and_repeats() {
    let digits = Digits::load(|label| label);
    let options = ProbeOptions { seed: 3, ..ProbeOptions::default() };
    let outcome = linear_probe(digits.train(), digits.test(), &options).unwrap();
    assert_eq!(outcome, linear_probe(digits.train(), digits.test(), &options).unwrap());
    let c = value(&outcome, "C").unwrap();
    assert!([1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0].contains(&c));
    let method = &outcome.measurements[0].method;
    assert!(method.contains("chosen from") && method.contains("seed 3"), "{method}");

    let fewer = Labelled {
        features: digits.features.slice(s![1200..1300, ..]),
        labels: &digits.labels[1200..1300],
    };
    let other = linear_probe(digits.train(), fewer, &options).unwrap();
    assert_eq!(value(&other, "C"), Some(c));
    assert_eq!(other.predictions, outcome.predictions[..100]);
}

#[test]
fn five_classes_or_fewer_have_no_top_5() {
    let digits = Digits::load(|label| label / 2);
    let outcome = knn_probe(digits.train(), digits.test(), &KnnOptions::default()).unwrap();
    let top_5 = &outcome.measurements[1];
    assert_eq!(
        (top_5.metric.as_str(), top_5.absence().unwrap().reason),
        ("top-5", AbsenceReason::Undefined)
    );
}

#[test]
fn labels_need_not_be_consecutive() {
    let plain = Digits::load(|label| label / 4);
    let spread = Digits::load(|label| [7, 1000, u32::MAX][label as usize / 4]);
    let options = ProbeOptions { c: Some(0.1), ..ProbeOptions::default() };
    let (plain, spread) = (
        linear_probe(plain.train(), plain.test(), &options).unwrap(),
        linear_probe(spread.train(), spread.test(), &options).unwrap(),
    );
    assert_eq!(plain.measurements, spread.measurements);
    assert!(spread.predictions.contains(&u32::MAX));
}

#[test]
fn bad_input_is_refused() {
    let features = array![[0.0_f32, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let labels = [0, 1, 0];
    let good = Labelled { features: features.view(), labels: &labels };
    let both = |train, test| {
        let linear =
            linear_probe(train, test, &ProbeOptions { c: Some(1.0), ..ProbeOptions::default() })
                .unwrap_err();
        let knn =
            knn_probe(train, test, &KnnOptions { k: 1, ..KnnOptions::default() }).unwrap_err();
        assert_eq!(linear, knn);
        linear
    };
    let short = Labelled { labels: &labels[..2], ..good };
    assert_eq!(both(short, good), ProbeError::RowCount { set: "train", features: 3, labels: 2 });
    let empty = Labelled { features: features.slice(s![..0, ..]), labels: &[] };
    assert_eq!(both(good, empty), ProbeError::Empty { set: "test", rows: 0, columns: 2 });
    let no_features = Labelled { features: features.slice(s![.., ..0]), ..good };
    assert_eq!(both(no_features, good), ProbeError::Empty { set: "train", rows: 3, columns: 0 });
    let narrow = Labelled { features: features.slice(s![.., ..1]), ..good };
    assert_eq!(both(good, narrow), ProbeError::Width { train: 2, test: 1 });
    let nan = array![[0.0_f32, 1.0], [1.0, f32::NAN], [1.0, 1.0]];
    let bad = Labelled { features: nan.view(), ..good };
    assert_eq!(both(good, bad), ProbeError::NonFinite { set: "test", row: 1, column: 1 });
    assert_eq!(
        both(Labelled { labels: &[4, 4, 4], ..good }, good),
        ProbeError::OneClass { label: 4 }
    );
    let unknown = Labelled { labels: &[0, 1, 9], ..good };
    assert_eq!(both(good, unknown), ProbeError::UnknownLabel { row: 2, label: 9 });

    for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = ProbeOptions { c: Some(c), ..ProbeOptions::default() };
        assert!(matches!(linear_probe(good, good, &options), Err(ProbeError::Option { .. })));
    }
    let single = Labelled { labels: &[0, 1, 2], ..good };
    assert_eq!(
        linear_probe(single, single, &ProbeOptions::default()),
        Err(ProbeError::NothingToHoldOut { what: "C" })
    );
    for k in [0, 4, usize::MAX] {
        let options = KnnOptions { k, ..KnnOptions::default() };
        assert!(matches!(
            knn_probe(good, good, &options),
            Err(ProbeError::Option { name: "k", .. })
        ));
    }
    let frozen = Weighting::Exponential { temperature: 0.0 };
    let options = KnnOptions { k: 1, weighting: frozen, ..KnnOptions::default() };
    assert!(matches!(knn_probe(good, good, &options), Err(ProbeError::Option { .. })));
}

#[test]
fn a_fit_that_stops_early_is_not_a_result() {
    let digits = Digits::load(|label| label);
    let options = ProbeOptions { c: Some(1.0), iterations: 3, ..ProbeOptions::default() };
    let error = linear_probe(digits.train(), digits.test(), &options).unwrap_err();
    assert!(matches!(error, ProbeError::NotConverged { iterations: 3, .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_linear_probe_does_not_see_units(seed in 0..1000_u64, exponents in prop::collection::vec(-8..8, 5)) {
        let mut stream = Stream::new(seed, "features", 0);
        let features = Array2::from_shape_fn((40, 5), |_| stream.uniform() as f32);
        let labels: Vec<u32> = (0..40).map(|_| stream.below(3) as u32).collect();
        prop_assume!((0..3).all(|label| labels.contains(&label)));
        let mut scaled = features.clone();
        for (mut column, exponent) in scaled.columns_mut().into_iter().zip(exponents) {
            column *= 2.0_f32.powi(exponent);
        }
        let options = ProbeOptions { c: Some(1.0), ..ProbeOptions::default() };
        let probe = |features: &Array2<f32>| {
            let data = Labelled { features: features.view(), labels: &labels };
            linear_probe(data, data, &options).unwrap()
        };
        prop_assert_eq!(probe(&features), probe(&scaled));
    }
}
