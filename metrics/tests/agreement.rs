//! Cohen's kappa against statsmodels and scikit-learn (recorded by `tests/parity/metrics_agreement.py`) and against its own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use proptest::prelude::*;
use retally_metrics::AbsenceReason;
use retally_metrics::statistics::cohen_kappa;
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/metrics_agreement.json");

#[test]
fn kappa_and_interval_equal_statsmodels() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let cases = recorded["cases"].as_object().unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in cases {
        let categories = |key: &str| -> Vec<u64> {
            case[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|category| category.as_u64().unwrap())
                .collect()
        };
        let number = |value: &Value| value.as_f64().unwrap();
        let agreement = cohen_kappa(&categories("first"), &categories("second")).unwrap();
        assert!((agreement.kappa - number(&case["kappa"])).abs() < 1e-12, "{name}: {agreement:?}");
        match agreement.interval {
            // statsmodels does not keep the ends within [-1, 1].
            Some(interval) => {
                for (end, expected) in
                    [(interval.low, &case["interval"][0]), (interval.high, &case["interval"][1])]
                {
                    let expected = number(expected).clamp(-1.0, 1.0);
                    assert!(
                        (end.get() - expected).abs() < 1e-9,
                        "{name}: {end:?} is not {expected}"
                    );
                }
            }
            None => assert!(number(&case["standard_error"]) < 1e-9, "{name}"),
        }
    }
}

#[test]
fn a_table_by_hand() {
    // 45 and 15 agreed, 25 and 15 not: observed 0.6, chance 0.6 · 0.7 + 0.4 · 0.3 = 0.54 (Cohen's worked form).
    let rows = [(1, 1, 45), (1, 0, 15), (0, 1, 25), (0, 0, 15)];
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (one, other, count) in rows {
        first.extend(vec![one; count]);
        second.extend(vec![other; count]);
    }
    let agreement = cohen_kappa(&first, &second).unwrap();
    assert!((agreement.observed - 0.6).abs() < 1e-15 && (agreement.chance - 0.54).abs() < 1e-15);
    assert!((agreement.kappa - 0.06 / 0.46).abs() < 1e-14);
}

#[test]
fn without_spread_there_is_no_kappa() {
    let reason = |first: &[u8], second: &[u8]| cohen_kappa(first, second).unwrap_err().reason;
    assert_eq!(reason(&[1; 5], &[1; 5]), AbsenceReason::Undefined);
    assert_eq!(reason(&[], &[]), AbsenceReason::TooFewSamples);
    assert_eq!(reason(&[1], &[1, 0]), AbsenceReason::MissingInput);
    // Two constants that differ agree nowhere, as chance has it.
    let apart = cohen_kappa(&[1; 5], &[0; 5]).unwrap();
    assert_eq!((apart.kappa, apart.interval), (0.0, None));
}

proptest! {
    #[test]
    fn kappa_obeys_its_laws(pairs in prop::collection::vec((0_u8..4, 0_u8..4), 1..60)) {
        let (first, second): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let Ok(agreement) = cohen_kappa(&first, &second) else { return Ok(()) };
        prop_assert!((-1.0..=1.0).contains(&agreement.kappa));
        // Raters may be exchanged, categories renamed, items put in another order.
        let exchanged = cohen_kappa(&second, &first).unwrap();
        prop_assert!((exchanged.kappa - agreement.kappa).abs() < 1e-12);
        let renamed = |items: &[u8]| items.iter().map(|item| 9 - item).collect::<Vec<_>>();
        prop_assert!((cohen_kappa(&renamed(&first), &renamed(&second)).unwrap().kappa - agreement.kappa).abs() < 1e-12);
        // Full agreement is 1.
        if let Ok(same) = cohen_kappa(&first, &first) {
            prop_assert!((same.kappa - 1.0).abs() < 1e-12 && same.interval.is_none());
        }
        if let Some(interval) = agreement.interval {
            prop_assert!(interval.low.get() <= agreement.kappa && agreement.kappa <= interval.high.get());
        }
    }
}
