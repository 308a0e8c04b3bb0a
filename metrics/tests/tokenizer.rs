//! The patch tokenizer against NumPy (recorded by `tests/parity/metrics_tokenizer.py`), and the laws that it obeys.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use ndarray::{Array2, Axis, s};
use portable::{Scrambled, uniform};
use proptest::prelude::*;
use retally_metrics::executor::{Executor, Sequential};
use retally_metrics::tokenizer::{
    Centring, DISCARDED_WEIGHT, LatentScaling, NoiseLevel, NoisePlace, NoiseSchedule, PatchPca,
    PatchStream, Tokenizer, TokenizerError, denoising_loss, direction_weights, noise,
};
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/metrics_tokenizer.json");
const WIDTH: usize = 12;

fn fit(patches: &Array2<f64>, centring: Centring) -> PatchPca {
    fit_with(patches, centring, patches.nrows(), &Sequential)
}

/// Pushes `piece` rows at a time.
fn fit_with(
    patches: &Array2<f64>,
    centring: Centring,
    piece: usize,
    executor: &dyn Executor,
) -> PatchPca {
    let mut stream = PatchStream::new(patches.ncols()).unwrap();
    for rows in patches.axis_chunks_iter(Axis(0), piece) {
        stream.push(rows, executor).unwrap();
    }
    stream.finish(centring, executor).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// The patches that the Python script makes of a case's description; every step is exact.
fn patches_of(case: &Value) -> Array2<f64> {
    let rank = number(&case["rank"]);
    let (decay, offset) = (number(&case["decay"]) as i32, case["offset"].as_f64().unwrap());
    let mut patches = Array2::zeros((number(&case["patches"]), WIDTH));
    for (row, mut patch) in patches.outer_iter_mut().enumerate() {
        let own: Vec<f64> =
            (0..WIDTH).map(|column| uniform(11, (row * WIDTH + column) as u64)).collect();
        let mut values: Vec<f64> = Vec::new();
        for column in 0..WIDTH {
            values.push(if column < rank {
                own[column] + own[(column + 1) % rank] / 2.0
            } else if rank > 1 {
                values[column % rank] + values[(column + 1) % rank]
            } else {
                0.0
            });
        }
        for (column, value) in values.into_iter().enumerate() {
            patch[column] = value / 2.0_f64.powi(decay * column as i32) + offset;
        }
    }
    patches
}

fn projector(pca: &PatchPca, dimensions: usize) -> Array2<f64> {
    let kept = pca.components().slice_move(s![..dimensions, ..]);
    kept.t().dot(&kept)
}

#[test]
fn bases_equal_numpy_on_exact_moments() {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    let mut subspaces = 0;
    for case in document["cases"].as_array().unwrap() {
        let patches = patches_of(case);
        for centring in [Centring::Mean, Centring::None] {
            let place = format!("{}, centring {}", case["name"], centring.name());
            let expected = &case[centring.name()];
            let pca = fit(&patches, centring);
            let eigenvalues = numbers(&expected["eigenvalues"]);
            let largest = eigenvalues[0];
            // The largest eigenvalue bounds what rounding can do to all, and to sums of them.
            let near = |actual: f64, expected: f64| (actual - expected).abs() <= 2e-14 * largest;
            for (actual, expected) in pca.eigenvalues().iter().zip(&eigenvalues) {
                assert!(near(*actual, *expected), "{place}: {actual} {expected}");
            }
            for (actual, expected) in pca.mean().iter().zip(numbers(&expected["mean"])) {
                assert!(
                    (actual - expected).abs() <= 4e-16 * expected.abs(),
                    "{place}: {actual} {expected}"
                );
            }
            for error in expected["errors"].as_array().unwrap() {
                let (d, expected) = (number(&error["d"]), error["error"].as_f64().unwrap());
                assert!(near(pca.fitted_error(d), expected), "{place}, {d}");
            }
            for subspace in expected["subspaces"].as_array().unwrap() {
                let d = number(&subspace["d"]);
                // Rounding of 1e-15 of the largest eigenvalue turns a subspace by its share of the gap.
                let gap = subspace["gap"].as_f64().unwrap();
                let tolerance = if d == WIDTH { 1e-13 } else { 1e-14 * largest / gap };
                for (actual, expected) in
                    projector(&pca, d).iter().zip(numbers(&subspace["projector"]))
                {
                    assert!(
                        (actual - expected).abs() <= tolerance,
                        "{place}, {d}: {actual} {expected}"
                    );
                }
                subspaces += 1;
            }
        }
    }
    assert!(subspaces > 30, "{subspaces}");
}

#[test]
fn ranks_are_those_of_the_cases() {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    let rank = |name: &str, centring| {
        let cases = document["cases"].as_array().unwrap();
        fit(&patches_of(cases.iter().find(|case| case["name"] == name).unwrap()), centring).rank()
    };
    assert_eq!(rank("full-rank", Centring::Mean), 12);
    assert_eq!(rank("rank-deficient", Centring::Mean), 5);
    // An offset that is no combination of the five adds a direction.
    assert_eq!(rank("rank-deficient", Centring::None), 6);
    assert_eq!(rank("few-patches", Centring::Mean), 5);
    assert_eq!(rank("constant", Centring::Mean), 0);
    assert_eq!(rank("constant", Centring::None), 1);
}

#[test]
fn the_original_schedule_is_that_of_ddpm() {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    for entry in document["schedule"].as_array().unwrap() {
        let level = NoiseSchedule::Original.level(number(&entry["step"]) as u32).unwrap();
        let expected = entry["squared_signal"].as_f64().unwrap();
        assert!((level.signal.powi(2) - expected).abs() < 1e-14, "{entry}");
        assert!((level.noise.powi(2) - (1.0 - expected)).abs() < 1e-14, "{entry}");
    }
}

#[test]
fn neither_pieces_nor_threads_change_a_bit() {
    let patches = Array2::from_shape_fn((2500, 27), |(row, column)| {
        uniform(1, (row * 27 + column) as u64) + uniform(2, row as u64)
    });
    let whole = fit(&patches, Centring::Mean);
    for (piece, executor) in
        [(7, &Sequential as &dyn Executor), (1024, &Scrambled), (999, &Scrambled)]
    {
        assert_eq!(fit_with(&patches, Centring::Mean, piece, executor), whole);
    }
}

#[test]
fn latents_are_scaled_as_their_names_say() {
    let patches = Array2::from_shape_fn((400, WIDTH), |(row, column)| {
        uniform(3, (row * WIDTH + column) as u64) * (column + 1) as f64
    });
    let pca = fit(&patches, Centring::Mean);
    let squares = |scaling, d| {
        let latents =
            Tokenizer::new(pca.clone(), d, scaling).unwrap().encode(patches.view()).unwrap();
        latents.mapv(|latent| latent * latent).mean_axis(Axis(0)).unwrap()
    };
    for (actual, expected) in squares(LatentScaling::None, 5).iter().zip(pca.eigenvalues()) {
        assert!((actual - expected).abs() < 1e-12 * pca.eigenvalues()[0]);
    }
    assert!((squares(LatentScaling::Global, 5).mean().unwrap() - 1.0).abs() < 1e-12);
    assert!(
        squares(LatentScaling::PerDimension, 5).iter().all(|square| (square - 1.0).abs() < 1e-12)
    );
    // Whatever the scale, the same comes back.
    let expected = Tokenizer::new(pca.clone(), 5, LatentScaling::None).unwrap();
    let expected = expected.decode(expected.encode(patches.view()).unwrap().view()).unwrap();
    for scaling in [LatentScaling::Global, LatentScaling::PerDimension] {
        let tokenizer = Tokenizer::new(pca.clone(), 5, scaling).unwrap();
        let back = tokenizer.decode(tokenizer.encode(patches.view()).unwrap().view()).unwrap();
        assert!((&back - &expected).iter().all(|difference| difference.abs() < 1e-12));
    }
}

#[test]
fn scaling_by_no_variance_is_refused() {
    let flat = Array2::from_shape_fn((30, WIDTH), |(row, column)| {
        if column < 2 { uniform(4, row as u64 + 99 * column as u64) } else { 7.0 }
    });
    let pca = fit(&flat, Centring::Mean);
    let refused = |d, scaling| Tokenizer::new(pca.clone(), d, scaling).unwrap_err();
    assert_eq!(
        refused(3, LatentScaling::PerDimension),
        TokenizerError::NoVariance { direction: 2, rank: 2 }
    );
    assert!(
        refused(3, LatentScaling::PerDimension).to_string().contains("take at most 2 dimensions")
    );
    assert!(Tokenizer::new(pca.clone(), 2, LatentScaling::PerDimension).is_ok());
    assert!(Tokenizer::new(pca.clone(), 3, LatentScaling::Global).is_ok());
    let constant = fit(&Array2::from_elem((5, WIDTH), 3.0), Centring::Mean);
    assert!(Tokenizer::new(constant.clone(), 1, LatentScaling::Global).is_err());
    // Without scaling a constant patch is its mean.
    let tokenizer = Tokenizer::new(constant, 4, LatentScaling::None).unwrap();
    let patch = Array2::from_elem((1, WIDTH), 3.0);
    let latents = tokenizer.encode(patch.view()).unwrap();
    assert!(latents.iter().all(|latent| *latent == 0.0));
    assert_eq!(tokenizer.decode(latents.view()).unwrap(), patch);
}

#[test]
fn wrong_input_is_refused() {
    let patches = Array2::from_shape_fn((30, WIDTH), |(row, column)| {
        uniform(5, (row * WIDTH + column) as u64)
    });
    let pca = fit(&patches, Centring::Mean);
    for dimensions in [0, 13] {
        let error = Tokenizer::new(pca.clone(), dimensions, LatentScaling::None).unwrap_err();
        assert_eq!(error, TokenizerError::Dimensions { dimensions, most: 12 });
    }
    assert!(pca.reconstruction_errors(patches.view(), &[3, 13]).is_err());
    let tokenizer = Tokenizer::new(pca.clone(), 3, LatentScaling::None).unwrap();
    assert!(tokenizer.encode(Array2::zeros((2, 11)).view()).is_err());
    assert!(tokenizer.encode(Array2::zeros((0, 12)).view()).is_err());
    assert!(tokenizer.decode(Array2::zeros((2, 4)).view()).is_err());
    let mut latents = Array2::zeros((2, 3));
    assert!(
        Tokenizer::add_noise(&mut latents, NoiseLevel::CLEAN, Array2::zeros((2, 2)).view())
            .is_err()
    );
    let clean = patches.view();
    assert!(
        denoising_loss(&pca, (clean, patches.slice(s![1.., ..])), 3, NoiseLevel::CLEAN).is_err()
    );
    assert!(denoising_loss(&pca, (clean, clean), 13, NoiseLevel::CLEAN).is_err());
    assert!(PatchStream::new(0).is_err());
    assert!(PatchStream::new(3073).is_err());
    assert!(PatchStream::new(3).unwrap().finish(Centring::Mean, &Sequential).is_err());
    let mut stream = PatchStream::new(2).unwrap();
    stream.push(ndarray::array![[0.0, f64::NAN]].view(), &Sequential).unwrap();
    let error = stream.finish(Centring::Mean, &Sequential).unwrap_err();
    assert!(error.to_string().contains("row 0 of the patches"), "{error}");
}

/// Mean, eigenvalues, components.
type Parts = (Vec<f64>, Vec<f64>, Array2<f64>);

#[test]
fn files_that_hold_no_basis_are_refused() {
    let patches = Array2::from_shape_fn((30, WIDTH), |(row, column)| {
        uniform(5, (row * WIDTH + column) as u64)
    });
    let pca = fit(&patches, Centring::Mean);
    let parts = || (pca.mean().to_vec(), pca.eigenvalues().to_vec(), pca.components().to_owned());
    let build = |centring, (mean, eigenvalues, components)| {
        PatchPca::from_parts((centring, 30), mean, eigenvalues, components)
    };
    assert_eq!(build(Centring::Mean, parts()).unwrap(), pca);
    let problem = |change: &dyn Fn(&mut Parts)| {
        let mut changed = parts();
        change(&mut changed);
        build(Centring::Mean, changed).unwrap_err().to_string()
    };
    assert!(problem(&|parts| parts.2[(3, 4)] += 1e-3).contains("are not orthonormal"));
    assert!(problem(&|parts| parts.2[(3, 4)] = f64::NAN).contains("it holds NaN"));
    assert!(problem(&|parts| parts.1.swap(2, 7)).contains("must fall"));
    assert!(problem(&|parts| parts.1[11] = -1.0).contains("must fall"));
    assert!(problem(&|parts| parts.1.truncate(11)).contains("expected [D]"));
    assert!(problem(&|parts| parts.0.clear()).contains("expected [D]"));
    assert!(
        build(Centring::None, parts()).unwrap_err().to_string().contains("the mean is not zero")
    );
}

#[test]
fn the_loss_weighs_directions() {
    assert_eq!(direction_weights(4, 2), [1.0, 1.0, DISCARDED_WEIGHT, DISCARDED_WEIGHT]);
    let patches = Array2::from_shape_fn((30, WIDTH), |(row, column)| {
        uniform(5, (row * WIDTH + column) as u64)
    });
    let pca = fit(&patches, Centring::Mean);
    // One patch whose error is 2 along direction 1 and 3 along direction 7.
    let clean = patches.slice(s![..1, ..]).to_owned();
    let predicted = &clean + &(2.0 * &pca.components().slice(s![1..2, ..]))
        - &(3.0 * &pca.components().slice(s![7..8, ..]));
    let loss =
        |kept, level| denoising_loss(&pca, (clean.view(), predicted.view()), kept, level).unwrap();
    let sigma = NoiseLevel::added(2.0);
    assert!((loss(12, NoiseLevel::CLEAN) - 13.0).abs() < 1e-13);
    assert!((loss(7, NoiseLevel::CLEAN) - 4.9).abs() < 1e-13);
    assert!((loss(1, sigma) - 1.3 / 5.0).abs() < 1e-13);
}

/// Noise in latents costs d σ² on average, and what is left out is lost beside it.
#[test]
fn noise_adds_its_variance_to_the_error() {
    let patches = Array2::from_shape_fn((4000, WIDTH), |(row, column)| {
        uniform(6, (row * WIDTH + column) as u64)
    });
    let pca = fit(&patches, Centring::Mean);
    let tokenizer = Tokenizer::new(pca.clone(), 5, LatentScaling::None).unwrap();
    let mut latents = tokenizer.encode(patches.view()).unwrap();
    Tokenizer::add_noise(
        &mut latents,
        NoiseLevel::added(0.5),
        noise(NoisePlace::Latent, 0, 0, [4000, 5]).view(),
    )
    .unwrap();
    let difference = tokenizer.decode(latents.view()).unwrap() - &patches;
    let error = difference.mapv(|value| value * value).sum() / 4000.0;
    // A chi-squared sum of 20,000 squares: six standard errors are 0.075.
    assert!((error - (pca.fitted_error(5) + 5.0 * 0.25)).abs() < 0.075, "{error}");
}

fn any_patches() -> impl Strategy<Value = Array2<f64>> {
    (2..40_usize, 1..4_usize, -1e3..1e3_f64, -2..3_i32).prop_flat_map(
        |(rows, side, offset, scale)| {
            let width = 3 * side * side;
            proptest::collection::vec(-1.0..1.0_f64, rows * width).prop_map(move |values| {
                let patches = Array2::from_shape_vec((rows, width), values).unwrap();
                patches.mapv(|value| value * 10.0_f64.powi(scale) + offset)
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn bases_are_orthonormal_and_errors_are_what_is_left_out(patches in any_patches(), centred in any::<bool>()) {
        let pca = fit(&patches, if centred { Centring::Mean } else { Centring::None });
        let width = pca.dimensions();
        let products = pca.components().dot(&pca.components().t());
        for ((row, column), product) in products.indexed_iter() {
            prop_assert!((product - f64::from(u8::from(row == column))).abs() < 1e-12);
        }
        let dimensions: Vec<usize> = (0..=width).collect();
        let errors = pca.reconstruction_errors(patches.view(), &dimensions).unwrap();
        // Patches of mean square m are known to about 1e-16 m, and so is every sum here.
        let size = patches.mapv(|value| value * value).sum() / patches.nrows() as f64;
        let tolerance = 1e-13 * size.max(1e-300);
        prop_assert!(errors.is_sorted_by(|a, b| a + 1e-300 >= *b));
        prop_assert_eq!(errors[width], 0.0);
        for (d, error) in errors.iter().enumerate() {
            prop_assert!((error - pca.fitted_error(d)).abs() <= tolerance, "{} {} {}", d, error, pca.fitted_error(d));
            if d > 0 {
                let tokenizer = Tokenizer::new(pca.clone(), d, LatentScaling::None).unwrap();
                let back = tokenizer.decode(tokenizer.encode(patches.view()).unwrap().view()).unwrap();
                let direct = (&back - &patches).mapv(|value| value * value).sum() / patches.nrows() as f64;
                prop_assert!((direct - error).abs() <= tolerance, "{} {} {}", d, direct, error);
            }
        }
    }

    /// A rotation of the patches rotates the basis with them and changes no eigenvalue.
    #[test]
    fn rotated_patches_have_a_rotated_basis(patches in any_patches(), angle in 0.0..6.3_f64) {
        let pca = fit(&patches, Centring::Mean);
        let width = pca.dimensions();
        let mut rotation = Array2::eye(width);
        let (sine, cosine) = angle.sin_cos();
        for (place, value) in [((0, 0), cosine), ((0, 1), -sine), ((1, 0), sine), ((1, 1), cosine)] {
            rotation[place] = value;
        }
        let rotated = fit(&patches.dot(&rotation), Centring::Mean);
        let largest = pca.eigenvalues()[0];
        let size = patches.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        // Products of the rotation are rounded to 1e-16 of the patches.
        let tolerance = 1e-12 * largest + 1e-13 * size * largest.sqrt();
        for (a, b) in pca.eigenvalues().iter().zip(rotated.eigenvalues()) {
            prop_assert!((a - b).abs() <= tolerance, "{} {}", a, b);
        }
        // Covariances, which are the same whatever basis of equal eigenvalues is found.
        let covariance = |pca: &PatchPca| {
            let components = pca.components();
            components.t().dot(&Array2::from_diag(&ndarray::aview1(pca.eigenvalues()))).dot(&components)
        };
        let expected = rotation.t().dot(&covariance(&pca)).dot(&rotation);
        for (a, b) in covariance(&rotated).iter().zip(&expected) {
            prop_assert!((a - b).abs() <= 10.0 * tolerance, "{} {}", a, b);
        }
    }

    #[test]
    fn all_dimensions_give_everything_back(patches in any_patches(), scaled in any::<bool>()) {
        let pca = fit(&patches, Centring::Mean);
        let scaling = if scaled { LatentScaling::Global } else { LatentScaling::None };
        prop_assume!(pca.rank() > 0);
        let width = pca.dimensions();
        let tokenizer = Tokenizer::new(pca, width, scaling).unwrap();
        let back = tokenizer.decode(tokenizer.encode(patches.view()).unwrap().view()).unwrap();
        let size = patches.iter().fold(0.0, |size: f64, value| size.max(value.abs()));
        for (a, b) in back.iter().zip(&patches) {
            prop_assert!((a - b).abs() <= 1e-13 * size, "{} {}", a, b);
        }
    }
}
