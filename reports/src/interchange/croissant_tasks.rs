//! Croissant Tasks (mlcommons/croissant@401f6ff, arXiv 2605.29786): the suite as a problem, each measured model as a
//! solution, its measurements as results of an evaluation, in one JSON-LD document.
//!
//! The vocabulary has a name for a metric and a value. Unit, count, interval and method stand beside the value as
//! schema.org's `QuantitativeValue` and `PropertyValue` have them. Digests are whole: 64 hexadecimal digits.

use super::names::{UuidVersion, percent_encoded, uuid};
use super::{
    About, DatasetFacts, Document, Export, ExportError, FileFacts, ResultFacts, RunFacts,
    SubjectFacts, absence_text, left_out, pretty,
};
use crate::calendar;
use retally_manifests::Digest;
use retally_metrics::Finite;
use serde_json::{Value, json};
use std::path::PathBuf;

const FORMAT: &str = "Croissant Tasks";

/// What no document of this format says in its own words.
const LOST: &str = "the vocabulary has no word for intervals, counts, methods, directions and verdicts: they stand beside each value as properties by name";

/// One document: `SUITE.jsonld`.
///
/// # Errors
/// If the user names what the run does not have, the run has no measurement, or its times cannot be written.
pub fn croissant_tasks(facts: &RunFacts, about: &About) -> Result<Export, ExportError> {
    about.check_against(facts)?;
    let writer = Writer { facts, about, base: base(facts, about) };
    let mut nodes = vec![writer.problem()];
    let mut left = Left::default();
    let mut results = 0;
    for (dataset, subject) in facts.subjects() {
        let values: Vec<Value> =
            subject.results.iter().filter_map(|result| left.value(subject, result)).collect();
        if values.is_empty() {
            continue;
        }
        results += values.len();
        nodes.push(writer.solution(dataset, subject));
        nodes.push(writer.evaluation(dataset, subject, values)?);
    }
    let mut notes = left.notes();
    if results == 0 {
        return Err(ExportError::Nothing { format: FORMAT, reasons: notes.join(". ") });
    }
    if about.croissant.iri.is_none() {
        notes.push(format!(
            "names of its parts begin with `{}`, made of the run's digest; say where the document will stand with `iri` below `[croissant]`",
            writer.base
        ));
    }
    notes.extend(facts.partial_notes());
    notes.push(LOST.to_owned());
    let document = json!({
        "@context": {
            "croissant": "http://mlcommons.org/croissant/",
            "schema": "https://schema.org/",
        },
        "@graph": nodes,
    });
    let path = PathBuf::from(format!("{}.jsonld", facts.suite.id));
    Ok(Export { documents: vec![Document { path, text: pretty(&document), results }], notes })
}

/// The IRI that the parts' names begin with.
fn base(facts: &RunFacts, about: &About) -> String {
    match &about.croissant.iri {
        Some(iri) => iri.as_str().trim_end_matches('#').to_owned(),
        None => {
            let digest = Digest::of_bytes(identity(facts).as_bytes());
            format!("urn:uuid:{}", uuid(&digest, UuidVersion::Eight))
        }
    }
}

/// What makes this run another one.
fn identity(facts: &RunFacts) -> String {
    let mut text = format!("{} {} {}\n", facts.suite.content, facts.started, facts.ended);
    for (dataset, subject) in facts.subjects() {
        for result in &subject.results {
            let measurement = serde_json::to_string(&result.measurement).unwrap_or_default();
            text.push_str(&format!("{} {} {measurement}\n", dataset.id, subject.key()));
        }
    }
    text
}

#[derive(Default)]
struct Left {
    absent: Vec<String>,
    invalid: Vec<String>,
}

impl Left {
    /// A result; an absence is told in words, a wrong number is left out.
    fn value(&mut self, subject: &SubjectFacts, result: &ResultFacts) -> Option<Value> {
        let metric = &result.measurement.metric;
        if result.is_invalid {
            self.invalid.push(format!("{} {metric}", subject.key()));
            return None;
        }
        if let Some(absence) = absence_text(result) {
            self.absent.push(format!("{}: {absence}", subject.key()));
        }
        evaluation_result(result)
    }

    fn notes(&self) -> Vec<String> {
        let lists = [
            ("measurements without a value are told in words, not as numbers", &self.absent),
            (
                "measurements that break an identity are left out; `retally check` says which",
                &self.invalid,
            ),
        ];
        lists.into_iter().filter_map(|(what, items)| left_out(what, items)).collect()
    }
}

struct Writer<'a> {
    facts: &'a RunFacts,
    about: &'a About,
    base: String,
}

