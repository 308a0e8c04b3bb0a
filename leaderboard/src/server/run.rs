//! The server: its parts, and how they start and stop.

use super::check::check;
use super::connections;
use super::folder::ServerFolder;
use super::limits::Limits;
use super::publisher::{self, Accepted, News, publish_all};
use super::record::{Record, UploadState, now};
use super::shelf::Shelf;
use super::verifier::Verifier;
use crate::error::LeaderboardError;
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;

/// Uploads that nobody has finished for so long are forgotten, in seconds.
const ABANDONED: u64 = 7 * 24 * 3600;

/// How long a check waits after trouble of the server's own.
const TROUBLE_PAUSE: Duration = Duration::from_secs(5);

/// How a server works.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The site's title.
    pub title: String,
    /// Limits.
    pub limits: Limits,
    /// Bundles that are checked at once.
    pub checks_at_once: usize,
    /// Who checks.
    pub verifier: Arc<dyn Verifier>,
    /// Where news go, one line each.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("listen", &self.listen)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What all parts of a server share.
pub(super) struct Shared {
    pub(super) folder: ServerFolder,
    pub(super) record: Record,
    pub(super) shelf: Shelf,
    pub(super) limits: Limits,
    pub(super) title: String,
    pub(super) verifier: Arc<dyn Verifier>,
    log: Arc<dyn Fn(&str) + Send + Sync>,
    checks: Mutex<Option<Sender<String>>>,
    news: Sender<News>,
    site: Mutex<Option<PathBuf>>,
    beginning: Mutex<()>,
    writing: Arc<Mutex<HashSet<String>>>,
}

/// A server that listens.
pub struct Server {
    shared: Arc<Shared>,
    runtime: tokio::runtime::Runtime,
    listener: TcpListener,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
    publisher: Option<JoinHandle<()>>,
    // Held, not read: nobody else works in the folder.
    _lock: File,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the folder, goes on with what was interrupted, and listens.
    ///
    /// # Errors
    /// If the folder is in use or cannot be read, or the address cannot be listened to.
    pub fn start(folder: &ServerFolder, settings: Settings) -> Result<Self, LeaderboardError> {
        let lock = folder.lock()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| LeaderboardError::Server(format!("cannot start: {error}")))?;
        let listen = settings.listen;
        let refused = |source| LeaderboardError::Listen { address: listen, source };
        let listener = runtime.block_on(TcpListener::bind(listen)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (checks, to_check) = channel();
        let (news, heard) = channel();
        let site = publisher::newest(&folder.sites())?.map(|(_, path)| path);
        let shared = Arc::new(Shared {
            record: Record::open(folder)?,
            shelf: Shelf::open(&folder.submissions())?,
            folder: folder.clone(),
            limits: settings.limits,
            title: settings.title,
            verifier: settings.verifier,
            log: settings.log,
            checks: Mutex::new(Some(checks)),
            news,
            site: Mutex::new(site),
            beginning: Mutex::new(()),
            writing: Arc::default(),
        });
        shared.continue_interrupted()?;
        let threads = start_checks(&shared, to_check, settings.checks_at_once.max(1))?;
        let publishing = Arc::clone(&shared);
        let publisher = thread("publisher", move || publish_all(&publishing, &heard))?;
        shared.start_publishing();
        let publisher = Some(publisher);
        Ok(Self { shared, runtime, listener, address, threads, publisher, _lock: lock })
    }

    /// Where it listens: with port 0 the system has chosen one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` says so; then lets open requests and the check under way end. Uploads that are not finished go on when the
    /// server starts again.
    ///
    /// # Errors
    /// If a part of the server has ended by itself, which is a bug.
    pub fn run(self, stop: &dyn Fn() -> bool) -> Result<(), LeaderboardError> {
        let Self { shared, runtime, listener, threads, publisher, .. } = self;
        runtime.block_on(connections::serve(Arc::clone(&shared), listener, stop));
        // Without a sender the threads end after the check that they are making.
        *shared.checks.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut all_well = true;
        for thread in threads {
            all_well &= thread.join().is_ok();
        }
        all_well &= shared.news.send(News::Stop).is_ok();
        all_well &= publisher.is_none_or(|thread| thread.join().is_ok());
        runtime.shutdown_background();
        if all_well {
            Ok(())
        } else {
            Err(LeaderboardError::Server("a part of the server ended by itself".to_owned()))
        }
    }
}

fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LeaderboardError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| LeaderboardError::Server(format!("cannot start a thread: {error}")))
}

fn start_checks(
    shared: &Arc<Shared>,
    to_check: Receiver<String>,
    count: usize,
) -> Result<Vec<JoinHandle<()>>, LeaderboardError> {
    let to_check = Arc::new(Mutex::new(to_check));
    (0..count)
        .map(|number| {
            let (shared, to_check) = (Arc::clone(shared), Arc::clone(&to_check));
            thread(&format!("check {number}"), move || {
                loop {
                    let next = to_check.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(upload) = next else { return };
                    // One is stopped for at once; the others of the queue are checked after the next start.
                    if shared.is_stopping() {
                        return;
                    }
                    if let Err(error) = check(&shared, &upload) {
                        shared.trouble(&format!("upload {upload}: not checked"), &error);
                        // A disk that is full or the like: others first, then this one again.
                        std::thread::sleep(TROUBLE_PAUSE);
                        shared.check(upload);
                    }
                }
            })
        })
        .collect()
}

impl Shared {
    /// Checks that were under way are made again; uploads that nobody finishes and what no upload owns is removed.
    fn continue_interrupted(&self) -> Result<(), LeaderboardError> {
        self.record.forget_abandoned(now().saturating_sub(ABANDONED))?;
        let to_check = self.record.uploads_in(UploadState::Verifying)?;
        let mut owned = self.record.uploads_in(UploadState::Receiving)?;
        owned.extend(to_check.iter().cloned());
        self.folder.tidy(&owned)?;
        publisher::remove_interrupted(&self.folder.sites())?;
        to_check.into_iter().for_each(|id| self.check(id));
        Ok(())
    }

    /// Has an upload checked.
    pub(super) fn check(&self, upload: String) {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a receiver the server stops; it is checked after the next start.
        let _ = checks.as_ref().map(|checks| checks.send(upload));
    }

    fn is_stopping(&self) -> bool {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Has an accepted submission shown.
    pub(super) fn publish(&self, accepted: Accepted) {
        // Without a receiver the server stops; the next start shows it.
        let _ = self.news.send(News::Accepted(accepted));
    }

    /// Has the site made again.
    pub(super) fn start_publishing(&self) {
        let _ = self.news.send(News::Started);
    }

    /// Shows another site from now on, and returns the one before.
    pub(super) fn show(&self, site: PathBuf) -> Option<PathBuf> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner).replace(site)
    }

    /// The site that is shown; `None` until the first one is made.
    pub(super) fn site(&self) -> Option<PathBuf> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Only one request begins an upload at a time.
    pub(super) fn beginning(&self) -> MutexGuard<'_, ()> {
        self.beginning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn to write to an upload; `None` while another request has it.
    pub(super) fn writing(&self, upload: &str) -> Option<Turn> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let upload = upload.to_owned();
        writing.insert(upload.clone()).then(|| Turn { upload, all: Arc::clone(&self.writing) })
    }

    /// Runs what blocks on a thread where it may.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, LeaderboardError> + Send + 'static,
    ) -> Result<T, LeaderboardError> {
        let shared = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || work(&shared));
        task.await
            .unwrap_or_else(|error| Err(LeaderboardError::Server(format!("a task ended: {error}"))))
    }

    /// One line of news.
    pub(super) fn note(&self, line: impl AsRef<str>) {
        (self.log)(line.as_ref());
    }

    /// One line of trouble, with its causes.
    pub(super) fn trouble(&self, what: &str, error: &LeaderboardError) {
        let mut line = format!("{what}: {error}");
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            line.push_str(&format!(": {error}"));
            cause = error.source();
        }
        self.note(line);
    }
}

/// The turn to write to an upload, until it is dropped.
pub(super) struct Turn {
    upload: String,
    all: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.upload);
    }
}
