//! Retrieval against NumPy (recorded by `tests/parity/metrics_retrieval.py`) and against its own laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod portable;

use ndarray::{Array2, Axis, s};
use portable::{Scrambled, clusters, grid, uniform};
use proptest::prelude::*;
use retally_metrics::executor::Sequential;
use retally_metrics::retrieval::{
    BankScan, Distance, Placement, RetrievalError, RetrievalOptions, RetrievalResult, TieRule,
    hits_chance, mean_reciprocal_rank_chance, place, retrieval_measurements, rotation_measurement,
};
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/metrics_retrieval.json");

/// A bank for all predictions, or one for each.
enum Bank {
    Shared(Array2<f32>),
    PerQuery(Vec<Array2<f32>>),
}

fn planted(targets: &Array2<f32>, seed: u64, spread: f64) -> Array2<f32> {
    let width = targets.ncols();
    Array2::from_shape_fn(targets.dim(), |(row, column)| {
        let noise = uniform(seed, (row * width + column) as u64);
        (f64::from(targets[[row, column]]) + spread * (noise - 0.5)) as f32
    })
}

/// The inputs of the recorded cases, in their order.
fn cases() -> Vec<(Array2<f32>, Bank)> {
    let planted_bank = clusters(17, 50, 24, 0.5, -0.4);
    let order: Vec<usize> = (0..33).map(|query| (7 * query + 3) % 50).collect();
    let chosen = planted_bank.select(Axis(0), &order);
    let constant = clusters(21, 1, 12, 0.5, -0.4);
    let banks = clusters(23, 9 * 14, 10, 0.6, -0.3);
    let banks: Vec<Array2<f32>> =
        (0..9).map(|query| banks.slice(s![query * 14..(query + 1) * 14, ..]).to_owned()).collect();
    let own = Array2::from_shape_fn((9, 10), |(query, column)| banks[query][[query, column]]);
    vec![
        (clusters(11, 40, 19, 0.7, -0.3), Bank::Shared(clusters(12, 40, 19, 0.7, -0.3))),
        (clusters(13, 7, 32, 0.7, -0.3), Bank::Shared(clusters(14, 61, 32, 0.7, -0.3))),
        (grid(15, 30, 3, 3, 0.5) + 1.0, Bank::Shared(grid(16, 30, 3, 3, 0.5) + 1.0)),
        (planted(&planted_bank, 18, 0.9), Bank::Shared(planted_bank.clone())),
        (planted(&chosen, 19, 1.3), Bank::Shared(planted_bank)),
        (constant.select(Axis(0), &[0; 64]), Bank::Shared(clusters(22, 64, 12, 0.5, -0.4))),
        (planted(&own, 24, 1.1), Bank::PerQuery(banks)),
    ]
}

fn placed(
    predictions: &Array2<f32>,
    bank: &Bank,
    targets: &[usize],
    distance: Distance,
) -> (Vec<Placement>, Vec<usize>, usize) {
    match bank {
        Bank::Shared(bank) => {
            let (placements, nearest) =
                place(&predictions.view(), &bank.view(), targets, distance, &Scrambled).unwrap();
            (placements, nearest, bank.nrows())
        }
        Bank::PerQuery(banks) => {
            let mut all = (Vec::new(), Vec::new(), banks[0].nrows());
            for (query, bank) in banks.iter().enumerate() {
                let prediction = predictions.slice(s![query..=query, ..]);
                let target = [targets[query]];
                let (placements, nearest) =
                    place(&prediction, &bank.view(), &target, distance, &Sequential).unwrap();
                all.0.extend(placements);
                all.1.extend(nearest);
            }
            all
        }
    }
}

fn measure(placements: &[Placement], bank: usize, ties: TieRule) -> RetrievalResult {
    let groups: Vec<Vec<Placement>> = placements.iter().map(|&placement| vec![placement]).collect();
    let options = RetrievalOptions { ties, bootstrap_draws: 200, ..RetrievalOptions::default() };
    retrieval_measurements(&groups, (bank as u64, "queries"), "test", &options, &Scrambled).unwrap()
}

