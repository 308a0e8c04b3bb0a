//! Every Eval Ever, schema version 0.3.0 (evaleval/every_eval_ever@9bce413): one document a model, in the folders of its
//! data store.

use super::about::AboutEvaluator;
use super::names::{UuidVersion, slug, uuid};
use super::{
    About, AboutModel, Availability, DatasetFacts, Document, Export, ExportError, FileFacts,
    ResultFacts, RunFacts, SubjectFacts, absence_text, left_out, pretty,
};
use retally_manifests::Digest;
use retally_metrics::{Finite, Interval};
use retally_suites::evaluation::Direction;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

const FORMAT: &str = "Every Eval Ever";

/// The version of the schema.
const SCHEMA_VERSION: &str = "0.3.0";

/// What no document of this format says.
const LOST: &str = "values of single samples are not exported: the format's records of instances hold texts of language models; they are in samples.parquet";

/// One document a model: `data/retally-SUITE/DEVELOPER/MODEL/UUID.json`.
///
/// # Errors
/// If the user does not say who evaluated and whose the models are, or the run has no value that the format can hold.
pub fn every_eval_ever(facts: &RunFacts, about: &About) -> Result<Export, ExportError> {
    about.check_against(facts)?;
    let lines = missing_lines(facts, about);
    let Some(evaluator) = about.evaluator.as_ref().filter(|_| lines.is_empty()) else {
        return Err(ExportError::Missing { format: FORMAT, lines });
    };
    let mut export = Export::default();
    let mut left = Left::default();
    for id in facts.models() {
        let Some(said) = about.models.get(id) else { continue };
        let log = Log { facts, about, evaluator, id, said };
        export.documents.extend(log.document(&mut left));
        if said.availability.is_none() {
            left.unknown_availability.push(id.to_owned());
        }
    }
    export.notes = left.notes();
    if export.documents.is_empty() {
        return Err(ExportError::Nothing { format: FORMAT, reasons: export.notes.join(". ") });
    }
    export.notes.extend(facts.partial_notes());
    export.notes.push(LOST.to_owned());
    Ok(export)
}

/// The lines that the user's file lacks.
fn missing_lines(facts: &RunFacts, about: &About) -> String {
    let mut lines = String::new();
    // Writing to a `String` cannot fail.
    if about.evaluator.is_none() {
        let _ = writeln!(lines, "[evaluator]\norganisation = \"WHO EVALUATED\"\n");
    }
    for id in facts.models() {
        let said = about.models.get(id);
        if said.is_none_or(|said| said.relationship.is_none()) {
            let quoted = super::yaml::quoted(id);
            let _ = writeln!(lines, "[models.{quoted}]");
            if said.is_none() {
                let _ = writeln!(lines, "id = \"DEVELOPER/MODEL\"");
            }
            let _ = writeln!(
                lines,
                "relationship = \"first_party | third_party | collaborative | other\"\n"
            );
        }
    }
    lines.trim_end().to_owned()
}

/// What was left out.
#[derive(Default)]
struct Left {
    absent: Vec<String>,
    invalid: Vec<String>,
    undescribed: Vec<String>,
    neutral: Vec<String>,
    unbounded: Vec<String>,
    unknown_availability: Vec<String>,
}

impl Left {
    fn notes(&self) -> Vec<String> {
        let lists = [
            (
                "measurements without a value are no results; they are listed in `source_metadata.additional_details.absent`",
                &self.absent,
            ),
            (
                "measurements that break an identity are left out; `retally check` says which",
                &self.invalid,
            ),
            (
                "metrics that the suite does not describe are left out, since the format demands which way is better",
                &self.undescribed,
            ),
            ("metrics of which neither way is better are left out", &self.neutral),
            (
                "`score_type` is left out where no bounds follow from the definition, since the format demands them for a continuous score",
                &self.unbounded,
            ),
            (
                "`model_availability` is \"unknown\"; say `availability` in the file of --about",
                &self.unknown_availability,
            ),
        ];
        lists.into_iter().filter_map(|(what, items)| left_out(what, items)).collect()
    }
}

/// The document of one model.
struct Log<'a> {
    facts: &'a RunFacts,
    about: &'a About,
    evaluator: &'a AboutEvaluator,
    id: &'a str,
    said: &'a AboutModel,
}

