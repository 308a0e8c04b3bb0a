//! Fréchet distances against mpmath, SciPy and pytorch-fid (recorded by `tests/parity/metrics_frechet.py`), against closed
//! forms, and against their own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};
use portable::Scrambled;
use proptest::prelude::*;
use retally_metrics::AbsenceReason;
use retally_metrics::distribution::{
    BLOCK_ROWS, DistributionError, FdInfinityOptions, FrechetDistance, FrechetOptions, FrechetSide,
    Gaussian, Moments, MomentsStream, SetRows, TracePath, fd_infinity, frechet_bias,
    frechet_distance, frechet_distance_with_uncertainty, frechet_measurements,
};
use retally_metrics::executor::Sequential;
use retally_metrics::random::Stream;
use retally_metrics::table::MemoryTable;
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/metrics_frechet.json");

#[track_caller]
fn assert_close(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected}");
}

fn distance(reference: &Array2<f32>, samples: &Array2<f32>) -> FrechetDistance {
    let sides = [reference, samples].map(|set| FrechetSide::from(set.view()));
    frechet_distance(sides[0], sides[1], &Sequential).unwrap()
}

fn between(reference: &Gaussian, samples: &Gaussian) -> FrechetDistance {
    let sides = [reference, samples].map(FrechetSide::Gaussian);
    frechet_distance(sides[0], sides[1], &Sequential).unwrap()
}

fn gaussian_of(features: &Array2<f32>) -> Gaussian {
    let moments = Moments::of(features.view(), "a test", &Sequential).unwrap();
    Gaussian::of_moments(&moments, "a test").unwrap()
}

fn gaussian(mean: &Array1<f64>, covariance: &Array2<f64>) -> Result<Gaussian, DistributionError> {
    Gaussian::from_statistics(mean.view(), covariance.view(), None, "a test")
}

/// Correlated uniform features.
fn features(rows: usize, width: usize, seed: u64) -> Array2<f32> {
    let mut stream = Stream::new(seed, "features", 0);
    let raw = Array2::from_shape_fn((rows, width), |_| stream.uniform());
    let mixing = Array2::from_shape_fn((width, width), |_| stream.uniform() - 0.4);
    raw.dot(&mixing).mapv(|value| value as f32)
}

/// Independent standard normal numbers (Box and Muller 1958).
fn normal(rows: usize, width: usize, stream: &mut Stream) -> Array2<f64> {
    Array2::from_shape_fn((rows, width), |_| {
        let radius = (-2.0 * (1.0 - stream.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * stream.uniform()).cos()
    })
}

/// An orthogonal matrix: the product of reflections.
fn orthogonal(width: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, "orthogonal", 0);
    let mut result = Array2::eye(width);
    for _ in 0..3 {
        let normal = Array1::from_shape_fn(width, |_| stream.uniform() - 0.5);
        let column = normal.view().insert_axis(Axis(1));
        let reflection = Array2::eye(width) - column.dot(&column.t()) * (2.0 / normal.dot(&normal));
        result = reflection.dot(&result);
    }
    result
}

fn rotated(basis: &Array2<f64>, variances: &[f64]) -> Array2<f64> {
    basis.dot(&Array2::from_diag(&Array1::from(variances.to_vec()))).dot(&basis.t())
}

mod recorded {
    use super::*;

