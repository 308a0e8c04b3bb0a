//! The choice between two candidates in an answer.

use super::python::PythonValue;
use super::tags::Tagged;

const ANSWER: Tagged = Tagged { name: "FINAL_ANSWER_JSON", brackets: Some(('{', '}')) };

/// One of two candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// 0.
    First,
    /// 1.
    Second,
}

impl Choice {
    /// The candidate that a JSON number names, by Python's equality: 1.0 and `true` are 1, a text is nothing.
    #[must_use]
    pub fn of(value: &PythonValue) -> Option<Self> {
        match value.as_number()? {
            0.0 => Some(Self::First),
            1.0 => Some(Self::Second),
            _ => None,
        }
    }

    /// 0 or 1.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => 1,
        }
    }
}

/// What was found of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceStatus {
    /// A choice.
    Chosen(Choice),
    /// No `<FINAL_ANSWER_JSON>{…}</FINAL_ANSWER_JSON>`.
    NoTag,
    /// The first one holds no JSON.
    NoJson,
    /// Its `choice` is missing, or neither 0 nor 1.
    NoSuchChoice,
}

impl ChoiceStatus {
    /// A word for a table of cases.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chosen(_) => "chosen",
            Self::NoTag => "no-tag",
            Self::NoJson => "no-json",
            Self::NoSuchChoice => "no-such-choice",
        }
    }

    /// The choice, if there is one.
    #[must_use]
    pub fn choice(self) -> Option<Choice> {
        match self {
            Self::Chosen(choice) => Some(choice),
            Self::NoTag | Self::NoJson | Self::NoSuchChoice => None,
        }
    }
}

/// The `choice` of the **first** `<FINAL_ANSWER_JSON>{…}</FINAL_ANSWER_JSON>` of a text (Uni-MMMU, `eval_ummmu.py` at
/// b5200b2). Of a key that is there twice the last value counts, as in Python.
#[must_use]
pub fn final_choice(text: &str) -> ChoiceStatus {
    let Some(answer) = ANSWER.matches(text).next() else { return ChoiceStatus::NoTag };
    match PythonValue::parse(answer) {
        Err(_) => ChoiceStatus::NoJson,
        Ok(value) => value
            .get("choice")
            .and_then(Choice::of)
            .map_or(ChoiceStatus::NoSuchChoice, ChoiceStatus::Chosen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(content: &str) -> String {
        format!("Thinking.\n<FINAL_ANSWER_JSON>{content}</FINAL_ANSWER_JSON>\n")
    }

    /// The expected values are what Python 3.11 gives for `json.loads(...)["choice"] in (0, 1)`.
    #[test]
    fn python_decides_what_equals_0_or_1() {
        for (content, expected) in [
            (r#"{"choice": 0}"#, ChoiceStatus::Chosen(Choice::First)),
            (r#"{"choice": 1, "rationale": "x"}"#, ChoiceStatus::Chosen(Choice::Second)),
            (r#"{"choice": 1.0}"#, ChoiceStatus::Chosen(Choice::Second)),
            (r#"{"choice": true}"#, ChoiceStatus::Chosen(Choice::Second)),
            (r#"{"choice": false}"#, ChoiceStatus::Chosen(Choice::First)),
            (r#"{"choice": -0.0}"#, ChoiceStatus::Chosen(Choice::First)),
            (r#"{"choice": 10e-1}"#, ChoiceStatus::Chosen(Choice::Second)),
            (r#"{"choice": "1"}"#, ChoiceStatus::NoSuchChoice),
            (r#"{"choice": 2}"#, ChoiceStatus::NoSuchChoice),
            (r#"{"choice": NaN}"#, ChoiceStatus::NoSuchChoice),
            (r#"{"choice": null}"#, ChoiceStatus::NoSuchChoice),
            (r#"{"choice": [1]}"#, ChoiceStatus::NoSuchChoice),
            (r#"{"Choice": 1}"#, ChoiceStatus::NoSuchChoice),
            (r#"{"choice": 0, "choice": 1}"#, ChoiceStatus::Chosen(Choice::Second)),
            ("{}", ChoiceStatus::NoSuchChoice),
            ("{choice: 1}", ChoiceStatus::NoJson),
            (r#"{"choice": 1,}"#, ChoiceStatus::NoJson),
            (r#"["choice"]"#, ChoiceStatus::NoTag),
            ("1", ChoiceStatus::NoTag),
        ] {
            assert_eq!(final_choice(&tagged(content)), expected, "{content}");
        }
    }

    #[test]
    fn the_first_tag_counts_even_if_it_is_broken() {
        let right = tagged(r#"{"choice": 1}"#);
        assert_eq!(
            final_choice(&(tagged(r#"{"choice": 0}"#) + &right)).choice(),
            Some(Choice::First)
        );
        assert_eq!(final_choice(&(tagged("{oops}") + &right)), ChoiceStatus::NoJson);
        // No brace stands behind the first tag, so the second is the first match.
        assert_eq!(final_choice(&(tagged("none") + &right)).choice(), Some(Choice::Second));
        assert_eq!(final_choice(r#"{"choice": 1}"#), ChoiceStatus::NoTag);
    }
}