impl Log<'_> {
    /// `None` if nothing of the model can be held.
    fn document(&self, left: &mut Left) -> Option<Document> {
        let mut results = Vec::new();
        let mut absent = Vec::new();
        for (dataset, subject) in self.subjects() {
            for result in &subject.results {
                absent.extend(
                    absence_text(result)
                        .map(|text| format!("{} on {}: {text}", subject.key(), dataset.id)),
                );
                results.extend(self.result(dataset, subject, result, left));
            }
        }
        left.absent.extend(absent.iter().cloned());
        if results.is_empty() {
            return None;
        }
        let count = results.len();
        let text = pretty(&self.log(results, &absent));
        // The store's names have the form of chance; here equal documents shall have equal names.
        let name = uuid(&Digest::of_bytes(text.as_bytes()), UuidVersion::Four);
        let path = Path::new("data")
            .join(self.collection())
            .join(self.said.id.owner())
            .join(self.said.id.name())
            .join(format!("{name}.json"));
        Some(Document { path, text, results: count })
    }

    fn subjects(&self) -> impl Iterator<Item = (&DatasetFacts, &SubjectFacts)> {
        self.facts.subjects().filter(|(_, subject)| subject.model == self.id)
    }

    /// The source of the numbers, as the store calls its first level of folders.
    fn collection(&self) -> String {
        format!("retally-{}", slug(&self.facts.suite.id))
    }

    fn log(&self, results: Vec<Value>, absent: &[String]) -> Value {
        let facts = self.facts;
        json!({
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": format!("{}/{}/{}", self.collection(), self.said.id, facts.ended),
            "evaluation_timestamp": facts.started.to_string(),
            // The record says what the run wrote when it ended; copying it later adds nothing.
            "retrieved_timestamp": facts.ended.to_string(),
            "source_metadata": self.source(absent),
            "eval_library": {
                "name": "retally",
                "version": facts.retally,
                "additional_details": self.settings(),
            },
            "model_info": self.model(),
            "evaluation_results": results,
        })
    }

    fn settings(&self) -> Value {
        let library = &self.facts.library;
        let known = [
            ("onnxruntime".to_owned(), library.version.clone()),
            ("onnxruntime_sha256".to_owned(), library.sha256.to_string()),
        ];
        strings(known.into_iter().chain(self.facts.settings.iter().cloned()))
    }

    fn source(&self, absent: &[String]) -> Value {
        let suite = &self.facts.suite;
        let mut details = vec![
            ("suite", suite.id.clone()),
            ("suite_version", suite.version.to_string()),
            ("suite_content_sha256", suite.content.to_string()),
        ];
        details.extend(suite.paper.iter().map(|paper| ("paper", paper.clone())));
        if !absent.is_empty() {
            details.push(("absent", absent.join("; ")));
        }
        let mut source = json!({
            "source_name": format!("retally suite {}", suite.name),
            "source_type": "evaluation_run",
            "source_organization_name": self.evaluator.organisation,
            "evaluator_relationship": self.said.relationship,
            "additional_details": strings(details),
        });
        if let Some(url) = &self.evaluator.url {
            insert(&mut source, "source_organization_url", json!(url.as_str()));
        }
        source
    }

    fn model(&self) -> Value {
        let availability = match self.said.availability {
            Some(Availability::OpenWeights) => "open_weights",
            Some(Availability::ClosedWeights) => "closed_weights",
            None => "unknown",
        };
        // retally opens the networks itself, on the evaluator's machine.
        let mut details = vec![
            ("deployment_type".to_owned(), "self_deployed".to_owned()),
            ("model_availability".to_owned(), availability.to_owned()),
            ("retally_model".to_owned(), self.id.to_owned()),
        ];
        let first = self.subjects().next().map(|(_, subject)| subject);
        details.extend(first.into_iter().flat_map(|subject| files(&subject.files)));
        json!({
            "name": first.map_or(self.id, |subject| subject.name.as_str()),
            "id": self.said.id.to_string(),
            "developer": self.said.id.owner(),
            "inference_engine": { "name": "ONNX Runtime", "version": self.facts.library.version },
            "additional_details": strings(details),
        })
    }

    fn result(
        &self,
        dataset: &DatasetFacts,
        subject: &SubjectFacts,
        result: &ResultFacts,
        left: &mut Left,
    ) -> Option<Value> {
        let measurement = &result.measurement;
        let value = measurement.value()?;
        let metric = &measurement.metric;
        if result.is_invalid {
            left.invalid.push(format!("{} {metric}", subject.key()));
            return None;
        }
        let Some(described) = &result.metric else {
            note_once(&mut left.undescribed, metric);
            return None;
        };
        let lower_is_better = match described.direction {
            Direction::HigherIsBetter => false,
            Direction::LowerIsBetter => true,
            Direction::Neutral => {
                note_once(&mut left.neutral, metric);
                return None;
            }
        };
        let mut config = json!({
            "evaluation_description": measurement.method,
            "metric_id": format!("retally.{}", slug(metric)),
            "metric_name": described.label,
            "metric_unit": measurement.unit.to_string(),
            "lower_is_better": lower_is_better,
        });
        match result.bounds {
            Some((low, high)) => {
                insert(&mut config, "score_type", json!("continuous"));
                insert(&mut config, "min_score", bound(low));
                insert(&mut config, "max_score", bound(high));
            }
            None => note_once(&mut left.unbounded, metric),
        }
        let mut details = vec![("metric", metric.clone())];
        details.extend(result.method.iter().map(|method| ("method", method.clone())));
        insert(&mut config, "additional_details", strings(details));
        let mut document = json!({
            "evaluation_result_id": format!("{}/{}/{}/{metric}", self.facts.suite.id, dataset.id, subject.key()),
            "evaluation_name": evaluation_name(&self.facts.suite.id, &dataset.id, subject),
            "source_data": self.data(dataset),
            "metric_config": config,
            "score_details": score(value, result),
        });
        if let Some(preprocessing) = &subject.preprocessing {
            let details = strings([("preprocessing", preprocessing.clone())]);
            insert(&mut document, "generation_config", json!({ "additional_details": details }));
        }
        Some(document)
    }

    fn data(&self, dataset: &DatasetFacts) -> Value {
        let said = self.about.datasets.get(&dataset.id).cloned().unwrap_or_default();
        let mut details = vec![
            ("retally_dataset".to_owned(), dataset.id.clone()),
            ("samples".to_owned(), dataset.samples.to_string()),
            ("samples_in_dataset".to_owned(), dataset.samples_in_dataset.to_string()),
        ];
        if let Some([train, test]) = dataset.split {
            details.push(("train_samples".to_owned(), train.to_string()));
            details.push(("test_samples".to_owned(), test.to_string()));
        }
        details.extend(files(&dataset.files));
        let mut addresses: Vec<String> =
            said.addresses.iter().map(|address| address.as_str().to_owned()).collect();
        addresses.extend(dataset.files.iter().flat_map(|file| file.addresses.iter().cloned()));
        let mut data = json!({ "dataset_name": dataset.name });
        match (&said.hub, addresses.is_empty()) {
            (Some(hub), _) => {
                insert(&mut data, "source_type", json!("hf_dataset"));
                insert(&mut data, "hf_repo", json!(hub.to_string()));
                insert(&mut data, "samples_number", json!(dataset.samples_in_dataset));
            }
            (None, false) => {
                insert(&mut data, "source_type", json!("url"));
                insert(&mut data, "url", json!(addresses));
            }
            (None, true) => insert(&mut data, "source_type", json!("other")),
        }
        insert(&mut data, "additional_details", strings(details));
        data
    }
}

