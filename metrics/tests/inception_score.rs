//! The Inception Score against torch-fidelity and SciPy (recorded by `tests/parity/metrics_generation.py`), closed forms and
//! its own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use ndarray::{Array2, Axis, array};
use portable::{Scrambled, logits};
use proptest::prelude::*;
use retally_metrics::distribution::inception_score::{ClassScores, RowOrder, Splits, Spread};
use retally_metrics::distribution::{
    DistributionError, InceptionScore, InceptionScoreOptions, SetRows, inception_score,
    order_sensitivity,
};
use retally_metrics::executor::Sequential;
use retally_metrics::random::Stream;
use retally_metrics::table::MemoryTable;
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/metrics_generation.json");

fn measure(scores: &Array2<f32>, options: &InceptionScoreOptions) -> InceptionScore {
    inception_score(scores.view().into(), options, &Sequential).unwrap()
}

fn close(actual: f64, expected: f64) {
    assert!((actual / expected - 1.0).abs() < 1e-12, "{actual} is not {expected}");
}

#[test]
fn agrees_with_torch_fidelity_and_with_the_rule_of_adm() {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    let recorded = &document["inception_score"];
    let scores = logits(11, 1237, 37, 6.0);
    let seven = InceptionScoreOptions {
        splits: Splits::Count { count: 7 },
        order: RowOrder::File,
        ..InceptionScoreOptions::torch_fidelity()
    };
    for (name, options) in [
        ("torch_fidelity_10_shuffled", InceptionScoreOptions::torch_fidelity()),
        ("torch_fidelity_7_file_order", seven),
    ] {
        let actual = measure(&scores, &options);
        close(actual.mean, recorded[name]["inception_score_mean"].as_f64().unwrap());
        close(actual.spread.unwrap(), recorded[name]["inception_score_std"].as_f64().unwrap());
    }
    let one = measure(&scores, &InceptionScoreOptions::all_rows());
    close(one.mean, recorded["torch_fidelity_1"]["inception_score_mean"].as_f64().unwrap());
    let blocks = InceptionScoreOptions {
        splits: Splits::Blocks { size: 500 },
        ..InceptionScoreOptions::adm()
    };
    let actual = measure(&scores, &blocks);
    let expected: Vec<f64> = recorded["blocks_of_500"]
        .as_array()
        .unwrap()
        .iter()
        .map(|score| score.as_f64().unwrap())
        .collect();
    assert_eq!(actual.per_split.len(), expected.len());
    actual.per_split.iter().zip(&expected).for_each(|(actual, expected)| close(*actual, *expected));
    close(actual.mean, expected.iter().sum::<f64>() / 3.0);
    assert_eq!(actual.spread, None);
}

