//! What decided the numbers of a run, from its `run.json`, and where two runs differ in it.
//!
//! The record is compared as a whole, so that nothing that is ever added to it can differ unnoticed; only what decides no
//! number is left out.

use retally_manifests::Manifest;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that decide no number, wherever they stand: times, places, what was re-used, how many cores shared the work.
const WITHOUT_EFFECT: [&str; 17] = [
    "started",
    "ended",
    "measurements_sha256",
    "threads",
    "cores",
    "path",
    "source",
    "session",
    "sessions",
    "chunks",
    "results",
    "sampled",
    "licence",
    "bytes",
    "unknown_of_iwm",
    // Of a generator's score: its inputs stand in the record anyway.
    "score",
    "schema",
];

/// What a difference can have moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "scope")]
pub(super) enum Scope {
    /// Everything.
    Everything,
    /// Measurements of these models (encoders, generators, world models), on any data set.
    Models {
        /// Their ids.
        models: BTreeSet<String>,
    },
    /// Measurements on these data sets.
    Datasets {
        /// Their ids.
        datasets: BTreeSet<String>,
    },
}

impl Scope {
    /// Whether it can have moved a measurement of this model (`id` or `id/tap`) on this data set.
    pub(super) fn covers(&self, dataset: &str, model: &str) -> bool {
        let own = model.split('/').next().unwrap_or(model);
        match self {
            Self::Everything => true,
            Self::Models { models } => models.contains(own),
            Self::Datasets { datasets } => datasets.contains(dataset),
        }
    }
}

/// An input in which two runs differ.
#[derive(Clone, Debug, Serialize)]
pub(super) struct InputDifference {
    /// What it is, in words: ``file `mobilenetv2.onnx` ``.
    pub(super) what: String,
    /// In the old run; `None` if it was not there.
    pub(super) old: Option<String>,
    /// In the new run.
    pub(super) new: Option<String>,
    /// What it can have moved.
    #[serde(flatten)]
    pub(super) scope: Scope,
    /// Whether it is only the machine, on which last digits depend.
    pub(super) is_machine: bool,
}

impl InputDifference {
    /// One sentence.
    pub(super) fn sentence(&self) -> String {
        let value = |value: &Option<String>| value.as_deref().map_or("absent".to_owned(), short);
        format!("{}: {} -> {}", self.what, value(&self.old), value(&self.new))
    }
}

/// Of a SHA-256 twelve digits tell it from another; the document has them all.
fn short(value: &str) -> String {
    let is_digest = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { format!("{}…", &value[..12]) } else { value.to_owned() }
}

/// Everything that decided the numbers: a path in the record, and the value there.
type Facts = BTreeMap<Vec<String>, String>;

/// Where two records differ.
pub(super) fn differences(old: &Value, new: &Value, manifest: &Manifest) -> Vec<InputDifference> {
    let (before, after) = (facts(old), facts(new));
    let paths: BTreeSet<&Vec<String>> = before.keys().chain(after.keys()).collect();
    let users = Users { records: [old, new], manifest };
    let mut found: Vec<InputDifference> = Vec::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        let other = if old.is_some() { &after } else { &before };
        if old == new || is_new_field(path, other) {
            continue;
        }
        let is_whole_entry = path.len() > 2 && !has_entry(other, &path[..2]);
        let present = || Some("present".to_owned());
        let (what, old, new) = match (is_whole_entry, old, new) {
            (true, Some(_), None) => (entry_words(path), present(), None),
            (true, None, Some(_)) => (entry_words(path), None, present()),
            _ => (words(path), old.cloned(), new.cloned()),
        };
        if found.iter().all(|known| known.what != what) {
            let is_machine = path.first().is_some_and(|part| part == "machine");
            found.push(InputDifference { what, old, new, scope: users.scope(path), is_machine });
        }
    }
    found
}

fn has_entry(facts: &Facts, entry: &[String]) -> bool {
    facts.keys().any(|key| key.starts_with(entry))
}

/// A field of an entry that is in both records but that an older program did not write: it says nothing of the input.
fn is_new_field(path: &[String], other: &Facts) -> bool {
    let Some(entry) = path.get(..2) else { return false };
    let is_added = path.get(2).is_some_and(|field| field == "artifact" || field == "artifacts");
    let field = [entry, path.get(2..3).unwrap_or_default()].concat();
    is_added && has_entry(other, entry) && !has_entry(other, &field)
}

