//! A store in a temporary folder, a manifest made for the test, and a record of every event.

use retally_manifests::{
    ArtifactId, Digest, Event, FetchError, Fetcher, Manifest, Network, Observer, RetryPolicy,
    Settings, Store,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

/// What one test works with.
pub(crate) struct Workbench {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) events: Recorder,
}

impl Workbench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(&folder.path().join("store"))).unwrap();
        let settings = Settings {
            retries: RetryPolicy {
                tries: 3,
                first_delay: Duration::ZERO,
                longest_delay: Duration::ZERO,
                silence: Duration::from_secs(20),
            },
            ..Settings::from_environment()
        };
        Self { folder, store, settings, events: Recorder::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fetches artifact `a` of a manifest with the network allowed.
    pub(crate) fn fetch(&self, manifest: &Manifest) -> Result<PathBuf, FetchError> {
        self.fetch_with(manifest, Network::Allowed)
    }

    pub(crate) fn fetch_with(
        &self,
        manifest: &Manifest,
        network: Network,
    ) -> Result<PathBuf, FetchError> {
        let fetcher = Fetcher::new(&self.store, manifest, network, &self.events);
        fetcher.with_settings(self.settings.clone()).fetch(&id("a"))
    }

    /// Names of the files below a folder of the store, sorted; none if the folder is not there.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.store.home().join(folder), &mut names);
        names.sort();
        names
    }

    /// Asserts that nothing is left of a failed attempt.
    pub(crate) fn assert_empty(&self) {
        assert_eq!(self.files("objects"), [""; 0]);
        assert_eq!(self.files("partial"), [""; 0]);
    }
}

fn collect(folder: &Path, names: &mut Vec<String>) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, names);
        } else {
            names.push(path.file_name().unwrap().display().to_string());
        }
    }
}

pub(crate) fn id(text: &str) -> ArtifactId {
    text.parse().unwrap()
}

/// TOML of an artifact with some content and sources.
pub(crate) fn artifact_text(id: &str, content: &[u8], sources: &[&str]) -> String {
    format!(
        "[[artifact]]\nid = \"{id}\"\nkind = \"model\"\nsha256 = \"{}\"\nbytes = {}\nlicence = \"MIT\"\n\
         provenance = \"made for a test\"\nsources = {sources:?}\n",
        Digest::of_bytes(content),
        content.len()
    )
}

/// A manifest with one artifact, `a`.
pub(crate) fn manifest_of(content: &[u8], sources: &[&str]) -> Manifest {
    Manifest::parse("test.toml", &artifact_text("a", content, sources)).unwrap()
}

/// Bytes that are nowhere the same.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Keeps events as lines of text.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, word: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(word)).count()
    }
}

impl Observer for Recorder {
    fn event(&self, event: Event<'_>) {
        let mut line = String::new();
        match event {
            Event::Waiting { id } => write!(line, "waiting {id}"),
            Event::Damaged { id, reason } => write!(line, "damaged {id} {reason}"),
            Event::Started { id, origin, .. } => write!(line, "started {id} {origin}"),
            Event::Progress { id, received } => write!(line, "progress {id} {received}"),
            Event::Step { id, description } => write!(line, "step {id} {description}"),
            Event::Retry { id, reason, .. } => write!(line, "retry {id} {reason}"),
            Event::Failed { id, reason, .. } => write!(line, "failed {id} {reason}"),
            Event::Verified { id, fetched, .. } => write!(line, "verified {id} {fetched}"),
        }
        .unwrap();
        self.0.lock().unwrap().push(line);
    }
}
