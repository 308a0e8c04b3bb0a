//! The ONNX Runtime library: where it comes from, which one it is, and that a process loads exactly one.

use super::raw;
use ort::environment::Environment;
use retally_manifests::Digest;
use serde::Serialize;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Environment variable that names the library, as ONNX Runtime's other bindings read it.
pub const VARIABLE: &str = "ORT_DYLIB_PATH";

/// Oldest minor version that has everything that is asked of the library (`ort`'s feature `api-24`).
pub const OLDEST_MINOR: u32 = 24;

/// Who named the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LibrarySource {
    /// The option `--onnxruntime`.
    Option,
    /// The variable `ORT_DYLIB_PATH`.
    Environment,
    /// The store's pinned library.
    Store,
}

impl fmt::Display for LibrarySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Option => "--onnxruntime",
            Self::Environment => VARIABLE,
            Self::Store => "the store",
        })
    }
}

/// Which file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryLocation {
    /// The library file.
    pub path: PathBuf,
    /// Who named it.
    pub source: LibrarySource,
}

impl LibraryLocation {
    /// The library that the user names, by the option or else by the variable `ORT_DYLIB_PATH`; `None` where neither is
    /// given, and the store's library is to be used. A named library that is wrong is an error, never passed over.
    #[must_use]
    pub fn named(option: Option<&Path>) -> Option<Self> {
        Self::choose(option, std::env::var_os(VARIABLE))
    }

    /// The library in the store.
    #[must_use]
    pub fn stored(path: PathBuf) -> Self {
        Self { path, source: LibrarySource::Store }
    }

    fn choose(option: Option<&Path>, variable: Option<OsString>) -> Option<Self> {
        if let Some(path) = option {
            return Some(Self { path: path.to_owned(), source: LibrarySource::Option });
        }
        // An empty variable is how a shell script unsets one for a single command.
        let path = variable.filter(|value| value != OsStr::new(""))?;
        Some(Self { path: path.into(), source: LibrarySource::Environment })
    }
}

/// What is recorded of the library: it decides the bits of every result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LibraryRecord {
    /// Absolute path, links resolved.
    pub path: PathBuf,
    /// Who named it.
    pub source: LibrarySource,
    /// Release, for example `1.31.1`.
    pub version: String,
    /// Commit and build flags, as the library states them.
    pub build: String,
    /// Digest of the file.
    pub sha256: Digest,
}

/// Why the library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// No file at the path.
    #[error(
        "ONNX Runtime library `{}` (named by {named_by}) does not exist; give the path of libonnxruntime.so, \
         or leave the option and {VARIABLE} out to use the store's",
        .path.display()
    )]
    NotFound {
        /// The path as given.
        path: PathBuf,
        /// Who gave it.
        named_by: LibrarySource,
    },
    /// A folder, a device, …
    #[error(
        "`{}` (named by {named_by}) is no file; give the library file itself, \
         for example libonnxruntime.so.1.31.1 in it",
        .path.display()
    )]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// Who gave it.
        named_by: LibrarySource,
    },
    /// A file that cannot be read.
    #[error("ONNX Runtime library `{}` cannot be read: {error}", .path.display())]
    Unreadable {
        /// The library.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Too little memory to load or start it.
    #[error(
        "there is too little memory for ONNX Runtime, `{}`: {reason}; raise the limit, or start fewer processes",
        .path.display()
    )]
    NoMemory {
        /// The library.
        path: PathBuf,
        /// What the loader or the library says.
        reason: String,
    },
    /// A file that the system's loader refuses, or that is another library.
    #[error(
        "`{}` cannot be loaded as ONNX Runtime: {reason}; \
         it must be the library of ONNX Runtime for this system and processor",
        .path.display()
    )]
    NotOnnxRuntime {
        /// The library.
        path: PathBuf,
        /// What the loader says.
        reason: String,
    },
    /// A version before 1.24.
    #[error(
        "`{}` is ONNX Runtime {version}; 1.{OLDEST_MINOR} or newer is needed. \
         `retally fetch` brings a tested version",
        .path.display()
    )]
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        version: String,
    },
    /// The process has another one.
    #[error(
        "this process has loaded ONNX Runtime from `{}` and cannot load `{}` as well",
        .loaded.display(),
        .wanted.display()
    )]
    AlreadyLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for.
        wanted: PathBuf,
    },
    /// ONNX Runtime itself failed to start.
    #[error("ONNX Runtime in `{}` does not start: {reason}", .path.display())]
    NotStarted {
        /// The library.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
}

