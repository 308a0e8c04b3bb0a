//! The part of YAML that `.eval_results` needs, written so that every reader of YAML 1.1 and 1.2 gives the same values:
//! every text in double quotes, every number in a form that both versions call a number.

use retally_metrics::Finite;
use std::fmt::Write as _;

/// A text in double quotes. Whatever it holds, a reader gives it back: nothing in it can end it, begin a comment, or be
/// taken for another type.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_plain(c) => out.push(c),
            c => push_escape(&mut out, c),
        }
    }
    out.push('"');
    out
}

/// Whether a character may stand in a YAML file and is no line break or mark of byte order there.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

fn push_escape(out: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a `String` cannot fail.
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02X}"),
        0x100..=0xffff => write!(out, "\\u{code:04X}"),
        _ => write!(out, "\\U{code:08X}"),
    };
}

/// A number with all its digits. Readers of YAML 1.1 take `1e-7` for a text: they want a point and a signed exponent.
pub(super) fn number(value: Finite) -> String {
    let shortest = format!("{:?}", value.get());
    match shortest.split_once('e') {
        None => shortest,
        Some((digits, exponent)) => {
            let digits =
                if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
            let exponent = if exponent.starts_with('-') {
                exponent.to_owned()
            } else {
                format!("+{exponent}")
            };
            format!("{digits}e{exponent}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode as _, Yaml};

    fn load(text: &str) -> Yaml<'_> {
        Yaml::load_from_str(text).unwrap().remove(0)
    }

    fn back(text: &str) -> String {
        let document = format!("- key: {}\n  other: 1\n", quoted(text));
        let loaded = load(&document);
        let entry = &loaded.as_vec().unwrap()[0];
        assert_eq!(entry["other"].as_integer(), Some(1), "{document}");
        entry["key"].as_str().unwrap().to_owned()
    }

    #[test]
    fn texts_that_yaml_takes_for_something_else_come_back() {
        for text in [
            "",
            " ",
            "~",
            "null",
            "yes",
            "no",
            "on",
            "1",
            "0x10",
            "1e3",
            "2026-11-27",
            ": ",
            "- a",
            "# c",
            "a # b",
            "'",
            "\"",
            "\\",
            "\n",
            "a\nb",
            "\t",
            "---",
            "...",
            "%TAG",
            "!x",
            "&a",
            "*a",
            "{",
            "]",
            "|",
            ">",
            "\u{0}",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{ffff}",
            "ü",
            "🦀",
            "${{ secrets.X }}",
            "\u{7f}",
            "\r\n",
        ] {
            assert_eq!(back(text), text, "{text:?} as {}", quoted(text));
        }
    }

    #[test]
    fn numbers_have_a_point_and_a_signed_exponent() {
        for (value, text) in [
            (20.9, "20.9"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1e-7, "1.0e-7"),
            (1.5e-7, "1.5e-7"),
            (1e21, "1.0e+21"),
            (100.0, "100.0"),
        ] {
            assert_eq!(number(Finite::new(value).unwrap()), text);
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            prop_assert_eq!(back(&text), text);
        }

        #[test]
        fn every_number_comes_back(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let text = number(Finite::new(value).unwrap());
            let loaded = load(&text);
            prop_assert_eq!(loaded.as_floating_point().map(f64::to_bits), Some(value.to_bits()));
            // The numbers of YAML 1.1: digits, a point, digits, and perhaps an exponent with its sign.
            let unsigned = text.strip_prefix('-').unwrap_or(&text);
            let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "+0"));
            let (whole, fraction) = mantissa.split_once('.').unwrap();
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            prop_assert!(digits(whole) && digits(fraction) && digits(exponent.trim_start_matches(['+', '-'])));
            prop_assert!(exponent.starts_with(['+', '-']));
        }
    }
}
