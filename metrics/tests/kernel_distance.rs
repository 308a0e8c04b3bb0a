//! KID, CMMD and MIND against torch-fidelity, PyTorch and NumPy (recorded by `tests/parity/metrics_generation.py`) and
//! against their own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use ndarray::{Array2, ArrayView2, Axis, s};
use portable::{Scrambled, clusters};
use proptest::prelude::*;
use retally_metrics::distribution::SetRows;
use retally_metrics::distribution::kernel_distance::{PolynomialKernel, Subsets};
use retally_metrics::distribution::{
    CmmdOptions, DistributionError, KernelDistance, KernelDistanceOptions, MindOptions, cmmd,
    kernel_distance, mind,
};
use retally_metrics::executor::{Executor, Sequential};
use retally_metrics::table::{FeatureTable, ReadError, TableShape, View};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

const RECORDED: &str = include_str!("../../tests/parity/metrics_generation.json");

fn recorded(metric: &str) -> Value {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    document[metric].clone()
}

fn reference() -> Array2<f32> {
    clusters(1, 700, 48, 0.5, 0.0)
}

fn samples() -> Array2<f32> {
    clusters(2, 600, 48, 0.5, 0.0625)
}

fn options(count: usize, size: usize, all_rows: bool) -> KernelDistanceOptions {
    let subsets = Some(Subsets { count, size, seed: 2020 });
    KernelDistanceOptions { subsets, all_rows, ..KernelDistanceOptions::default() }
}

fn only_all_rows() -> KernelDistanceOptions {
    KernelDistanceOptions { subsets: None, ..KernelDistanceOptions::default() }
}

fn measure(options: &KernelDistanceOptions) -> KernelDistance {
    kernel_distance(reference().view(), samples().view(), options, &Sequential).unwrap()
}

fn close(actual: f64, expected: f64, allowed: f64) {
    assert!((actual - expected).abs() < allowed, "{actual} is not {expected}");
}

#[test]
fn kid_agrees_with_torch_fidelity() {
    let recorded = recorded("kid");
    let quadratic = PolynomialKernel { degree: 2, gamma: Some(0.125), coefficient: 0.5 };
    for (name, options) in [
        ("30 subsets of 200", options(30, 200, true)),
        ("30 subsets of 200", options(30, 200, false)),
        ("3 subsets of 150", options(3, 150, true)),
        ("3 subsets of 150", options(3, 150, false)),
        (
            "10 subsets of 600, degree 2",
            KernelDistanceOptions { kernel: quadratic, ..options(10, 600, false) },
        ),
    ] {
        let expected = &recorded[name];
        let actual = measure(&options).subsets.unwrap();
        close(actual.mean, expected["kernel_inception_distance_mean"].as_f64().unwrap(), 1e-6);
        let spread = expected["kernel_inception_distance_std"].as_f64().unwrap();
        close(actual.standard_deviation, spread, 1e-6);
    }
}

#[test]
fn both_ways_to_the_subsets_agree_to_single_precision() {
    let at_once = measure(&options(3, 150, true)).subsets.unwrap();
    let one_by_one = measure(&options(3, 150, false)).subsets.unwrap();
    for (first, second) in at_once.values.iter().zip(&one_by_one.values) {
        close(*first, *second, 3e-7);
    }
}

#[test]
fn kid_of_all_rows_agrees_with_double_precision() {
    let recorded = recorded("kid");
    let actual = measure(&only_all_rows()).all_rows.unwrap();
    close(actual.value, recorded["all rows"].as_f64().unwrap(), 1e-7);
    let few = kernel_distance(
        reference().slice(s![..40, ..]),
        samples().slice(s![..40, ..]),
        &only_all_rows(),
        &Sequential,
    )
    .unwrap()
    .all_rows
    .unwrap();
    close(few.value, recorded["first 40 rows"].as_f64().unwrap(), 1e-6);
    let interval = few.interval.unwrap();
    let standard_error = recorded["first 40 rows, standard error"].as_f64().unwrap();
    close((interval.high.get() - interval.low.get()) / (2.0 * 1.959_963_985), standard_error, 1e-6);
}

/// Mean of a kernel over all pairs of two sets, of different rows only if they are the same set, with products in double
/// precision.
fn mean_kernel(first: &Array2<f64>, second: &Array2<f64>, kernel: impl Fn(f64) -> f64) -> f64 {
    let products = first.dot(&second.t());
    let same = first == second;
    let pairs = products.indexed_iter().filter(|((row, column), _)| !same || row != column);
    let (sum, count) =
        pairs.fold((0.0, 0), |(sum, count), (_, &product)| (sum + kernel(product), count + 1));
    sum / f64::from(count)
}

