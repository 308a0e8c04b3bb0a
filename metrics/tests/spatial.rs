//! Spatial metrics against float64 NumPy (recorded by `tests/parity/metrics_spatial.py`) and against their own laws.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, too, may panic")]

use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use retally_metrics::spatial::{
    Definition, ImageScores, KeptImages, Lattice, SpatialError, SpatialOptions, SpatialScorer,
    SrssAbsence, summarise,
};
use retally_metrics::{AbsenceReason, Finite};
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/metrics_spatial.json");
const LATTICE: Lattice = Lattice { rows: 16, columns: 16 };

/// As `noise` in the Python script.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let splitmix = |index: u64| {
        let mut z = seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    (1..=count as u64)
        .map(|index| ((splitmix(index) >> 40) as f64 / f64::from(1 << 24) - 0.5) as f32)
        .collect()
}

fn random_tokens(lattice: Lattice, width: usize, seed: u64) -> Array2<f32> {
    Array2::from_shape_vec((lattice.tokens(), width), noise(seed, lattice.tokens() * width))
        .unwrap()
}

/// As `tokens_of` in the Python script.
fn tokens_of(kind: &str, lattice: Lattice, width: usize, seed: u64) -> Array2<f32> {
    let mut tokens = random_tokens(lattice, width, seed);
    match kind {
        "random" => {}
        "smooth" => {
            for (token, mut channels) in tokens.outer_iter_mut().enumerate() {
                channels[0] += (token / lattice.columns) as f32 / 8.0;
                channels[1] += (token % lattice.columns) as f32 / 8.0;
                channels[2] += 1.0;
            }
        }
        "constant" => {
            let first = tokens.row(0).to_owned();
            tokens.outer_iter_mut().for_each(|mut channels| channels.assign(&first));
        }
        "one-hot" => {
            tokens.fill(0.0);
            (0..lattice.tokens()).for_each(|token| tokens[[token, token % width]] = 1.0);
        }
        "zeros" => tokens.outer_iter_mut().step_by(3).for_each(|mut channels| channels.fill(0.0)),
        _ => panic!("unknown kind {kind}"),
    }
    tokens
}

/// As `mask_of` in the Python script.
fn mask_of(kind: &str, Lattice { rows, columns }: Lattice) -> Vec<bool> {
    let is_object = |token: usize| {
        let (row, column) = (token / columns, token % columns);
        match kind {
            "block" => {
                row >= rows / 4 && row < 3 * rows / 4 && column >= 1 && column < 1 + columns / 2
            }
            "stripes" => column % 3 == 0,
            _ => panic!("unknown mask {kind}"),
        }
    };
    (0..rows * columns).map(is_object).collect()
}

fn every(options: SpatialOptions) -> SpatialOptions {
    options.with_kept_images(KeptImages::every())
}

fn score(tokens: ArrayView2<f32>, mask: Option<&[bool]>) -> ImageScores {
    SpatialScorer::new(LATTICE, every(SpatialOptions::code())).unwrap().score(tokens, mask).unwrap()
}

fn numbers(scores: &ImageScores) -> [f64; 4] {
    [scores.lds.get(), scores.cds.get(), scores.srss.map_or(9.0, Finite::get), scores.rmsc.get()]
}

#[track_caller]
fn assert_close(actual: &ImageScores, expected: [f64; 4], relative: f64, absolute: f64) {
    for (actual, expected) in numbers(actual).into_iter().zip(expected) {
        let allowed = relative * expected.abs() + absolute;
        assert!((actual - expected).abs() <= allowed, "{actual} is not {expected}");
    }
}

#[test]
fn every_recorded_case_equals_numpy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap();
        let size = |key: &str| case[key].as_u64().unwrap() as usize;
        let lattice = Lattice { rows: size("rows"), columns: size("columns") };
        let definition =
            if text("definition") == "code" { Definition::Code } else { Definition::Paper };
        let tokens = tokens_of(text("kind"), lattice, size("width"), size("seed") as u64);
        let mask = mask_of(text("mask"), lattice);
        let options = every(SpatialOptions::of(definition, lattice));
        let scores = SpatialScorer::new(lattice, options)
            .unwrap()
            .score(tokens.view(), Some(&mask))
            .unwrap();
        let expected = ["LDS", "CDS", "SRSS", "RMSC"].map(|metric| case[metric].as_f64().unwrap());
        // Round-off of NumPy's own sums, relative to cosines of size 1, is below 1e-15.
        assert_close(&scores, expected, 1e-11, 2e-15);
    }
}