impl Writer<'_> {
    fn name(&self, kind: &str, key: &str) -> String {
        let encoded = percent_encoded(key);
        if key.is_empty() {
            format!("{}#{kind}", self.base)
        } else {
            format!("{}#{kind}/{encoded}", self.base)
        }
    }

    fn problem(&self) -> Value {
        let suite = &self.facts.suite;
        let mut problem = json!({
            "@id": self.name("problem", ""),
            "@type": "croissant:TaskProblem",
            "schema:name": suite.name,
            "schema:identifier": suite.id,
            "schema:version": suite.version.to_string(),
            "schema:description": suite.summary.trim(),
            "schema:sha256": suite.content.to_string(),
            "croissant:input": self.facts.datasets.iter().map(|dataset| self.dataset(dataset)).collect::<Vec<_>>(),
            "croissant:implementation": {
                "@id": self.name("model", ""),
                "@type": "croissant:ImplementationSpec",
                "schema:description": "a network in ONNX: an encoder, a generator or a world model, as the suite asks",
            },
        });
        if let (Some(paper), Value::Object(fields)) = (&suite.paper, &mut problem) {
            fields.insert("schema:citation".to_owned(), json!(paper));
        }
        problem
    }

    fn dataset(&self, dataset: &DatasetFacts) -> Value {
        let said = self.about.datasets.get(&dataset.id);
        let mut addresses: Vec<String> = said
            .into_iter()
            .flat_map(|said| &said.addresses)
            .map(|address| address.as_str().to_owned())
            .collect();
        let hub = said.and_then(|said| said.hub.as_ref());
        addresses.extend(hub.map(|hub| format!("https://huggingface.co/datasets/{hub}")));
        let mut node = json!({
            "@id": self.name("data", &dataset.id),
            "@type": "schema:Dataset",
            "schema:name": dataset.name,
            "schema:identifier": dataset.id,
            "schema:size": format!("{} samples, of which the run looked at {}", dataset.samples_in_dataset, dataset.samples),
            "schema:distribution": dataset.files.iter().map(|file| file_node("schema:DataDownload", file)).collect::<Vec<_>>(),
        });
        if let (false, Value::Object(fields)) = (addresses.is_empty(), &mut node) {
            let addresses: Vec<Value> =
                addresses.into_iter().map(|address| json!({ "@id": address })).collect();
            fields.insert("schema:url".to_owned(), json!(addresses));
        }
        node
    }

    fn solution(&self, dataset: &DatasetFacts, subject: &SubjectFacts) -> Value {
        let key = format!("{}/{}", dataset.id, subject.key());
        let mut model = json!({
            "@id": self.name("network", &key),
            "@type": "schema:SoftwareApplication",
            "schema:name": subject.name,
            "schema:identifier": subject.key(),
            "schema:associatedMedia": subject.files.iter().map(|file| file_node("schema:MediaObject", file)).collect::<Vec<_>>(),
        });
        if let (Some(said), Value::Object(fields)) =
            (self.about.models.get(&subject.model), &mut model)
        {
            fields.insert("schema:alternateName".to_owned(), json!(said.id.to_string()));
        }
        json!({
            "@id": self.name("solution", &key),
            "@type": "croissant:TaskSolution",
            "schema:name": subject.label,
            "schema:isBasedOn": { "@id": self.name("problem", "") },
            "croissant:input": { "@id": self.name("data", &dataset.id) },
            "croissant:implementation": model,
            "croissant:evaluation": { "@id": self.name("evaluation", &key) },
        })
    }

    fn evaluation(
        &self,
        dataset: &DatasetFacts,
        subject: &SubjectFacts,
        results: Vec<Value>,
    ) -> Result<Value, ExportError> {
        let key = format!("{}/{}", dataset.id, subject.key());
        Ok(json!({
            "@id": self.name("evaluation", &key),
            "@type": "croissant:EvaluationTask",
            "schema:name": format!("{} on {}", subject.label, dataset.name),
            "croissant:evaluatedSolution": { "@id": self.name("solution", &key) },
            "croissant:implementation": {
                "@id": self.name("retally", ""),
                "@type": "schema:SoftwareApplication",
                "schema:name": "retally",
                "schema:softwareVersion": self.facts.retally,
            },
            "croissant:execution": self.execution(subject)?,
            "croissant:evaluationResults": results,
        }))
    }

    fn execution(&self, subject: &SubjectFacts) -> Result<Value, ExportError> {
        let facts = self.facts;
        let times = [facts.started, facts.ended].map(calendar::timestamp);
        let [Some(started), Some(ended)] = times else {
            return Err(ExportError::NotExpressible {
                format: FORMAT,
                what: "the run's times".to_owned(),
                reason: "they are after the year 9999".to_owned(),
            });
        };
        let library = &facts.library;
        let known = [
            ("ONNX Runtime".to_owned(), library.version.clone()),
            ("ONNX Runtime, SHA-256".to_owned(), library.sha256.to_string()),
        ];
        let preprocessing =
            subject.preprocessing.iter().map(|text| ("preprocessing".to_owned(), text.clone()));
        let settings = known.into_iter().chain(facts.settings.iter().cloned()).chain(preprocessing);
        Ok(json!({
            "@type": "croissant:ExecutionInfo",
            "schema:startTime": started,
            "schema:endTime": ended,
            "schema:additionalProperty": settings.map(|(name, value)| property(&name, json!(value))).collect::<Vec<_>>(),
        }))
    }
}

