use super::*;
use proptest::prelude::*;

/// Texts and the moves that Python 3.11 finds in them, made by `tests/parity/uni_mmmu_answers.py`.
const ANSWERS: &str = include_str!("../../../../../tests/parity/uni_mmmu_answers.json");

#[test]
fn python_finds_the_same_moves() {
    let record: serde_json::Value = serde_json::from_str(ANSWERS).unwrap();
    let cases = record["cases"].as_array().unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        assert_eq!(serde_json::json!(answered_moves(text)), case["moves"], "{text}");
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn score(expected: &[&str], answered: &[&str]) -> (f64, bool) {
    let expected: Vec<_> = words(expected).into_iter().map(Some).collect();
    let score = MoveScore::of(&expected, &words(answered));
    (score.step(), score.exact())
}

#[test]
fn moves_are_scored_by_place() {
    assert_eq!(score(&["up", "right"], &["up", "right"]), (1.0, true));
    assert_eq!(score(&["up", "right"], &["up"]), (0.5, false));
    assert_eq!(score(&["up", "right"], &["up", "right", "left"]), (1.0, false));
    assert_eq!(score(&["up", "right"], &["right", "up"]), (0.0, false));
    assert_eq!(score(&["up"], &[]), (0.0, false));
    assert_eq!(score(&[], &[]), (0.0, false));
}

#[test]
fn an_expected_value_that_is_no_text_equals_nothing() {
    let score = MoveScore::of(&[None, Some("up".to_owned())], &words(&["1", "up"]));
    assert_eq!((score.step(), score.exact()), (0.5, false));
}

#[test]
fn tags_without_end_cost_no_time() {
    let text = "<ANSWER_JSON>[".repeat(200_000);
    assert_eq!(answered_moves(&text), Vec::<String>::new());
}

proptest! {
    #[test]
    fn any_text_is_read_without_failure(text in r#"(<ANSWER_JSON>|</answer_json>|[\[\]{}",:\\ u0-9a-f\n<>é]){0,60}"#) {
        let _moves = answered_moves(&text);
        let _choice = crate::unified::answers::final_choice(&text.replace("ANSWER", "FINAL_ANSWER"));
    }

    #[test]
    fn written_moves_are_read_back(moves in prop::collection::vec("up|down|left|right", 0..12), before in "[a-z<>/\\[ ]{0,20}") {
        let list = moves.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let text = format!("{before}<answer_json>\n [{list}] </Answer_Json> rest");
        prop_assert_eq!(answered_moves(&text), moves);
    }
}