fn value(result: &RetrievalResult, metric: &str) -> f64 {
    let found = result.measurements.iter().find(|measured| measured.metric == metric);
    found.unwrap().value().unwrap()
}

#[test]
fn ranks_and_means_are_those_of_numpy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let recorded = recorded["cases"].as_array().unwrap();
    let cases = cases();
    assert_eq!(recorded.len(), cases.len());
    for (case, (predictions, bank)) in recorded.iter().zip(&cases) {
        let targets: Vec<usize> = serde_json::from_value(case["targets"].clone()).unwrap();
        for scores in case["scores"].as_array().unwrap() {
            let distance: Distance = serde_json::from_value(scores["distance"].clone()).unwrap();
            let ties: TieRule = serde_json::from_value(scores["ties"].clone()).unwrap();
            let (placements, nearest, members) = placed(predictions, bank, &targets, distance);
            let ranks: Vec<f64> = placements.iter().map(|placement| placement.rank(ties)).collect();
            let place = format!("{} {distance:?} {ties:?}", case["case"]);
            assert_eq!(serde_json::to_value(&ranks).unwrap(), scores["ranks"], "{place}");
            assert_eq!(serde_json::to_value(&nearest).unwrap(), scores["nearest"], "{place}");
            let result = measure(&placements, members, ties);
            for metric in ["MRR", "H@1", "H@5", "H@10"] {
                assert_eq!(value(&result, metric), scores[metric].as_f64().unwrap(), "{place}");
            }
        }
    }
}

#[test]
fn rotation_errors_are_those_of_numpy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let recorded = &recorded["rotations"];
    let rows: Vec<[f64; 4]> = serde_json::from_value(recorded["quaternions"].clone()).unwrap();
    let quaternions = Array2::from_shape_fn((rows.len(), 4), |(row, axis)| rows[row][axis]);
    let bank = clusters(32, 20, 8, 0.5, -0.4);
    let predictions = planted(&bank, 33, 1.6);
    let targets: Vec<usize> = (0..20).collect();
    let (_, nearest) =
        place(&predictions.view(), &bank.view(), &targets, Distance::Cosine, &Sequential).unwrap();
    assert_eq!(serde_json::to_value(&nearest).unwrap(), recorded["nearest"]);
    let options = RetrievalOptions { bootstrap_draws: 100, ..RetrievalOptions::default() };
    let measured =
        rotation_measurement(&quaternions.view(), &targets, &nearest, &options, &Sequential)
            .unwrap();
    assert_eq!(measured.value(), recorded["PRE"].as_f64());
    // Every target found itself, but for the sign of its quaternion.
    let right =
        rotation_measurement(&quaternions.view(), &targets, &targets, &options, &Sequential)
            .unwrap();
    assert!(right.value().unwrap().abs() < 1e-15, "{right:?}");
}

#[test]
fn chance_is_that_of_numpy() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    for case in recorded["chance"].as_array().unwrap() {
        let bank = case["bank"].as_u64().unwrap();
        let expected = case["MRR"].as_f64().unwrap();
        assert!((mean_reciprocal_rank_chance(bank) - expected).abs() <= 1e-15 * expected, "{case}");
        assert_eq!(hits_chance(5, bank), case["H@5"].as_f64().unwrap());
    }
}

