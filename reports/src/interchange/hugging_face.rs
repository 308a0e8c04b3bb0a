//! `.eval_results/*.yaml` of model repositories (huggingface/hub-docs@242f4a1): one entry for each result of a benchmark.
//!
//! The format has no place for units, counts, intervals or digests. So the user says which measurement is a result of
//! which benchmark, and in which unit that benchmark's numbers are; only percent and fraction are turned into each other.

use super::about::{BenchmarkEntry, known};
use super::names::HubName;
use super::yaml::{number, quoted};
use super::{
    About, AboutModel, DatasetFacts, Document, Export, ExportError, ResultFacts, RunFacts,
    SubjectFacts, absence_text,
};
use crate::calendar;
use retally_metrics::{Finite, Unit};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

const FORMAT: &str = "Hugging Face .eval_results";

/// What no file of this format says; the documents of the other formats do.
const LOST: &str = "the format has no field for the unit, the number of samples, the interval, the method, digests, or a verdict: a short form of the first four is in `notes`";

/// One file for each model repository: `OWNER/NAME/.eval_results/retally-SUITE.yaml`.
///
/// # Errors
/// If the user names no benchmark, or names what the run does not have, or a measurement cannot be a benchmark's result:
/// it has no value, breaks an identity, is of some of the samples only, or has another unit.
pub fn hugging_face(facts: &RunFacts, about: &About) -> Result<Export, ExportError> {
    about.check_against(facts)?;
    let missing = missing_lines(facts, about);
    if !missing.is_empty() {
        return Err(ExportError::Missing { format: FORMAT, lines: missing });
    }
    let mut files: BTreeMap<String, (&HubName, Vec<String>)> = BTreeMap::new();
    for entry in &about.hugging_face {
        let found = Found::of(facts, entry)?;
        let Some(AboutModel { id, .. }) = about.models.get(&found.subject.model) else { continue };
        let text = found.text(facts, entry)?;
        files.entry(id.to_string()).or_insert_with(|| (id, Vec::new())).1.push(text);
    }
    let name = format!("retally-{}.yaml", facts.suite.id);
    let documents = files.into_values().map(|(id, entries)| Document {
        path: Path::new(id.owner()).join(id.name()).join(".eval_results").join(&name),
        results: entries.len(),
        text: entries.concat(),
    });
    Ok(Export { documents: documents.collect(), notes: vec![LOST.to_owned()] })
}

/// The lines that the user's file lacks.
fn missing_lines(facts: &RunFacts, about: &About) -> String {
    let mut lines = String::new();
    let mut asked: Vec<&str> =
        about.hugging_face.iter().map(|entry| model_of(&entry.model)).collect();
    asked.sort_unstable();
    asked.dedup();
    for model in asked.into_iter().filter(|model| !about.models.contains_key(*model)) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "[models.{}]\nid = \"OWNER/NAME\"\n", quoted(model));
    }
    if about.hugging_face.is_empty() {
        let (dataset, model) = facts.subjects().next().map_or_else(
            || ("DATASET".to_owned(), "MODEL/PART".to_owned()),
            |(dataset, subject)| (dataset.id.clone(), subject.key()),
        );
        let _ = writeln!(
            lines,
            "[[hugging_face]]\nmodel = {}\ndataset = {}\nmetric = \"METRIC\"\nbenchmark = \"OWNER/NAME\"\n\
             task = \"TASK\"\nunit = \"percent | fraction | none | nats | count\"",
            quoted(&model),
            quoted(&dataset)
        );
    }
    lines.trim_end().to_owned()
}

fn model_of(key: &str) -> &str {
    key.split('/').next().unwrap_or(key)
}

/// The measurement that an entry means.
struct Found<'a> {
    dataset: &'a DatasetFacts,
    subject: &'a SubjectFacts,
    result: &'a ResultFacts,
}

