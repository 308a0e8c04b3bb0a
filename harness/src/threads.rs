//! The threads that metrics are given.

use crate::failure::Failure;
use rayon::prelude::*;
use retally_metrics::executor::Executor;
use std::num::NonZeroUsize;
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// Thousands of threads only wait for each other.
const MOST_THREADS: usize = 1024;

/// So many threads; all cores if none are named.
///
/// # Errors
/// If they are more than any machine has cores.
pub(crate) fn thread_count(count: Option<NonZeroUsize>) -> Result<usize, Failure> {
    match count.map(NonZeroUsize::get) {
        Some(count) if count > MOST_THREADS => Err(Failure::invalid(format_args!(
            "--threads {count} is too many: take at most {MOST_THREADS}, or leave it out for all cores"
        ))),
        Some(count) => Ok(count),
        None => Ok(std::thread::available_parallelism().map_or(1, NonZeroUsize::get)),
    }
}

/// Starts a thread within a scope. The system may give none: little memory, a limit of processes.
///
/// # Errors
/// If it gives none; the work is then not begun.
pub(crate) fn spawn_scoped<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Failure> {
    Builder::new().spawn_scoped(scope, work).map_err(|error| {
        Failure::temporary(format_args!(
            "cannot start a thread: {error}; memory or processes are at their limit: raise it, or take fewer with --threads"
        ))
    })
}

/// A pool of threads. How many there are changes no number.
#[derive(Debug)]
pub(crate) struct Threads {
    pool: rayon::ThreadPool,
}

impl Threads {
    /// So many threads; all cores if none are named.
    ///
    /// # Errors
    /// If they are more than any machine has cores, or the system gives no threads.
    pub(crate) fn new(count: Option<NonZeroUsize>) -> Result<Self, Failure> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(thread_count(count)?)
            .build()
            .map_err(|error| Failure::temporary(format_args!("cannot start threads: {error}")))?;
        Ok(Self { pool })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs something that uses rayon in this pool.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }
}

impl Executor for Threads {
    fn for_each(&self, count: usize, task: &(dyn Fn(usize) + Sync)) {
        // Tasks are few and heavy: each is worth its own hand-over.
        self.pool.install(|| (0..count).into_par_iter().with_max_len(1).for_each(task));
    }
}
