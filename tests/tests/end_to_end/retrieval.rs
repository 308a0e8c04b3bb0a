//! `retally score mrr` and `retally score pre` on files.

use crate::program::{json, run};
use crate::workbench::InputFolder;
use serde_json::Value;

fn value(document: &Value, metric: &str) -> f64 {
    measurement(document, metric)["value"].as_f64().unwrap()
}

fn measurement<'a>(document: &'a Value, metric: &str) -> &'a Value {
    let all = document["measurements"].as_array().unwrap();
    all.iter().find(|measured| measured["metric"] == metric).unwrap()
}

fn refused(arguments: &[&str], part: &str) {
    let document = json(arguments, 2);
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(part), "`{part}` is not in: {message}");
}

/// Members 0 to 4 on a line; predictions at 0.1, 1.6 and 4: ranks 1, 2 and 3.
#[test]
fn ranks_in_a_shared_bank_have_a_closed_form() {
    let bench = InputFolder::new();
    let bank = bench.floats("bank.npy", &[5, 2], &[0., 0., 1., 0., 2., 0., 3., 0., 4., 0.]);
    let predictions = bench.floats("p.npy", &[3, 2], &[0.1, 0., 1.6, 0., 4., 0.]);
    let arguments = ["score", "mrr", "--predictions", &predictions, "--bank", &bank];
    let document = json(&arguments, 0);
    assert_eq!(value(&document, "MRR"), (1.0 + 0.5 + 1.0 / 3.0) / 3.0);
    assert_eq!(value(&document, "H@1"), 1.0 / 3.0);
    assert_eq!((value(&document, "H@5"), value(&document, "H@10")), (1.0, 1.0));
    assert_eq!(measurement(&document, "MRR")["n"], 3);
    let method = measurement(&document, "MRR")["interval"]["method"].as_str().unwrap();
    assert_eq!(method, "bootstrap-percentile over queries (seed 0, 10000 draws)");
    let chance = &document["chance"];
    assert_eq!(chance["bank"], 5);
    let expected = (1.0 + 0.5 + 1.0 / 3.0 + 0.25 + 0.2) / 5.0;
    assert!((chance["values"]["MRR"].as_f64().unwrap() - expected).abs() < 1e-15, "{chance}");
    assert_eq!(chance["values"]["H@1"], 0.2);
    assert_eq!(chance["values"]["H@10"], 1.0);
    // Chance stands beside each number.
    let printed = run(&arguments).stdout;
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("MRR") && lines[0].ends_with("chance 0.456667"), "{printed}");
    assert!(lines[1].starts_with("H@1") && lines[1].ends_with("chance 0.200000"), "{printed}");
}

#[test]
fn targets_distances_and_ties_are_options() {
    let bench = InputFolder::new();
    // Rows 0 and 2 are parallel, 1 and 3 equal.
    let bank = bench.floats("bank.npy", &[4, 2], &[1., 0., 0., 1., 4., 0., 0., 1.]);
    let predictions = bench.floats("p.npy", &[2, 2], &[1., 0., 0., 1.]);
    let targets = bench.integers("t.npy", &[2, 3]);
    let base =
        ["score", "mrr", "--predictions", &predictions, "--bank", &bank, "--targets", &targets];
    let mrr = |more: &[&str]| value(&json(&[&base[..], more].concat(), 0), "MRR");
    // L2: from (1, 0) row 2 is farthest, rank 4; from (0, 1) rows 1 and 3 are level, ranks 1 and 2.
    assert_eq!(mrr(&[]), (0.25 + 1.0 / 1.5) / 2.0);
    assert_eq!(mrr(&["--ties", "optimistic"]), (0.25 + 1.0) / 2.0);
    assert_eq!(mrr(&["--ties", "pessimistic"]), (0.25 + 0.5) / 2.0);
    // Cosine: row 2 is as near as row 0.
    assert_eq!(mrr(&["--distance", "cosine"]), (1.0 / 1.5 + 1.0 / 1.5) / 2.0);
}