/// `starter.noto-emoji.layer-09`
fn evaluation_name(suite: &str, dataset: &str, subject: &SubjectFacts) -> String {
    let mut name = format!("retally.{suite}.{dataset}");
    if let Some(part) = &subject.part {
        name.push('.');
        name.push_str(part);
    }
    name
}

fn score(value: f64, result: &ResultFacts) -> Value {
    let measurement = &result.measurement;
    let mut details = vec![("n", measurement.n.to_string())];
    let list = |each: &dyn Fn(&super::Judged) -> String| {
        result.judged.iter().map(each).collect::<Vec<_>>().join("; ")
    };
    if !result.judged.is_empty() {
        details.push(("verdict", list(&|judged| judged.verdict.as_str().to_owned())));
        details.push((
            "compared_with",
            list(&|judged| format!("{} ({}, cell {})", judged.printed, judged.source, judged.cell)),
        ));
    }
    let mut score = json!({ "score": value });
    if let Some(interval) = measurement.interval() {
        insert(&mut score, "uncertainty", uncertainty(interval, measurement.n));
    }
    insert(&mut score, "details", strings(details));
    score
}

fn uncertainty(interval: &Interval, n: u64) -> Value {
    let mut document = json!({
        "confidence_interval": {
            "lower": interval.low.get(),
            "upper": interval.high.get(),
            "confidence_level": interval.level,
            "method": interval.method,
        },
        "num_samples": n,
    });
    if let Some(draws) = bootstrap_draws(&interval.method) {
        insert(&mut document, "num_bootstrap_samples", json!(draws));
    }
    document
}

