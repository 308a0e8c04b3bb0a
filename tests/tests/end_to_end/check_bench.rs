//! Runs and suites into which tests of `retally check` plant differences.

use crate::program::{Finished, library, repository, retally, text};
use retally_manifests::Digest;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn write_json(path: &Path, value: &Value) {
    fs::write(path, serde_json::to_string_pretty(value).unwrap()).unwrap();
}

/// Rows of `recorded.csv`: table, row, column, value.
fn recorded(suites: &Path) -> Vec<[String; 4]> {
    let mut reader = csv::Reader::from_path(suites.join("starter/recorded.csv")).unwrap();
    let records = reader.records().map(|record| record.unwrap());
    records.map(|record| [0, 1, 2, 3].map(|index| record[index].to_owned())).collect()
}

/// Version and content that are locked last for a suite.
fn locked(suites: &Path, id: &str) -> (u32, String) {
    let lock = read(&suites.join("lock.toml"));
    let block =
        lock.rsplit("[[suite]]").find(|block| block.contains(&format!("id = \"{id}\""))).unwrap();
    let value = |key: &str| {
        let line = block.lines().find(|line| line.starts_with(key)).unwrap();
        line.split(" = ").nth(1).unwrap().trim_matches('"').to_owned()
    };
    (value("version").parse().unwrap(), value("content"))
}

/// The folder of a starter run that measured exactly what is recorded.
pub(crate) struct RecordedRun {
    folder: TempDir,
    cells: usize,
}

impl RecordedRun {
    pub(crate) fn new() -> Self {
        let suites = repository().join("suites");
        let rows = recorded(&suites);
        let (version, content) = locked(&suites, "starter");
        let mut models: Vec<Value> = Vec::new();
        for [_, row, column, value] in &rows {
            let measurement = json!({
                "metric": column, "value": value.parse::<f64>().unwrap(), "unit": "none", "n": 1045,
                "interval": null, "method": "test",
            });
            match models.iter_mut().find(|model| model["key"] == row.as_str()) {
                Some(model) => model["measurements"].as_array_mut().unwrap().push(measurement),
                None => models.push(
                    json!({ "key": row, "label": row, "family": "", "measurements": [measurement] }),
                ),
            }
        }
        let method = "retally-spatial-code/1";
        let measurements = json!({
            "schema": 2, "suite": "starter", "suite_version": version, "suite_content_sha256": content,
            "datasets": [{
                "dataset": "noto-emoji", "samples": 1045, "samples_in_dataset": 1045,
                "methods": { "CDS": method, "LDS": method, "RMSC": method, "SRSS": method }, "models": models,
            }],
        });
        let record = json!({
            "schema": 1, "retally": "0.1.0", "started": 1795809015, "ended": 1795809178,
            "suite": { "id": "starter", "version": version, "content_sha256": content },
            "options": { "device": "cpu", "threads": 2, "fast": false, "limit": null, "miniature": false },
            "machine": { "system": "linux", "architecture": "x86_64", "processor": "AMD EPYC", "cores": 2, "features": ["avx2"] },
            "onnxruntime": { "version": "1.31.1", "sha256": "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3" },
            "artifacts": [{ "id": "mobilenetv2.onnx", "sha256": artifact("mobilenetv2.onnx"), "bytes": 1, "licence": "x" }],
            "models": [], "datasets": [], "generators": [],
        });
        let folder = tempfile::tempdir().unwrap();
        write_json(&folder.path().join("measurements.json"), &measurements);
        write_json(&folder.path().join("run.json"), &record);
        Self { folder, cells: rows.len() }
    }

    pub(crate) fn folder(&self) -> &str {
        text(self.folder.path())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// How many values are recorded.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let path = self.path(file);
        let mut value = serde_json::from_str(&read(&path)).unwrap();
        change(&mut value);
        write_json(&path, &value);
    }

    pub(crate) fn edit_record(&self, change: impl FnOnce(&mut Value)) {
        self.edit("run.json", change);
    }

