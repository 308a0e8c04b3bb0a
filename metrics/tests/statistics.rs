//! Statistics against NumPy and SciPy (recorded by `tests/parity/metrics_statistics.py`) and against their own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use proptest::prelude::*;
use retally_metrics::AbsenceReason;
use retally_metrics::statistics::{
    Correlation, CorrelationOptions, fisher_test, mcnemar_exact, paired_difference,
};
use serde_json::Value;

const FIGURE_4: &str = include_str!("data/irepa_figure_4.csv");
const RECORDED: &str = include_str!("../../tests/parity/metrics_statistics.json");
const NO_BOOTSTRAP: CorrelationOptions = CorrelationOptions { seed: 0, bootstrap_draws: 0 };

fn column(name: &str) -> Vec<f64> {
    let mut lines = FIGURE_4.lines();
    let index = lines.next().unwrap().split(',').position(|heading| heading == name).unwrap();
    lines.map(|line| line.split(',').nth(index).unwrap().parse().unwrap()).collect()
}

fn figure_4(metric: &str) -> Correlation {
    Correlation::of(&column(metric), &column("gFID"), CorrelationOptions::default()).unwrap()
}

#[track_caller]
fn assert_close(actual: f64, expected: f64, relative: f64) {
    assert!((actual - expected).abs() <= relative * expected.abs(), "{actual} is not {expected}");
}

#[test]
fn figure_4_equals_numpy_and_scipy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    for (metric, expected) in recorded["figure_4"].as_object().unwrap() {
        let correlation = figure_4(metric);
        let number = |key: &str| expected[key].as_f64().unwrap();
        assert_eq!(correlation.n, 27);
        assert_close(correlation.pearson, number("pearson"), 1e-12);
        assert_close(correlation.spearman, number("spearman"), 1e-12);
        assert_close(correlation.line.slope, number("slope"), 1e-11);
        assert_close(correlation.line.intercept, number("intercept"), 1e-11);
        let interval = correlation.fisher_interval.unwrap();
        assert_close(interval.low.get(), expected["fisher_interval"][0].as_f64().unwrap(), 1e-11);
        assert_close(interval.high.get(), expected["fisher_interval"][1].as_f64().unwrap(), 1e-11);
        assert_eq!(correlation.influence.len(), 27);
        for (index, r) in correlation.influence {
            assert_close(r, expected["left_out"][index].as_f64().unwrap(), 1e-11);
        }
    }
}

#[test]
fn paired_tests_equal_scipy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let index = (1..=40).map(f64::from);
    let first: Vec<f64> = index.clone().map(f64::sin).collect();
    let second: Vec<f64> =
        index.zip(&first).map(|(i, first)| first + 0.01 * (7.0 * i).cos() + 0.003).collect();
    let found = paired_difference(&first, &second, 0.95).unwrap();
    let interval = found.interval.unwrap();
    let expected = &recorded["paired_difference"];
    for (name, actual) in
        [("mean", found.mean), ("low", interval.low.get()), ("high", interval.high.get())]
    {
        assert_close(actual, expected[name].as_f64().unwrap(), 1e-9);
    }
    let tests = recorded["mcnemar_exact"].as_array().unwrap();
    assert_eq!(tests.len(), 5);
    for test in tests {
        let [first, second] = [0, 1].map(|index| test[index].as_u64().unwrap());
        assert_close(mcnemar_exact(first, second), test[2].as_f64().unwrap(), 1e-11);
    }
}

#[test]
fn figure_4_reproduces_the_printed_coefficients() {
    // Printed r; the reference sheet's Spearman; its bootstrap interval (resample count and seed not recorded).
    let cases = [
        ("accuracy", -0.260, 0.0278, [-0.63, 0.44]),
        ("LDS", -0.852, -0.8338, [-0.92, -0.77]),
        ("CDS", -0.847, -0.8045, [-0.92, -0.76]),
        ("SRSS", -0.885, -0.9053, [-0.94, -0.83]),
        ("RMSC", -0.888, -0.7947, [-0.96, -0.65]),
    ];
    for (metric, printed, spearman, [low, high]) in cases {
        let correlation = figure_4(metric);
        assert!((correlation.pearson - printed).abs() < 0.001, "{metric}");
        assert!((correlation.spearman - spearman).abs() < 0.000_05, "{metric}");
        let bootstrap = correlation.bootstrap_interval.unwrap();
        assert!((bootstrap.low.get() - low).abs() < 0.011, "{metric}: {bootstrap:?}");
        assert!((bootstrap.high.get() - high).abs() < 0.021, "{metric}: {bootstrap:?}");
        assert_eq!(
            bootstrap.method,
            "bootstrap-percentile (seed 0, 10000 draws, 0 degenerate redrawn)"
        );
        assert!(fisher_test(correlation.pearson, printed, 27).unwrap() > 0.98);
    }
}

#[test]
fn the_outlier_leads_the_influence_of_rmsc() {
    let correlation = figure_4("RMSC");
    assert_eq!(correlation.influence[0].0, 0);
    let [low, high] = correlation.leave_one_out.unwrap();
    assert!(low <= correlation.pearson && correlation.pearson <= high);
    let moves: Vec<f64> =
        correlation.influence.iter().map(|(_, r)| (r - correlation.pearson).abs()).collect();
    assert!(moves.is_sorted_by(|a, b| a >= b));
}