/// The number of draws in `bootstrap-percentile over images (seed 0, 10000 draws)`.
fn bootstrap_draws(method: &str) -> Option<u64> {
    let before = method.strip_prefix("bootstrap")?.strip_suffix(" draws)")?;
    before.rsplit_once(' ')?.1.parse().ok()
}

/// An infinite end has a word of its own, since JSON has no number for it.
fn bound(end: f64) -> Value {
    match Finite::new(end) {
        Some(end) => json!(end.get()),
        None if end > 0.0 => json!("Infinity"),
        None => json!("-Infinity"),
    }
}

fn files(files: &[FileFacts]) -> impl Iterator<Item = (String, String)> + '_ {
    files.iter().flat_map(|file| {
        [
            (format!("sha256:{}", file.name), file.sha256.to_string()),
            (format!("licence:{}", file.name), file.licence.clone()),
        ]
    })
}

/// Texts by name; the format wants texts alone.
fn strings<K: Into<String>>(pairs: impl IntoIterator<Item = (K, String)>) -> Value {
    let pairs = pairs.into_iter().map(|(key, value)| (key.into(), Value::String(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn insert(document: &mut Value, key: &str, value: Value) {
    if let Value::Object(fields) = document {
        fields.insert(key.to_owned(), value);
    }
}

fn note_once(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, facts};
    use super::*;
    use jsonschema::Validator;

    fn schema() -> Validator {
        let text = include_str!("../../schemas/every-eval-ever/eval.schema.json");
        jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
    }

    fn document() -> Value {
        let export = every_eval_ever(&facts(), &about()).unwrap();
        serde_json::from_str(&export.documents[0].text).unwrap()
    }

    #[test]
    fn documents_are_valid_by_the_schema() {
        let export = every_eval_ever(&facts(), &about()).unwrap();
        assert_eq!(export.documents.len(), 2);
        for document in &export.documents {
            let value = serde_json::from_str(&document.text).unwrap();
            let errors: Vec<String> = schema().iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}");
        }
    }

    /// The validator can fail: each of these changes makes a valid document invalid.
    #[test]
    fn the_schema_refuses_wrong_documents() {
        let schema = schema();
        let wrong: [(&str, Value); 9] = [
            ("/evaluation_results/0/score_details/score", json!("62.5")),
            ("/evaluation_results/0/score_details/score", Value::Null),
            ("/evaluation_results/0/metric_config/min_score", json!("infinity")),
            ("/evaluation_results/0/metric_config/lower_is_better", json!("no")),
            ("/evaluation_results/0/score_details/uncertainty/num_samples", json!(1.5)),
            ("/evaluation_results/0/score_details/details/n", json!(320)),
            ("/source_metadata/source_type", json!("run")),
            ("/source_metadata/evaluator_relationship", Value::Null),
            ("/model_info/additional_details/model_availability", json!("open")),
        ];
        for (place, value) in wrong {
            let mut document = document();
            *document.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
            assert!(!schema.is_valid(&document), "{place}");
        }
        let mut extra = document();
        insert(&mut extra, "verdict", json!("identical"));
        assert!(!schema.is_valid(&extra));
        let mut no_bounds = document();
        no_bounds["evaluation_results"][0]["metric_config"]
            .as_object_mut()
            .unwrap()
            .remove("max_score");
        assert!(!schema.is_valid(&no_bounds));
    }

    #[test]
    fn values_units_directions_bounds_and_intervals_are_kept() {
        let document = document();
        let results = document["evaluation_results"].as_array().unwrap();
        let find = |metric: &str| {
            let id = format!("starter/noto-emoji/vit-s/layer-09/{metric}");
            results.iter().find(|result| result["evaluation_result_id"] == id.as_str())
        };
        let accuracy = find("accuracy").unwrap();
        assert_eq!(accuracy["score_details"]["score"], 62.5);
        assert_eq!(accuracy["metric_config"]["metric_unit"], "percent");
        assert_eq!(accuracy["metric_config"]["min_score"], 0.0);
        assert_eq!(accuracy["metric_config"]["max_score"], 100.0);
        let interval = &accuracy["score_details"]["uncertainty"]["confidence_interval"];
        assert_eq!(
            *interval,
            json!({"lower": 56.0, "upper": 69.0, "confidence_level": 0.95, "method": "wilson"})
        );
        assert_eq!(accuracy["score_details"]["uncertainty"]["num_samples"], 320);
        assert_eq!(accuracy["score_details"]["details"]["verdict"], "identical");
        let distance = find("FD").unwrap();
        assert_eq!(distance["metric_config"]["lower_is_better"], true);
        assert_eq!(distance["metric_config"]["max_score"], "Infinity");
        let kernel = find("KID").unwrap();
        assert!(kernel["metric_config"].get("score_type").is_none());
        assert!(kernel["score_details"].get("uncertainty").is_none());
        for left in ["SRSS", "C", "sigma", "recall"] {
            assert!(find(left).is_none(), "{left}");
        }
        let absent = document["source_metadata"]["additional_details"]["absent"].as_str().unwrap();
        assert!(absent.contains("SRSS (missing-input: no masks)"), "{absent}");
    }

    #[test]
    fn what_was_left_out_is_said() {
        let notes = every_eval_ever(&facts(), &about()).unwrap().notes.join("\n");
        for part in [
            "vit-s/layer-09 on noto-emoji: SRSS (missing-input: no masks)",
            "break an identity are left out; `retally check` says which (1): vit-s/layer-09 recall",
            "does not describe are left out, since the format demands which way is better (1): C",
            "neither way is better are left out (1): sigma",
            "no bounds follow from the definition, since the format demands them for a continuous score (1): KID",
            "`model_availability` is \"unknown\"; say `availability` in the file of --about (1): flow",
            "samples.parquet",
        ] {
            assert!(notes.contains(part), "{part}\n{notes}");
        }
    }

    #[test]
    fn who_evaluated_and_whose_the_models_are_is_never_invented() {
        let nothing = every_eval_ever(&facts(), &About::default()).unwrap_err().to_string();
        for part in [
            "[evaluator]\norganisation = \"WHO EVALUATED\"",
            "[models.\"vit-s\"]\nid = \"DEVELOPER/MODEL\"\nrelationship = \"first_party",
            "[models.\"flow\"]",
        ] {
            assert!(nothing.contains(part), "{part}\n{nothing}");
        }
        let mut about = about();
        about.models.insert("vit-l".to_owned(), about.models["vit-s"].clone());
        let unknown = every_eval_ever(&facts(), &about).unwrap_err().to_string();
        assert_eq!(unknown, "the run has no model `vit-l`; it has: vit-s, flow");
    }

    #[test]
    fn a_run_without_a_value_is_no_document() {
        let mut facts = facts();
        for subject in &mut facts.datasets[0].subjects {
            subject.results.retain(|result| result.measurement.value().is_none());
        }
        let error = every_eval_ever(&facts, &about()).unwrap_err().to_string();
        assert!(
            error.contains("nothing that the format can hold") && error.contains("no masks"),
            "{error}"
        );
    }

    #[test]
    fn equal_facts_have_equal_names_and_others_have_others() {
        let first = every_eval_ever(&facts(), &about()).unwrap();
        assert_eq!(first, every_eval_ever(&facts(), &about()).unwrap());
        let mut later = facts();
        later.ended += 1;
        let later = every_eval_ever(&later, &about()).unwrap();
        assert_ne!(first.documents[0].path, later.documents[0].path);
        let name = first.documents[0].path.file_stem().unwrap().to_str().unwrap();
        let bytes = name.as_bytes();
        assert_eq!((bytes.len(), bytes[14], name.split('-').count()), (36, b'4', 5));
        assert!(b"89ab".contains(&bytes[19]), "{name}");
    }

    #[test]
    fn draws_are_read_from_the_method() {
        assert_eq!(
            bootstrap_draws("bootstrap-percentile over images (seed 0, 10000 draws)"),
            Some(10_000)
        );
        assert_eq!(bootstrap_draws("wilson"), None);
        assert_eq!(bootstrap_draws("student-t over 10 draws)"), None);
    }
}
