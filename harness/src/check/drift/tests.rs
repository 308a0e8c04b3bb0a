use super::comparison::contradicts_samples;
use super::*;
use retally_manifests::Digest;
use retally_metrics::{Absence, AbsenceReason, Measurement};
use retally_suites::claims::ClaimState;
use retally_suites::evaluation::MeasuredModel;
use retally_suites::{DatasetMeasurements, RunMeasurements};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn run(measurements: Vec<Measurement>, record: Value) -> StoredFiles {
    let suite = Suite::builtin("starter").unwrap();
    let model = MeasuredModel {
        key: "net/layer-1".to_owned(),
        label: "Net, layer 1".to_owned(),
        family: "Net".to_owned(),
        measurements,
    };
    let dataset = DatasetMeasurements {
        dataset: "images".to_owned(),
        samples: 10,
        samples_in_dataset: 10,
        methods: BTreeMap::new(),
        models: vec![model],
    };
    StoredFiles {
        folder: PathBuf::from("no such folder"),
        measurements: RunMeasurements {
            schema: retally_suites::run::SCHEMA,
            suite: "starter".to_owned(),
            suite_version: 2,
            suite_content_sha256: suite.content_digest().to_string(),
            datasets: vec![dataset],
        },
        digest: Digest::of_bytes(b""),
        record: Some(record),
    }
}

fn of(metric: &str, value: f64) -> Measurement {
    Measurement::of(metric, value, Unit::None, 10, "test")
}

fn drift(old: &StoredFiles, new: &StoredFiles) -> Drift {
    let suite = Suite::builtin("starter").unwrap();
    compare(old, new, &suite, &Manifest::builtin().unwrap()).unwrap()
}

/// The starter's budget of LDS is 0.0001; FD has none; a loss is no metric of it.
fn moved_to(metric: &str, value: f64, record: Value) -> (Drift, Movement) {
    let old = run(vec![of(metric, 0.5)], json!({ "retally": "0.1.0" }));
    let found = drift(&old, &run(vec![of(metric, value)], record));
    let movement = found.moved[0].movement;
    (found, movement)
}

#[test]
fn the_budget_decides() {
    let same = || json!({ "retally": "0.1.0" });
    let (found, movement) = moved_to("LDS", 0.500_1, same());
    assert_eq!((movement, found.fails()), (Movement::WithinBudget, false));
    let (found, movement) = moved_to("LDS", 0.500_101, same());
    assert_eq!((movement, found.fails()), (Movement::BeyondBudget, true));
    let (found, movement) = moved_to("FD", 0.500_000_1, same());
    assert_eq!((movement, found.fails()), (Movement::BeyondBudget, true));
    assert!(found.to_text().contains("no budget"), "{}", found.to_text());
    let old = run(vec![of("LDS", 0.5)], same());
    let found = drift(&old, &old);
    assert_eq!((found.equal, found.measurements, found.fails()), (1, 1, false));
    assert!(found.to_text().contains("1 of 1 measurements are the same bits"));
}

#[test]
fn the_cause_is_named_or_said_to_be_none() {
    let (found, _) = moved_to("LDS", 0.6, json!({ "retally": "0.2.0" }));
    assert!(found.to_text().contains("retally's version: 0.1.0 -> 0.2.0"), "{}", found.to_text());
    let (found, _) = moved_to("LDS", 0.6, json!({ "retally": "0.1.0" }));
    assert!(found.to_text().contains("No input differs"), "{}", found.to_text());
    let claims = found.claims();
    assert_eq!(claims[0].state, ClaimState::Fails);
    assert!(claims[0].explanation.contains("0.5 -> 0.6"), "{claims:?}");
}

#[test]
fn a_side_result_decides_only_if_no_input_differs() {
    let (found, movement) = moved_to("loss", 0.6, json!({ "retally": "0.2.0" }));
    assert_eq!((movement, found.fails()), (Movement::SideResult, false));
    let (found, movement) = moved_to("loss", 0.6, json!({ "retally": "0.1.0" }));
    assert_eq!((movement, found.fails()), (Movement::SideResult, true));
}

#[test]
fn a_value_that_is_gone_is_drift_and_one_that_is_new_is_none() {
    let record = || json!({ "retally": "0.1.0" });
    let absence = || Absence::new(AbsenceReason::MissingInput, "no masks");
    let absent = || Measurement::absent("LDS", Unit::None, 0, "test", absence());
    let with = run(vec![of("LDS", 0.5)], record());
    for without in [run(vec![absent()], record()), run(vec![], record())] {
        let gone = drift(&with, &without);
        assert_eq!((gone.moved[0].movement, gone.fails()), (Movement::Vanished, true));
        let new = drift(&without, &with);
        assert_eq!((new.moved[0].movement, new.fails()), (Movement::Appeared, false));
    }
    let none = drift(&run(vec![absent()], record()), &run(vec![], record()));
    assert_eq!((none.equal, none.fails()), (1, false));
}

#[test]
fn runs_of_two_suites_and_runs_without_a_record_are_refused() {
    let suite = Suite::builtin("starter").unwrap();
    let manifest = Manifest::builtin().unwrap();
    let own = run(vec![], json!({}));
    let mut other = run(vec![], json!({}));
    other.measurements.suite = "irepa".to_owned();
    let message = compare(&other, &own, &suite, &manifest).unwrap_err().message();
    assert!(message.contains("drift is between two runs of one suite"), "{message}");
    other = run(vec![], json!({}));
    other.record = None;
    let message = compare(&own, &other, &suite, &manifest).unwrap_err().message();
    assert!(message.contains("no run.json"), "{message}");
}

#[test]
fn a_mean_that_its_samples_do_not_explain_was_edited() {
    let paired = |mean: f64| PairedDifference {
        pairs: 10,
        mean,
        interval: None,
        moved: 1,
        most: None,
        mcnemar: None,
    };
    let (old, new) = (of("LDS", 0.5), of("LDS", 0.75));
    let both = [Some(&old), Some(&new)];
    assert!(!contradicts_samples(Some(&paired(0.25)), both));
    assert!(!contradicts_samples(Some(&paired(0.25 + 1e-16)), both));
    assert!(contradicts_samples(Some(&paired(0.0)), both));
    assert!(!contradicts_samples(None, both));
    // With only some of the samples nothing can be said.
    assert!(!contradicts_samples(Some(&PairedDifference { pairs: 9, ..paired(0.0) }), both));
}
