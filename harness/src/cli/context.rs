//! What every command shares: manifests, the store, the network rule, progress.

use super::GlobalOptions;
use crate::failure::Failure;
use crate::fetch_progress::FetchProgress;
use crate::onnx::library::{Library, LibraryLocation};
use crate::progress::Progress;
use retally_manifests::{ArtifactId, ArtifactKind, Fetcher, Manifest, Network, Store};
use std::path::PathBuf;

/// Shared by all commands.
#[derive(Debug)]
pub struct Context {
    /// The global options as given.
    pub options: GlobalOptions,
    /// Built-in manifests merged with the user's.
    pub manifest: Manifest,
    /// Where progress goes.
    pub progress: Progress,
}

impl Context {
    /// Loads the manifests.
    ///
    /// # Errors
    /// If a manifest given by the user is wrong.
    pub fn new(options: GlobalOptions) -> Result<Self, Failure> {
        let manifest = Manifest::with_files(&options.manifests)?;
        let progress = Progress::new(options.json);
        Ok(Self { options, manifest, progress })
    }

    /// The content-addressed store.
    ///
    /// # Errors
    /// If its folder cannot be made.
    pub fn store(&self) -> Result<Store, Failure> {
        Ok(Store::open(None)?)
    }

    /// Brings one artifact into the store, if it is not there, and verifies it.
    ///
    /// # Errors
    /// If no source gives the bytes that the manifest promises.
    pub fn fetch(&self, store: &Store, id: &ArtifactId) -> Result<PathBuf, Failure> {
        let observer = FetchProgress::new(&self.progress);
        let network = if self.options.offline { Network::Forbidden } else { Network::Allowed };
        Ok(Fetcher::new(store, &self.manifest, network, &observer).fetch(id)?)
    }

    /// ONNX Runtime: the library that the user names, else the store's, which is fetched if it is not there.
    ///
    /// # Errors
    /// If there is none for this platform, it cannot be fetched, or it cannot be loaded.
    pub fn onnxruntime(&self) -> Result<&'static Library, Failure> {
        let location = match LibraryLocation::named(self.options.onnxruntime.as_deref()) {
            Some(location) => location,
            None => LibraryLocation::stored(self.fetch(&self.store()?, &self.onnxruntime_id()?)?),
        };
        Ok(Library::load(&location)?)
    }

    /// The pinned library for this platform.
    ///
    /// # Errors
    /// If no manifest has one.
    pub fn onnxruntime_id(&self) -> Result<ArtifactId, Failure> {
        let mut libraries = self.manifest.artifacts();
        let found = libraries.find(|artifact| {
            artifact.kind == ArtifactKind::Library && artifact.suits_this_platform()
        });
        found.map(|artifact| artifact.id.clone()).ok_or_else(|| {
            Failure::invalid(format_args!(
                "no manifest has an ONNX Runtime library for {}-{}: install it (pip install onnxruntime) and give its \
                 path with --onnxruntime",
                std::env::consts::OS,
                std::env::consts::ARCH
            ))
        })
    }
}