fn facts(record: &Value) -> Facts {
    let mut facts = Facts::new();
    collect(record, &mut Vec::new(), &mut facts);
    facts
}

fn collect(value: &Value, path: &mut Vec<String>, facts: &mut Facts) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if !WITHOUT_EFFECT.contains(&key.as_str()) {
                    path.push(key.clone());
                    collect(value, path, facts);
                    path.pop();
                }
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                path.push(entry_name(item).unwrap_or_else(|| index.to_string()));
                collect(item, path, facts);
                path.pop();
            }
        }
        // `null` and an absent key say the same.
        Value::Null => {}
        Value::String(text) => drop(facts.insert(path.clone(), text.clone())),
        other => drop(facts.insert(path.clone(), other.to_string())),
    }
}

/// How an entry of a list is told from the others: its id, and the data set that it was used on.
fn entry_name(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    let id = text("id")?;
    Some(text("dataset").map_or_else(|| id.to_owned(), |dataset| format!("{id} on {dataset}")))
}

fn words(path: &[String]) -> String {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["retally"] => "retally's version".to_owned(),
        ["suite", "content_sha256"] => "the suite's content".to_owned(),
        ["suite", field] => format!("the suite's {field}"),
        ["onnxruntime", "sha256"] => "ONNX Runtime's file".to_owned(),
        ["onnxruntime", field] => format!("ONNX Runtime's {field}"),
        ["machine", "processor"] => "the processor".to_owned(),
        ["machine", field] => format!("the machine's {field}"),
        ["options", "device"] => "the device".to_owned(),
        ["options", field] => format!("the option {field}"),
        ["artifacts", id, "sha256"] => format!("file `{id}`"),
        ["artifacts", id, field] => format!("{field} of file `{id}`"),
        ["models", id, field] => format!("{} of model `{id}`", field.replace('_', " ")),
        ["datasets", id, field] => format!("{} of data set `{id}`", field.replace('_', " ")),
        ["generators", id, rest @ ..] => format!("{} of generator `{id}`", rest.join(".")),
        ["world_models", id, rest @ ..] => format!("{} of world model `{id}`", rest.join(".")),
        _ => parts.join("."),
    }
}

/// An entry as a whole: ``file `net.onnx` ``.
fn entry_words(path: &[String]) -> String {
    match path {
        [list, id, ..] => {
            let kind = match list.as_str() {
                "artifacts" => "file",
                "models" => "model",
                "datasets" => "data set",
                "generators" => "generator",
                "world_models" => "world model",
                other => other,
            };
            format!("{kind} `{id}`")
        }
        _ => path.join("."),
    }
}

/// Who uses what, as both records and the manifests say.
struct Users<'a> {
    records: [&'a Value; 2],
    manifest: &'a Manifest,
}