#[test]
fn closed_forms() {
    let mask = mask_of("block", LATTICE);
    // Equal tokens: every cosine is 1. A sum of T = 256 equal numbers is exact to T · 2^-53.
    assert_close(
        &score(Array2::ones((256, 5)).view(), Some(&mask)),
        [0.0; 4],
        0.0,
        256.0 * f64::EPSILON / 2.0,
    );
    // Orthogonal tokens: every cosine but a token's own is 0, and |mean|² is 1/256.
    let orthogonal = score(Array2::eye(256).view(), Some(&mask));
    assert_close(&orthogonal, [0.0, 0.0, 0.0, (255.0_f64 / 256.0).sqrt()], 1e-15, 1e-15);
    // A checkerboard of u and -u: the cosine at distance d is (-1)^d.
    let sign = |(token, channel): (usize, usize)| {
        if (token / 16 + token % 16).is_multiple_of(2) == (channel < 2) { 3.0 } else { -3.0 }
    };
    let checkerboard =
        score(Array2::from_shape_fn((256, 2), |(token, _)| sign((token, 0))).view(), None);
    let far: f64 = (6..=30)
        .map(|d| LATTICE.ordered_pairs(d) as f64 * if d % 2 == 0 { 1.0 } else { -1.0 })
        .sum();
    let lds = -1.0 - far / 53_300.0;
    let cds: f64 =
        -(1..=8).map(|d| (f64::from(d) - 4.5) * if d % 2 == 0 { 1.0 } else { -1.0 }).sum::<f64>()
            / 42.0;
    assert_close(&checkerboard, [lds, cds, 9.0, 1.0], 1e-14, 0.0);
}

#[test]
fn a_zero_token_is_orthogonal_to_everything() {
    let scores = score(Array2::zeros((256, 3)).view(), None);
    assert_close(&scores, [0.0, 0.0, 9.0, 0.0], 0.0, 0.0);
}

#[test]
fn a_scorer_forgets_earlier_images() {
    let mut scorer = SpatialScorer::new(LATTICE, every(SpatialOptions::code())).unwrap();
    let (tokens, mask) = (random_tokens(LATTICE, 20, 1), mask_of("block", LATTICE));
    let first = scorer.score(tokens.view(), Some(&mask)).unwrap();
    scorer.score(random_tokens(LATTICE, 37, 2).view(), Some(&mask_of("stripes", LATTICE))).unwrap();
    assert!(scorer.score(Array2::from_elem((256, 20), f32::NAN).view(), None).is_err());
    assert_eq!(scorer.score(tokens.view(), Some(&mask)).unwrap(), first);
}

#[test]
fn layout_in_memory_does_not_matter() {
    let tokens = random_tokens(LATTICE, 20, 1);
    let transposed = tokens.t().as_standard_layout().to_owned();
    assert_eq!(score(tokens.view(), None), score(transposed.t(), None));
}

#[test]
fn masks_without_srss_say_why() {
    let tokens = random_tokens(LATTICE, 4, 0);
    let object =
        |tokens: &[usize]| (0..256).map(|token| tokens.contains(&token)).collect::<Vec<_>>();
    let absence = |mask: Option<&[bool]>| score(tokens.view(), mask).srss.unwrap_err();
    assert_eq!(absence(None), SrssAbsence::NoMask);
    assert_eq!(absence(Some(&[false; 256])), SrssAbsence::FewerThanTwoObjectTokens);
    assert_eq!(absence(Some(&object(&[7]))), SrssAbsence::FewerThanTwoObjectTokens);
    assert_eq!(absence(Some(&[true; 256])), SrssAbsence::NoBackground);
    assert_eq!(absence(Some(&object(&[0, 2]))), SrssAbsence::NoAnchor);
    assert!(score(tokens.view(), Some(&object(&[0, 1]))).srss.is_ok());

    let small = object(&(0..63).collect::<Vec<_>>());
    let kept = object(&(0..64).collect::<Vec<_>>());
    let mut scorer = SpatialScorer::new(LATTICE, SpatialOptions::code()).unwrap();
    assert_eq!(scorer.score(tokens.view(), Some(&small)).unwrap().srss, Err(SrssAbsence::NotKept));
    assert!(scorer.score(tokens.view(), Some(&kept)).unwrap().srss.is_ok());
    let inverse: Vec<bool> = small.iter().map(|object| !object).collect();
    assert_eq!(
        scorer.score(tokens.view(), Some(&inverse)).unwrap().srss,
        Err(SrssAbsence::NotKept)
    );
}

