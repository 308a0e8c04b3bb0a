//! Judges' replies read by the official rules, against Python (recorded by `tests/parity/judge_replies.py`), and laws of both readings.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use proptest::prelude::*;
use retally_metrics::unified::Protocol::{Fixed, Official};
use retally_metrics::unified::judged::{
    GeometryKind, first_balanced_object, last_object_with, read_description, read_drawing,
    read_explanation, read_overlay, read_solution, read_state, without_reasoning,
};
use serde_json::{Value, json};

const RECORDED: &str = include_str!("../../tests/parity/judge_replies.json");

/// A number as the script writes it: infinities and NaN as texts.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string().to_lowercase()) }
}

#[test]
fn official_readings_are_pythons() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 400);
    for case in cases {
        let reply = case["reply"].as_str().unwrap();
        assert_eq!(first_balanced_object(reply), case["object"].as_str(), "{reply}");
        let overlay = read_overlay(Official, reply).judgement().map(|judgement| judgement.complete);
        assert_eq!(overlay, case["overlay"].as_bool(), "{reply}");
        let solution = read_solution(Official, GeometryKind::Proof, reply).judgement();
        assert_eq!(
            solution.map(|judgement| judgement.accepted),
            case["solution"].as_bool(),
            "{reply}"
        );
        let explanation = read_explanation(Official, reply).judgement().unwrap();
        assert_eq!(
            json!([explanation.reasoning, explanation.result]),
            case["explanation"],
            "{reply}"
        );
        assert_eq!(
            Some(read_state(Official, reply).judgement().unwrap().correct),
            case["state"].as_bool(),
            "{reply}"
        );
        let drawing = read_drawing(Official, reply).judgement();
        let scores =
            drawing.map(|judgement| json!([number(judgement.shape), number(judgement.position)]));
        assert_eq!(scores.unwrap_or(Value::Null), case["drawing"], "{reply}");
        let description = read_description(Official, reply).judgement().unwrap();
        assert_eq!(Some(description.matches), case["description"].as_bool(), "{reply}");
    }
}

/// Texts of the characters that matter.
fn replies() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "{",
        "}",
        "\"",
        "\\",
        ":",
        ",",
        "1",
        "0",
        "overlay_ok",
        "<think>",
        "</think>",
        "```",
        "é",
        " ",
        "\n",
    ]);
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn what_is_found_is_a_part_of_the_reply(reply in replies()) {
        if let Some(object) = first_balanced_object(&reply) {
            let (open, close) = ('{', '}');
            prop_assert!(object.starts_with(open) && object.ends_with(close));
            prop_assert_eq!(reply.find(open), reply.find(object));
        }
        prop_assert!(reply.contains(without_reasoning(&reply)));
        prop_assert!(!without_reasoning(&reply).contains("</think>"));
    }

    #[test]
    fn a_clean_answer_is_read_whatever_was_thought(thought in "[^<]{0,60}", ok in any::<bool>()) {
        let answer = format!("{{\"overlay_ok\": {}}}", u8::from(ok));
        let reply = format!("<think>{thought}</think>{answer}");
        let read = read_overlay(Fixed, &reply).judgement().map(|judgement| judgement.complete);
        prop_assert_eq!(read, Some(ok));
        // Without braces in the thought both protocols agree.
        if !thought.contains('{') {
            let read = read_overlay(Official, &reply).judgement().map(|judgement| judgement.complete);
            prop_assert_eq!(read, Some(ok));
        }
    }

    #[test]
    fn an_object_that_is_found_has_its_members(reply in replies()) {
        if let Some(object) = last_object_with(&reply, &["overlay_ok"]) {
            prop_assert!(object.contains_key("overlay_ok"));
        }
    }
}
