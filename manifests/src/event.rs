//! What happens while artifacts are fetched, for whoever shows it. This crate prints nothing itself.

use crate::ArtifactId;
use std::path::Path;
use std::time::Duration;

/// Gets told what happens. Progress events come often: throttle them when drawing.
pub trait Observer: Sync {
    /// Called with each event, in order for one artifact.
    fn event(&self, event: Event<'_>);
}

/// Ignores every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event<'_>) {}
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Another process or thread is fetching the same content; this one waits for it.
    Waiting {
        /// Which artifact.
        id: &'a ArtifactId,
    },
    /// The stored file is not what the manifest says; it is fetched again.
    Damaged {
        /// Which artifact.
        id: &'a ArtifactId,
        /// What is wrong with it.
        reason: &'a str,
    },
    /// A source is tried.
    Started {
        /// Which artifact.
        id: &'a ArtifactId,
        /// Where from: a source as the manifest writes it, or the recipe of a derivation.
        origin: &'a str,
        /// Size of the artifact.
        bytes: u64,
    },
    /// A part arrived.
    Progress {
        /// Which artifact.
        id: &'a ArtifactId,
        /// Bytes there are by now, earlier parts included. Smaller than before after a restart.
        received: u64,
    },
    /// Another program does a step that may take a while.
    Step {
        /// Which artifact.
        id: &'a ArtifactId,
        /// What it does: `downloading with pip`.
        description: &'a str,
    },
    /// A transfer broke off and is tried again.
    Retry {
        /// Which artifact.
        id: &'a ArtifactId,
        /// Why.
        reason: &'a str,
        /// After this time.
        delay: Duration,
    },
    /// A source failed; the next one is tried if there is one.
    Failed {
        /// Which artifact.
        id: &'a ArtifactId,
        /// Where from.
        origin: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// The artifact is in the store and its digest was computed and is right.
    Verified {
        /// Which artifact.
        id: &'a ArtifactId,
        /// The stored file.
        path: &'a Path,
        /// True if it has just been fetched, false if it was there before.
        fetched: bool,
    },
}