#[test]
fn bad_input_is_refused() {
    let refused = |lattice, options| SpatialScorer::new(lattice, options).unwrap_err();
    let code = SpatialOptions::code();
    assert!(matches!(
        refused(Lattice { rows: 0, columns: 4 }, code),
        SpatialError::LatticeSize { .. }
    ));
    assert!(matches!(
        refused(Lattice { rows: 1, columns: usize::MAX }, code),
        SpatialError::LatticeSize { .. }
    ));
    assert!(matches!(
        refused(Lattice { rows: 4, columns: 4 }, code),
        SpatialError::LatticeTooSmall { .. }
    ));
    for wrong in [
        SpatialOptions { lds_near: 0, ..code },
        SpatialOptions { lds_far: 0, ..code },
        SpatialOptions { srss_far: 0, ..code },
        SpatialOptions { cds_reach: 1, ..code },
        code.with_kept_images(KeptImages {
            minimum_foreground_share: f64::NAN,
            minimum_background_share: 0.0,
        }),
    ] {
        assert!(matches!(refused(LATTICE, wrong), SpatialError::Options(_)));
    }

    let mut scorer = SpatialScorer::new(LATTICE, code).unwrap();
    let tokens = random_tokens(LATTICE, 4, 0);
    let error = scorer.score(tokens.slice(ndarray::s![1.., ..]), None).unwrap_err();
    assert_eq!(error, SpatialError::TokenCount { lattice: LATTICE, actual: 255 });
    let error = scorer.score(tokens.view(), Some(&[true; 3])).unwrap_err();
    assert_eq!(error, SpatialError::MaskLength { lattice: LATTICE, actual: 3 });
    assert_eq!(
        scorer.score(Array2::zeros((256, 0)).view(), None).unwrap_err(),
        SpatialError::NoChannels
    );
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut tokens = tokens.clone();
        tokens[[17, 3]] = bad;
        assert_eq!(
            scorer.score(tokens.view(), None).unwrap_err(),
            SpatialError::NonFiniteToken { token: 17 }
        );
    }
}

#[test]
fn extreme_features_keep_their_direction() {
    let mut tokens = random_tokens(LATTICE, 8, 3);
    let plain = score(tokens.view(), None);
    tokens.outer_iter_mut().step_by(2).for_each(|mut channels| channels *= 2.0_f32.powi(120));
    assert_close(&score(tokens.view(), None), numbers(&plain), 1e-12, 1e-15);
}

#[test]
fn a_data_set_is_the_mean_over_the_images_that_count() {
    let mask = mask_of("block", LATTICE);
    let images: Vec<ImageScores> = (0..5)
        .map(|seed| score(random_tokens(LATTICE, 8, seed).view(), (seed > 1).then_some(&mask)))
        .collect();
    let options = every(SpatialOptions::code());
    let measurements = summarise(&images, &options);
    let names: Vec<&str> =
        measurements.iter().map(|measurement| measurement.metric.as_str()).collect();
    assert_eq!(names, ["LDS", "CDS", "SRSS", "RMSC"]);
    assert_eq!(
        measurements.iter().map(|measurement| measurement.n).collect::<Vec<_>>(),
        [5, 5, 3, 5]
    );
    let mean = images.iter().map(|image| image.lds.get()).sum::<f64>() / 5.0;
    assert!((measurements[0].value().unwrap() - mean).abs() < 1e-16);
    assert_eq!(measurements[0].interval().unwrap().method, "student-t");
    assert!(
        measurements[2].method.contains("left out: 2 images (no mask)"),
        "{}",
        measurements[2].method
    );
    assert!(
        measurements[0].method.contains("near 1 <= d <= 1, far d >= 6"),
        "{}",
        measurements[0].method
    );

    let maskless = summarise(&images[..2], &options);
    assert_eq!(maskless[2].absence().unwrap().reason, AbsenceReason::MissingInput);
    let empty = summarise(&[], &options);
    assert!(
        empty.iter().all(
            |measurement| measurement.absence().unwrap().reason == AbsenceReason::TooFewSamples
        )
    );
}

