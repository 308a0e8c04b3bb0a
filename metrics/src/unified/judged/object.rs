//! Where the object stands in a reply.

use crate::unified::answers::PythonValue;
use serde_json::{Map, Value};

/// From the first `{` to the brace that balances it, as the released script finds it: quotes open and close strings, a backslash
/// guards the next character inside strings and outside. `None` if there is no brace or none that balances it.
#[must_use]
pub fn first_balanced_object(reply: &str) -> Option<&str> {
    balanced_from(reply, reply.find('{')?)
}

/// From the `{` at byte `start` to the brace that balances it.
fn balanced_from(text: &str, start: usize) -> Option<&str> {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for (index, byte) in text.bytes().enumerate().skip(start) {
        if byte == b'"' && !escaped {
            in_string = !in_string;
        }
        if !in_string && byte == b'{' {
            depth += 1;
        } else if !in_string && byte == b'}' {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return text.get(start..=index);
            }
        }
        escaped = byte == b'\\' && !escaped;
    }
    None
}

/// The object of the first balanced braces; an empty one where there are none or they hold no JSON, so that every member counts as
/// missing.
pub(super) fn official_object(reply: &str) -> PythonValue {
    let object = first_balanced_object(reply).and_then(|text| PythonValue::parse(text).ok());
    object.unwrap_or(PythonValue::Dictionary(Vec::new()))
}

/// The reply without what a model writes to itself: `<think>…</think>`, also where the opening tag stands in the prompt. A tag
/// that is never closed leaves nothing behind it, because the answer would come after it.
#[must_use]
pub fn without_reasoning(reply: &str) -> &str {
    let answer =
        TAGS.iter().filter_map(|(_, close)| reply.rfind(close).map(|at| at + close.len())).max();
    let rest = answer.and_then(|at| reply.get(at..)).unwrap_or(reply);
    let open = TAGS.iter().filter_map(|(open, _)| rest.find(open)).min();
    open.and_then(|at| rest.get(..at)).unwrap_or(rest)
}

/// Tags that models put around their reasoning.
const TAGS: [(&str, &str); 3] =
    [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("<reasoning>", "</reasoning>")];

/// The last object of the answer that has all `members`: one in a fenced block before one outside, nothing inside the reasoning.
/// Objects inside other objects count too.
#[must_use]
pub fn last_object_with(reply: &str, members: &[&str]) -> Option<Map<String, Value>> {
    let answer = without_reasoning(reply);
    let fenced = fenced_blocks(answer).into_iter().rev().find_map(|block| last_in(block, members));
    fenced.or_else(|| last_in(answer, members))
}

fn last_in(text: &str, members: &[&str]) -> Option<Map<String, Value>> {
    let braces = text.bytes().enumerate().filter(|(_, byte)| *byte == b'{').map(|(start, _)| start);
    // A reply of braces alone would take time that grows with the square of its length.
    let starts: Vec<usize> = braces.collect();
    starts.iter().rev().take(MOST_OBJECTS).find_map(|&start| {
        let tail = text.get(start..)?;
        let mut values = serde_json::Deserializer::from_str(tail).into_iter::<Map<String, Value>>();
        let object = values.next()?.ok()?;
        members.iter().all(|member| object.contains_key(*member)).then_some(object)
    })
}

/// Braces that are tried, from the end.
const MOST_OBJECTS: usize = 2000;

/// The contents of blocks between lines that begin with three backticks.
fn fenced_blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("```") {
        // The language's name, if there is one, ends with the line.
        let Some((block, after)) = behind.split_once("```") else { break };
        blocks.push(block);
        rest = after;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_braces_are_taken_whatever_they_hold() {
        assert_eq!(first_balanced_object(r#"so {AB} = {"ok": 1}"#), Some("{AB}"));
        assert_eq!(
            first_balanced_object(r#"x {"a": "}", "b": {"c": 1}} y {}"#),
            Some(r#"{"a": "}", "b": {"c": 1}}"#)
        );
        assert_eq!(first_balanced_object(r#"{"a": "\"}"} {}"#), Some(r#"{"a": "\"}"}"#));
        // A guarded quote outside a string does not open one.
        assert_eq!(first_balanced_object(r#"{\"a}"#), Some(r#"{\"a}"#));
        for none in ["", "no braces", r#"{"a": 1"#, r#"{"a": "never closed}"#] {
            assert_eq!(first_balanced_object(none), None, "{none}");
        }
        for reply in ["{AB}", "[1]", "none"] {
            assert_eq!(official_object(reply), PythonValue::Dictionary(Vec::new()));
        }
    }

    #[test]
    fn reasoning_is_left_out() {
        assert_eq!(without_reasoning("<think>{1}</think> {2}"), " {2}");
        assert_eq!(without_reasoning("{1} of the prompt's tag</think>{2}"), "{2}");
        assert_eq!(without_reasoning("<think>a</think>b<think>c</think>d"), "d");
        assert_eq!(without_reasoning("<think>cut off {2}"), "");
        assert_eq!(without_reasoning("plain"), "plain");
    }

    #[test]
    fn the_last_object_with_all_members_is_taken() {
        let ok = |reply: &str| last_object_with(reply, &["ok"]).map(|object| object["ok"].clone());
        assert_eq!(ok(r#"{"ok": 0} then {"ok": 1} and {AB}"#), Some(1.into()));
        assert_eq!(ok("```json\n{\"ok\": 0}\n```\nI mean {\"ok\": 1}"), Some(0.into()));
        assert_eq!(ok("```\n{\"other\": 0}\n```\n{\"ok\": 1}"), Some(1.into()));
        assert_eq!(ok(r#"<think>{"ok": 0}</think>{"ok": 1}"#), Some(1.into()));
        assert_eq!(ok(r#"{"judgement": {"ok": 1}}"#), Some(1.into()));
        assert_eq!(ok(r#"{"ok": 1, "reason": "the set {A}"}"#), Some(1.into()));
        for none in ["", r#"{"no": 1}"#, r#"{"ok": 1"#, r#"<think>{"ok": 1}"#] {
            assert_eq!(ok(none), None, "{none}");
        }
    }

    #[test]
    fn endless_braces_end() {
        assert_eq!(last_object_with(&"{".repeat(200_000), &["ok"]), None);
        assert_eq!(first_balanced_object(&"{".repeat(200_000)), None);
    }
}
