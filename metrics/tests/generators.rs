//! The generators of NumPy and PyTorch against what the two drew (recorded by `tests/parity/metrics_generators.py`).

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use retally_metrics::random::numpy::RandomState;
use retally_metrics::random::torch::{
    Generator, NormalElement, NormalTensor, OutsideTensor, TooFewNumbers,
};
use serde_json::Value;
use std::num::NonZeroU32;

const RECORDED: &str = include_str!("../../tests/parity/metrics_generators.json");

fn recorded(peer: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    document[peer].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

/// The script's polynomial, as text.
fn digest(numbers: &[usize]) -> String {
    let modulus = (1_u128 << 61) - 1;
    numbers
        .iter()
        .fold(0_u128, |value, &number| (value * 1_000_003 + number as u128) % modulus)
        .to_string()
}

fn seed(case: &Value) -> u32 {
    u32::try_from(case["seed"].as_u64().unwrap()).unwrap()
}

#[test]
fn numpy_is_drawn_again_exactly() {
    for case in recorded("numpy") {
        let mut state = RandomState::new(seed(&case));
        assert_eq!(state.permutation(10), numbers(&case["permutation_10"]));
        assert_eq!(digest(&state.permutation(70_000)), case["permutation_70000"]);
        assert_eq!(digest(&state.choice(10_000, 1000)), case["choice_1000_of_10000"]);
        let mut primes = [2, 3, 5, 7, 11, 13, 17];
        state.shuffle(&mut primes);
        assert_eq!(primes.to_vec(), numbers(&case["shuffled_primes"]));
        assert_eq!(state.permutation(1), numbers(&case["permutation_1"]));
        assert_eq!(state.choice(3, 3), numbers(&case["choice_3_of_3"]));
    }
}

#[test]
fn torch_permutations_are_exact_and_normal_numbers_agree_to_rounding() {
    for case in recorded("torch") {
        let mut generator = Generator::new(seed(&case));
        assert_eq!(generator.permutation(10), numbers(&case["randperm_10"]));
        assert_eq!(digest(&generator.permutation(70_000)), case["randperm_70000"]);
        for (shape, expected) in case["randn"].as_object().unwrap() {
            let expected: Vec<f64> = expected
                .as_array()
                .unwrap()
                .iter()
                .map(|number| number.as_f64().unwrap())
                .collect();
            let actual = generator.standard_normal(expected.len()).unwrap();
            for (&actual, expected) in actual.iter().zip(expected) {
                // One unit in the last place of numbers in [2, 4) is 2.4e-7.
                assert!(
                    (f64::from(actual) - expected).abs() < 5e-7,
                    "{shape}: {actual} {expected}"
                );
            }
        }
        let big = generator.standard_normal(1000 * 2048).unwrap();
        let sum: f64 = big.iter().copied().map(f64::from).sum();
        let squares: f64 = big.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
        let expected = &case["randn_1000x2048"];
        assert!((sum - expected["sum"].as_f64().unwrap()).abs() < 1e-2, "{sum} {expected}");
        let expected_squares = expected["sum_of_squares"].as_f64().unwrap();
        assert!((squares / expected_squares - 1.0).abs() < 1e-7, "{squares} {expected}");
        let last = f64::from(big[big.len() - 1]);
        assert!((last - expected["last"].as_f64().unwrap()).abs() < 5e-7, "{last} {expected}");
        check_further_calls(&mut generator, &case["after_that"]);
    }
}

/// Tensors of both element types and of any size, the small ones of which leave a number for the next.
fn check_further_calls(generator: &mut Generator, calls: &Value) {
    let thousand = NonZeroU32::new(1000).unwrap();
    for (call, expected) in calls.as_object().unwrap() {
        if call.ends_with("randint") {
            let actual = [(); 3].map(|()| generator.integer(thousand) as usize);
            assert_eq!(actual.to_vec(), numbers(expected), "{call}");
            continue;
        }
        let expected = expected.as_array().unwrap();
        let (element, tolerance) = match call.starts_with("float32") {
            true => (NormalElement::Float32, 5e-7),
            false => (NormalElement::Float64, 1e-15),
        };
        let tensor = NormalTensor { element, count: expected.len() };
        let actual = peek(generator, tensor, 0, tensor.count);
        generator.skip_standard_normal(tensor);
        for (actual, expected) in actual.iter().zip(expected) {
            let difference = (actual - expected.as_f64().unwrap()).abs();
            assert!(difference <= tolerance, "{call}: {actual} {expected}");
        }
    }
}

fn peek(generator: &Generator, tensor: NormalTensor, first: usize, count: usize) -> Vec<f64> {
    let mut part = vec![f64::NAN; count];
    generator.peek_standard_normal(tensor, first, &mut part).unwrap();
    part
}

#[test]
fn a_part_of_a_tensor_is_that_part_of_the_whole() {
    let mut generator = Generator::new(3);
    for element in [NormalElement::Float32, NormalElement::Float64] {
        for count in [1, 2, 7, 15, 16, 17, 31, 32, 40, 47] {
            let tensor = NormalTensor { element, count };
            let whole = peek(&generator, tensor, 0, count);
            assert!(whole.iter().all(|number| number.is_finite()), "{whole:?}");
            for first in 0..=count {
                for end in first..=count {
                    let part = peek(&generator, tensor, first, end - first);
                    assert_eq!(part, whole[first..end], "{tensor:?}, {first}..{end}");
                }
            }
            generator.skip_standard_normal(tensor);
        }
    }
    let tensor = NormalTensor { element: NormalElement::Float32, count: 20 };
    let mut part = [0.0; 5];
    assert_eq!(
        generator.peek_standard_normal(tensor, 16, &mut part),
        Err(OutsideTensor { end: 21, count: 20 })
    );
}

#[test]
fn both_ways_of_asking_for_a_tensor_agree() {
    let mut drawn = Generator::new(11);
    let mut peeked = drawn.clone();
    for count in [16, 33, 100] {
        let tensor = NormalTensor { element: NormalElement::Float32, count };
        let numbers = drawn.standard_normal(count).unwrap();
        let again = peek(&peeked, tensor, 0, count);
        peeked.skip_standard_normal(tensor);
        assert!(numbers.iter().zip(again).all(|(&number, again)| f64::from(number) == again));
    }
    let bound = NonZeroU32::new(1 << 20).unwrap();
    let _ = drawn.integer(bound);
    peeked.skip_integers(1);
    assert_eq!(drawn.integer(bound), peeked.integer(bound));
}

#[test]
fn fewer_than_sixteen_normal_numbers_are_refused() {
    assert_eq!(Generator::new(0).standard_normal(15), Err(TooFewNumbers(15)));
}