    /// Moves one measured value.
    pub(crate) fn change(&self, row: &str, metric: &str, by: f64) {
        self.edit("measurements.json", |run| {
            let models = run["datasets"][0]["models"].as_array_mut().unwrap();
            let model = models.iter_mut().find(|model| model["key"] == row).unwrap();
            let all = model["measurements"].as_array_mut().unwrap();
            let own = all.iter_mut().find(|own| own["metric"] == metric).unwrap();
            own["value"] = json!(own["value"].as_f64().unwrap() + by);
        });
    }

    /// Gives a model another name.
    pub(crate) fn rename(&self, row: &str, label: &str) {
        self.edit("measurements.json", |run| {
            let models = run["datasets"][0]["models"].as_array_mut().unwrap();
            models.iter_mut().find(|model| model["key"] == row).unwrap()["label"] = json!(label);
        });
    }

    /// Says that the run was made with a suite of this content.
    pub(crate) fn set_content(&self, content: &str) {
        self.edit("measurements.json", |run| run["suite_content_sha256"] = json!(content));
    }

    /// Says that only some samples were measured.
    pub(crate) fn limit(&self, samples: u64) {
        self.edit("measurements.json", |run| run["datasets"][0]["samples"] = json!(samples));
    }

    /// Puts the digest of the measurements into the record, as a run does.
    pub(crate) fn seal(&self) {
        let digest = Digest::of_file(&self.path("measurements.json")).unwrap();
        self.edit_record(|record| record["measurements_sha256"] = json!(digest.to_string()));
    }
}

fn artifact(id: &str) -> String {
    let manifest = read(&repository().join("manifests/artifacts/mobilenetv2.toml"));
    let block = manifest
        .split("[[artifact]]")
        .find(|block| block.contains(&format!("id = \"{id}\"")))
        .unwrap();
    let line = block.lines().find(|line| line.starts_with("sha256")).unwrap();
    line.split('"').nth(1).unwrap().to_owned()
}

/// A copy of `suites/`, as a checkout has it.
pub(crate) struct SuitesCopy(TempDir);

impl SuitesCopy {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&repository().join("suites"), folder.path());
        Self(folder)
    }

    pub(crate) fn folder(&self) -> &str {
        text(self.0.path())
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        read(&self.path(file))
    }

    /// Replaces the first occurrence.
    pub(crate) fn change(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{file} has no `{old}`");
        fs::write(self.path(file), text.replacen(old, new, 1)).unwrap();
    }

    /// The digits that are recorded.
    pub(crate) fn recorded(&self, row: &str, column: &str) -> String {
        let rows = recorded(self.0.path());
        rows.iter().find(|one| one[1] == row && one[2] == column).unwrap()[3].clone()
    }

    /// The last locked version.
    pub(crate) fn version(&self, id: &str) -> u32 {
        locked(self.0.path(), id).0
    }

    /// Appends an entry to the lock.
    pub(crate) fn lock(&self, id: &str, version: u32, content: &str) {
        let mut lock = self.read("lock.toml");
        lock.push_str(&format!(
            "\n[[suite]]\nid = \"{id}\"\nversion = {version}\ncontent = \"{content}\"\n"
        ));
        fs::write(self.path("lock.toml"), lock).unwrap();
    }
}

