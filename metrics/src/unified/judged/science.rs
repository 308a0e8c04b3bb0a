//! Science: is the explanation right, is the final state right, in words and as a picture?

use super::object::official_object;
use super::python::truth;
use super::reading::{Reading, bit, fixed_object};
use crate::unified::Protocol;

/// Of an explanation in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExplanationJudgement {
    /// The right laws are applied.
    pub reasoning: bool,
    /// The final state is sound.
    pub result: bool,
}

/// Of a picture of the final state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateJudgement {
    /// It shows what it should, on the same scene.
    pub correct: bool,
}

/// Reads `reasoning_correct` and `result_correct`. Officially by Python's truth, to which the text "0" is true; nothing is unclear.
#[must_use]
pub fn read_explanation(protocol: Protocol, reply: &str) -> Reading<ExplanationJudgement> {
    const MEMBERS: [&str; 2] = ["reasoning_correct", "result_correct"];
    Reading::of(match protocol {
        Protocol::Official => {
            let object = official_object(reply);
            let [reasoning, result] = MEMBERS.map(|member| truth(object.get(member)));
            Ok(ExplanationJudgement { reasoning, result })
        }
        Protocol::Fixed => fixed_object(reply, &MEMBERS).and_then(|object| {
            let [reasoning, result] = MEMBERS.map(|member| bit(&object, member));
            Ok(ExplanationJudgement { reasoning: reasoning?, result: result? })
        }),
    })
}

/// Reads `image_correct`, as [`read_explanation`] reads its members.
#[must_use]
pub fn read_state(protocol: Protocol, reply: &str) -> Reading<StateJudgement> {
    let correct = match protocol {
        Protocol::Official => Ok(truth(official_object(reply).get("image_correct"))),
        Protocol::Fixed => {
            fixed_object(reply, &["image_correct"]).and_then(|object| bit(&object, "image_correct"))
        }
    };
    Reading::of(correct.map(|correct| StateJudgement { correct }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Fixed, Official};

    #[test]
    fn canned_replies() {
        let explanation = |protocol, reply: &str| {
            read_explanation(protocol, reply)
                .judgement()
                .map(|judgement| (judgement.reasoning, judgement.result))
        };
        let cases = [
            (
                r#"{"reasoning_correct": 1, "result_correct": 0}"#,
                Some((true, false)),
                Some((true, false)),
            ),
            (
                r#"{"reasoning_correct": "0", "result_correct": "1"}"#,
                Some((true, true)),
                Some((false, true)),
            ),
            (r#"{"reasoning_correct": true, "result_correct": []}"#, Some((true, false)), None),
            (r#"{"result_correct": 1}"#, Some((false, true)), None),
            (
                "```json\n{\"reasoning_correct\": 1, \"result_correct\": 1}\n```",
                Some((true, true)),
                Some((true, true)),
            ),
            (
                r#"H_{2}O boils. {"reasoning_correct": 1, "result_correct": 1}"#,
                Some((false, false)),
                Some((true, true)),
            ),
            (r#"{"reasoning_correct": 1, "result_correct": 1"#, Some((false, false)), None),
        ];
        for (reply, official, fixed) in cases {
            assert_eq!(explanation(Official, reply), official, "official: {reply}");
            assert_eq!(explanation(Fixed, reply), fixed, "fixed: {reply}");
        }
        let state = |protocol, reply: &str| {
            read_state(protocol, reply).judgement().map(|judgement| judgement.correct)
        };
        assert_eq!(state(Official, r#"{"image_correct": "0"}"#), Some(true));
        assert_eq!(state(Fixed, r#"{"image_correct": "0"}"#), Some(false));
        assert_eq!(state(Official, "no"), Some(false));
        assert_eq!(state(Fixed, "no"), None);
    }
}