#[test]
fn what_cannot_be_ranked_is_refused() {
    let (predictions, bank) = (Array2::<f32>::ones((2, 3)), Array2::<f32>::ones((4, 3)));
    let refused = |predictions: &Array2<f32>, bank: &Array2<f32>, targets: &[usize], distance| {
        place(&predictions.view(), &bank.view(), targets, distance, &Sequential).unwrap_err()
    };
    let l2 = Distance::L2;
    let error = refused(&predictions, &bank, &[0], l2);
    assert_eq!(error, RetrievalError::Targets { predictions: 2, targets: 1 });
    let error = refused(&predictions, &bank, &[0, 4], l2);
    assert_eq!(error, RetrievalError::NoSuchTarget { prediction: 1, target: 4, bank: 4 });
    let error = refused(&predictions, &Array2::ones((4, 2)), &[0, 1], l2);
    assert_eq!(error, RetrievalError::Width { predictions: 3, bank: 2 });
    let error = refused(&Array2::ones((0, 3)), &bank, &[], l2);
    assert!(matches!(error, RetrievalError::Empty { rows: 0, width: 3, .. }));
    let mut broken = bank.clone();
    broken[[3, 1]] = f32::NAN;
    let error = refused(&predictions, &broken, &[0, 1], l2);
    assert_eq!(error, RetrievalError::NotFinite { set: "the bank", row: 3 });
    broken.row_mut(3).fill(0.0);
    let error = refused(&predictions, &broken, &[0, 1], Distance::Cosine);
    assert_eq!(error, RetrievalError::ZeroRow { set: "the bank", row: 3 });
}

#[test]
fn a_bank_in_pieces_is_the_same_bank() {
    let (predictions, bank) = (clusters(13, 7, 32, 0.7, -0.3), clusters(14, 61, 32, 0.7, -0.3));
    let targets: Vec<usize> = (0..7).map(|query| 8 * query).collect();
    let whole =
        place(&predictions.view(), &bank.view(), &targets, Distance::L2, &Sequential).unwrap();
    let rows = bank.select(Axis(0), &targets);
    let view = predictions.view();
    let mut scan = BankScan::new(&view, (&targets, &rows.view()), 61, Distance::L2).unwrap();
    for start in (0..61).step_by(9) {
        let piece = bank.slice(s![start..(start + 9).min(61), ..]);
        assert!(matches!(scan.placements(), Err(RetrievalError::Incomplete { .. })));
        scan.add(&piece, &Scrambled).unwrap();
    }
    assert_eq!((scan.placements().unwrap().to_vec(), scan.nearest().unwrap()), whole);
    let more = scan.add(&bank.slice(s![..1, ..]), &Sequential).unwrap_err();
    assert_eq!(more, RetrievalError::Incomplete { actual: 62, expected: 61 });
}

#[test]
fn quaternions_that_are_no_rotations_are_refused() {
    let mut quaternions = Array2::zeros((2, 4));
    quaternions.column_mut(0).fill(1.0);
    let options = RetrievalOptions::default();
    let measure = |quaternions: &Array2<f64>, found: &[usize]| {
        rotation_measurement(&quaternions.view(), &[0, 1], found, &options, &Sequential)
    };
    assert_eq!(measure(&quaternions, &[1, 0]).unwrap().value(), Some(0.0));
    let error = measure(&quaternions, &[1, 2]).unwrap_err();
    assert!(matches!(error, RetrievalError::NoSuchTarget { prediction: 1, target: 2, .. }));
    quaternions[[1, 0]] = 2.0;
    let error = measure(&quaternions, &[1, 0]).unwrap_err();
    assert_eq!(error, RetrievalError::NotUnit { row: 1, length: 2.0 });
}

/// Rows of small whole numbers, many of them equal, each with its own width.
fn sets() -> impl Strategy<Value = (Array2<f32>, Array2<f32>)> {
    (1_usize..20, 2_usize..24, 1_usize..21).prop_flat_map(|(queries, members, width)| {
        let rows = |count: usize| {
            proptest::collection::vec(0_u8..4, count * width).prop_map(move |values| {
                let values = values.into_iter().map(f32::from).collect();
                Array2::from_shape_vec((count, width), values).unwrap()
            })
        };
        (rows(queries), rows(members))
    })
}

