//! The run record, whatever its shape, as titled lists of names and values.

use serde::Serialize;
use serde_json::Value;

/// Lines shown of one part; the rest stays in the run's own file.
const MOST_LINES: usize = 400;

/// One top-level part of the record.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Section {
    title: String,
    lines: Vec<Line>,
    left_out: usize,
}

/// A name such as `artifacts[0].sha256` and its value.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Line {
    name: String,
    value: String,
}

/// Top-level scalars together first, then each object or list.
pub(super) fn sections(record: &Value) -> Vec<Section> {
    let Value::Object(parts) = record else {
        return vec![section("record", record)];
    };
    let is_part = |value: &Value| value.is_object() || value.is_array();
    let scalars: serde_json::Map<_, _> = parts
        .iter()
        .filter(|(_, value)| !is_part(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let general = (!scalars.is_empty()).then(|| section("run", &Value::Object(scalars)));
    general
        .into_iter()
        .chain(parts.iter().filter(|(_, v)| is_part(v)).map(|(name, v)| section(name, v)))
        .collect()
}

fn section(title: &str, value: &Value) -> Section {
    let mut lines = Vec::new();
    flatten(String::new(), value, &mut lines);
    let left_out = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    Section { title: title.replace('_', " "), lines, left_out }
}

fn flatten(name: String, value: &Value, lines: &mut Vec<Line>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (field, value) in fields {
                flatten(
                    if name.is_empty() { field.clone() } else { format!("{name}.{field}") },
                    value,
                    lines,
                );
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(format!("{name}[{index}]"), item, lines);
            }
        }
        Value::Array(items) => {
            lines.push(Line {
                name,
                value: items.iter().map(scalar).collect::<Vec<_>>().join(", "),
            });
        }
        other => lines.push(Line { name, value: scalar(other) }),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_record_becomes_names_and_values() {
        let sections = sections(&json!({
            "retally": "0.1.0",
            "machine": {"threads": 2, "gpu": null},
            "artifacts": [{"id": "a", "sizes": [1, 2]}, {"id": "b"}],
        }));
        let shown: Vec<_> = sections
            .iter()
            .map(|s| {
                (
                    s.title.as_str(),
                    s.lines.iter().map(|l| format!("{}={}", l.name, l.value)).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(shown[0], ("run", vec!["retally=0.1.0".to_owned()]));
        assert_eq!(shown[1].1, ["threads=2", "gpu=none"]);
        assert_eq!(shown[2].1, ["[0].id=a", "[0].sizes=1, 2", "[1].id=b"]);
    }

    #[test]
    fn a_long_part_is_cut_and_says_so() {
        let record = json!({"chunks": (0..500).map(|i| json!({"id": i})).collect::<Vec<_>>()});
        let sections = sections(&record);
        assert_eq!((sections[0].lines.len(), sections[0].left_out), (400, 100));
    }
}