impl Users<'_> {
    fn scope(&self, path: &[String]) -> Scope {
        let own = |id: &str| BTreeSet::from([id.split(" on ").next().unwrap_or(id).to_owned()]);
        match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["artifacts", id, ..] => self.of_artifact(id),
            ["models" | "generators" | "world_models", id, ..] => Scope::Models { models: own(id) },
            ["datasets", id, ..] => Scope::Datasets { datasets: own(id) },
            _ => Scope::Everything,
        }
    }

    fn of_artifact(&self, artifact: &str) -> Scope {
        let uses = |entry: &Value| {
            let one = entry.get("artifact").and_then(Value::as_str);
            let several = entry.get("artifacts").and_then(Value::as_array);
            one == Some(artifact)
                || several.is_some_and(|all| all.iter().any(|id| id.as_str() == Some(artifact)))
        };
        let mut models = self.entries("models", uses);
        let mut datasets = self.entries("datasets", uses);
        let known = self.manifest;
        let has = |id: &retally_manifests::ArtifactId| AsRef::<str>::as_ref(id) == artifact;
        models.extend(known.models().filter(|one| has(&one.artifact)).map(|one| one.id.clone()));
        let sampled = known.generators().filter(|one| one.artifacts().iter().any(has));
        models.extend(sampled.map(|one| one.id.clone()));
        let sets = known.datasets().filter(|one| one.artifacts.iter().any(has));
        datasets.extend(sets.map(|one| one.id.clone()));
        match (models.is_empty(), datasets.is_empty()) {
            (false, true) => Scope::Models { models },
            (true, false) => Scope::Datasets { datasets },
            // Of a file that several parts use, or none that is known, nothing narrower can be said.
            _ => Scope::Everything,
        }
    }

    fn entries(&self, list: &str, uses: impl Fn(&Value) -> bool) -> BTreeSet<String> {
        let lists = self.records.iter().filter_map(|record| record.get(list)?.as_array());
        let ids = lists.flatten().filter(|entry| uses(entry));
        ids.filter_map(|entry| Some(entry.get("id")?.as_str()?.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "schema": 1, "retally": "0.1.0", "started": 5, "ended": 9,
            "suite": { "id": "starter", "version": 2, "content_sha256": "aa" },
            "options": { "device": "cpu", "threads": 2, "fast": false, "limit": null },
            "machine": { "processor": "AMD EPYC", "features": ["avx", "avx2"], "cores": 2 },
            "onnxruntime": { "path": "/a", "version": "1.31.1", "sha256": "bb" },
            "artifacts": [{ "id": "net.onnx", "sha256": "cc" }, { "id": "images.tar", "sha256": "dd" }],
            "models": [{ "id": "net", "dataset": "images", "artifact": "net.onnx", "preprocessing": "p",
                         "session": null, "chunks": ["x"] }],
            "datasets": [{ "id": "images", "artifacts": ["images.tar"], "samples": 10, "classes": ["a", "b"] }],
        })
    }

    fn changed(pointer: &str, value: Value) -> Vec<InputDifference> {
        let mut new = record();
        *new.pointer_mut(pointer).unwrap() = value;
        differences(&record(), &new, &Manifest::builtin().unwrap())
    }

    #[test]
    fn what_decides_no_number_is_no_difference() {
        for pointer in [
            "/started",
            "/ended",
            "/options/threads",
            "/machine/cores",
            "/onnxruntime/path",
            "/models/0/session",
            "/models/0/chunks",
        ] {
            assert!(changed(pointer, json!("other")).is_empty(), "{pointer}");
        }
    }

    #[test]
    fn each_input_is_named_with_what_it_can_have_moved() {
        let one = |pointer: &str, value: Value| {
            let mut found = changed(pointer, value);
            assert_eq!(found.len(), 1, "{found:?}");
            found.remove(0)
        };
        let library = one("/onnxruntime/version", json!("1.30.0"));
        assert_eq!(library.sentence(), "ONNX Runtime's version: 1.31.1 -> 1.30.0");
        assert_eq!(library.scope, Scope::Everything);
        let weights = one("/artifacts/0/sha256", json!("ee"));
        assert_eq!(weights.sentence(), "file `net.onnx`: cc -> ee");
        assert!(weights.scope.covers("images", "net/layer-1"));
        assert!(!weights.scope.covers("images", "other/layer-1"));
        let images = one("/artifacts/1/sha256", json!("ee"));
        assert!(images.scope.covers("images", "other/layer-1"));
        assert!(!images.scope.covers("pictures", "net/layer-1"));
        let step = one("/models/0/preprocessing", json!("q"));
        assert_eq!(step.what, "preprocessing of model `net on images`");
        assert!(one("/machine/processor", json!("Intel")).is_machine);
        assert_eq!(one("/options/limit", json!(5)).old, None);
        assert_eq!(one("/datasets/0/classes", json!(["a"])).new.unwrap(), "[\"a\"]");
    }

    #[test]
    fn an_entry_that_is_gone_and_a_field_of_a_newer_program() {
        let mut old = record();
        for pointer in ["/models/0", "/datasets/0"] {
            let fields = old.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            fields.remove("artifact");
            fields.remove("artifacts");
        }
        assert!(differences(&old, &record(), &Manifest::builtin().unwrap()).is_empty());
        let mut fewer = record();
        fewer["artifacts"].as_array_mut().unwrap().pop();
        let found = differences(&record(), &fewer, &Manifest::builtin().unwrap());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].sentence(), "file `images.tar`: present -> absent");
    }
}
