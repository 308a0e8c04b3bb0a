//! Shows what fetching does: a bar for a transfer, a line for everything that a user may wonder about.

use crate::progress::{Job, Progress};
use retally_manifests::{Event, Observer};
use std::sync::Mutex;

/// Hears of fetching and shows it.
#[derive(Debug)]
pub(crate) struct FetchProgress<'a> {
    progress: &'a Progress,
    transfer: Mutex<Option<Job>>,
}

impl<'a> FetchProgress<'a> {
    /// Shows on `progress`.
    pub(crate) fn new(progress: &'a Progress) -> Self {
        Self { progress, transfer: Mutex::new(None) }
    }

    fn set_transfer(&self, job: Option<Job>) {
        if let Ok(mut transfer) = self.transfer.lock() {
            *transfer = job;
        }
    }
}

impl Observer for FetchProgress<'_> {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Waiting { id } => {
                self.progress.note(format!("{id}: another process is fetching it; waiting"));
            }
            Event::Damaged { id, reason } => {
                self.progress.note(format!(
                    "{id}: the stored file is damaged ({reason}); fetching it again"
                ));
            }
            Event::Started { id, origin, bytes } => {
                self.progress.note(format!("{id}: {:.1} MB from {origin}", bytes as f64 / 1e6));
                self.set_transfer(Some(self.progress.job(id.to_string(), bytes, "bytes")));
            }
            Event::Progress { received, .. } => {
                if let Ok(mut transfer) = self.transfer.lock()
                    && let Some(job) = transfer.as_mut()
                {
                    job.set(received);
                }
            }
            Event::Step { id, description } => self.progress.note(format!("{id}: {description}")),
            Event::Retry { id, reason, delay } => {
                self.progress
                    .note(format!("{id}: {reason}; trying again in {:.1} s", delay.as_secs_f64()));
            }
            Event::Failed { id, origin, reason } => {
                self.set_transfer(None);
                self.progress.note(format!("{id}: {origin} failed: {reason}"));
            }
            Event::Verified { id, fetched, .. } => {
                self.set_transfer(None);
                if fetched {
                    self.progress.note(format!("{id}: verified"));
                }
            }
        }
    }
}