#[test]
fn scores_survive_json() {
    for mask in [None, Some(mask_of("block", LATTICE))] {
        let scores = score(random_tokens(LATTICE, 8, 0).view(), mask.as_deref());
        let text = serde_json::to_string(&scores).unwrap();
        assert_eq!(serde_json::from_str::<ImageScores>(&text).unwrap(), scores);
    }
}

/// A rotation of the channels by products of plane rotations, in f64, then rounded to f32.
fn rotated(tokens: &Array2<f32>, angle: f64) -> Array2<f32> {
    let mut turned = tokens.mapv(f64::from);
    for mut channels in turned.outer_iter_mut() {
        for channel in 1..channels.len() {
            let (a, b) = (channels[channel - 1], channels[channel]);
            channels[channel - 1] = angle.cos() * a - angle.sin() * b;
            channels[channel] = angle.sin() * a + angle.cos() * b;
        }
    }
    turned.mapv(|value| value as f32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn scaling_each_token_changes_nothing(seed in 0..1000_u64, scales in prop::collection::vec(-20..20, 256)) {
        let (mut tokens, mask) = (random_tokens(LATTICE, 9, seed), mask_of("block", LATTICE));
        let plain = score(tokens.view(), Some(&mask));
        for (mut channels, power) in tokens.outer_iter_mut().zip(scales) {
            channels *= 2.0_f32.powi(power);
        }
        assert_close(&score(tokens.view(), Some(&mask)), numbers(&plain), 1e-11, 1e-14);
    }

    #[test]
    fn rotating_the_channels_changes_nothing(seed in 0..1000_u64, angle in 0.0..6.3_f64) {
        let (tokens, mask) = (random_tokens(LATTICE, 9, seed), mask_of("stripes", LATTICE));
        let plain = score(tokens.view(), Some(&mask));
        // The rotated tokens are rounded to f32.
        assert_close(&score(rotated(&tokens, angle).view(), Some(&mask)), numbers(&plain), 0.0, 1e-7);
    }

    #[test]
    fn rmsc_knows_no_geometry_and_follows_from_the_mean(seed in 0..1000_u64, width in 1..40_usize) {
        let tokens = random_tokens(LATTICE, width, seed);
        let mut order: Vec<usize> = (0..256).collect();
        retally_metrics::random::Stream::new(seed, "permutation", 0).shuffle(&mut order);
        let rmsc = score(tokens.view(), None).rmsc.get();
        let permuted = score(tokens.select(ndarray::Axis(0), &order).view(), None).rmsc.get();
        prop_assert!((rmsc - permuted).abs() < 1e-14);

        let mut mean = vec![0.0; width];
        for channels in tokens.outer_iter() {
            let length = channels.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
            mean.iter_mut().zip(channels).for_each(|(mean, &value)| *mean += f64::from(value) / length / 256.0);
        }
        let law = 1.0 - mean.iter().map(|value| value * value).sum::<f64>();
        prop_assert!((rmsc * rmsc - law).abs() < 1e-14);
    }

    #[test]
    fn mirrored_and_turned_lattices_score_alike(seed in 0..1000_u64) {
        let (tokens, mask) = (random_tokens(LATTICE, 5, seed), mask_of("block", LATTICE));
        let plain = score(tokens.view(), Some(&mask));
        let mirror: Vec<usize> = (0..256).map(|token| token / 16 * 16 + 15 - token % 16).collect();
        let turn: Vec<usize> = (0..256).map(|token| token % 16 * 16 + token / 16).collect();
        for order in [mirror, turn] {
            let moved_mask: Vec<bool> = order.iter().map(|&token| mask[token]).collect();
            let moved = score(tokens.select(ndarray::Axis(0), &order).view(), Some(&moved_mask));
            assert_close(&moved, numbers(&plain), 1e-11, 1e-14);
        }
    }
}