/// Sets so large that most of their products are made of sums of quarters: tiles have 1,024 rows.
#[test]
fn large_sets_agree_with_double_precision() {
    let reference = clusters(3, 1100, 1024, 0.5, 0.0);
    let samples = clusters(4, 1060, 1024, 0.5, 0.015_625);
    let (x, y) = (reference.mapv(f64::from), samples.mapv(f64::from));
    let distance = |kernel: &dyn Fn(f64) -> f64| {
        mean_kernel(&x, &x, kernel) + mean_kernel(&y, &y, kernel)
            - 2.0 * mean_kernel(&x, &y, kernel)
    };
    let expected = distance(&|product| (product / 1024.0 + 1.0).powi(3));
    let measured = |executor: &dyn Executor| {
        kernel_distance(reference.view(), samples.view(), &only_all_rows(), executor).unwrap()
    };
    let actual = measured(&Sequential);
    close(actual.all_rows.as_ref().unwrap().value, expected, 1e-8);
    assert_eq!(measured(&Scrambled), actual);
}

#[test]
fn cmmd_of_large_sets_agrees_with_double_precision() {
    let reference = clusters(3, 1100, 1024, 0.5, 0.0);
    let samples = clusters(4, 1060, 1024, 0.5, 0.015_625);
    let unit = |set: &Array2<f32>| {
        let set = set.mapv(f64::from);
        let lengths = set.map_axis(Axis(1), |row| row.dot(&row).sqrt());
        set / lengths.insert_axis(Axis(1))
    };
    let (x, y) = (unit(&reference), unit(&samples));
    let less_one = |product: f64| (-0.01 * (1.0 - product)).exp_m1();
    // All pairs count, also those of a row with itself, where the kernel less one is 0.
    let within = |set: &Array2<f64>| {
        let rows = set.nrows() as f64;
        mean_kernel(set, set, less_one) * (rows - 1.0) / rows
    };
    let expected = 1000.0 * (within(&x) + within(&y) - 2.0 * mean_kernel(&x, &y, less_one));
    let options = CmmdOptions::default();
    let actual = cmmd(reference.view(), samples.view(), &options, &Sequential).unwrap();
    close(actual.value, expected, 1e-6);
}

/// A row that is a million times as long as the others leaves the subsets without it what they are.
#[test]
fn a_long_row_spoils_no_other_product() {
    let mut reference = clusters(3, 1024, 1024, 0.5, 0.0);
    let samples = clusters(4, 1024, 1024, 0.5, 0.015_625);
    let options = options(40, 100, true);
    let of = |reference: &Array2<f32>| {
        kernel_distance(reference.view(), samples.view(), &options, &Sequential).unwrap()
    };
    let before = of(&reference).subsets.unwrap();
    reference.row_mut(17).mapv_inplace(|value| value * 1e6);
    let after = of(&reference).subsets.unwrap();
    let (same, other): (Vec<_>, Vec<_>) = before
        .values
        .iter()
        .zip(&after.values)
        .partition(|(before, after)| (*before - *after).abs() < 1e-7);
    assert!(same.len() > 30 && !other.is_empty(), "{} and {}", same.len(), other.len());
    assert!(other.iter().all(|(_, after)| after.abs() > 1.0));
}

#[test]
fn cmmd_agrees_with_double_precision() {
    let recorded = recorded("cmmd");
    let under = |rows: Option<usize>, normalise| {
        let options = CmmdOptions { normalise, ..CmmdOptions::default() };
        let (reference, samples) = (reference(), samples());
        let cut = |set: &Array2<f32>| set.slice(s![..rows.unwrap_or(set.nrows()), ..]).to_owned();
        cmmd(cut(&reference).view(), cut(&samples).view(), &options, &Sequential).unwrap()
    };
    // Single-precision inner products of these rows are off by 1e-6, times scale/(2σ²) = 5 and averaged.
    close(under(None, true).value, recorded["unit rows"].as_f64().unwrap(), 1e-6);
    close(under(None, false).value, recorded["rows as they are"].as_f64().unwrap(), 5e-6);
    let few = under(Some(40), false);
    close(few.value, recorded["first 40 rows"].as_f64().unwrap(), 5e-6);
    let interval = few.interval.unwrap();
    let standard_error = recorded["first 40 rows, standard error"].as_f64().unwrap();
    close((interval.high.get() - interval.low.get()) / (2.0 * 1.959_963_985), standard_error, 5e-6);
}

