//! Noise, labels and bytes, against `tests/parity/sampling_noise.py`, and what must hold for them.

use super::numbers;
use super::portable::uniform;
use proptest::prelude::*;
use retally::sampling::{Labels, PixelError, SampleNoise, quantise};
use retally_manifests::{GeneratedImage, LabelRule, Quantise};
use serde_json::{Value, json};
use std::num::NonZeroU32;

const RECORDED: &str = include_str!("../../../tests/parity/sampling_noise.json");

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

fn labels(rule: LabelRule, classes: u32, seed: u64) -> Labels {
    Labels::new(rule, NonZeroU32::new(classes).unwrap(), seed)
}

#[test]
fn noise_is_that_of_an_implementation_of_its_own() {
    for case in recorded()["noise"].as_array().unwrap() {
        let expected = numbers(&case["numbers"]);
        let mut actual = vec![f64::NAN; expected.len()];
        let noise = SampleNoise::new(case["seed"].as_u64().unwrap());
        let sample = u32::try_from(case["sample"].as_u64().unwrap()).unwrap();
        match case["step"].as_u64() {
            None => noise.start(sample, &mut actual),
            Some(step) => noise.step(sample, u32::try_from(step).unwrap(), &mut actual),
        }
        assert_eq!(actual, expected);
    }
}

#[test]
fn uniform_labels_are_those_of_an_implementation_of_its_own() {
    for case in recorded()["labels"].as_array().unwrap() {
        let classes = u32::try_from(case["classes"].as_u64().unwrap()).unwrap();
        let labels = labels(LabelRule::Uniform, classes, case["seed"].as_u64().unwrap());
        let actual: Vec<u32> = (0..40).map(|sample| labels.of(sample)).collect();
        assert_eq!(json!(actual), case["labels"]);
    }
}

#[test]
fn noise_of_a_sample_is_its_own() {
    let noise = SampleNoise::new(3);
    let start = |sample| {
        let mut values = [0.0; 65];
        noise.start(sample, &mut values);
        values
    };
    let step = |sample, step| {
        let mut values = [0.0; 65];
        noise.step(sample, step, &mut values);
        values
    };
    let all = [start(0), start(1), step(0, 0), step(1, 0), step(0, 1), step(1, 1)];
    for (index, first) in all.iter().enumerate() {
        assert!(all[..index].iter().all(|second| first != second));
    }
    // A shorter state has the same first values.
    let mut short = [0.0; 7];
    noise.step(1, 1, &mut short);
    assert_eq!(short, step(1, 1)[..7]);
}

#[test]
fn noise_is_standard_normal() {
    let mut values = vec![0.0; 400_000];
    SampleNoise::new(1).start(0, &mut values);
    let count = values.len() as f64;
    let moment = |power: i32| values.iter().map(|value| value.powi(power)).sum::<f64>() / count;
    // Five standard errors of each: √(1, 2, 15, 96) / √count.
    let bound = |variance: f64| 5.0 * (variance / count).sqrt();
    assert!(moment(1).abs() < bound(1.0));
    assert!((moment(2) - 1.0).abs() < bound(2.0));
    assert!(moment(3).abs() < bound(15.0));
    assert!((moment(4) - 3.0).abs() < bound(96.0));
    // Values of one pair, and of neighbouring pairs, are independent.
    for distance in [1, 2, 3] {
        let products = values.iter().zip(&values[distance..]).map(|(a, b)| a * b);
        assert!((products.sum::<f64>() / count).abs() < bound(1.0));
    }
    let beyond = values.iter().filter(|value| value.abs() > 1.959_963_984_540_054).count() as f64;
    assert!((beyond / count - 0.05).abs() < bound(0.05 * 0.95));
}

#[test]
fn every_class_is_equally_likely_or_equally_frequent() {
    let uniform = labels(LabelRule::Uniform, 10, 0);
    let balanced = labels(LabelRule::Balanced, 10, 0);
    let counts = |labels: Labels| {
        let mut counts = [0_u32; 10];
        (0..50_000).for_each(|sample| counts[labels.of(sample) as usize] += 1);
        counts
    };
    assert_eq!(counts(balanced), [5000; 10]);
    // Six standard deviations of a binomial count are 403.
    assert!(counts(uniform).iter().all(|count| count.abs_diff(5000) < 403));
    assert_ne!(counts(uniform), [5000; 10]);
}

fn image(quantise: Quantise, low: f32, high: f32, width: u32, channels: u32) -> GeneratedImage {
    GeneratedImage { width, height: 1, channels, low, high, quantise }
}

