//! Code: does the picture show what an SVG source draws, and does the summary describe it?

use super::object::official_object;
use super::python::{float, truth};
use super::reading::{Reading, bit, fixed_object, score};
use crate::unified::Protocol;
use crate::unified::answers::{PythonValue, first_between};
use serde_json::Value;

/// What a judge calls a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Both scores are at least 4.
    Match,
    /// Both are at least 2, or one is at least 4 and the other at least 1.
    Partial,
    /// Neither.
    Mismatch,
}

impl Verdict {
    /// The verdict that two scores from 0 to 5 mean.
    #[must_use]
    pub fn of_scores(shape: f64, position: f64) -> Self {
        let (low, high) = (shape.min(position), shape.max(position));
        if low >= 4.0 {
            Self::Match
        } else if low >= 2.0 || (high >= 4.0 && low >= 1.0) {
            Self::Partial
        } else {
            Self::Mismatch
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        match word {
            "match" => Some(Self::Match),
            "partial" => Some(Self::Partial),
            "mismatch" => Some(Self::Mismatch),
            _ => None,
        }
    }
}

/// Of one picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawingJudgement {
    /// Shapes and colours: 0 to 5 fixed, any number officially.
    pub shape: f64,
    /// Positions: likewise.
    pub position: f64,
    /// The reply's verdict, officially; the one that the scores mean, fixed. `None` for another word.
    pub verdict: Option<Verdict>,
    /// The reply's verdict is the one that its scores mean.
    pub consistent: bool,
}

/// Of a description in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptionJudgement {
    /// It describes the reference.
    pub matches: bool,
}

/// Reads `shape_color_accuracy`, `position_accuracy` and `verdict`.
///
/// Officially a missing score is 0 and every number counts, also beyond 5. A score that Python's `float` refuses stops the released script when
/// it averages; here the reply is unclear, and the columns have no official value.
#[must_use]
pub fn read_drawing(protocol: Protocol, reply: &str) -> Reading<DrawingJudgement> {
    Reading::of(match protocol {
        Protocol::Official => official_drawing(&official_object(reply)),
        Protocol::Fixed => fixed_drawing(reply),
    })
}

const SCORES: [&str; 2] = ["shape_color_accuracy", "position_accuracy"];

fn official_drawing(object: &PythonValue) -> Result<DrawingJudgement, String> {
    let [shape, position] = SCORES.map(|member| float(object.get(member)));
    let (shape, position, verdict) = (
        shape?,
        position?,
        object.get("verdict").and_then(PythonValue::as_text).and_then(Verdict::from_word),
    );
    let consistent = verdict == Some(Verdict::of_scores(shape, position));
    Ok(DrawingJudgement { shape, position, verdict, consistent })
}

fn fixed_drawing(reply: &str) -> Result<DrawingJudgement, String> {
    let object = fixed_object(reply, &SCORES)?;
    let [shape, position] = SCORES.map(|member| score(&object, member));
    let (shape, position) = (shape?, position?);
    let verdict = Verdict::of_scores(shape, position);
    let said = object.get("verdict").and_then(Value::as_str).and_then(Verdict::from_word);
    // A verdict that is not given contradicts nothing.
    let consistent = !object.contains_key("verdict") || said == Some(verdict);
    Ok(DrawingJudgement { shape, position, verdict: Some(verdict), consistent })
}

/// Reads `text_semantic_match`; officially by Python's truth, to which the text "0" is true.
#[must_use]
pub fn read_description(protocol: Protocol, reply: &str) -> Reading<DescriptionJudgement> {
    const MEMBER: &str = "text_semantic_match";
    let matches = match protocol {
        Protocol::Official => Ok(truth(official_object(reply).get(MEMBER))),
        Protocol::Fixed => fixed_object(reply, &[MEMBER]).and_then(|object| bit(&object, MEMBER)),
    };
    Reading::of(matches.map(|matches| DescriptionJudgement { matches }))
}

/// The first picture with the largest sum of scores. Sums that are not numbers are never larger.
#[must_use]
pub fn best_drawing(drawings: &[DrawingJudgement]) -> Option<DrawingJudgement> {
    let sum = |drawing: &DrawingJudgement| drawing.shape + drawing.position;
    drawings
        .iter()
        .copied()
        .reduce(|best, drawing| if sum(&drawing) > sum(&best) { drawing } else { best })
}

