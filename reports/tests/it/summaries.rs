//! The terminal summary and the JSON document.

use crate::fixture::{hostile_suite, measured_suite, panels, printed_suite};
use retally_reports::{correlations_json, terminal_summary};
use serde_json::json;

#[test]
fn terminal() {
    insta::assert_snapshot!("summary_printed", terminal_summary(&printed_suite()));
    insta::assert_snapshot!("summary_measured", terminal_summary(&measured_suite()));
    assert!(!terminal_summary(&hostile_suite()).contains('\u{1b}'));
}

#[test]
fn correlations_and_verdict_counts_as_json() {
    let document = correlations_json(&measured_suite());
    let claim = &document["correlations"][0];
    assert_eq!(
        (&claim["figure"], &claim["x"], &claim["y"]),
        (&json!("figure-4"), &json!("LDS"), &json!("gFID"))
    );
    assert_eq!(
        (&claim["n"], &claim["pearson"], &claim["reported"]),
        (&json!(8), &json!(-0.8521), &json!(-0.852))
    );
    assert_eq!(claim["interval"], json!([-0.931, -0.698]));
    assert_eq!(claim["leave_one_out"], json!([-0.871, -0.839]));
    assert_eq!(claim["verdict"], json!("within-numeric"));
    assert_eq!(
        document["tables"][0],
        json!({"id": "table-2", "label": "Table 2", "cells": 7, "unknown": 1, "versions": 0,
               "constants": 0, "measured": 3, "verdicts": {"within-sampling": 1, "outside-better": 1, "not-run": 4}})
    );
    assert_eq!(document["identity_checks"], json!({"made": 2, "broken": 1}));
}

#[test]
fn what_is_not_known_is_null() {
    let mut suite = printed_suite();
    let claim = &mut panels(&mut suite.figures[0])[0].correlation;
    (claim.pearson, claim.reported, claim.verdict) = (None, None, None);
    let document = correlations_json(&suite);
    assert!(
        ["pearson", "reported", "difference", "verdict"]
            .iter()
            .all(|key| document["correlations"][0][*key].is_null())
    );
}