#[test]
fn mind_agrees_with_pytorch() {
    let recorded = recorded("mind");
    for (name, rows, options) in [
        ("700 against 600, 1000 directions", 700, MindOptions::default()),
        ("600 against 600, 50 directions", 600, MindOptions { directions: 50, seed: 7 }),
    ] {
        let reference = reference();
        let reference = reference.slice(s![..rows, ..]);
        let actual = mind(reference, samples().view(), &options, &Sequential).unwrap().value;
        let expected = recorded[name].as_f64().unwrap();
        close(actual / expected, 1.0, 1e-6);
    }
}

/// Rotates neighbouring pairs of coordinates.
fn rotated(set: ArrayView2<'_, f32>) -> Array2<f32> {
    let (sine, cosine) = 0.7_f64.sin_cos();
    Array2::from_shape_fn(set.dim(), |(row, column)| {
        let (own, other) = (f64::from(set[[row, column]]), f64::from(set[[row, column ^ 1]]));
        let sign = if column % 2 == 0 { -1.0 } else { 1.0 };
        (cosine * own + sign * sine * other) as f32
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn laws(seed in 1_u64..1000, rows in 5_usize..40, more in 0_usize..20, pairs in 1_usize..9) {
        let width = 2 * pairs;
        let first = clusters(seed, rows, width, 0.5, 0.0);
        let second = clusters(seed + 1000, rows + more, width, 0.5, 0.1);
        let kid = |first: &Array2<f32>, second: &Array2<f32>| {
            let result = kernel_distance(first.view(), second.view(), &only_all_rows(), &Sequential);
            result.unwrap().all_rows.unwrap().value
        };
        let discrepancy = |first: &Array2<f32>, second: &Array2<f32>| {
            let options = CmmdOptions { normalise: false, ..CmmdOptions::default() };
            cmmd(first.view(), second.view(), &options, &Sequential).unwrap().value
        };
        let distance = kid(&first, &second);
        // Neither the sides, nor the order of rows, nor a rotation of all matters.
        prop_assert!((kid(&second, &first) - distance).abs() < 1e-6);
        prop_assert!((discrepancy(&second, &first) - discrepancy(&first, &second)).abs() < 1e-5);
        let mut reversed = first.clone();
        reversed.invert_axis(Axis(0));
        prop_assert!((kid(&reversed, &second) - distance).abs() < 1e-6);
        let (turned, turned_too) = (rotated(first.view()), rotated(second.view()));
        prop_assert!((kid(&turned, &turned_too) - distance).abs() < 3e-6);
        // A set with itself: the U-statistic is 2/(n(n-1)) (mean of all pairs less mean of the diagonal), not above 0.
        prop_assert!(kid(&first, &first) < 1e-6);
        // The V-statistic is a squared norm.
        prop_assert!(discrepancy(&first, &first).abs() < 1e-5);
        prop_assert!(discrepancy(&first, &second) > -1e-5);
        let options = MindOptions { directions: 16, seed: 1 };
        let sliced = |first: &Array2<f32>, second: &Array2<f32>| {
            mind(first.view(), second.view(), &options, &Sequential).unwrap().value
        };
        prop_assert!(sliced(&first, &reversed) == 0.0);
        prop_assert!(sliced(&first, &second) > 0.0);
        // Moving all rows by t moves every order statistic by t·u: MIND = 3 d · mean (t·u)², whose mean is 3 |t|².
        let moved = first.mapv(|value| value + 2.0);
        let expected = 3.0 * 4.0 * width as f64;
        let many = MindOptions { directions: 2000, seed: 1 };
        let actual = mind(first.view(), moved.view(), &many, &Sequential).unwrap().value;
        // (t·u)² has mean |t|²/d and a standard deviation of at most √2 times that.
        prop_assert!((actual / expected - 1.0).abs() < 6.0 * (2.0_f64 / 2000.0).sqrt(), "{}", actual / expected);
    }
}

#[test]
fn every_executor_gives_the_same_bits() {
    let (reference, samples) = (clusters(1, 1300, 20, 0.5, 0.0), clusters(2, 1100, 20, 0.5, 0.1));
    for options in [options(8, 400, true), options(2, 600, false)] {
        let kid = |executor| kernel_distance(reference.view(), samples.view(), &options, executor);
        assert_eq!(kid(&Sequential), kid(&Scrambled));
    }
    let options = CmmdOptions::default();
    assert_eq!(
        cmmd(reference.view(), samples.view(), &options, &Sequential),
        cmmd(reference.view(), samples.view(), &options, &Scrambled)
    );
    let options = MindOptions { directions: 100, seed: 0 };
    assert_eq!(
        mind(reference.view(), samples.view(), &options, &Sequential),
        mind(reference.view(), samples.view(), &options, &Scrambled)
    );
}

/// A table that is not in memory, as far as a metric can see, and can be read so many times.
#[derive(Debug)]
struct Stored {
    rows: Array2<f32>,
    reads: AtomicUsize,
}

impl Stored {
    fn of(rows: &Array2<f32>) -> Self {
        Self { rows: rows.clone(), reads: AtomicUsize::new(usize::MAX) }
    }

    fn rows(&self) -> SetRows<'_> {
        SetRows::Table(self)
    }
}

impl FeatureTable for Stored {
    fn shape(&self) -> TableShape {
        let (samples, width) = self.rows.dim();
        TableShape { samples, views: 1, tokens: 1, width }
    }

    fn read(&self, views: &[View], into: &mut [f32]) -> Result<(), ReadError> {
        let less = |reads: usize| reads.checked_sub(1);
        if self.reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
            return Err(ReadError::new("the disk is broken"));
        }
        let width = self.rows.ncols();
        for (view, target) in views.iter().zip(into.chunks_exact_mut(width)) {
            target.copy_from_slice(self.rows.row(view.sample).as_slice().unwrap());
        }
        Ok(())
    }
}