impl<'a> Found<'a> {
    fn of(facts: &'a RunFacts, entry: &BenchmarkEntry) -> Result<Self, ExportError> {
        let ids: Vec<String> = facts.datasets.iter().map(|dataset| dataset.id.clone()).collect();
        known("data set", &entry.dataset, &ids)?;
        let datasets = facts.datasets.iter().filter(|dataset| dataset.id == entry.dataset);
        let subjects: Vec<(&DatasetFacts, &SubjectFacts)> = datasets
            .flat_map(|dataset| dataset.subjects.iter().map(move |subject| (dataset, subject)))
            .collect();
        let keys: Vec<String> = subjects.iter().map(|(_, subject)| subject.key()).collect();
        known("model", &entry.model, &keys)?;
        let mine = || subjects.iter().filter(|(_, subject)| subject.key() == entry.model);
        let results = mine().flat_map(|(dataset, subject)| {
            subject.results.iter().map(move |result| (*dataset, *subject, result))
        });
        let found = results.clone().find(|(.., result)| result.measurement.metric == entry.metric);
        match found {
            Some((dataset, subject, result)) => Ok(Self { dataset, subject, result }),
            None => Err(ExportError::Unknown {
                kind: "metric",
                id: entry.metric.clone(),
                known: results
                    .map(|(.., result)| result.measurement.metric.clone())
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    fn text(&self, facts: &RunFacts, entry: &BenchmarkEntry) -> Result<String, ExportError> {
        let value = self.value(entry)?;
        let date = calendar::timestamp(facts.ended)
            .ok_or_else(|| self.refuse("the run's end is after the year 9999"))?;
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let mut line = |text_of_line: String| {
            let _ = writeln!(text, "{text_of_line}");
        };
        line("- dataset:".to_owned());
        line(format!("    id: {}", quoted(&entry.benchmark.to_string())));
        line(format!("    task_id: {}", quoted(&entry.task)));
        if let Some(revision) = &entry.revision {
            line(format!("    revision: {}", quoted(revision)));
        }
        line(format!("  value: {}", number(value)));
        line(format!("  date: {}", quoted(&date)));
        if let Some(source) = &entry.source {
            line("  source:".to_owned());
            line(format!("    url: {}", quoted(source.url.as_str())));
            let named = [("name", &source.name), ("user", &source.user), ("org", &source.org)];
            for (key, value) in named {
                if let Some(value) = value {
                    line(format!("    {key}: {}", quoted(value)));
                }
            }
        }
        line(format!("  notes: {}", quoted(&self.notes(facts, entry)?)));
        Ok(text)
    }

    /// The value in the benchmark's unit.
    fn value(&self, entry: &BenchmarkEntry) -> Result<Finite, ExportError> {
        if let Some(absence) = absence_text(self.result) {
            return Err(self.refuse(&format!("it has no value: {absence}")));
        }
        if self.result.is_invalid {
            return Err(self.refuse(
                "it breaks an identity, so the number is wrong; `retally check` says which",
            ));
        }
        if self.dataset.is_partial() {
            return Err(self.refuse(&format!(
                "the run looked at {} of {} samples, and a reader would take the number for that of all; run without --limit",
                self.dataset.samples, self.dataset.samples_in_dataset
            )));
        }
        let value = self.result.measurement.value().unwrap_or(f64::NAN);
        self.converted(value, entry.unit)
    }

    fn converted(&self, value: f64, unit: Unit) -> Result<Finite, ExportError> {
        let measured = self.result.measurement.unit;
        let converted = match (measured, unit) {
            (from, to) if from == to => value,
            (Unit::Percent, Unit::Fraction) => value / 100.0,
            (Unit::Fraction, Unit::Percent) => value * 100.0,
            (from, to) => {
                return Err(self.refuse(&format!(
                    "it was measured in `{from}` and the benchmark's unit is said to be `{to}`"
                )));
            }
        };
        Finite::new(converted).ok_or_else(|| self.refuse("the number is not finite"))
    }

    fn notes(&self, facts: &RunFacts, entry: &BenchmarkEntry) -> Result<String, ExportError> {
        let measurement = &self.result.measurement;
        let mut parts: Vec<String> = entry.notes.iter().cloned().collect();
        parts.push(format!("{}, {}", self.subject.label, measurement.metric));
        parts.push(format!("unit {}", entry.unit));
        parts.push(format!("n = {}", measurement.n));
        if let Some(interval) = measurement.interval() {
            let [low, high] =
                [interval.low, interval.high].map(|end| self.converted(end.get(), entry.unit));
            let [low, high] = [number(low?), number(high?)];
            parts
                .push(format!("{} interval [{low}, {high}] ({})", interval.level, interval.method));
        }
        if let Some(method) = &self.result.method {
            parts.push(method.clone());
        }
        parts.push(format!(
            "retally {}, suite {} version {}",
            facts.retally, facts.suite.id, facts.suite.version
        ));
        Ok(parts.join("; "))
    }

    fn refuse(&self, reason: &str) -> ExportError {
        ExportError::NotExpressible {
            format: FORMAT,
            what: format!(
                "{} of `{}` on `{}`",
                self.result.measurement.metric,
                self.subject.key(),
                self.dataset.id
            ),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{about, facts};
    use super::*;
    use saphyr::{LoadableYamlNode as _, Yaml};

    #[test]
    fn an_independent_reader_finds_what_was_measured() {
        let export = hugging_face(&facts(), &about()).unwrap();
        let [document] = export.documents.as_slice() else { panic!("{export:?}") };
        assert_eq!(document.path, Path::new("example/vit-s/.eval_results/retally-starter.yaml"));
        let loaded = Yaml::load_from_str(&document.text).unwrap().remove(0);
        let entries = loaded.as_vec().unwrap();
        assert_eq!((entries.len(), document.results), (2, 2));
        let entry = &entries[0];
        assert_eq!(entry["dataset"]["id"].as_str(), Some("example/emoji"));
        assert_eq!(entry["dataset"]["task_id"].as_str(), Some("yes"));
        assert_eq!(entry["value"].as_floating_point(), Some(0.625));
        assert_eq!(entry["date"].as_str(), Some("2026-11-27T19:52:58Z"));
        assert_eq!(entry["source"]["url"].as_str(), Some("https://example.org/run"));
        assert_eq!(entry["source"]["user"].as_str(), Some("null"));
        let notes = entry["notes"].as_str().unwrap();
        assert!(notes.starts_with("linear probe: \"frozen\" # no; "), "{notes}");
        assert!(notes.contains("0.95 interval [0.56, 0.69] (wilson)"), "{notes}");
        assert!(notes.contains("unit fraction; n = 320"), "{notes}");
        assert_eq!(entries[1]["value"].as_floating_point(), Some(0.25));
    }

    #[test]
    fn only_keys_of_the_format_are_written() {
        let export = hugging_face(&facts(), &about()).unwrap();
        let known = include_str!("../../schemas/hugging-face/eval_results.yaml");
        for line in export.documents[0].text.lines() {
            let key = line.trim_start_matches(['-', ' ']).split(':').next().unwrap();
            assert!(known.contains(&format!("{key}:")), "{line}");
        }
    }

    fn refused(change: impl FnOnce(&mut RunFacts, &mut About)) -> String {
        let (mut facts, mut about) = (facts(), about());
        change(&mut facts, &mut about);
        hugging_face(&facts, &about).unwrap_err().to_string()
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let absent = refused(|_, about| about.hugging_face[0].metric = "SRSS".to_owned());
        assert!(absent.contains("it has no value: SRSS (missing-input: no masks)"), "{absent}");
        let unit = refused(|_, about| about.hugging_face[0].unit = Unit::Nats);
        assert!(unit.contains("measured in `percent`") && unit.contains("`nats`"), "{unit}");
        let part = refused(|facts, _| facts.datasets[0].samples_in_dataset = 2_000);
        assert!(part.contains("looked at 1045 of 2000 samples"), "{part}");
        let invalid =
            refused(|facts, _| facts.datasets[0].subjects[0].results[0].is_invalid = true);
        assert!(invalid.contains("breaks an identity"), "{invalid}");
        let late = refused(|facts, _| facts.ended = u64::MAX);
        assert!(late.contains("9999"), "{late}");
    }

    #[test]
    fn what_the_run_does_not_have_is_refused_with_what_it_has() {
        let metric = refused(|_, about| about.hugging_face[0].metric = "acuracy".to_owned());
        assert!(metric.contains("no metric `acuracy`; it has: accuracy, LDS"), "{metric}");
        let model = refused(|_, about| about.hugging_face[0].model = "vit-s/layer-9".to_owned());
        assert!(model.contains("no model `vit-s/layer-9`; it has: vit-s/layer-09"), "{model}");
        let data = refused(|_, about| about.hugging_face[0].dataset = "emoji".to_owned());
        assert!(data.contains("no data set `emoji`; it has: noto-emoji"), "{data}");
    }

    #[test]
    fn what_is_missing_is_listed_as_lines_to_write() {
        let nothing = refused(|_, about| about.hugging_face.clear());
        assert!(nothing.contains("[[hugging_face]]\nmodel = \"vit-s/layer-09\""), "{nothing}");
        let model = refused(|_, about| {
            about.models.clear();
        });
        assert!(model.contains("[models.\"vit-s\"]\nid = \"OWNER/NAME\""), "{model}");
    }
}