#[test]
fn a_point_that_holds_all_the_variance_is_left_out_exactly() {
    // Without the last pair r is -1; a plain downdate of the sums would lose it to cancellation.
    let x = [1.0, 2.0, 3.0, 1e12];
    let y = [3.0, 2.0, 1.0, 1e12];
    let correlation = Correlation::of(&x, &y, NO_BOOTSTRAP).unwrap();
    assert_eq!(correlation.influence[0], (3, -1.0));
}

#[test]
fn points_without_which_nothing_varies_have_no_influence_entry() {
    let correlation =
        Correlation::of(&[0.0, 0.0, 0.0, 1.0], &[1.0, 2.0, 3.0, 4.0], NO_BOOTSTRAP).unwrap();
    assert!(correlation.influence.iter().all(|&(index, _)| index != 3));
    assert_eq!(correlation.influence.len(), 3);
}

#[test]
fn extreme_scales_and_offsets_cost_nothing() {
    let (x, y) = ([1.0, 2.0, 4.0, 3.0], [2.0, 1.0, 5.0, 3.0]);
    let plain = Correlation::of(&x, &y, NO_BOOTSTRAP).unwrap();
    for (scale, offset) in [(1.0, 1e15), (1e300, 0.0), (1e-300, 0.0), (-1e-290, 0.0)] {
        let moved = x.map(|value| offset + scale * value);
        let correlation = Correlation::of(&moved, &y, NO_BOOTSTRAP).unwrap();
        assert_close(correlation.pearson, plain.pearson * f64::signum(scale), 1e-14);
        assert_close(correlation.line.slope * scale, plain.line.slope, 1e-14);
    }
}

#[test]
fn bad_input_is_a_typed_absence() {
    let reason = |x: &[f64], y: &[f64]| Correlation::of(x, y, NO_BOOTSTRAP).unwrap_err().reason;
    assert_eq!(reason(&[1.0, 2.0], &[1.0, 2.0]), AbsenceReason::TooFewSamples);
    assert_eq!(reason(&[], &[]), AbsenceReason::TooFewSamples);
    assert_eq!(reason(&[1.0, 2.0, 3.0], &[1.0, 2.0]), AbsenceReason::MissingInput);
    assert_eq!(reason(&[0.1, 0.1, 0.1], &[1.0, 2.0, 3.0]), AbsenceReason::Undefined);
    assert_eq!(reason(&[1.0, 2.0, 3.0], &[0.1, 0.1, 0.1]), AbsenceReason::Undefined);
    assert_eq!(reason(&[1.0, f64::NAN, 3.0], &[1.0, 2.0, 3.0]), AbsenceReason::NotFinite);
    assert_eq!(reason(&[1.0, 2.0, 3.0], &[1.0, 2.0, f64::INFINITY]), AbsenceReason::NotFinite);
    assert_eq!(reason(&[1e-300, 2e-300, 3e-300], &[1e300, 2e300, 3e301]), AbsenceReason::NotFinite);
}

#[test]
fn three_pairs_have_no_fisher_interval() {
    let correlation = Correlation::of(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0], NO_BOOTSTRAP).unwrap();
    assert_eq!((correlation.pearson, correlation.fisher_interval), (0.5, None));
}

fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((-100.0..100.0, -100.0..100.0), 3..40)
}

proptest! {
    #[test]
    fn pearson_and_spearman_keep_their_value_under_rising_affine_maps(
        pairs in pairs(), slope in 0.01..100.0_f64, offset in -1e6..1e6_f64,
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let moved: Vec<f64> = x.iter().map(|value| offset + slope * value).collect();
        let (plain, moved) = (Correlation::of(&x, &y, NO_BOOTSTRAP), Correlation::of(&moved, &y, NO_BOOTSTRAP));
        if let (Ok(plain), Ok(moved)) = (plain, moved) {
            // Rounding of `moved` itself is at most 1e-10 of a unit of x.
            prop_assert!((plain.pearson - moved.pearson).abs() < 1e-6);
            prop_assert!((-1.0..=1.0).contains(&plain.pearson));
            prop_assert!((-1.0..=1.0).contains(&plain.spearman));
        }
    }

    #[test]
    fn correlation_is_symmetric_and_odd(pairs in pairs()) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let negated: Vec<f64> = y.iter().map(|value| -value).collect();
        if let Ok(forward) = Correlation::of(&x, &y, NO_BOOTSTRAP) {
            let swapped = Correlation::of(&y, &x, NO_BOOTSTRAP).unwrap();
            let odd = Correlation::of(&x, &negated, NO_BOOTSTRAP).unwrap();
            prop_assert!((forward.pearson - swapped.pearson).abs() < 1e-14);
            prop_assert_eq!(forward.pearson, -odd.pearson);
            prop_assert_eq!(forward.spearman, -odd.spearman);
        }
    }

    #[test]
    fn spearman_sees_order_only(pairs in pairs()) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let bent: Vec<f64> = x.iter().map(|value| value.exp()).collect();
        if let Ok(plain) = Correlation::of(&x, &y, NO_BOOTSTRAP) {
            prop_assert_eq!(plain.spearman, Correlation::of(&bent, &y, NO_BOOTSTRAP).unwrap().spearman);
        }
    }

    #[test]
    fn the_bootstrap_repeats(pairs in pairs(), seed in 0..u64::MAX) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let options = CorrelationOptions { seed, bootstrap_draws: 50 };
        if let Ok(first) = Correlation::of(&x, &y, options) {
            prop_assert_eq!(&first, &Correlation::of(&x, &y, options).unwrap());
            let interval = first.bootstrap_interval.unwrap();
            prop_assert!(-1.0 <= interval.low.get() && interval.low <= interval.high && interval.high.get() <= 1.0);
        }
    }
}
