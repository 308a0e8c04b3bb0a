//! How models are run: library, device, threads.

use crate::failure::Failure;
use crate::onnx::device::Device;
use crate::onnx::library::Library;
use crate::onnx::session::{self, Session, SessionOptions, SessionRecord};
use retally_manifests::Digest;
use std::path::Path;

/// How models are run; the same for every model of a command.
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    /// The loaded ONNX Runtime.
    pub library: &'a Library,
    /// Where sessions run.
    pub device: Device,
    /// Cores to use.
    pub threads: usize,
    /// Faster kernels whose results may differ between runs.
    pub fast: bool,
}

/// What decides a session's bits beside the model and the library.
pub(crate) fn session_id(fast: bool) -> String {
    format!("optimisation={};deterministic={}", session::OPTIMISATION, !fast)
}

/// Version and digest of a library.
pub(crate) fn library_id(version: &str, sha256: &Digest) -> String {
    format!("{version} {sha256}")
}

/// The sessions of all threads together may hold about this many bytes of weights; beyond it threads share sessions.
const SESSION_BYTES: u64 = 2 << 30;
/// Sessions on one GPU at most: each has memory of its own there for inner values.
const SESSIONS_ON_DEVICE: usize = 4;

impl Execution<'_> {
    /// Opens a model for all threads: the sessions, and what is recorded of them.
    ///
    /// # Errors
    /// If the file cannot be read or the device refuses the model.
    pub(crate) fn open(
        &self,
        file: &Path,
        outputs: Vec<String>,
    ) -> Result<(Vec<Session>, SessionRecord), Failure> {
        let bytes = std::fs::metadata(file)
            .map_err(|error| Failure::file("read the model", file, &error))?
            .len();
        let (count, threads) = match self.device {
            Device::Cpu => self.sessions(bytes),
            Device::Cuda(_) => (self.sessions_on_device(bytes), self.threads),
        };
        let options = SessionOptions { device: self.device, threads, fast: self.fast, outputs };
        let sessions = (0..count)
            .map(|_| Session::open(self.library, file, &options))
            .collect::<Result<Vec<_>, _>>()?;
        let record = sessions.first().map(|session| session.record().clone());
        record
            .map(|record| (sessions, record))
            .ok_or_else(|| Failure::invalid("no session was opened"))
    }

    /// What decides a session's bits beside the model and the library.
    pub(crate) fn session_id(&self) -> String {
        session_id(self.fast)
    }

    /// Version and digest of the library.
    pub(crate) fn library_id(&self) -> String {
        let library = self.library.record();
        library_id(&library.version, &library.sha256)
    }

    /// Threads that make the inputs of `sessions` sessions. On a CPU sessions take nearly all the time; a GPU waits for as
    /// many cores as there are.
    pub(crate) fn preparers(&self, sessions: usize) -> usize {
        match self.device {
            Device::Cpu => sessions.div_ceil(4),
            Device::Cuda(_) => self.threads.max(1),
        }
    }

    /// Sessions that share a GPU: while one copies or its outputs are scored, another computes.
    fn sessions_on_device(&self, model_bytes: u64) -> usize {
        let room = usize::try_from(SESSION_BYTES / model_bytes.max(1)).unwrap_or(usize::MAX);
        (self.threads / 4).min(SESSIONS_ON_DEVICE).min(room).max(1)
    }

    /// How many sessions run side by side, and with how many threads each. Neither changes a bit of the result; many
    /// single-threaded sessions waste no core on waiting.
    pub(crate) fn sessions(&self, model_bytes: u64) -> (usize, usize) {
        if self.device != Device::Cpu {
            return (1, self.threads);
        }
        let room = usize::try_from(SESSION_BYTES / model_bytes.max(1)).unwrap_or(usize::MAX);
        let sessions = self.threads.min(room).max(1);
        (sessions, (self.threads / sessions).max(1))
    }
}