/// Only what a suite is made of: texts.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        let kind = path.extension().and_then(|extension| extension.to_str());
        if path.is_dir() {
            copy(&path, &target);
        } else if matches!(kind, Some("toml" | "csv")) {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Pictures and a shipped model in a folder, with a manifest and a store of the test's own.
pub(crate) struct Planted(TempDir);

impl Planted {
    pub(crate) fn new() -> Self {
        let planted = Self(tempfile::tempdir().unwrap());
        let model = repository().join("suites/iwm/world-models/conditioned-encoder.onnx");
        fs::copy(model, planted.path("net.onnx")).unwrap();
        for (class, base) in [("dark", 30_u32), ("light", 190)] {
            fs::create_dir_all(planted.path("pictures").join(class)).unwrap();
            for index in 0..12_u32 {
                picture(base, index)
                    .save(planted.picture(&format!("{class}/{index:02}.png")))
                    .unwrap();
            }
        }
        planted.write_manifest();
        planted
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn picture(&self, name: &str) -> PathBuf {
        self.path("pictures").join(name)
    }

    /// A manifest that names the files as they are now.
    pub(crate) fn write_manifest(&self) {
        let model = self.path("net.onnx");
        let (digest, bytes) =
            (Digest::of_file(&model).unwrap(), fs::metadata(&model).unwrap().len());
        let manifest = format!(
            r#"
[[artifact]]
id = "net.onnx"
kind = "model"
sha256 = "{digest}"
bytes = {bytes}
licence = "Apache-2.0"
provenance = "the encoder that the repository ships for its small world model, perhaps with a weight changed by a test"
sources = ["file:net.onnx"]

[[model]]
id = "net"
name = "Small encoder"
family = "Small encoder"
artifact = "net.onnx"
[model.input]
tensor = "image"
layout = "nchw"
batch = 4
resize = {{ mode = "stretch", width = 64, height = 64, filter = "bicubic" }}
normalise = {{ mode = "offset-divisor", offset = 127.5, divisor = 127.5 }}
[[model.tap]]
id = "tokens"
label = "tokens"
tensor = "tokens"
layout = {{ kind = "tokens", skip = 0 }}
grid = [8, 8]
channels = 64

[[dataset]]
id = "pictures"
name = "Pictures"
format = "folder"
folder = "pictures"
split = {{ kind = "hashed-per-class", seed = 0, test_percent = 50 }}
"#
        );
        fs::write(self.path("own.toml"), manifest).unwrap();
    }

    /// Adds a half to one bias of the last layer.
    pub(crate) fn change_weight(&self) {
        let path = self.path("net.onnx");
        let mut bytes = fs::read(&path).unwrap();
        let name = b"norm.bias";
        let at = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
        // Behind the name stand one byte of tag and two of length, then the numbers.
        let start = at + name.len() + 3;
        let weight = f32::from_le_bytes(bytes[start..start + 4].try_into().unwrap());
        bytes[start..start + 4].copy_from_slice(&(weight + 0.5).to_le_bytes());
        fs::write(&path, bytes).unwrap();
    }

    /// Draws another picture in the place of one.
    pub(crate) fn change_image(&self, name: &str) {
        picture(100, 40).save(self.picture(name)).unwrap();
    }

    pub(crate) fn finished(&self, arguments: &[&str]) -> Finished {
        let manifest = self.path("own.toml");
        let mut command = retally(&["--onnxruntime", library(), "--manifest", text(&manifest)]);
        command.args(arguments).env("RETALLY_HOME", self.path("home"));
        Finished::of(command.current_dir(self.0.path()))
    }

    fn run_into(&self, out: &str) -> Finished {
        let arguments = ["run", "starter", "--model", "net", "--data", "pictures", "--out", out];
        self.finished(&arguments)
    }

    pub(crate) fn run(&self, out: &str, code: i32) {
        let finished = self.run_into(out);
        assert_eq!(finished.code, code, "{finished:?}");
    }

    /// The file is not the one that the manifest names.
    pub(crate) fn refused_run(&self, out: &str, part: &str) {
        // The store still has the old file under its digest; a new store must take the changed one.
        fs::remove_dir_all(self.path("home")).unwrap();
        let finished = self.run_into(out);
        assert_eq!(finished.code, 2, "{finished:?}");
        assert!(finished.stderr.contains(part), "{finished:?}");
    }

    pub(crate) fn check(&self, run: &str, more: &[&str], code: i32) -> Value {
        let mut arguments = vec!["check", run, "--json"];
        arguments.extend(more);
        let finished = self.finished(&arguments);
        assert_eq!(finished.code, code, "{finished:?}");
        finished.json()
    }
}

fn picture(base: u32, index: u32) -> image::RgbImage {
    image::RgbImage::from_fn(32, 32, |x, y| {
        let wave = |a: u32, b: u32| ((a * (index + 3) + b * 5 + base) % 256) as u8;
        image::Rgb([wave(x, y), wave(y, x / 3), wave(x * y / 7, base)])
    })
}
