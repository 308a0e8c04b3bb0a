//! The generators of NumPy and PyTorch against what the two drew (recorded by `tests/parity/metrics_generators.py`).

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use retally_metrics::random::numpy::RandomState;
use retally_metrics::random::torch::{Generator, TooFewNumbers};
use serde_json::Value;

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
    }
}

#[test]
fn fewer_than_sixteen_normal_numbers_are_refused() {
    assert_eq!(Generator::new(0).standard_normal(15), Err(TooFewNumbers(15)));
}