#[test]
fn rows_of_a_table_give_the_same_bits_as_rows_in_memory() {
    let (reference, samples) = (clusters(1, 2100, 20, 0.5, 0.0), clusters(2, 1100, 20, 0.5, 0.1));
    let (stored_reference, stored_samples) = (Stored::of(&reference), Stored::of(&samples));
    // All pairs, all pairs for the subsets alone, and each subset by itself.
    for options in [options(8, 400, true), options(20, 1000, false), options(2, 600, false)] {
        let stored =
            kernel_distance(stored_reference.rows(), stored_samples.rows(), &options, &Scrambled);
        let expected = kernel_distance(reference.view(), samples.view(), &options, &Sequential);
        assert_eq!(stored.unwrap(), expected.unwrap());
    }
    for normalise in [true, false] {
        let options = CmmdOptions { normalise, ..CmmdOptions::default() };
        // A side may be in memory while the other is not.
        let stored = cmmd(reference.view(), stored_samples.rows(), &options, &Scrambled).unwrap();
        assert_eq!(stored, cmmd(reference.view(), samples.view(), &options, &Sequential).unwrap());
    }
    let options = MindOptions { directions: 100, seed: 0 };
    assert_eq!(
        mind(stored_reference.rows(), stored_samples.rows(), &options, &Scrambled).unwrap(),
        mind(reference.view(), samples.view(), &options, &Sequential).unwrap()
    );
}

type Outcome = Result<(), DistributionError>;

#[test]
fn a_table_is_checked_like_an_array_and_its_errors_come_through() {
    let reference = Stored::of(&clusters(1, 2100, 20, 0.5, 0.0));
    let with = |row: usize, value: f32| {
        let mut rows = clusters(2, 2100, 20, 0.5, 0.1);
        rows.row_mut(row).fill(value);
        Stored::of(&rows)
    };
    let kid = |samples: &Stored, options: &KernelDistanceOptions| {
        kernel_distance(reference.rows(), samples.rows(), options, &Sequential).map(|_| ())
    };
    let subsets = |samples: &Stored| kid(samples, &options(2, 300, false));
    let all_rows = |samples: &Stored| kid(samples, &options(2, 300, true));
    let unit_rows = |samples: &Stored| {
        cmmd(reference.rows(), samples.rows(), &CmmdOptions::default(), &Sequential).map(|_| ())
    };
    let projections = |samples: &Stored| {
        let options = MindOptions { directions: 20, seed: 0 };
        mind(reference.rows(), samples.rows(), &options, &Sequential).map(|_| ())
    };
    let metrics: [&dyn Fn(&Stored) -> Outcome; 4] = [&subsets, &all_rows, &unit_rows, &projections];
    for metric in metrics {
        let not_finite = DistributionError::NotFinite { set: "the samples", row: 2050 };
        assert_eq!(metric(&with(2050, f32::NAN)), Err(not_finite));
        // Whichever read it is that fails.
        let whole = with(0, 1.0);
        metric(&whole).unwrap();
        let reads = usize::MAX - whole.reads.into_inner();
        assert!(reads > 4);
        for reads in 0..reads {
            let broken = Stored { reads: AtomicUsize::new(reads), ..with(0, 1.0) };
            let error = metric(&broken).unwrap_err().to_string();
            assert_eq!(error, "the features of the samples cannot be read: the disk is broken");
        }
    }
    let zero_row = DistributionError::ZeroRow { set: "the samples", row: 2050 };
    assert_eq!(unit_rows(&with(2050, 0.0)), Err(zero_row));
}

