//! What Python makes of JSON values, where the released script relies on it.

use crate::unified::answers::PythonValue;

/// `bool(value)`: false for `None`, `False`, 0, and everything empty. The text "0" is true.
pub(super) fn truth(value: Option<&PythonValue>) -> bool {
    match value {
        None | Some(PythonValue::None) => false,
        Some(PythonValue::Bool(truth)) => *truth,
        Some(PythonValue::Integer(digits)) => digits != "0",
        Some(PythonValue::Float(number)) => *number != 0.0,
        Some(PythonValue::Text(text)) => !text.is_empty(),
        Some(PythonValue::List(items)) => !items.is_empty(),
        Some(PythonValue::Dictionary(members)) => !members.is_empty(),
    }
}

/// Whether `int(value) == 1`; the error says where `int` raises. A missing member counts as 0.
pub(super) fn is_one(value: Option<&PythonValue>) -> Result<bool, String> {
    let Some(value) = value else { return Ok(false) };
    let one = match value {
        PythonValue::Bool(truth) => Some(*truth),
        PythonValue::Integer(digits) => Some(digits == "1"),
        // Fractions are cut: int(1.9) is 1.
        PythonValue::Float(number) => number.is_finite().then(|| number.trunc() == 1.0),
        PythonValue::Text(text) => is_text_one(text),
        PythonValue::None | PythonValue::List(_) | PythonValue::Dictionary(_) => None,
    };
    one.ok_or_else(|| format!("int() of {}", shown(value)))
}

/// Of a text that `int` takes: white space around, a sign, digits with single underscores between them. `None` of any other.
fn is_text_one(text: &str) -> Option<bool> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = digits
        .split('_')
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    let value = digits.replace('_', "");
    is_number.then(|| !text.starts_with('-') && value.trim_start_matches('0') == "1")
}

/// `float(value)`; the error says where `float` raises. A missing member counts as 0.
pub(super) fn float(value: Option<&PythonValue>) -> Result<f64, String> {
    let Some(value) = value else { return Ok(0.0) };
    let number = match value {
        PythonValue::Bool(truth) => Some(f64::from(u8::from(*truth))),
        // Python raises where the integer is beyond all floats.
        PythonValue::Integer(digits) => {
            digits.parse().ok().filter(|number: &f64| number.is_finite())
        }
        PythonValue::Float(number) => Some(*number),
        // "inf" and "nan" are numbers to Python and here; a mean with them is none, which is told where it is taken.
        PythonValue::Text(text) => text.trim().parse().ok(),
        PythonValue::None | PythonValue::List(_) | PythonValue::Dictionary(_) => None,
    };
    number.ok_or_else(|| format!("float() of {}", shown(value)))
}

/// A value's beginning, as Python prints it.
fn shown(value: &PythonValue) -> String {
    const MOST: usize = 60;
    let text = value.to_text();
    let short: String = text.chars().take(MOST).collect();
    let quote = if value.as_text().is_some() { "'" } else { "" };
    format!("{quote}{short}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> PythonValue {
        PythonValue::parse(json).unwrap()
    }

    // Each value was tried in CPython 3.11.
    #[test]
    fn truth_is_pythons() {
        for json in ["null", "false", "0", "-0", "0.0", "-0.0", "\"\"", "[]", "{}"] {
            assert!(!truth(Some(&value(json))), "{json}");
        }
        for json in ["true", "1", "-1", "0.5", "NaN", "\"0\"", "\"false\"", "[0]", "{\"a\": 0}"] {
            assert!(truth(Some(&value(json))), "{json}");
        }
        assert!(!truth(None));
    }

    #[test]
    fn int_is_pythons() {
        for json in ["1", "1.9", "1e0", "true", "\"1\"", "\" +1\\n\"", "\"0_1\""] {
            assert_eq!(is_one(Some(&value(json))), Ok(true), "{json}");
        }
        for json in [
            "0",
            "2",
            "0.99",
            "false",
            "-1",
            "\"0\"",
            "\"-1\"",
            "\"11\"",
            "100000000000000000000000000001",
        ] {
            assert_eq!(is_one(Some(&value(json))), Ok(false), "{json}");
        }
        for json in [
            "null", "NaN", "Infinity", "\"1.0\"", "\"yes\"", "\"\"", "\"_1\"", "\"1__0\"", "[1]",
            "{}",
        ] {
            assert!(is_one(Some(&value(json))).is_err(), "{json}");
        }
        assert_eq!(is_one(None), Ok(false));
    }

    #[test]
    fn float_is_pythons() {
        for (json, expected) in [
            ("3", 3.0),
            ("\"4.5\"", 4.5),
            ("\" 2 \"", 2.0),
            ("true", 1.0),
            ("-1", -1.0),
            ("\".5\"", 0.5),
        ] {
            assert_eq!(float(Some(&value(json))), Ok(expected), "{json}");
        }
        for json in ["null", "\"four\"", "\"\"", "[4]"] {
            assert!(float(Some(&value(json))).is_err(), "{json}");
        }
        assert!(float(Some(&value("NaN"))).unwrap().is_nan());
        assert_eq!(float(None), Ok(0.0));
    }
}