fn file_node(kind: &str, file: &FileFacts) -> Value {
    let mut node = json!({
        "@type": kind,
        "schema:name": file.name,
        "schema:sha256": file.sha256.to_string(),
        "schema:contentSize": format!("{} B", file.bytes),
        "schema:license": { "@type": "schema:CreativeWork", "schema:name": file.licence },
    });
    if let (false, Value::Object(fields)) = (file.addresses.is_empty(), &mut node) {
        let addresses: Vec<Value> =
            file.addresses.iter().map(|address| json!({ "@id": address })).collect();
        fields.insert("schema:contentUrl".to_owned(), json!(addresses));
    }
    node
}

fn evaluation_result(result: &ResultFacts) -> Option<Value> {
    let measurement = &result.measurement;
    let value = match (measurement.value(), absence_text(result)) {
        (Some(value), _) => quantity(value, result),
        (None, Some(absence)) => json!(format!("not measured: {absence}")),
        (None, None) => return None,
    };
    Some(json!({
        "@type": "croissant:EvaluationResult",
        "croissant:metric": measurement.metric,
        "croissant:value": value,
    }))
}

/// A value with its unit, its bounds by definition, and what else is known of it.
fn quantity(value: f64, result: &ResultFacts) -> Value {
    let measurement = &result.measurement;
    let mut node = json!({
        "@type": "schema:QuantitativeValue",
        "schema:value": value,
        "schema:unitText": measurement.unit.to_string(),
        "schema:additionalProperty": properties(result),
    });
    if let Value::Object(fields) = &mut node {
        let (low, high) = result.bounds.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        for (key, end) in [("schema:minValue", low), ("schema:maxValue", high)] {
            if let Some(end) = Finite::new(end) {
                fields.insert(key.to_owned(), json!(end.get()));
            }
        }
    }
    node
}

fn properties(result: &ResultFacts) -> Vec<Value> {
    let measurement = &result.measurement;
    let mut known = vec![("n", json!(measurement.n)), ("definition", json!(measurement.method))];
    known.extend(result.method.iter().map(|method| ("method", json!(method))));
    known.extend(
        result
            .metric
            .iter()
            .map(|metric| ("direction", json!(crate::words::direction_word(metric.direction)))),
    );
    if let Some(interval) = measurement.interval() {
        known.push(("interval, lower end", json!(interval.low.get())));
        known.push(("interval, upper end", json!(interval.high.get())));
        known.push(("interval, level", json!(interval.level)));
        known.push(("interval, method", json!(interval.method)));
    }
    for judged in &result.judged {
        known.push((
            "compared with",
            json!(format!("{} ({}, cell {})", judged.printed, judged.source, judged.cell)),
        ));
        known.push(("verdict", json!(judged.verdict.as_str())));
    }
    known.into_iter().map(|(name, value)| property(name, value)).collect()
}