/// The bytes of a row of grey values.
fn bytes(quantise_by: Quantise, low: f32, high: f32, values: &[f32]) -> Vec<u8> {
    let width = u32::try_from(values.len()).unwrap();
    let mut pixels = vec![0; 3 * values.len()];
    quantise(&image(quantise_by, low, high, width, 1), values, &mut pixels).unwrap();
    assert!(pixels.chunks(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
    pixels.into_iter().step_by(3).collect()
}

/// The values of the script.
fn values() -> Vec<f32> {
    let spread = (0..20_000).map(|index| 2.4_f32 * uniform(500, index) as f32 - 1.2);
    let levels: Vec<f32> = (0..511_u16).map(|level| f32::from(level) / 255.0 - 1.0).collect();
    let below: Vec<f32> = levels.iter().map(|level| level.next_down()).collect();
    let above: Vec<f32> = levels.iter().map(|level| level.next_up()).collect();
    spread.chain(levels).chain(below).chain(above).collect()
}

/// The script's polynomial.
fn digest(bytes: &[u8]) -> String {
    let modulus = (1_u128 << 61) - 1;
    bytes
        .iter()
        .fold(0_u128, |value, &byte| (value * 1_000_003 + u128::from(byte)) % modulus)
        .to_string()
}

#[test]
fn bytes_are_those_of_the_sampling_scripts() {
    let rules = [
        ("truncate255", Quantise::Truncate255),
        ("half-up255", Quantise::HalfUp255),
        ("half-even255", Quantise::HalfEven255),
        ("truncate256", Quantise::Truncate256),
    ];
    let recorded = recorded();
    for (name, rule) in rules {
        assert_eq!(json!(rule), json!(name));
        let actual = bytes(rule, -1.0, 1.0, &values());
        let expected = &recorded["pixels"][name];
        assert_eq!(json!(actual[..16]), expected["first"], "{name}");
        assert_eq!(json!(digest(&actual)), expected["digest"], "{name}");
    }
}

#[test]
fn channels_are_interleaved() {
    let image = GeneratedImage { height: 2, ..image(Quantise::Truncate255, 0.0, 1.0, 2, 3) };
    let values: Vec<f32> = (0..12_u8).map(|value| f32::from(value) * 20.0 / 255.0 + 1e-4).collect();
    let mut pixels = [0; 12];
    quantise(&image, &values, &mut pixels).unwrap();
    assert_eq!(pixels, [0, 80, 160, 20, 100, 180, 40, 120, 200, 60, 140, 220]);
}

#[test]
fn what_is_no_number_is_refused_with_its_place() {
    let image = GeneratedImage { height: 3, ..image(Quantise::HalfUp255, -1.0, 1.0, 4, 3) };
    let mut pixels = [0; 36];
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = [0.0; 36];
        values[12 + 2 * 4 + 1] = bad;
        let error = quantise(&image, &values, &mut pixels).unwrap_err();
        assert_eq!(error, PixelError::NotFinite { channel: 1, row: 2, column: 1 });
    }
    let length = |what, found, expected| Err(PixelError::Length { what, found, expected });
    assert_eq!(quantise(&image, &[0.0; 35], &mut pixels), length("values of an image", 35, 36));
    assert_eq!(quantise(&image, &[0.0; 36], &mut [0; 12]), length("pixels of an image", 12, 36));
}

proptest! {
    #[test]
    fn brighter_values_are_no_darker_bytes(
        first in -3.0_f32..3.0,
        second in -3.0_f32..3.0,
        rule in prop::sample::select(vec![
            Quantise::Truncate255, Quantise::HalfUp255, Quantise::HalfEven255, Quantise::Truncate256,
        ]),
        (low, high) in prop::sample::select(vec![(-1.0, 1.0), (0.0, 1.0), (-0.5, 2.0)]),
    ) {
        let row = bytes(rule, low, high, &[first.min(second), first.max(second), low, high]);
        prop_assert!(row[0] <= row[1]);
        prop_assert_eq!((row[2], row[3]), (0, 255));
    }

    #[test]
    fn noise_does_not_depend_on_how_many_values_are_asked_for(
        seed: u64, sample: u32, step: u32, count in 1_usize..200,
    ) {
        let noise = SampleNoise::new(seed);
        let (mut part, mut whole) = (vec![0.0; count], vec![0.0; 256]);
        noise.step(sample, step, &mut part);
        noise.step(sample, step, &mut whole);
        prop_assert!(part.iter().all(|value| value.is_finite() && f64::from(*value as f32) == *value));
        prop_assert_eq!(&part[..], &whole[..count]);
    }

    #[test]
    fn labels_are_classes(seed: u64, sample: u32, classes in 1_u32..2000) {
        prop_assert!(labels(LabelRule::Uniform, classes, seed).of(sample) < classes);
        prop_assert!(labels(LabelRule::Balanced, classes, seed).of(sample) == sample % classes);
    }
}