#[test]
fn measurements_are_those_that_were_asked_for() {
    let names = |options: &KernelDistanceOptions| -> Vec<String> {
        let measurements = measure(options).measurements();
        assert!(measurements.iter().all(|measurement| measurement.n == 600));
        measurements.into_iter().map(|measurement| measurement.metric).collect()
    };
    assert_eq!(names(&options(2, 50, true)), ["KID", "KID spread over subsets", "KID (all rows)"]);
    assert_eq!(names(&options(2, 50, false)), ["KID", "KID spread over subsets"]);
    assert_eq!(names(&only_all_rows()), ["KID (all rows)"]);
}

#[test]
fn bad_input_is_refused() {
    let failure = |options: &KernelDistanceOptions| {
        kernel_distance(reference().view(), samples().view(), options, &Sequential).unwrap_err()
    };
    assert_eq!(
        failure(&options(1, 601, false)),
        DistributionError::TooFewRows { set: "the samples", actual: 600, needed: 601 }
    );
    assert!(matches!(failure(&options(0, 10, false)), DistributionError::Options(_)));
    assert!(matches!(failure(&options(1, 1, false)), DistributionError::Options(_)));
    let nothing = KernelDistanceOptions { all_rows: false, ..only_all_rows() };
    assert!(matches!(failure(&nothing), DistributionError::Options(_)));
    let kernel = PolynomialKernel { degree: 0, ..PolynomialKernel::default() };
    let degree = KernelDistanceOptions { kernel, ..only_all_rows() };
    assert!(matches!(failure(&degree), DistributionError::Options(_)));
    let huge = samples().mapv(|value| value * 1e18);
    assert!(matches!(
        kernel_distance(reference().view(), huge.view(), &only_all_rows(), &Sequential),
        Err(DistributionError::Overflow { .. })
    ));
    let mut zero = samples();
    zero.row_mut(3).fill(0.0);
    assert_eq!(
        cmmd(reference().view(), zero.view(), &CmmdOptions::default(), &Sequential).unwrap_err(),
        DistributionError::ZeroRow { set: "the samples", row: 3 }
    );
    let narrow = CmmdOptions { sigma: 0.0, ..CmmdOptions::default() };
    assert!(matches!(
        cmmd(reference().view(), zero.view(), &narrow, &Sequential),
        Err(DistributionError::Options(_))
    ));
    let none = MindOptions { directions: 0, seed: 0 };
    assert!(matches!(
        mind(reference().view(), zero.view(), &none, &Sequential),
        Err(DistributionError::Options(_))
    ));
}

#[test]
fn overflow_and_absurd_options_are_errors() {
    let large = Array2::from_shape_fn((6, 3), |(row, column)| 1e22_f32 * (row + column) as f32);
    let as_they_are = CmmdOptions { normalise: false, ..CmmdOptions::default() };
    assert!(matches!(
        cmmd(large.view(), large.view(), &as_they_are, &Sequential),
        Err(DistributionError::Overflow { .. })
    ));
    let many = Subsets { count: usize::MAX, size: 2, seed: 0 };
    let tiny = PolynomialKernel { gamma: Some(1e-60), ..PolynomialKernel::default() };
    for options in [
        KernelDistanceOptions { subsets: Some(many), ..KernelDistanceOptions::default() },
        KernelDistanceOptions { kernel: tiny, subsets: None, ..KernelDistanceOptions::default() },
    ] {
        assert!(matches!(
            kernel_distance(large.view(), large.view(), &options, &Sequential),
            Err(DistributionError::Options(_))
        ));
    }
    let directions = MindOptions { directions: 1 << 40, ..MindOptions::default() };
    assert!(matches!(
        mind(large.view(), large.view(), &directions, &Sequential),
        Err(DistributionError::Options(_))
    ));
}