#[test]
fn predictions_may_have_banks_of_their_own() {
    let bench = InputFolder::new();
    let predictions = bench.floats("p.npy", &[2, 1], &[0.0, 10.0]);
    let banks = bench.floats("b.npy", &[2, 3, 1], &[0., 1., 2., 12., 8.5, 20.]);
    let document = json(&["score", "mrr", "--predictions", &predictions, "--bank", &banks], 0);
    // Query 0 has row 0 of its bank, at rank 1; query 1 has row 1, at rank 1.
    assert_eq!(value(&document, "MRR"), 1.0);
    // One image with three predictions in one bank: the constant predictor has ranks 1, 2, 3, exactly chance.
    let constant = bench.floats("c.npy", &[2, 3, 1], &[0.0; 6]);
    let banks = bench.floats("i.npy", &[2, 3, 1], &[1., 2., 3., 30., 20., 10.]);
    let document = json(&["score", "mrr", "--predictions", &constant, "--bank", &banks], 0);
    let (mrr, chance) = (value(&document, "MRR"), &document["chance"]["values"]["MRR"]);
    assert!((mrr - chance.as_f64().unwrap()).abs() < 1e-15);
    let interval = &measurement(&document, "MRR")["interval"];
    assert_eq!(interval["method"], "bootstrap-percentile over images (seed 0, 10000 draws)");
    let [low, high] = ["low", "high"].map(|end| interval[end].as_f64().unwrap());
    assert!(low <= mrr && mrr <= high, "{interval}");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let bench = InputFolder::new();
    let numbers = |seed: u64, count: u64| -> Vec<f32> {
        (0..count).map(|index| ((index * 7919 + seed * 104_729) % 1009) as f32 / 1009.0).collect()
    };
    let predictions = bench.floats("p.npy", &[40, 33], &numbers(1, 40 * 33));
    let bank = bench.floats("b.npy", &[60, 33], &numbers(2, 60 * 33));
    let of = |threads: &str| {
        let arguments =
            ["score", "mrr", "--predictions", &predictions, "--bank", &bank, "--threads", threads];
        json(&arguments, 0)
    };
    assert_eq!(of("1"), of("3"));
}

#[test]
fn pre_is_the_rotation_error_of_the_nearest() {
    let bench = InputFolder::new();
    let bank = bench.floats("bank.npy", &[3, 2], &[1., 0., 0., 1., -1., 0.]);
    let predictions = bench.floats("p.npy", &[3, 2], &[2., 0.1, 0.1, 3., 0.2, 1.]);
    // Identity, half a turn about x, a sixth of a turn about z: (cos 30°, 0, 0, sin 30°).
    let half = 3.0_f32.sqrt() / 2.0;
    let rotations = [1., 0., 0., 0., 0., 1., 0., 0., half, 0., 0., 0.5];
    let quaternions = bench.floats("q.npy", &[3, 4], &rotations);
    let base = ["score", "pre", "--predictions", &predictions, "--bank", &bank, "--quaternions"];
    let document = json(&[&base[..], &[quaternions.as_str()]].concat(), 0);
    // Found are rows 0, 1 and 1: errors 0, 0 and 1 - 0.
    assert!((value(&document, "PRE") - 1.0 / 3.0).abs() < 1e-12);
    let long = bench.floats("long.npy", &[3, 4], &rotations.map(|number| 2.0 * number));
    refused(&[&base[..], &[long.as_str()]].concat(), "quaternion 0 (counted from 0) has length 2");
    refused(&[&base[..], &[bank.as_str()]].concat(), "a quaternion for each member of the bank");
}

#[test]
fn what_cannot_be_ranked_is_refused() {
    let bench = InputFolder::new();
    let predictions = bench.floats("p.npy", &[3, 2], &[0.0; 6]);
    let bank = bench.floats("b.npy", &[2, 2], &[1.0; 4]);
    let base = ["score", "mrr", "--predictions", &predictions, "--bank"];
    let with = |more: &[&str]| [&base[..], more].concat().join("\u{1f}");
    let check = |more: &[&str], part: &str| {
        let words = with(more);
        refused(&words.split('\u{1f}').collect::<Vec<_>>(), part);
    };
    check(&[&bank], "say with --targets which member each prediction is of");
    let targets = bench.integers("t.npy", &[0, 1, 2]);
    check(
        &[&bank, "--targets", &targets],
        "target 2 (counted from 0) is 2, but a bank has 2 members",
    );
    let few = bench.integers("few.npy", &[0, 1]);
    check(&[&bank, "--targets", &few], "has 2 targets, but there are 3 predictions");
    let negative = bench.integers("negative.npy", &[0, 1, -1]);
    check(&[&bank, "--targets", &negative], "label 2 (counted from 0) is -1");
    let wide = bench.floats("wide.npy", &[4, 3], &[1.0; 12]);
    check(&[&wide], "a last axis of 2, as the predictions have it");
    let flat = bench.floats("flat.npy", &[4], &[1.0; 4]);
    check(&[&flat], "[N, D], or [Q, N, D]");
    let own = bench.floats("own.npy", &[2, 4, 2], &[1.0; 16]);
    check(&[&own], "a bank for each of the 3");
    let empty = bench.floats("empty.npy", &[0, 2], &[]);
    check(&[&empty], "there is nothing to rank");
    let broken = bench.floats("nan.npy", &[3, 2], &[1., 1., 1., f32::NAN, 1., 1.]);
    check(&[&broken], "row 1 of the bank (counted from 0) holds NaN");
    let cosine = bench.floats("three.npy", &[3, 2], &[1.0; 6]);
    check(&[&cosine, "--distance", "cosine"], "row 0 of the predictions (counted from 0) is zero");
    check(&["no-such-file.npy"], "cannot open `no-such-file.npy`");
}