proptest! {
    #[test]
    fn scores_keep_their_bounds((predictions, bank) in sets()) {
        let members = bank.nrows();
        let targets: Vec<usize> = (0..predictions.nrows()).map(|query| query % members).collect();
        let (placements, nearest) =
            place(&predictions.view(), &bank.view(), &targets, Distance::L2, &Sequential).unwrap();
        for ties in [TieRule::Optimistic, TieRule::MidRank, TieRule::Pessimistic] {
            let result = measure(&placements, members, ties);
            let [mrr, one, five, ten] = ["MRR", "H@1", "H@5", "H@10"].map(|name| value(&result, name));
            prop_assert!(one <= five && five <= ten && ten <= 1.0);
            prop_assert!(one <= mrr && mrr <= 1.0 && 1.0 / members as f64 <= mrr * (1.0 + 1e-12));
        }
        let rank = |ties| value(&measure(&placements, members, ties), "MRR");
        prop_assert!(rank(TieRule::Pessimistic) <= rank(TieRule::MidRank));
        prop_assert!(rank(TieRule::MidRank) <= rank(TieRule::Optimistic));
        for (query, (placement, nearest)) in placements.iter().zip(nearest).enumerate() {
            let found_itself = nearest == targets[query];
            prop_assert!(!found_itself || placement.nearer == 0);
            prop_assert!(placement.nearer + placement.level < members as u64);
        }
    }

    /// Ranks depend on the members of a bank, not on their order.
    #[test]
    fn the_order_of_the_bank_does_not_matter((predictions, bank) in sets(), shift in 1_usize..23) {
        let members = bank.nrows();
        let targets: Vec<usize> = (0..predictions.nrows()).map(|query| query % members).collect();
        let moved: Vec<usize> = (0..members).map(|row| (row + shift) % members).collect();
        let at = |row: usize| moved.iter().position(|&from| from == row).unwrap();
        let moved_targets: Vec<usize> = targets.iter().map(|&target| at(target)).collect();
        let turned = bank.select(Axis(0), &moved);
        let place = |bank: &Array2<f32>, targets: &[usize]| {
            place(&predictions.view(), &bank.view(), targets, Distance::L2, &Sequential).unwrap().0
        };
        prop_assert_eq!(place(&bank, &targets), place(&turned, &moved_targets));
    }

    /// A predictor that ignores what is asked for gives one answer; with every member asked for once its ranks are 1 to N.
    #[test]
    fn a_constant_predictor_scores_chance(seed in 0_u64..1000, members in 2_usize..80) {
        let bank = clusters(seed, members, 9, 1.0, -1.0);
        let constant = clusters(seed + 1, 1, 9, 1.0, -1.0).select(Axis(0), &vec![0; members]);
        let targets: Vec<usize> = (0..members).collect();
        let (placements, _) =
            place(&constant.view(), &bank.view(), &targets, Distance::L2, &Sequential).unwrap();
        prop_assume!(placements.iter().all(|placement| placement.level == 0));
        let mut ranks: Vec<f64> =
            placements.iter().map(|placement| placement.rank(TieRule::MidRank)).collect();
        ranks.sort_by(f64::total_cmp);
        prop_assert_eq!(ranks, (1..=members).map(|rank| rank as f64).collect::<Vec<_>>());
        let result = measure(&placements, members, TieRule::MidRank);
        for metric in ["MRR", "H@1", "H@5", "H@10"] {
            let (measured, chance) = (value(&result, metric), result.chance.of(metric).unwrap());
            prop_assert!((measured - chance).abs() <= 1e-12, "{}: {} {}", metric, measured, chance);
            let measurement = result.measurements.iter().find(|m| m.metric == metric).unwrap();
            let interval = measurement.interval().unwrap();
            prop_assert!(interval.low.get() <= chance + 1e-12 && chance - 1e-12 <= interval.high.get());
        }
    }
}
