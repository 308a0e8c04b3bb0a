//! What a reply says, if it says anything.

use serde_json::{Map, Value};

/// A reply that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading<Judgement> {
    /// It judges.
    Clear(Judgement),
    /// It does not; the judge is asked again as often as the protocol does so.
    Unclear(String),
}

impl<Judgement> Reading<Judgement> {
    /// The judgement, if there is one.
    pub fn judgement(self) -> Option<Judgement> {
        match self {
            Self::Clear(judgement) => Some(judgement),
            Self::Unclear(_) => None,
        }
    }

    pub(super) fn of(result: Result<Judgement, String>) -> Self {
        match result {
            Ok(judgement) => Self::Clear(judgement),
            Err(reason) => Self::Unclear(reason),
        }
    }
}

/// The object that a fixed reading takes.
pub(super) fn fixed_object(reply: &str, members: &[&str]) -> Result<Map<String, Value>, String> {
    super::object::last_object_with(reply, members)
        .ok_or_else(|| format!("no JSON object with {} outside the reasoning", members.join(", ")))
}

/// A member that is 0 or 1: a number, a truth value, or one of the two digits as text.
pub(super) fn bit(object: &Map<String, Value>, member: &str) -> Result<bool, String> {
    let value = object.get(member).unwrap_or(&Value::Null);
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::Number(number) if number.as_f64() == Some(0.0) => Ok(false),
        Value::Number(number) if number.as_f64() == Some(1.0) => Ok(true),
        Value::String(text) if text.trim() == "0" => Ok(false),
        Value::String(text) if text.trim() == "1" => Ok(true),
        _ => Err(format!("`{member}` is {}; expected 0 or 1", shown(value))),
    }
}

/// A member that is 0, 1, or nothing.
pub(super) fn bit_or_null(
    object: &Map<String, Value>,
    member: &str,
) -> Result<Option<bool>, String> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => bit(object, member).map(Some),
    }
}

/// A member that is a whole number from 0 to 5.
pub(super) fn score(object: &Map<String, Value>, member: &str) -> Result<f64, String> {
    let value = object.get(member).unwrap_or(&Value::Null);
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let whole = number.filter(|number| (0.0..=5.0).contains(number) && number.fract() == 0.0);
    whole.ok_or_else(|| {
        format!("`{member}` is {}; expected a whole number from 0 to 5", shown(value))
    })
}

/// A value's beginning.
pub(super) fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