fn property(name: &str, value: Value) -> Value {
    json!({ "@type": "schema:PropertyValue", "schema:name": name, "schema:value": value })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, facts};
    use super::*;
    use std::collections::BTreeSet;

    const VOCABULARY: &str = include_str!("../../schemas/croissant-tasks/croissant-tasks.ttl");
    const SHAPES: &str = include_str!("../../schemas/croissant-tasks/croissant-tasks-shapes.ttl");

    fn document() -> Value {
        let export = croissant_tasks(&facts(), &about()).unwrap();
        assert_eq!(export.documents[0].path, PathBuf::from("starter.jsonld"));
        serde_json::from_str(&export.documents[0].text).unwrap()
    }

    fn walk<'a>(value: &'a Value, each: &mut impl FnMut(&'a str, &'a Value)) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    each(key, value);
                    walk(value, each);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, each)),
            _ => {}
        }
    }

    /// Every word is one of the published vocabulary or of its rules (which alone know `ExecutionInfo`).
    #[test]
    fn only_words_of_the_vocabulary_are_used() {
        let document = document();
        let mut words = BTreeSet::new();
        walk(&document["@graph"], &mut |key, value| {
            words.extend(key.starts_with("croissant:").then_some(key));
            let kind = value.as_str().filter(|_| key == "@type");
            words.extend(kind.filter(|kind| kind.starts_with("croissant:")));
        });
        assert!(words.len() > 10, "{words:?}");
        let has = |text: &str, word: &str| {
            text.split(|c: char| !(c.is_ascii_alphanumeric() || c == ':'))
                .any(|found| found == word)
        };
        for word in words {
            assert!(has(VOCABULARY, word) || has(SHAPES, word), "{word}");
        }
        assert!(!has(VOCABULARY, "croissant:interval"));
    }

    #[test]
    fn every_reference_leads_to_a_part() {
        let document = document();
        let (mut defined, mut referred) = (BTreeSet::new(), BTreeSet::new());
        let mut objects = Vec::new();
        collect(&document["@graph"], &mut objects);
        for object in objects {
            let Some(id) = object.get("@id").and_then(Value::as_str) else { continue };
            let set = if object.len() > 1 { &mut defined } else { &mut referred };
            set.insert(id);
        }
        let inside: Vec<_> =
            referred.iter().filter(|id| id.starts_with("https://example.org/starter#")).collect();
        assert!(inside.len() > 3, "{inside:?}");
        assert!(inside.iter().all(|id| defined.contains(**id)), "{inside:?} {defined:?}");
    }

    fn collect<'a>(value: &'a Value, objects: &mut Vec<&'a serde_json::Map<String, Value>>) {
        match value {
            Value::Object(fields) => {
                objects.push(fields);
                fields.values().for_each(|value| collect(value, objects));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, objects)),
            _ => {}
        }
    }

    #[test]
    fn digests_are_whole() {
        let mut digests = 0;
        walk(&document(), &mut |key, value| {
            if key == "schema:sha256" {
                let text = value.as_str().unwrap();
                assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
                digests += 1;
            }
        });
        assert_eq!(digests, 3, "suite, data and model");
    }

    #[test]
    fn values_have_units_and_absences_are_words() {
        let document = document();
        let nodes = document["@graph"].as_array().unwrap();
        let evaluations = nodes.iter().filter(|node| node["@type"] == "croissant:EvaluationTask");
        let results: Vec<&Value> = evaluations
            .flat_map(|node| node["croissant:evaluationResults"].as_array().unwrap())
            .collect();
        let find = |metric: &str| {
            results
                .iter()
                .find(|result| result["croissant:metric"] == metric)
                .map(|result| &result["croissant:value"])
        };
        let accuracy = find("accuracy").unwrap();
        assert_eq!(accuracy["schema:value"], 62.5);
        assert_eq!(accuracy["schema:unitText"], "percent");
        assert_eq!(accuracy["schema:maxValue"], 100.0);
        let distance = find("FD").unwrap();
        assert!(distance.get("schema:maxValue").is_none());
        assert_eq!(distance["schema:minValue"], 0.0);
        assert_eq!(find("SRSS").unwrap(), "not measured: SRSS (missing-input: no masks)");
        assert_eq!(find("C").unwrap()["schema:value"], 0.1);
        assert!(find("recall").is_none(), "a wrong number was exported");
        for result in results {
            let value = &result["croissant:value"];
            assert!(value.is_string() || value["schema:unitText"].is_string(), "{value}");
        }
    }

    #[test]
    fn names_do_not_need_an_address() {
        let mut about = about();
        about.croissant.iri = None;
        let export = croissant_tasks(&facts(), &about).unwrap();
        assert!(export.documents[0].text.contains("\"urn:uuid:"));
        assert!(export.notes.iter().any(|note| note.contains("[croissant]")));
        let mut other = facts();
        other.ended += 1;
        let other = croissant_tasks(&other, &about).unwrap();
        let name = |export: &Export| {
            let value: Value = serde_json::from_str(&export.documents[0].text).unwrap();
            value["@graph"][0]["@id"].as_str().unwrap().to_owned()
        };
        assert_ne!(name(&export), name(&other));
    }

    #[test]
    fn a_run_without_measurements_is_refused() {
        let mut facts = facts();
        facts.datasets.clear();
        let about = About::default();
        assert!(matches!(croissant_tasks(&facts, &about), Err(ExportError::Nothing { .. })));
    }
}