impl LibraryError {
    /// Whether another try may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::NoMemory { .. })
    }
}

/// The loaded library. It stays loaded until the process ends.
#[derive(Debug)]
pub struct Library {
    environment: Environment,
    record: LibraryRecord,
}

/// ONNX Runtime allows one environment in the life of a process.
static LIBRARY: OnceLock<Library> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

impl Library {
    /// Loads the library, or returns it if it is the one that is loaded.
    ///
    /// # Errors
    /// If the file is not a library of ONNX Runtime 1.24 or newer, or another one is loaded.
    pub fn load(location: &LibraryLocation) -> Result<&'static Self, LibraryError> {
        let path = resolve(location)?;
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = LIBRARY.get() {
            if library.record.path == path {
                return Ok(library);
            }
            return Err(LibraryError::AlreadyLoaded {
                loaded: library.record.path.clone(),
                wanted: path,
            });
        }
        let library = Self::start(path, location.source)?;
        Ok(LIBRARY.get_or_init(|| library))
    }

    /// The version, the build and the digest of the library.
    #[must_use]
    pub fn record(&self) -> &LibraryRecord {
        &self.record
    }

    /// The environment that sessions are made in.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    fn start(path: PathBuf, source: LibrarySource) -> Result<Self, LibraryError> {
        // Before anything in the file is executed: what is recorded is what was loaded.
        let sha256 = Digest::of_file(&path)
            .map_err(|error| LibraryError::Unreadable { path: path.clone(), error })?;
        // Only `init_from`: ort's other ways in search for a library by themselves, and panic if there is none.
        let environment = ort::init_from(&path)
            .map_err(|error| refused(&path, error))?
            .with_name("retally")
            .with_telemetry(false)
            .build()
            .map_err(|error| {
                let (path, reason) = (path.clone(), error.to_string());
                if lacks_memory(&reason) {
                    LibraryError::NoMemory { path, reason }
                } else {
                    LibraryError::NotStarted { path, reason }
                }
            })?;
        let version = raw::version(&environment).ok_or_else(|| LibraryError::NotStarted {
            path: path.clone(),
            reason: "it does not state its version".to_owned(),
        })?;
        let build = ort::info().to_owned();
        Ok(Self { environment, record: LibraryRecord { path, source, version, build, sha256 } })
    }
}

/// The absolute path of an existing file. A relative path is one from the current folder, as a user means it.
fn resolve(location: &LibraryLocation) -> Result<PathBuf, LibraryError> {
    let LibraryLocation { path, source } = location;
    let real = path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            LibraryError::NotFound { path: path.clone(), named_by: *source }
        }
        _ => LibraryError::Unreadable { path: path.clone(), error },
    })?;
    if real.is_file() {
        Ok(real)
    } else {
        Err(LibraryError::NotAFile { path: path.clone(), named_by: *source })
    }
}

fn refused(path: &Path, error: ort::LoadDynamicError) -> LibraryError {
    use ort::LoadDynamicError as Error;
    let path = path.to_owned();
    let reason = match error {
        Error::BadVersion { version_str, .. } => {
            return LibraryError::TooOld { path, version: version_str };
        }
        // The first error only says that loading failed; the system's words are its cause.
        Error::Dlopen { error, .. } => {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        }
        Error::MissingApi { .. } => "it does not export `OrtGetApiBase`".to_owned(),
        Error::InvalidVersionString => "its version is no text".to_owned(),
    };
    if lacks_memory(&reason) {
        return LibraryError::NoMemory { path, reason };
    }
    LibraryError::NotOnnxRuntime { path, reason }
}

/// Whether these are a loader's or an allocator's words for too little memory.
fn lacks_memory(reason: &str) -> bool {
    ["failed to map segment", "annot allocate memory", "bad_alloc"]
        .iter()
        .any(|words| reason.contains(words))
}

#[cfg(test)]
mod tests;
