//! Benchmark scorers against the released code (recorded by `tests/parity/benchmarks.py`), and their laws.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use proptest::prelude::*;
use retally_metrics::Measurement;
use retally_metrics::statistics::ResampleOptions;
use retally_metrics::unified::dpg::{ParentRule, Picture, Proposition};
use retally_metrics::unified::geneval::{
    Detection, Excluded, GenevalOptions, JudgedPicture, Relation, Specification, Wanted, judge,
    relations,
};
use retally_metrics::unified::mme::{Pair, Reply, SUBTASKS, SubtaskPairs};
use retally_metrics::unified::pope::{Category, Judged};
use retally_metrics::unified::{dpg, geneval, mme, mmmu, mmvp, pope};
use serde_json::Value;

const RECORDED: &str = include_str!("../../tests/parity/benchmarks.json");
const NO_DRAWS: ResampleOptions = ResampleOptions { seed: 0, draws: 0 };

fn recorded(benchmark: &str) -> Value {
    serde_json::from_str::<Value>(RECORDED).unwrap()[benchmark].take()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn numbers(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect()
}

#[track_caller]
fn assert_value(measurements: &[Measurement], metric: &str, expected: f64) {
    let measured = measurements.iter().find(|measured| measured.metric == metric).unwrap();
    let value = measured.value().unwrap();
    assert!(
        (value - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{metric}: {value} {expected}"
    );
}

#[test]
fn mme_equals_the_released_script() {
    let recorded = recorded("mme");
    for case in list(&recorded, "replies") {
        let expected = match text(&case[1]) {
            "yes" => Reply::Yes,
            "no" => Reply::No,
            _ => Reply::Other,
        };
        assert_eq!(Reply::of(text(&case[0])), expected, "{case}");
    }
    let subtasks: Vec<SubtaskPairs> = SUBTASKS
        .into_iter()
        .map(|subtask| {
            let answer = |line: &Value| (Reply::of(text(&line[3])), text(&line[2]) == "Yes");
            let lines = list(&recorded["folder"], subtask.name);
            let pairs = lines.chunks(2).map(|pair| Pair::of([answer(&pair[0]), answer(&pair[1])]));
            SubtaskPairs { subtask, pairs: pairs.collect() }
        })
        .collect();
    let found = mme::measurements(&subtasks, NO_DRAWS);
    let scores = recorded["scores"].as_object().unwrap();
    assert_eq!(scores.len(), 14);
    for (name, score) in scores {
        assert_value(&found, &format!("MME|{name}|score"), score.as_f64().unwrap());
    }
    assert_value(&found, "MME|perception", recorded["totals"][0].as_f64().unwrap());
    assert_value(&found, "MME|cognition", recorded["totals"][1].as_f64().unwrap());
}

#[test]
fn pope_equals_the_released_script() {
    let recorded = recorded("pope");
    let mut categories = Vec::new();
    for (name, category) in recorded["categories"].as_object().unwrap() {
        let said: Vec<bool> =
            texts(&category["texts"]).iter().map(|text| pope::says_yes(text)).collect();
        let expected: Vec<bool> =
            texts(&category["said"]).iter().map(|said| said == "yes").collect();
        assert_eq!(said, expected);
        let labels = texts(&category["labels"]);
        let replies = said
            .into_iter()
            .zip(labels)
            .map(|(said, label)| Judged { said, label: label == "yes" });
        categories.push(Category { name: name.clone(), replies: replies.collect() });
    }
    let found = pope::measurements(&categories, NO_DRAWS);
    for (name, category) in recorded["categories"].as_object().unwrap() {
        for (metric, key) in [
            ("accuracy", "Accuracy"),
            ("precision", "Precision"),
            ("recall", "Recall"),
            ("yes-share", "Yes ratio"),
            ("F1", "f1"),
        ] {
            let expected = 100.0 * category[key].as_f64().unwrap();
            assert_value(&found, &format!("POPE|{name}|{metric}"), expected);
        }
    }
    assert_value(&found, "POPE|mean-F1", 100.0 * recorded["mean"].as_f64().unwrap());
}

#[test]
fn mmvp_equals_the_released_script() {
    let recorded = recorded("mmvp");
    let cases = recorded.as_array().unwrap();
    assert!(cases.len() >= 100);
    for case in cases {
        let options = mmvp::options(text(&case[1])).unwrap();
        assert_eq!(mmvp::choice(text(&case[0]), &options), text(&case[2]), "{case}");
    }
}

#[test]
fn mmmu_equals_the_released_scripts() {
    let recorded = recorded("mmmu");
    for case in list(&recorded, "choices") {
        let chosen = mmmu::choice(text(&case[0]), &texts(&case[1])).unwrap();
        assert_eq!(chosen, text(&case[2]), "{case}");
    }
    let mut right = 0;
    for case in list(&recorded, "open") {
        let found = mmmu::open_is_right(&mmmu::key_phrases(text(&case[0])), &texts(&case[1]));
        assert_eq!(found, case[2].as_bool().unwrap(), "{case}");
        right += usize::from(found);
    }
    // Both outcomes are in the cases.
    assert!((20..380).contains(&right), "{right}");
    for case in list(&recorded, "numbers") {
        assert_eq!(mmmu::numbers_in(text(&case[0])), texts(&case[1]), "{case}");
    }
}

fn relation(name: &str) -> Relation {
    Relation::ALL.into_iter().find(|relation| relation.as_str() == name).unwrap()
}

fn bounds(value: &Value) -> [f32; 4] {
    std::array::from_fn(|index| value[index].as_f64().unwrap() as f32)
}

fn specification(metadata: &Value) -> Specification {
    let class = |entry: &Value| text(&entry["class"]).to_owned();
    let count = |entry: &Value| entry["count"].as_u64().unwrap() as usize;
    let wanted = |entry: &Value| Wanted {
        class: class(entry),
        count: count(entry),
        color: entry["color"].as_str().map(str::to_owned),
        position: entry["position"]
            .as_array()
            .map(|place| (relation(text(&place[0])), place[1].as_u64().unwrap() as usize)),
    };
    let excluded = |entry: &Value| Excluded { class: class(entry), count: count(entry) };
    let exclude = metadata["exclude"].as_array().cloned().unwrap_or_default();
    Specification {
        tag: text(&metadata["tag"]).to_owned(),
        prompt: text(&metadata["prompt"]).to_owned(),
        include: list(metadata, "include").iter().map(wanted).collect(),
        exclude: exclude.iter().map(excluded).collect(),
    }
}

#[test]
fn geneval_equals_the_released_scripts() {
    let recorded = recorded("geneval");
    for case in list(&recorded, "places") {
        let mut found: Vec<&str> = relations(&bounds(&case[0]), &bounds(&case[1]), 0.1)
            .into_iter()
            .map(Relation::as_str)
            .collect();
        found.sort_unstable();
        assert_eq!(found, texts(&case[2]), "{case}");
    }
    let specifications: Vec<Specification> = list(&recorded, "pictures")
        .iter()
        .map(|picture| specification(&picture["metadata"]))
        .collect();
    let mut judged = Vec::new();
    for (picture, specification) in list(&recorded, "pictures").iter().zip(&specifications) {
        let detection = |found: &Value| Detection {
            class: text(&found["class"]).to_owned(),
            bounds: bounds(&found["box"]),
            confidence: found["confidence"].as_f64().unwrap() as f32,
            color: Some(text(&found["color"]).to_owned()),
        };
        let detections: Vec<Detection> =
            list(picture, "detections").iter().map(detection).collect();
        let judgement = judge(specification, &detections, &GenevalOptions::default()).unwrap();
        assert_eq!(judgement.is_right(), picture["right"].as_bool().unwrap(), "{picture}");
        judged.push(JudgedPicture { specification, right: judgement.is_right() });
    }
    assert!(
        judged.iter().any(|picture| picture.right) && judged.iter().any(|picture| !picture.right)
    );
    let found = geneval::measurements(&judged, NO_DRAWS);
    assert_value(&found, "GenEval", recorded["overall"].as_f64().unwrap());
    assert_value(&found, "GenEval|prompts", 100.0 * recorded["any"].as_f64().unwrap());
    for (tag, share) in recorded["tags"].as_object().unwrap() {
        assert_value(&found, &format!("GenEval|{tag}"), share.as_f64().unwrap());
    }
}

#[test]
fn dpg_equals_both_released_scripts() {
    let recorded = recorded("dpg");
    let proposition = |asked: &Value| Proposition {
        id: asked["id"].as_u64().unwrap(),
        parents: numbers(&asked["parents"]),
        category: Some(text(&asked["category"]).to_owned()),
        yes: text(&asked["answer"]) == "yes",
    };
    let picture = |picture: &Value| Picture {
        prompt: text(&picture["prompt"]).to_owned(),
        propositions: list(picture, "propositions").iter().map(proposition).collect(),
    };
    let pictures: Vec<Picture> = list(&recorded, "pictures").iter().map(picture).collect();
    let found = dpg::measurements(&pictures, ParentRule::ScoredBefore, NO_DRAWS).unwrap();
    assert_value(&found, "DPG|pooled", 100.0 * recorded["ulmevalkit"]["global"].as_f64().unwrap());
    for (category, share) in recorded["ulmevalkit"]["categories"].as_object().unwrap() {
        assert_value(&found, &format!("DPG|{category}"), 100.0 * share.as_f64().unwrap());
    }
    let mut differ = 0;
    for (picture, expected) in pictures.iter().zip(list(&recorded, "ella")) {
        let share = |rule| {
            let counted = dpg::scores(picture, rule).unwrap();
            counted.iter().filter(|counts| **counts).count() as f64 / counted.len() as f64
        };
        assert!((share(ParentRule::All) - expected.as_f64().unwrap()).abs() < 1e-12);
        differ += usize::from(share(ParentRule::All) != share(ParentRule::ScoredBefore));
    }
    assert!(differ > 0, "the cases must tell the two rules apart");
}

proptest! {
    /// No text makes a reader panic.
    #[test]
    fn any_reply_is_read(reply in "\\PC*", option in "\\PC{1,5}") {
        let _ = (Reply::of(&reply), pope::says_yes(&reply), mmmu::key_phrases(&reply), mmmu::numbers_in(&reply));
        let options = [('A', option.clone()), ('B', "x".to_owned())];
        let chosen = mmvp::choice(&reply, &options);
        prop_assert!(reply.contains(&chosen) || ["A", "B"].contains(&chosen.as_str()));
        let chosen = mmmu::choice(&reply, &[option, "x".to_owned()]).unwrap();
        prop_assert_eq!(chosen.chars().count(), 1);
    }

    #[test]
    fn relations_are_opposite_seen_from_the_other(a in prop::array::uniform4(0.0_f32..100.0), b in prop::array::uniform4(0.0_f32..100.0)) {
        let opposite = |relation| match relation {
            Relation::LeftOf => Relation::RightOf,
            Relation::RightOf => Relation::LeftOf,
            Relation::Above => Relation::Below,
            Relation::Below => Relation::Above,
        };
        let mut there: Vec<Relation> = relations(&a, &b, 0.1).into_iter().map(opposite).collect();
        there.sort_unstable();
        prop_assert_eq!(there, relations(&b, &a, 0.1));
    }

    /// A yes more never makes a score smaller, whatever the order of the propositions.
    #[test]
    fn dpg_rises_with_every_yes(
        answers in prop::collection::vec(any::<bool>(), 1..8),
        links in prop::collection::vec(0_u64..8, 8),
        flip in 0_usize..8,
    ) {
        let count = answers.len() as u64;
        let picture = |answers: &[bool]| Picture {
            prompt: "p".to_owned(),
            propositions: answers
                .iter()
                .enumerate()
                .map(|(index, &yes)| Proposition {
                    id: index as u64 + 1,
                    parents: vec![links[index] % (count + 1)],
                    category: None,
                    yes,
                })
                .collect(),
        };
        let mut more = answers.clone();
        more[flip % answers.len()] = true;
        for rule in [ParentRule::ScoredBefore, ParentRule::All] {
            let right = |answers: &[bool]| dpg::scores(&picture(answers), rule).unwrap().into_iter().filter(|counts| *counts).count();
            prop_assert!(right(&more) >= right(&answers));
        }
    }
}