#[test]
fn certain_classes_in_equal_numbers_score_their_number_and_one_distribution_scores_one() {
    let certain = Array2::from_shape_fn(
        (60, 12),
        |(row, class)| {
            if row % 12 == class { 200.0 } else { -200.0 }
        },
    );
    close(measure(&certain, &InceptionScoreOptions::all_rows()).mean, 12.0);
    let equal = Array2::from_shape_fn((60, 12), |(_, class)| class as f32);
    close(measure(&equal, &InceptionScoreOptions::all_rows()).mean, 1.0);
    // p = (1/4, 3/4) and (3/4, 1/4) against q = (1/2, 1/2): ln 2 less the entropy of (1/4, 3/4).
    let two = array![[0.25, 0.75], [0.75, 0.25_f32]];
    let options = InceptionScoreOptions {
        scores: ClassScores::Probabilities,
        ..InceptionScoreOptions::all_rows()
    };
    let entropy = -(0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
    close(measure(&two, &options).mean, (2.0_f64.ln() - entropy).exp());
    // A probability of 0 contributes nothing.
    close(measure(&array![[0.0, 1.0], [1.0, 0.0_f32]], &options).mean, 2.0);
}

#[test]
fn standard_error_is_near_that_of_leaving_out_one_row_at_a_time() {
    let scores = logits(12, 400, 10, 3.0);
    let options = InceptionScoreOptions::all_rows();
    let without: Vec<f64> = (0..400)
        .map(|left_out| {
            let kept: Vec<usize> = (0..400).filter(|&row| row != left_out).collect();
            measure(&scores.select(Axis(0), &kept), &options).mean
        })
        .collect();
    let mean = without.iter().sum::<f64>() / 400.0;
    let squares: f64 = without.iter().map(|score| (score - mean) * (score - mean)).sum();
    let jackknife = (squares * 399.0 / 400.0).sqrt();
    let ratio = measure(&scores, &options).standard_error / jackknife;
    // The two differ by terms of the order of classes/rows.
    assert!((ratio - 1.0).abs() < 0.025, "{ratio}");
}

#[test]
fn standard_errors_of_splits_combine_as_of_independent_means() {
    let scores = logits(12, 400, 10, 3.0);
    let halves = InceptionScoreOptions {
        splits: Splits::Blocks { size: 200 },
        ..InceptionScoreOptions::adm()
    };
    let both = measure(&scores, &halves);
    let of_half = |rows: std::ops::Range<usize>| {
        let rows: Vec<usize> = rows.collect();
        measure(&scores.select(Axis(0), &rows), &InceptionScoreOptions::all_rows()).standard_error
    };
    close(both.standard_error, of_half(0..200).hypot(of_half(200..400)) / 2.0);
    let interval = both.interval().unwrap();
    close(interval.high.get() - both.mean, 1.959_963_984_540_054 * both.standard_error);
}

#[test]
fn both_standard_deviations_over_splits_follow_from_the_splits() {
    let scores = logits(12, 400, 10, 3.0);
    let under = |spread| {
        measure(
            &scores,
            &InceptionScoreOptions { spread, ..InceptionScoreOptions::torch_fidelity() },
        )
    };
    let population = under(Spread::Population);
    let squares: f64 =
        population.per_split.iter().map(|score| (score - population.mean).powi(2)).sum();
    close(population.spread.unwrap(), (squares / 10.0).sqrt());
    close(under(Spread::Sample).spread.unwrap(), (squares / 9.0).sqrt());
    assert_eq!(under(Spread::None).spread, None);
}

#[test]
fn class_order_is_noticed() {
    let sorted = logits(13, 2000, 20, 8.0);
    let splits = Splits::Blocks { size: 500 };
    let found =
        order_sensitivity(sorted.view().into(), ClassScores::Logits, splits, &Sequential).unwrap();
    assert!(found.looks_sorted());
    assert!(found.file_order.mean < 0.5 * found.shuffled.mean);
    assert!(found.shuffled.mean < found.all_rows.mean * 1.05);
    let mut order: Vec<usize> = (0..2000).collect();
    Stream::new(0, "order", 0).shuffle(&mut order);
    let shuffled = sorted.select(Axis(0), &order);
    let found = order_sensitivity(shuffled.view().into(), ClassScores::Logits, splits, &Sequential)
        .unwrap();
    assert!(!found.looks_sorted());
}

proptest! {
    #[test]
    fn laws(seed in 0_u64..1000, rows in 4_usize..200, classes in 1_usize..30, scale in 0.0_f64..50.0) {
        let scores = logits(seed, rows, classes, scale);
        for splits in [Splits::Count { count: 1 }, Splits::Count { count: 3 }, Splits::Blocks { size: 7 }] {
            let options = InceptionScoreOptions { splits, ..InceptionScoreOptions::adm() };
            let actual = measure(&scores, &options);
            for score in &actual.per_split {
                prop_assert!((1.0..=classes as f64).contains(score));
            }
            prop_assert!(actual.standard_error >= 0.0);
            // A number added to all logits of a row changes nothing.
            let moved = measure(&scores.mapv(|value| value + 64.0), &options);
            prop_assert!((moved.mean / actual.mean - 1.0).abs() < 2e-5);
            let other = inception_score(scores.view().into(), &options, &Scrambled).unwrap();
            prop_assert_eq!(&other, &actual);
            let table = MemoryTable::pooled(scores.view());
            let of_table = inception_score(SetRows::Table(&table), &options, &Sequential).unwrap();
            prop_assert_eq!(of_table, actual);
        }
        // Without splits the order of the rows does not matter.
        let shuffled = InceptionScoreOptions {
            order: RowOrder::SeededNumpy { seed: 3 },
            ..InceptionScoreOptions::all_rows()
        };
        let ratio = measure(&scores, &shuffled).mean / measure(&scores, &InceptionScoreOptions::all_rows()).mean;
        prop_assert!((ratio - 1.0).abs() < 1e-12);
    }
}

#[test]
fn measurements_name_the_protocol() {
    let scores = logits(1, 100, 5, 3.0);
    let measurements = measure(&scores, &InceptionScoreOptions::torch_fidelity()).measurements();
    let names: Vec<&str> = measurements.iter().map(|m| m.metric.as_str()).collect();
    assert_eq!(names, ["IS", "IS spread over splits"]);
    assert!(measurements[0].method.contains("RandomState(2020)"), "{}", measurements[0].method);
    assert!(measurements[0].interval().is_some() && measurements[1].interval().is_none());
    assert_eq!(measure(&scores, &InceptionScoreOptions::adm()).measurements().len(), 1);
}

#[test]
fn bad_input_is_refused() {
    let scores = logits(1, 9, 5, 3.0);
    let failure = |scores: &Array2<f32>, options: InceptionScoreOptions| {
        inception_score(scores.view().into(), &options, &Sequential).unwrap_err()
    };
    let all = InceptionScoreOptions::all_rows();
    for splits in
        [Splits::Blocks { size: 0 }, Splits::Count { count: 0 }, Splits::Count { count: 10 }]
    {
        let options = InceptionScoreOptions { splits, ..all };
        assert!(matches!(failure(&scores, options), DistributionError::Options(_)));
    }
    let sample = InceptionScoreOptions { spread: Spread::Sample, ..all };
    assert!(matches!(failure(&scores, sample), DistributionError::Options(_)));
    let probabilities = InceptionScoreOptions { scores: ClassScores::Probabilities, ..all };
    assert!(matches!(failure(&scores, probabilities), DistributionError::Options(_)));
    let mut spoiled = scores.clone();
    spoiled[[7, 0]] = f32::INFINITY;
    assert!(matches!(failure(&spoiled, all), DistributionError::NotFinite { row: 7, .. }));
    assert!(matches!(failure(&Array2::zeros((0, 4)), all), DistributionError::TooFewRows { .. }));
    assert!(matches!(failure(&Array2::zeros((4, 0)), all), DistributionError::NoDimensions { .. }));
}

/// A class whose mean probability is below the smallest number there is: its divergence is finite all the same.
#[test]
fn a_class_that_all_but_vanishes_changes_nothing() {
    let mut scores = Array2::from_elem((100, 4), -800.0_f32);
    scores.column_mut(0).fill(0.0);
    let without = measure(&scores, &InceptionScoreOptions::all_rows());
    scores[(7, 2)] = -744.7;
    let with = measure(&scores, &InceptionScoreOptions::all_rows());
    assert_eq!((without.mean, with.mean), (1.0, 1.0));
    assert!(with.standard_error.is_finite());
}

#[test]
fn splits_of_one_row_have_no_interval() {
    let scores = logits(3, 10, 5, 2.0);
    let options = InceptionScoreOptions {
        splits: Splits::Count { count: 10 },
        ..InceptionScoreOptions::all_rows()
    };
    assert_eq!(measure(&scores, &options).interval(), None);
    assert!(measure(&scores, &InceptionScoreOptions::all_rows()).interval().is_some());
}
