//! `retally export`: a real run in the formats of other projects, checked by readers that are not retally's.

use crate::program::{Finished, repository, text};
use crate::small_run::{SmallRun, replace_in};
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const ABOUT: &str = r#"
[evaluator]
organisation = "Example Lab"

[models.mobilenetv2]
id = "example/mobilenet-v2"
relationship = "third_party"

[[hugging_face]]
model = "mobilenetv2/block-13"
dataset = "pictures"
metric = "accuracy"
benchmark = "example/pictures"
task = "default"
unit = "fraction"
"#;

struct Export {
    folder: tempfile::TempDir,
}

impl Export {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("about.toml"), ABOUT).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn of(&self, run: &Path, format: &str, out: &str, about: bool) -> Finished {
        let (out, said) = (self.path(out), self.path("about.toml"));
        let mut arguments =
            vec!["export", text(run), "--format", format, "--out", text(&out), "--json"];
        if about {
            arguments.extend(["--about", text(&said)]);
        }
        SmallRun::shared().retally(&arguments)
    }

    /// The documents' paths.
    fn files(&self, format: &str, out: &str) -> (Value, Vec<PathBuf>) {
        let finished = self.of(&SmallRun::shared().path(), format, out, true);
        assert_eq!(finished.code, 0, "{finished:?}");
        let value = finished.json();
        let files = value["files"].as_array().unwrap();
        let files = files.iter().map(|file| PathBuf::from(file.as_str().unwrap())).collect();
        (value, files)
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn every_eval_ever_documents_are_valid_and_repeatable() {
    let export = Export::new();
    let (value, files) = export.files("every-eval-ever", "eee");
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let below = file.strip_prefix(export.path("eee")).unwrap();
    assert!(below.starts_with("data/retally-starter/example/mobilenet-v2"), "{}", below.display());
    let document = read_json(file);
    let schema = repository().join("reports/schemas/every-eval-ever/eval.schema.json");
    let schema = jsonschema::validator_for(&read_json(&schema)).unwrap();
    let errors: Vec<String> = schema.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(document["evaluation_results"].as_array().unwrap().len() as u64, value["results"]);

    let measured = read_json(&SmallRun::shared().path().join("measurements.json"));
    let model = &measured["datasets"][0]["models"][0];
    let metrics = model["measurements"].as_array().unwrap();
    let lds = metrics.iter().find(|m| m["metric"] == "LDS").unwrap();
    let id = format!("starter/pictures/{}/LDS", model["key"].as_str().unwrap());
    let results = document["evaluation_results"].as_array().unwrap();
    let result = results.iter().find(|r| r["evaluation_result_id"] == id.as_str()).unwrap();
    assert_eq!(result["score_details"]["score"], lds["value"]);
    assert_eq!(result["source_data"]["dataset_name"], "Pictures: \"dark\" and light");
    // The images have no masks, so SRSS is absent: it is no result, and its absence is told.
    assert!(
        results.iter().all(|r| !r["evaluation_result_id"].as_str().unwrap().ends_with("/SRSS"))
    );
    assert!(value["notes"].to_string().contains("SRSS (missing-input"), "{value}");
    let run = SmallRun::shared().path();
    assert!(!fs::read_to_string(file).unwrap().contains(text(&run)), "a path is in the document");

    let (_, again) = export.files("every-eval-ever", "again");
    assert_eq!(fs::read(file).unwrap(), fs::read(&again[0]).unwrap());
    assert_eq!(file.file_name(), again[0].file_name());
}

#[test]
fn an_eval_results_file_is_read_by_another_reader() {
    let export = Export::new();
    let (value, files) = export.files("hugging-face", "hub");
    assert_eq!(value["results"], 1);
    let expected = export.path("hub/example/mobilenet-v2/.eval_results/retally-starter.yaml");
    assert_eq!(files, std::slice::from_ref(&expected));
    let content = fs::read_to_string(expected).unwrap();
    let loaded = Yaml::load_from_str(&content).unwrap().remove(0);
    let entry = &loaded.as_vec().unwrap()[0];
    let share = entry["value"].as_floating_point().unwrap();
    assert!((0.0..=1.0).contains(&share), "{content}");
    assert!(entry["notes"].as_str().unwrap().contains("unit fraction; n = 6"), "{content}");
}

#[test]
fn a_croissant_document_holds_every_measurement() {
    let export = Export::new();
    let (value, files) = export.files("croissant-tasks", "run.jsonld");
    assert_eq!(files, [export.path("run.jsonld")]);
    let document = read_json(&files[0]);
    let nodes = document["@graph"].as_array().unwrap();
    let count = nodes
        .iter()
        .filter_map(|node| node["croissant:evaluationResults"].as_array())
        .map(Vec::len)
        .sum::<usize>();
    let measured = read_json(&SmallRun::shared().path().join("measurements.json"));
    let models = measured["datasets"][0]["models"].as_array().unwrap();
    let expected: usize = models.iter().map(|m| m["measurements"].as_array().unwrap().len()).sum();
    assert_eq!(count, expected);
    assert_eq!(value["results"], count as u64);
    // Without anything said by the user it is written too: it demands nothing that a run does not know.
    let alone = export.of(&SmallRun::shared().path(), "croissant-tasks", "alone.jsonld", false);
    assert_eq!(alone.code, 0, "{alone:?}");
}

#[test]
fn what_no_run_can_know_is_asked_for() {
    let export = Export::new();
    let run = SmallRun::shared().path();
    for (format, line) in [
        ("every-eval-ever", "[models.\"mobilenetv2\"]"),
        (
            "hugging-face",
            "[[hugging_face]]\nmodel = \"mobilenetv2/block-07\"\ndataset = \"pictures\"",
        ),
    ] {
        let finished = export.of(&run, format, "nothing", false);
        assert_eq!(finished.code, 2, "{finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("--about") && message.contains(line), "{message}");
        assert!(!export.path("nothing").exists());
    }
}

#[test]
fn damaged_runs_and_files_are_refused() {
    let export = Export::new();
    let refused = |run: &Path, about: bool, expected: &str| {
        let finished = export.of(run, "every-eval-ever", "refused", about);
        assert_eq!(finished.code, 2, "{finished:?}");
        let message = finished.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{message}");
        assert!(!export.path("refused").exists());
    };
    let copy = |name: &str| {
        let folder = export.path(name);
        SmallRun::shared().copy_to(&folder);
        folder
    };
    refused(&export.path("no-run"), true, "cannot read the run's measurements");
    let recordless = copy("recordless");
    fs::remove_file(recordless.join("run.json")).unwrap();
    refused(&recordless, true, "`run.json` is missing");
    let short = copy("short");
    let digest = read_json(&short.join("run.json"))["onnxruntime"]["sha256"].clone();
    replace_in(
        &short.join("run.json"),
        digest.as_str().unwrap(),
        "0b033707ea49365a5ffdd14615825511",
    );
    refused(&short, true, "no record of a run");
    let renamed = copy("renamed");
    replace_in(&renamed.join("measurements.json"), "mobilenetv2/", "../../../escaped/");
    refused(&renamed, true, "the run has no model `mobilenetv2`; it has: ..");
    fs::write(export.path("about.toml"), ABOUT.replace("example/mobilenet-v2", "../escaped"))
        .unwrap();
    refused(&SmallRun::shared().path(), true, "`../escaped` is not of the form `owner/name`");
    fs::write(export.path("about.toml"), ABOUT.replace("organisation", "organization")).unwrap();
    refused(&SmallRun::shared().path(), true, "unknown field `organization`");
    let folder = export.of(&SmallRun::shared().path(), "croissant-tasks", "", false);
    assert_eq!(folder.code, 2, "{folder:?}");
    assert!(folder.stderr.contains("is a folder, and this format is one file"), "{folder:?}");
}

/// A number that breaks an identity is exported by nothing.
#[test]
fn wrong_numbers_are_left_out_and_named() {
    let export = Export::new();
    let folder = export.path("wrong");
    SmallRun::shared().copy_to(&folder);
    let path = folder.join("measurements.json");
    let mut measured = read_json(&path);
    let metrics = measured["datasets"][0]["models"][0]["measurements"].as_array_mut().unwrap();
    let rmsc = metrics.iter_mut().find(|m| m["metric"] == "RMSC").unwrap();
    rmsc["value"] = 1.5.into();
    rmsc["interval"] = Value::Null;
    fs::write(&path, measured.to_string()).unwrap();
    for (format, out) in [("every-eval-ever", "wrong-eee"), ("croissant-tasks", "wrong.jsonld")] {
        let finished = export.of(&folder, format, out, true);
        assert_eq!(finished.code, 0, "{finished:?}");
        let value = finished.json();
        assert!(value["notes"].to_string().contains("mobilenetv2/block-07 RMSC"), "{value}");
        let file = fs::read_to_string(value["files"][0].as_str().unwrap()).unwrap();
        assert!(!file.contains(": 1.5"), "{format}");
    }
}