/// What the first `<RENDER_SUMMARY>…</RENDER_SUMMARY>` holds, in upper or lower case, without white space around; `None` if there is none or it
/// is empty.
#[must_use]
pub fn render_summary(text: &str) -> Option<&str> {
    first_between(text, "RENDER_SUMMARY").map(str::trim).filter(|summary| !summary.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Fixed, Official};

    fn drawing(protocol: Protocol, reply: &str) -> Option<(f64, f64, Option<Verdict>, bool)> {
        let judgement = read_drawing(protocol, reply).judgement()?;
        Some((judgement.shape, judgement.position, judgement.verdict, judgement.consistent))
    }

    #[test]
    fn verdicts_follow_the_scores() {
        use Verdict::{Match, Mismatch, Partial};
        for (shape, position, verdict) in [
            (5, 4, Match),
            (4, 4, Match),
            (3, 4, Partial),
            (2, 2, Partial),
            (4, 1, Partial),
            (1, 5, Partial),
            (3, 1, Mismatch),
            (5, 0, Mismatch),
            (0, 0, Mismatch),
        ] {
            assert_eq!(
                Verdict::of_scores(f64::from(shape), f64::from(position)),
                verdict,
                "{shape} {position}"
            );
        }
    }

    #[test]
    fn canned_replies() {
        use Verdict::{Match, Partial};
        let clean = r#"{"shape_color_accuracy": 5, "position_accuracy": 4, "verdict": "match"}"#;
        for protocol in Protocol::ALL {
            assert_eq!(drawing(protocol, clean), Some((5.0, 4.0, Some(Match), true)));
        }
        let inconsistent =
            r#"{"shape_color_accuracy": 3, "position_accuracy": 4, "verdict": "match"}"#;
        assert_eq!(drawing(Official, inconsistent), Some((3.0, 4.0, Some(Match), false)));
        assert_eq!(drawing(Fixed, inconsistent), Some((3.0, 4.0, Some(Partial), false)));
        // A missing score is 0, and 7 of 5 counts.
        let odd = r#"{"shape_color_accuracy": 7, "verdict": "fine"}"#;
        assert_eq!(drawing(Official, odd), Some((7.0, 0.0, None, false)));
        assert_eq!(drawing(Fixed, odd), None);
        // This one stops the script.
        let broken = r#"{"shape_color_accuracy": null, "position_accuracy": 4}"#;
        assert_eq!(drawing(Official, broken), None);
        assert_eq!(drawing(Fixed, broken), None);
        assert_eq!(drawing(Official, "no braces"), Some((0.0, 0.0, None, false)));
        let text = r#"{"shape_color_accuracy": "4", "position_accuracy": 4.0}"#;
        assert_eq!(drawing(Fixed, text), Some((4.0, 4.0, Some(Match), true)));
        assert_eq!(
            drawing(Fixed, r#"{"shape_color_accuracy": 4.5, "position_accuracy": 4}"#),
            None
        );
    }

    #[test]
    fn descriptions_are_read_like_science() {
        let matches = |protocol, reply: &str| {
            read_description(protocol, reply).judgement().map(|judgement| judgement.matches)
        };
        assert_eq!(matches(Official, r#"{"text_semantic_match": "0"}"#), Some(true));
        assert_eq!(matches(Fixed, r#"{"text_semantic_match": "0"}"#), Some(false));
        assert_eq!(matches(Official, "{}"), Some(false));
        assert_eq!(matches(Fixed, "{}"), None);
    }

    #[test]
    fn the_best_picture_is_the_first_of_the_largest_sum() {
        let of =
            |shape, position| DrawingJudgement { shape, position, verdict: None, consistent: true };
        let drawings = [of(1.0, 1.0), of(5.0, 0.0), of(2.0, 3.0), of(4.0, 1.0)];
        assert_eq!(best_drawing(&drawings), Some(of(5.0, 0.0)));
        assert_eq!(best_drawing(&[]), None);
    }

    #[test]
    fn the_first_summary_counts() {
        assert_eq!(
            render_summary(
                "a <Render_Summary> \n one\n two </RENDER_SUMMARY> <RENDER_SUMMARY>three</RENDER_SUMMARY>"
            ),
            Some("one\n two")
        );
        assert_eq!(render_summary("<RENDER_SUMMARY>  </RENDER_SUMMARY>"), None);
        assert_eq!(render_summary("<RENDER_SUMMARY>never closed"), None);
        assert_eq!(
            render_summary("</RENDER_SUMMARY>ß<RENDER_SUMMARY>ü</RENDER_SUMMARY>"),
            Some("ü")
        );
        assert_eq!(render_summary(""), None);
    }
}