    fn splitmix64(counter: u64) -> u64 {
        let mut z = counter.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The features of the parity script.
    fn features(seed: u64, case: &Value) -> Array2<f32> {
        let rows = case["rows"][seed as usize - 1].as_u64().unwrap() as usize;
        let width = case["dimensions"].as_u64().unwrap() as usize;
        let dead = case["dead"].as_u64().unwrap() as usize;
        let uniform = |row: usize, column: usize| {
            let counter = (seed << 32) + (row * width + column + 1) as u64;
            (splitmix64(counter) >> 40) as f64 / (1 << 24) as f64
        };
        Array2::from_shape_fn((rows, width), |(row, column)| {
            let before = (column + width - 1) % width;
            let value = uniform(row, column) + 0.5 * uniform(row, before) + 0.25 * seed as f64;
            let scale = 10_f64.powf(-case["decay"].as_f64().unwrap() * column as f64);
            let live = value * scale + case["offset"].as_f64().unwrap();
            if column >= width - dead { 1.5 } else { live as f32 }
        })
    }

    #[test]
    fn every_path_equals_fifty_digits() {
        let document: Value = serde_json::from_str(RECORDED).unwrap();
        let mut paths = Vec::new();
        for case in document["cases"].as_array().unwrap() {
            let [reference, samples] = [1, 2].map(|seed| features(seed, case));
            for (index, set) in [&reference, &samples].into_iter().enumerate() {
                let sum: f64 = set.iter().map(|&value| f64::from(value)).sum();
                assert_close(sum, case["checksum"][index].as_f64().unwrap(), 1e-9 * sum);
            }
            let result = distance(&reference, &samples);
            let exact = |key: &str| case["exact"][key].as_f64().unwrap();
            let scale = exact("trace_reference") + exact("trace_samples") + exact("mean_term");
            // A mean is rounded to eps of its own size, offset included.
            let mean_error = f64::EPSILON * case["offset"].as_f64().unwrap() * scale.sqrt();
            assert_close(result.mean_term, exact("mean_term"), 1e-13 * scale + 4.0 * mean_error);
            assert_close(result.trace_reference, exact("trace_reference"), 1e-13 * scale);
            assert_close(result.trace_samples, exact("trace_samples"), 1e-13 * scale);
            assert_close(result.trace_root, exact("trace_root"), 1e-13 * scale);
            assert_close(result.distance, exact("distance"), 3e-13 * scale + 4.0 * mean_error);
            paths.push((case["name"].as_str().unwrap(), result.path));
        }
        let expected = [
            ("full-rank", TracePath::Cholesky),
            ("one-dimension", TracePath::Cholesky),
            ("scales", TracePath::CholeskySingularValues),
            ("offset", TracePath::Cholesky),
            ("few-rows", TracePath::NuclearNorm),
            ("few-rows-of-one-set", TracePath::NuclearNorm),
            ("dead-columns", TracePath::EigenCutOff),
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn full_rank_equals_scipy_and_pytorch_fid() {
        let document: Value = serde_json::from_str(RECORDED).unwrap();
        let case = &document["cases"][0];
        let result = distance(&features(1, case), &features(2, case));
        assert_close(result.trace_root, case["scipy_trace_root"].as_f64().unwrap(), 1e-12);
        assert_close(result.distance, case["pytorch_fid"].as_f64().unwrap(), 1e-11);
    }
}

mod closed_forms {
    use super::*;

    #[test]
    fn diagonal_gaussians() {
        let [a, b] =
            [array![1.0, 4.0, 0.25], array![9.0, 1.0, 0.25]].map(|v| Array2::from_diag(&v));
        let result = between(
            &gaussian(&array![0.0, 1.0, 2.0], &a).unwrap(),
            &gaussian(&array![3.0, 1.0, 0.0], &b).unwrap(),
        );
        assert_eq!(result.mean_term, 13.0);
        assert_close(result.trace_root, 3.0 + 2.0 + 0.25, 1e-14);
        // Σ (√a - √b)² = 4 + 1 + 0
        assert_close(result.distance, 18.0, 1e-13);
        assert_eq!(result.path, TracePath::Cholesky);
    }

    #[test]
    fn commuting_covariances_of_any_rank() {
        let basis = orthogonal(6, 1);
        let zero = Array1::zeros(6);
        let full = [4.0_f64, 1.0, 0.5, 0.25, 2.0, 3.0];
        let deficient = [1.0, 0.0, 2.0, 0.0, 0.0, 9.0];
        let other = [0.0, 0.0, 3.0, 5.0, 0.0, 1.0];
        for (a, b) in [(full, deficient), (deficient, full), (deficient, other)] {
            let expected: f64 = a.iter().zip(&b).map(|(a, b)| (a * b).sqrt()).sum();
            let sets = [a, b].map(|v| gaussian(&zero, &rotated(&basis, &v)).unwrap());
            let result = between(&sets[0], &sets[1]);
            assert_eq!(result.path, TracePath::EigenCutOff);
            assert_close(result.trace_root, expected, 1e-13);
        }
    }

    #[test]
    fn spectra_over_twelve_decades_lose_nothing() {
        let (basis, zero) = (orthogonal(5, 2), Array1::zeros(5));
        let [a, b] = [[1.0_f64, 1e-6, 1e-3, 1e-9, 1e-12], [1e-8, 1.0, 1e-3, 1.0, 1.0]];
        let sets = [a, b].map(|v| Array2::from_diag(&Array1::from(v.to_vec())));
        let expected: f64 = a.iter().zip(&b).map(|(a, b)| (a * b).sqrt()).sum();
        let plain = sets.clone().map(|set| gaussian(&zero, &set).unwrap());
        assert_close(between(&plain[0], &plain[1]).trace_root, expected, 1e-15);
        // Rotated, the covariance itself is only known to 1e-16 of its largest eigenvalue: the root of 1e-12 to 1e-10.
        let turned = sets.map(|set| gaussian(&zero, &basis.dot(&set).dot(&basis.t())).unwrap());
        assert_close(between(&turned[0], &turned[1]).trace_root, expected, 1e-10);
    }

    #[test]
    fn constant_features_have_no_spread() {
        let constant = Array2::from_elem((20, 3), 2.5_f32);
        let result = distance(&constant, &Array2::from_elem((30, 3), 1.0));
        assert_eq!((result.distance, result.trace_root), (3.0 * 2.25, 0.0));
        assert_eq!(result.path, TracePath::EigenCutOff);
        let samples = features(30, 3, 4);
        let against = distance(&constant, &samples);
        assert_eq!(against.trace_root, 0.0);
        assert_eq!(against.distance, against.mean_term + against.trace_samples);
        // Also where rows stand for the covariance.
        let few = distance(&Array2::from_elem((2, 3), 2.5), &features(3, 3, 5));
        assert_eq!((few.trace_root, few.path), (0.0, TracePath::NuclearNorm));
    }

    #[test]
    fn two_numbers_each() {
        let result = distance(&array![[0.0], [2.0]], &array![[1.0], [5.0]]);
        // Variances 2 and 8: (3 - 1)² + (√8 - √2)²
        assert_close(result.distance, 6.0, 1e-14);
    }
}

mod moments {
    use super::*;

    fn bits(moments: &Moments) -> Vec<u64> {
        let gaussian = Gaussian::of_moments(moments, "a test").unwrap();
        let covariance = gaussian.covariance();
        moments.mean().iter().chain(covariance.iter()).map(|value| value.to_bits()).collect()
    }

    fn of(rows: ArrayView2<'_, f32>) -> Moments {
        Moments::of(rows, "a test", &Sequential).unwrap()
    }

    #[test]
    fn equal_covariances_of_numpy_definition() {
        // Also of several blocks with means far apart.
        for (count, drift) in [(300, 0.0), (2 * BLOCK_ROWS + 300, 0.01)] {
            let mut rows = features(count, 5, 3);
            for (index, mut row) in rows.outer_iter_mut().enumerate() {
                row.mapv_inplace(|value| value + (drift * index as f64) as f32);
            }
            let wide = rows.mapv(f64::from);
            let mean = wide.mean_axis(Axis(0)).unwrap();
            let centred = &wide - &mean;
            let expected = centred.t().dot(&centred) / (count as f64 - 1.0);
            let actual = gaussian_of(&rows);
            let largest = expected.diag().fold(0.0, |largest: f64, &value| largest.max(value));
            for (a, b) in actual.covariance().iter().zip(&expected) {
                assert_close(*a, *b, 1e-13 * largest);
            }
            for (a, b) in actual.mean().iter().zip(&mean) {
                assert_close(*a, *b, 1e-13 * largest.sqrt());
            }
            assert_eq!(actual.rows(), Some(count as u64));
        }
    }

    #[test]
    fn blocks_merged_by_the_tree_are_the_whole_bit_for_bit() {
        // Five blocks, the last one short; 300 dimensions are two strips.
        let rows = features(4 * BLOCK_ROWS + 77, 300, 6);
        let block = |index: usize| {
            let end = (BLOCK_ROWS * (index + 1)).min(rows.nrows());
            of(rows.slice(s![BLOCK_ROWS * index..end, ..]))
        };
        let merge = |a: &Moments, b: &Moments| a.merge(b, &Sequential).unwrap();
        let left = merge(&block(0), &block(1));
        let right = merge(&block(2), &block(3));
        let merged = merge(&merge(&left, &right), &block(4));
        assert_eq!(bits(&merged), bits(&of(rows.view())));
        assert_eq!(merged.rows(), rows.nrows() as u64);
        let threads = Moments::of(rows.view(), "a test", &Scrambled).unwrap();
        assert_eq!(bits(&threads), bits(&merged));
    }

    #[test]
    fn a_common_offset_costs_nothing() {
        // Multiples of 8 keep their differences at 1e8 in f32.
        let rows = features(500, 4, 7).mapv(|value| (value * 100.0).round() * 8.0);
        for offset in [1e6, 1e8] {
            let moved = rows.mapv(|value| value + offset);
            let [plain, far] = [&rows, &moved].map(gaussian_of);
            let exact: Vec<f64> = plain.covariance().iter().copied().collect();
            for (a, b) in far.covariance().iter().zip(exact) {
                assert_close(*a, b, 1e-9 * plain.covariance().diag().sum());
            }
            let [a, b] =
                [rows.slice(s![..250, ..]), rows.slice(s![250.., ..])].map(|h| h.to_owned());
            let near = distance(&a, &b).distance;
            let add = |half: &Array2<f32>| half.mapv(|value| value + offset);
            assert_close(distance(&add(&a), &add(&b)).distance, near, 1e-9 * near.max(1.0));
        }
    }

    #[test]
    fn doubles_keep_their_digits() {
        let rows = features(50, 2, 8).mapv(|value| 1e8 + f64::from(value) * 1e-3);
        let moments = Moments::of(rows.view(), "a test", &Sequential).unwrap();
        let actual = Gaussian::of_moments(&moments, "a test").unwrap().covariance();
        let centred = rows.mapv(|value| value - 1e8);
        let centred = &centred - &centred.mean_axis(Axis(0)).unwrap();
        let expected = centred.t().dot(&centred) / 49.0;
        for (a, b) in actual.iter().zip(&expected) {
            assert_close(*a, *b, 1e-12 * expected[(0, 0)]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn cuts_change_no_bit(rows in 1_usize..3500, cuts in prop::collection::vec(0_usize..3500, 0..6)) {
            let all = features(rows, 3, 9);
            let mut borders: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows)).collect();
            borders.extend([0, rows]);
            borders.sort_unstable();
            let mut stream = MomentsStream::new("a test", 3).unwrap();
            for pair in borders.windows(2) {
                stream.push(all.slice(s![pair[0]..pair[1], ..]), &Sequential).unwrap();
            }
            let streamed = stream.finish(&Sequential).unwrap();
            prop_assume!(rows > 1);
            prop_assert_eq!(bits(&streamed), bits(&of(all.view())));
        }
    }
}

mod errors {
    use super::*;

    fn error(reference: &Array2<f32>, samples: &Array2<f32>) -> DistributionError {
        let sides = [reference, samples].map(|set| FrechetSide::from(set.view()));
        frechet_distance(sides[0], sides[1], &Sequential).unwrap_err()
    }

    #[test]
    fn sets_that_have_no_distance() {
        let good = features(5, 3, 0);
        let (reference, samples) = ("the reference", "the samples");
        assert_eq!(
            error(&good, &features(5, 2, 0)),
            DistributionError::Dimensions { reference: 3, samples: 2 }
        );
        assert_eq!(
            error(&good, &Array2::zeros((1, 3))),
            DistributionError::TooFewRows { set: samples, actual: 1, needed: 2 }
        );
        assert_eq!(
            error(&Array2::zeros((4, 0)), &good),
            DistributionError::NoDimensions { set: reference }
        );
        for rows in [3, 2000] {
            let mut bad = features(rows, 3, 1);
            for value in [f32::NAN, f32::INFINITY] {
                bad[(rows - 1, 2)] = value;
                let expected = DistributionError::NotFinite { set: reference, row: rows - 1 };
                assert_eq!(error(&bad, &good), expected);
            }
        }
    }

    #[test]
    fn statistics_that_no_set_has() {
        let mean = array![0.0, 0.0];
        let problem = |covariance: &Array2<f64>| match gaussian(&mean, covariance) {
            Err(DistributionError::Statistics { problem, .. }) => problem,
            other => format!("{other:?}"),
        };
        assert!(problem(&array![[1.0, 0.5], [0.4, 1.0]]).contains("not symmetric"));
        assert!(problem(&array![[1.0, 0.5], [0.5, -1.0]]).contains("negative"));
        assert!(problem(&array![[1.0, 1.5], [1.5, 1.0]]).contains("more than its variances"));
        assert!(problem(&array![[1.0, f64::NAN], [0.0, 1.0]]).contains("NaN"));
        assert!(problem(&array![[1.0, 0.0], [0.0, 1e200]]).contains("exceeds"));
        assert!(problem(&Array2::eye(3)).contains("2 numbers"));
    }

    #[test]
    fn a_matrix_that_is_no_covariance_is_refused() {
        // Every pair is allowed, the three together are not: one eigenvalue is -0.8.
        let covariance = array![[1.0, 0.9, 0.9], [0.9, 1.0, -0.9], [0.9, -0.9, 1.0]];
        let bad = gaussian(&Array1::zeros(3), &covariance).unwrap();
        let good = gaussian(&Array1::zeros(3), &Array2::eye(3)).unwrap();
        for (a, b) in [(&good, &bad), (&bad, &good)] {
            let sides = [a, b].map(FrechetSide::Gaussian);
            let result = frechet_distance(sides[0], sides[1], &Sequential);
            assert!(matches!(result, Err(DistributionError::Statistics { .. })), "{result:?}");
        }
    }

    #[test]
    fn covariances_stored_as_f32_are_taken() {
        let zero = Array1::zeros(6);
        let exact = rotated(&orthogonal(6, 3), &[4.0, 1.0, 0.5, 0.0, 0.0, 3.0]);
        let stored = exact.mapv(|value| f64::from(value as f32));
        let [exact, stored] = [exact, stored].map(|set| gaussian(&zero, &set).unwrap());
        let result = between(&exact, &stored);
        assert_close(result.distance, 0.0, 1e-5);
    }
}

mod laws {
    use super::*;

    fn two_sets() -> impl Strategy<Value = (Array2<f32>, Array2<f32>)> {
        (2_usize..40, 2_usize..40, 1_usize..12, any::<u32>()).prop_map(|(a, b, width, seed)| {
            let seed = u64::from(seed);
            (features(a, width, seed), features(b, width, seed + 1))
        })
    }

    fn scale(result: &FrechetDistance) -> f64 {
        result.mean_term + result.trace_reference + result.trace_samples
    }

    /// What the path promises: `cholesky` is taken where its error is at most 1e-10 of the trace, the others keep all digits.
    fn precision(result: &FrechetDistance) -> f64 {
        if result.path == TracePath::Cholesky { 1e-10 } else { 1e-12 }
    }

    proptest! {
        #[test]
        fn a_set_is_at_distance_zero_from_itself((a, _) in two_sets()) {
            let result = distance(&a, &a);
            prop_assert_eq!(result.mean_term, 0.0);
            prop_assert!(result.distance <= precision(&result) * scale(&result), "{result:?}");
        }

        #[test]
        fn the_distance_is_symmetric_and_not_negative((a, b) in two_sets()) {
            let (there, back) = (distance(&a, &b), distance(&b, &a));
            prop_assert!(there.distance >= 0.0);
            let allowed = precision(&there) + precision(&back);
            assert_close(there.distance, back.distance, allowed * scale(&there));
        }

        #[test]
        fn rows_and_the_order_of_dimensions_do_not_matter((a, b) in two_sets(), seed: u64) {
            let mut stream = Stream::new(seed, "order", 0);
            let mut rows: Vec<usize> = (0..a.nrows()).collect();
            let mut columns: Vec<usize> = (0..a.ncols()).collect();
            stream.shuffle(&mut rows);
            stream.shuffle(&mut columns);
            let mixed = a.select(Axis(0), &rows).select(Axis(1), &columns);
            let plain = distance(&a, &b);
            let moved = distance(&mixed, &b.select(Axis(1), &columns));
            let allowed = precision(&moved) + precision(&plain);
            assert_close(moved.distance, plain.distance, allowed * scale(&plain));
        }

        #[test]
        fn rotation_does_not_matter((a, b) in two_sets(), seed: u64) {
            let basis = orthogonal(a.ncols(), seed);
            let turn = |set: &Array2<f32>| {
                let set = gaussian_of(set);
                let mean = basis.dot(&Array1::from(set.mean().to_vec()));
                gaussian(&mean, &basis.dot(&set.covariance()).dot(&basis.t())).unwrap()
            };
            let plain = distance(&a, &b);
            let turned = between(&turn(&a), &turn(&b));
            // A covariance of almost deficient rank is known to 1e-16, its roots to 1e-8.
            assert_close(turned.distance, plain.distance, 2e-7 * scale(&plain));
        }

        #[test]
        fn translation_adds_its_square((a, b) in two_sets(), step in -4_i8..5) {
            // A step of all means by δ changes |Δ|² by d δ² + 2 δ Σ Δ.
            let step = f32::from(step);
            let a = a.mapv(|value| (value * 1024.0).round() / 1024.0);
            let plain = distance(&a, &b);
            let moved = distance(&a.mapv(|value| value + step), &b);
            let gaps = gaussian_of(&a).mean().iter().zip(gaussian_of(&b).mean()).map(|(a, b)| a - b)
                .sum::<f64>();
            let step = f64::from(step);
            let expected = plain.distance + a.ncols() as f64 * step * step + 2.0 * step * gaps;
            let allowed = precision(&plain) + precision(&moved);
            assert_close(moved.distance, expected, allowed * (scale(&plain) + scale(&moved)));
        }

        #[test]
        fn scaling_is_quadratic((a, b) in two_sets(), power in -60_i32..60) {
            let factor = 2_f32.powi(power);
            let plain = distance(&a, &b);
            let scaled = distance(&a.mapv(|v| v * factor), &b.mapv(|v| v * factor));
            let square = f64::from(factor).powi(2);
            assert_close(scaled.distance, plain.distance * square, 1e-12 * square * scale(&plain));
        }

        #[test]
        fn rows_and_their_covariance_agree((a, b) in two_sets()) {
            let plain = distance(&a, &b);
            let stored = between(&gaussian_of(&a), &gaussian_of(&b));
            // The covariance of few rows has lost what is below 1e-16 of its size: the root is good to 1e-8.
            assert_close(stored.distance, plain.distance, 2e-7 * scale(&plain));
        }

        #[test]
        fn executors_change_no_bit((a, b) in two_sets()) {
            let sides = || [&a, &b].map(|set| FrechetSide::from(set.view()));
            let [[one, two], [three, four]] = [sides(), sides()];
            let plain = frechet_measurements("FD", one, two, FrechetOptions::default(), &Sequential);
            let other = frechet_measurements("FD", three, four, FrechetOptions::default(), &Scrambled);
            prop_assert_eq!(plain.unwrap(), other.unwrap());
        }
    }

    /// More rows than a block and more columns than a strip, so that there are tasks to be scrambled.
    #[test]
    fn executors_change_no_bit_of_several_blocks() {
        let sets = [features(BLOCK_ROWS + 300, 300, 21), features(BLOCK_ROWS + 9, 300, 22)];
        let sides = || [&sets[0], &sets[1]].map(|set| FrechetSide::from(set.view()));
        let [[one, two], [three, four]] = [sides(), sides()];
        let plain = frechet_measurements("FD", one, two, FrechetOptions::default(), &Sequential);
        let other = frechet_measurements("FD", three, four, FrechetOptions::default(), &Scrambled);
        assert_eq!(plain.unwrap(), other.unwrap());
    }

    #[test]
    fn paths_agree_closely_at_deficient_rank() {
        let few = [features(9, 12, 3), features(10, 12, 4)];
        let by_rows = distance(&few[0], &few[1]);
        let by_covariance = between(&gaussian_of(&few[0]), &gaussian_of(&few[1]));
        assert_eq!(by_rows.path, TracePath::NuclearNorm);
        assert_eq!(by_covariance.path, TracePath::EigenCutOff);
        assert_close(by_covariance.trace_root, by_rows.trace_root, 1e-13 * scale(&by_rows));
    }
}

/// Repeated draws from Gaussians whose distance is known. Seeds are fixed; the bands are four standard errors of what is
/// simulated, so that a formula that is off by more does not pass.
mod simulation {
    use super::*;

    const REPEATS: usize = 400;

    /// Two sets of normal features; the second has means and deviations of its own.
    struct Population {
        rows: [usize; 2],
        means: Vec<f64>,
        deviations: Vec<f64>,
    }

    impl Population {
        fn new(rows: [usize; 2], width: usize) -> Self {
            let spread = |index: usize| index as f64 / width as f64;
            Self {
                rows,
                means: (0..width).map(|index| 0.4 - 0.5 * spread(index)).collect(),
                deviations: (0..width).map(|index| 0.8 + spread(index)).collect(),
            }
        }

        fn distance(&self) -> f64 {
            let terms = self.means.iter().zip(&self.deviations);
            terms.map(|(mean, deviation)| mean * mean + (deviation - 1.0).powi(2)).sum()
        }

        fn draw(&self, index: u64) -> [Array2<f32>; 2] {
            let mut stream = Stream::new(7, "simulation", index);
            let width = self.means.len();
            let first = normal(self.rows[0], width, &mut stream);
            let scale = Array1::from(self.deviations.clone());
            let second = normal(self.rows[1], width, &mut stream) * &scale
                + &Array1::from(self.means.clone());
            [first, second].map(|set| set.mapv(|value| value as f32))
        }

        /// The first set's Gaussian without sampling error.
        fn reference(&self) -> Gaussian {
            let width = self.means.len();
            gaussian(&Array1::zeros(width), &Array2::eye(width)).unwrap()
        }
    }

    struct Summary {
        mean: f64,
        deviation: f64,
        /// Root mean square of the estimated standard errors.
        standard_error: f64,
        coverage: f64,
    }

    fn summary(draws: &[(f64, f64)]) -> Summary {
        let count = draws.len() as f64;
        let mean = draws.iter().map(|draw| draw.0).sum::<f64>() / count;
        let squares: f64 = draws.iter().map(|draw| (draw.0 - mean).powi(2)).sum();
        let errors: f64 = draws.iter().map(|draw| draw.1 * draw.1).sum();
        let inside = draws.iter().filter(|draw| (draw.0 - mean).abs() <= 1.96 * draw.1).count();
        Summary {
            mean,
            deviation: (squares / (count - 1.0)).sqrt(),
            standard_error: (errors / count).sqrt(),
            coverage: inside as f64 / count,
        }
    }

    /// Distances with their standard errors; `given` replaces the first set.
    fn distances(population: &Population, given: Option<&Gaussian>) -> Summary {
        let draws: Vec<(f64, f64)> = (0..REPEATS as u64)
            .map(|index| {
                let [first, second] = population.draw(index);
                let reference =
                    given.map_or(FrechetSide::from(first.view()), FrechetSide::Gaussian);
                let samples = FrechetSide::from(second.view());
                let (distance, uncertainty) =
                    frechet_distance_with_uncertainty(reference, samples, &Sequential).unwrap();
                (distance.distance, uncertainty.unwrap().standard_error)
            })
            .collect();
        summary(&draws)
    }

    #[track_caller]
    fn assert_honest(summary: &Summary) {
        // The deviation of 400 draws is known to 1 / √800 = 3.5 %, the share of 95 % to 1.1 %.
        let ratio = summary.standard_error / summary.deviation;
        assert!((ratio - 1.0).abs() < 0.14, "standard error is {ratio} of the deviation");
        assert!((summary.coverage - 0.95).abs() < 0.044, "coverage is {}", summary.coverage);
    }

    #[test]
    fn standard_errors_are_honest() {
        assert_honest(&distances(&Population::new([250, 300], 4), None));
        let population = Population::new([250, 300], 4);
        let reference = population.reference();
        assert_honest(&distances(&population, Some(&reference)));
    }

    #[test]
    fn standard_errors_are_on_the_safe_side_with_few_rows() {
        for (rows, width) in [([20, 20], 100), ([40, 50], 60), ([100, 100], 50)] {
            let summary = distances(&Population::new(rows, width), None);
            let ratio = summary.standard_error / summary.deviation;
            assert!((0.86..1.5).contains(&ratio), "standard error is {ratio} of the deviation");
            assert!(summary.coverage > 0.95 - 0.044, "coverage is {}", summary.coverage);
        }
    }

    #[test]
    fn the_bias_is_found_and_removed() {
        let population = Population::new([120, 100], 6);
        let truth = population.distance();
        let draws: Vec<[f64; 2]> = (0..REPEATS as u64)
            .map(|index| {
                let [first, second] = population.draw(index);
                let sides = || [&first, &second].map(|set| FrechetSide::from(set.view()));
                let [reference, samples] = sides();
                let plain = frechet_distance(reference, samples, &Sequential).unwrap().distance;
                let bias = frechet_bias(sides(), plain, (index, 1), &Sequential).unwrap().unwrap();
                assert_close(bias.corrected, plain - bias.bias, 1e-12);
                [plain, bias.corrected]
            })
            .collect();
        let [plain, corrected] = [0, 1]
            .map(|index| summary(&draws.iter().map(|draw| (draw[index], 0.0)).collect::<Vec<_>>()));
        let error = |summary: &Summary| summary.deviation / (REPEATS as f64).sqrt();
        // The term in 1/n² stays: a tenth of the bias at 50 rows of 6 dimensions.
        let bias = plain.mean - truth;
        assert!(bias > 20.0 * error(&plain), "{bias}");
        assert!((corrected.mean - truth).abs() < 0.1 * bias + 4.0 * error(&corrected));
        assert!((corrected.mean - truth).abs() < 0.2 * bias, "{} {truth}", corrected.mean);
    }

    #[test]
    fn infinitely_many_samples_are_extrapolated() {
        let population = Population::new([2, 3000], 5);
        let reference = population.reference();
        let truth = population.distance();
        let options = FdInfinityOptions::default();
        let draws: Vec<[f64; 3]> = (0..60)
            .map(|index| {
                let [_, samples] = population.draw(index);
                let reference = FrechetSide::Gaussian(&reference);
                let result = fd_infinity(reference, samples.view().into(), options, &Sequential);
                let result = result.unwrap().unwrap();
                assert_eq!((result.points[0].0, result.points[14].0), (300, 3000));
                [result.points[0].1, result.value, result.slope]
            })
            .collect();
        let [smallest, infinite, slope] = [0, 1, 2]
            .map(|index| summary(&draws.iter().map(|draw| (draw[index], 0.0)).collect::<Vec<_>>()));
        let error = |summary: &Summary| summary.deviation / 60_f64.sqrt();
        assert!(slope.mean > 5.0 * error(&slope));
        assert!(smallest.mean - truth > 5.0 * error(&smallest));
        assert!((infinite.mean - truth).abs() < 4.0 * error(&infinite), "{}", infinite.mean);
    }
}

mod measurements {
    use super::*;

    #[test]
    fn carry_names_counts_intervals_and_methods() {
        let sets = [features(90, 4, 1), features(80, 4, 2)];
        let sides = sets.each_ref().map(|set| FrechetSide::from(set.view()));
        let options = FrechetOptions {
            infinity: Some(FdInfinityOptions { smallest: Some(20), ..Default::default() }),
            ..FrechetOptions::default()
        };
        let all = frechet_measurements("FID", sides[0], sides[1], options, &Sequential).unwrap();
        let names: Vec<&str> = all.iter().map(|m| m.metric.as_str()).collect();
        let expected = ["FID", "FID bias (small sample)", "FID (bias-corrected)", "FID-infinity"];
        assert_eq!(names, expected);
        assert!(all.iter().all(|m| m.n == 80 && m.value().is_some()));
        assert_eq!(
            all[0].method,
            "frechet (covariance with denominator n - 1, f64), trace cholesky; reference: 90 rows; samples: \
             80 rows; 4 dimensions"
        );
        let interval = all[0].interval().unwrap();
        assert_eq!(interval.method, "infinitesimal-jackknife (normal, at this n)");
        assert!(interval.low.get() < all[0].value().unwrap());
        assert_close(
            all[0].value().unwrap() - all[1].value().unwrap(),
            all[2].value().unwrap(),
            1e-12,
        );
        assert!(all[3].interval().unwrap().method.starts_with("student-t"));
    }

    /// With more rows than a block has, with fewer rows than dimensions, and mixed.
    #[test]
    fn are_the_same_bits_from_memory_and_from_a_table() {
        let options = FrechetOptions {
            infinity: Some(FdInfinityOptions { smallest: Some(9), ..Default::default() }),
            ..FrechetOptions::default()
        };
        let (long, short) = (2 * BLOCK_ROWS + 77, 20);
        for [first, second] in [[long, long + 1], [long, short], [short, short + 2]] {
            let sets = [features(first, 24, 1), features(second, 24, 2)];
            let measured = |sides: [FrechetSide<'_>; 2]| {
                frechet_measurements("FD", sides[0], sides[1], options, &Sequential).unwrap()
            };
            let tables = sets.each_ref().map(|set| MemoryTable::pooled(set.view()));
            let in_memory = measured(sets.each_ref().map(|set| FrechetSide::from(set.view())));
            let as_tables = tables.each_ref().map(|table| SetRows::Table(table));
            assert_eq!(measured(as_tables.map(FrechetSide::Features)), in_memory);
        }
    }

    #[test]
    fn a_set_and_itself_have_no_interval() {
        let set = features(200, 6, 9);
        let sides = || FrechetSide::from(set.view());
        let options = FrechetOptions::default();
        let found = frechet_measurements("FD", sides(), sides(), options, &Sequential).unwrap();
        assert!(found.iter().all(|measurement| measurement.interval().is_none()), "{found:?}");
        assert!(found[0].value().unwrap() < 1e-10);
    }

    #[test]
    fn what_cannot_be_had_is_absent() {
        let samples = features(9, 4, 2);
        let reference = gaussian_of(&features(90, 4, 1));
        let measure = |samples: FrechetSide<'_>, options| {
            frechet_measurements(
                "FD",
                FrechetSide::Gaussian(&reference),
                samples,
                options,
                &Sequential,
            )
            .unwrap()
        };
        let few = measure(FrechetSide::from(samples.view()), FrechetOptions::default());
        assert!(few[0].interval().unwrap().method.ends_with("given the reference)"));
        for measurement in &few[1..] {
            assert_eq!(measurement.absence().unwrap().reason, AbsenceReason::TooFewSamples);
        }
        let other = gaussian(&Array1::zeros(4), &Array2::eye(4)).unwrap();
        let options =
            FrechetOptions { infinity: Some(Default::default()), ..FrechetOptions::default() };
        let files = measure(FrechetSide::Gaussian(&other), options);
        assert!(files[0].interval().is_none());
        assert!(files[0].method.contains("samples: statistics of an unknown number of rows"));
        assert_eq!(files.len(), 4);
        for measurement in &files[1..] {
            assert_eq!(measurement.absence().unwrap().reason, AbsenceReason::MissingInput);
        }
        let quick = measure(FrechetSide::from(samples.view()), FrechetOptions::quick());
        assert_eq!(quick.len(), 1);
        assert!(quick[0].interval().is_none());
    }
}
