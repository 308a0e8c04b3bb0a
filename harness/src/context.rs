//! What every command shares: manifests, the store, the network rule, progress.

use crate::failure::Failure;
use crate::fetch_progress::FetchProgress;
use crate::onnx::library::{Library, LibraryLocation};
use crate::progress::Progress;
use retally_manifests::{ArtifactId, ArtifactKind, Fetcher, Manifest, Network, Store};
use std::path::PathBuf;

/// Shared by all commands.
#[derive(Clone, Debug)]
pub struct Context {
    /// Built-in manifests merged with the user's.
    pub manifest: Manifest,
    /// Whether other machines may be asked.
    pub network: Network,
    /// The ONNX Runtime library that the user names, if any.
    pub library: Option<LibraryLocation>,
    /// Where progress goes.
    pub progress: Progress,
}

/// What the user says to every command.
#[derive(Clone, Debug, Default)]
pub struct ContextOptions {
    /// No progress.
    pub silent: bool,
    /// Never fetch an artifact over the network.
    pub offline: bool,
    /// The ONNX Runtime library to load.
    pub onnxruntime: Option<PathBuf>,
    /// Manifest files beside the built-in ones.
    pub manifests: Vec<PathBuf>,
}

impl Context {
    /// Loads the manifests.
    ///
    /// # Errors
    /// If a manifest given by the user is wrong.
    pub fn new(options: &ContextOptions) -> Result<Self, Failure> {
        Ok(Self {
            manifest: Manifest::with_files(&options.manifests)?,
            network: if options.offline { Network::Forbidden } else { Network::Allowed },
            library: LibraryLocation::named(options.onnxruntime.as_deref()),
            progress: Progress::new(options.silent),
        })
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
        Ok(Fetcher::new(store, &self.manifest, self.network, &observer).fetch(id)?)
    }

    /// ONNX Runtime: the library that the user names, else the store's, which is fetched if it is not there.
    ///
    /// # Errors
    /// If there is none for this platform, it cannot be fetched, or it cannot be loaded.
    pub fn onnxruntime(&self) -> Result<&'static Library, Failure> {
        let location = match &self.library {
            Some(location) => location.clone(),
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
