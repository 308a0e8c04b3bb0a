//! Geometry: are all auxiliary lines drawn, and is the solution sound?

use super::object::official_object;
use super::python::is_one;
use super::reading::{Reading, bit, bit_or_null, fixed_object};
use crate::unified::Protocol;

/// What a problem asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryKind {
    /// A number.
    Calculation,
    /// A proof.
    Proof,
}

impl GeometryKind {
    /// A `type` that starts with `calc`, in upper or lower case, is a calculation; all else is a proof.
    #[must_use]
    pub fn of_type(text: &str) -> Self {
        if text.to_lowercase().starts_with("calc") { Self::Calculation } else { Self::Proof }
    }

    /// The word in prompts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calculation => "calculation",
            Self::Proof => "proof",
        }
    }
}

/// Of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverlayJudgement {
    /// All required lines are drawn.
    pub complete: bool,
}

/// Of a solution in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SolutionJudgement {
    /// Counts as right.
    pub accepted: bool,
    /// `text_ok` says what the other members say.
    pub consistent: bool,
}

/// Reads `overlay_ok`. Officially a reply without it says 0, and one that `int` refuses is unclear.
#[must_use]
pub fn read_overlay(protocol: Protocol, reply: &str) -> Reading<OverlayJudgement> {
    let complete = match protocol {
        Protocol::Official => is_one(official_object(reply).get("overlay_ok")),
        Protocol::Fixed => {
            fixed_object(reply, &["overlay_ok"]).and_then(|object| bit(&object, "overlay_ok"))
        }
    };
    Reading::of(complete.map(|complete| OverlayJudgement { complete }))
}

/// Reads `text_ok`, `reasoning_rigorous`, `conclusion_correct` and `calc_numeric_match`.
///
/// Officially `text_ok` alone counts, but the reply is unclear also where `int` refuses one of the two next members. Fixed, a solution is
/// accepted if it is rigorous and correct and, of a calculation, `calc_numeric_match` is not 0; what `text_ok` says only shows whether the
/// judge agrees with itself.
#[must_use]
pub fn read_solution(
    protocol: Protocol,
    kind: GeometryKind,
    reply: &str,
) -> Reading<SolutionJudgement> {
    Reading::of(match protocol {
        Protocol::Official => official_solution(reply),
        Protocol::Fixed => fixed_solution(kind, reply),
    })
}

fn official_solution(reply: &str) -> Result<SolutionJudgement, String> {
    let object = official_object(reply);
    let rigorous = is_one(object.get("reasoning_rigorous"))?;
    let correct = is_one(object.get("conclusion_correct"))?;
    let accepted = is_one(object.get("text_ok"))?;
    Ok(SolutionJudgement { accepted, consistent: accepted == (rigorous && correct) })
}

fn fixed_solution(kind: GeometryKind, reply: &str) -> Result<SolutionJudgement, String> {
    let object = fixed_object(reply, &["reasoning_rigorous", "conclusion_correct"])?;
    let rigorous = bit(&object, "reasoning_rigorous")?;
    let correct = bit(&object, "conclusion_correct")?;
    let number = bit_or_null(&object, "calc_numeric_match")?;
    let said = bit_or_null(&object, "text_ok")?;
    let wrong_number = kind == GeometryKind::Calculation && number == Some(false);
    let accepted = rigorous && correct && !wrong_number;
    Ok(SolutionJudgement { accepted, consistent: said.is_none_or(|said| said == accepted) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use GeometryKind::{Calculation, Proof};
    use Protocol::{Fixed, Official};

    fn overlay(protocol: Protocol, reply: &str) -> Option<bool> {
        read_overlay(protocol, reply).judgement().map(|judgement| judgement.complete)
    }

    fn solution(protocol: Protocol, kind: GeometryKind, reply: &str) -> Option<(bool, bool)> {
        let judgement = read_solution(protocol, kind, reply).judgement()?;
        Some((judgement.accepted, judgement.consistent))
    }

    #[test]
    fn canned_overlay_replies() {
        // Reply, official, fixed; `None` asks again.
        let cases = [
            (r#"{"overlay_ok": 1, "overlay_reason": "all"}"#, Some(true), Some(true)),
            (r#"{"overlay_ok": 0}"#, Some(false), Some(false)),
            ("```json\n{\"overlay_ok\": 1}\n```", Some(true), Some(true)),
            (r#"<think>line {AB} is there</think>{"overlay_ok": 1}"#, Some(false), Some(true)),
            (r#"The set {A} shows {"overlay_ok": 1}"#, Some(false), Some(true)),
            (r#"{"overlay_ok": "0"}"#, Some(false), Some(false)),
            (r#"{"overlay_ok": "1"}"#, Some(true), Some(true)),
            (r#"{"overlay_ok": null}"#, None, None),
            (r#"{"overlay_ok": "yes"}"#, None, None),
            (r#"{"overlay_ok": 2}"#, Some(false), None),
            (r#"{"overlay_ok": 1.5}"#, Some(true), None),
            (r#"{"reason": "forgotten"}"#, Some(false), None),
            (r#"{"overlay_ok": 1"#, Some(false), None),
            ("", Some(false), None),
        ];
        for (reply, official, fixed) in cases {
            assert_eq!(overlay(Official, reply), official, "official: {reply}");
            assert_eq!(overlay(Fixed, reply), fixed, "fixed: {reply}");
        }
    }

    #[test]
    fn canned_solution_replies() {
        // A claim against its own parts, both ways.
        let claims = r#"{"reasoning_rigorous": 0, "conclusion_correct": 1, "calc_numeric_match": null, "text_ok": 1}"#;
        assert_eq!(solution(Official, Proof, claims), Some((true, false)));
        assert_eq!(solution(Fixed, Proof, claims), Some((false, false)));
        let denies = r#"{"reasoning_rigorous": 1, "conclusion_correct": 1, "text_ok": 0}"#;
        assert_eq!(solution(Official, Proof, denies), Some((false, false)));
        assert_eq!(solution(Fixed, Proof, denies), Some((true, false)));
        let number = r#"{"reasoning_rigorous": 1, "conclusion_correct": 1, "calc_numeric_match": 0, "text_ok": 1}"#;
        assert_eq!(solution(Official, Calculation, number), Some((true, true)));
        assert_eq!(solution(Fixed, Calculation, number), Some((false, false)));
        assert_eq!(solution(Fixed, Proof, number), Some((true, true)));
        // `int` is applied to members that do not count.
        let empty = r#"{"reasoning_rigorous": null, "conclusion_correct": 1, "text_ok": 1}"#;
        assert_eq!(solution(Official, Proof, empty), None);
        assert_eq!(solution(Fixed, Proof, empty), None);
        let thought = "<think>\\angle {ABC}</think>\n```json\n{\"reasoning_rigorous\":1,\"conclusion_correct\":1,\"calc_numeric_match\":1,\"text_ok\":1}\n```";
        assert_eq!(solution(Official, Calculation, thought), Some((false, true)));
        assert_eq!(solution(Fixed, Calculation, thought), Some((true, true)));
        assert_eq!(solution(Official, Proof, r#"{"text_ok": 1}"#), Some((true, false)));
        assert_eq!(solution(Fixed, Proof, r#"{"text_ok": 1}"#), None);
    }

    #[test]
    fn types_are_told_by_their_beginning() {
        assert_eq!(GeometryKind::of_type("CALCulation"), Calculation);
        assert_eq!(GeometryKind::of_type("proving"), Proof);
        assert_eq!(GeometryKind::of_type(""), Proof);
    }
}
