//! A world model over the images of a run: images that were ranked before are read, the others are ranked and stored.

use super::identity::WorldModelIdentity;
use super::networks::{Networks, WorldModelFiles};
use super::ranking::{ImageResult, Ranking};
use super::views::ViewMaker;
use crate::failure::Failure;
use crate::interrupt;
use crate::onnx::session::SessionRecord;
use crate::pipeline::{Execution, Samples};
use crate::progress::{Job, Progress};
use crate::run::directory::RunDirectory;
use crate::threads::spawn_scoped;
use retally_manifests::{Digest, WorldModel};
use retally_suites::miniature::RetrievalPlan;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A world model, and the images that it is measured on.
pub(crate) struct RetrievalJob<'a> {
    pub(crate) model: &'a WorldModel,
    pub(crate) files: &'a WorldModelFiles,
    pub(crate) plan: &'a RetrievalPlan,
    pub(crate) views: &'a ViewMaker,
    pub(crate) samples: &'a Samples,
    /// Indices of the images among the samples.
    pub(crate) images: &'a [usize],
    pub(crate) identity: &'a WorldModelIdentity<'a>,
}

/// What a job gives at its end.
pub(crate) struct Ranked {
    /// One for each image, in the order asked for.
    pub(crate) images: Vec<ImageResult>,
    /// Names of the stored results.
    pub(crate) keys: Vec<Digest>,
    /// The sessions, where this run opened some.
    pub(crate) sessions: Vec<SessionRecord>,
}

impl RetrievalJob<'_> {
    /// Ranks what is not stored yet, on as many threads as the execution has; no result depends on their number. `None` if an
    /// interruption stopped it.
    ///
    /// # Errors
    /// If an image or a network cannot be used, or a result cannot be stored. What is ranked stays stored.
    pub(crate) fn run(
        &self,
        execution: &Execution<'_>,
        directory: &RunDirectory,
        progress: &Progress,
    ) -> Result<Option<Ranked>, Failure> {
        let samples = self.images.iter();
        let keys: Vec<Digest> = samples
            .map(|&index| {
                let info = &self.samples.infos()[index];
                self.identity.key(&info.key, &self.samples.digests()[index])
            })
            .collect::<Result<_, _>>()?;
        let stored = keys.iter().map(|key| directory.read_measured(*key, progress));
        let mut found: Vec<Option<ImageResult>> = stored.collect::<Result<_, _>>()?;
        let missing: Vec<usize> = (0..keys.len()).filter(|&place| found[place].is_none()).collect();
        let mut sessions = Vec::new();
        if !missing.is_empty() {
            let title = format!("{}: banks", self.model.name);
            let job = progress.job(title, missing.len() as u64, "images");
            let shared = Shared::new(self, &keys, &missing, (directory, job));
            let (count, threads) = execution.sessions(self.files.bytes()?);
            std::thread::scope(|scope| {
                // This thread is one of them.
                for _ in 1..count.min(missing.len()) {
                    spawn_scoped(scope, || shared.work(execution, threads))?;
                }
                shared.work(execution, threads);
                Ok::<(), Failure>(())
            })?;
            let Some(ranked) = shared.finish()? else { return Ok(None) };
            sessions = ranked.sessions;
            for (place, result) in ranked.results {
                found[place] = Some(result);
            }
        }
        let images: Option<Vec<ImageResult>> = found.into_iter().collect();
        Ok(images.map(|images| Ranked { images, keys, sessions }))
    }
}

/// What threads share while they work.
struct Shared<'a> {
    job: &'a RetrievalJob<'a>,
    keys: &'a [Digest],
    missing: &'a [usize],
    directory: &'a RunDirectory,
    next: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    results: Vec<(usize, ImageResult)>,
    sessions: Vec<SessionRecord>,
    failure: Option<Failure>,
    progress: Job,
}

struct Finished {
    results: Vec<(usize, ImageResult)>,
    sessions: Vec<SessionRecord>,
}

impl<'a> Shared<'a> {
    fn new(
        job: &'a RetrievalJob<'a>,
        keys: &'a [Digest],
        missing: &'a [usize],
        (directory, progress): (&'a RunDirectory, Job),
    ) -> Self {
        let state = State { results: Vec::new(), sessions: Vec::new(), failure: None, progress };
        Self { job, keys, missing, directory, next: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// Takes one image after the other until there is none, or something has failed.
    fn work(&self, execution: &Execution<'_>, threads: usize) {
        if let Err(failure) = self.rank_images(execution, threads) {
            self.next.store(self.missing.len(), Ordering::Relaxed);
            self.with_state(|state| {
                state.failure.get_or_insert(failure);
            });
        }
    }

    fn rank_images(&self, execution: &Execution<'_>, threads: usize) -> Result<(), Failure> {
        let job = self.job;
        let mut networks = Networks::open(job.model, job.files, execution, threads)?;
        self.with_state(|state| state.sessions = networks.records());
        let ranking = Ranking { model: job.model, plan: job.plan, views: job.views };
        while !interrupt::requested() {
            let Some(&place) = self.missing.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            let index = job.images[place];
            let key = job.samples.infos()[index].key.as_str();
            let sample = job.samples.read(index)?;
            let result = ranking.rank((key, &sample), &mut networks).map_err(|failure| {
                failure.within(format_args!("world model `{}`, image `{key}`", job.model.id))
            })?;
            self.directory.write_measured(self.keys[place], &result)?;
            self.with_state(|state| {
                state.results.push((place, result));
                state.progress.advance(1);
            });
        }
        Ok(())
    }

    /// A thread that panicked has left nothing half-done in the state.
    fn with_state(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    fn finish(self) -> Result<Option<Finished>, Failure> {
        let state = self.state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(failure) = state.failure {
            return Err(failure);
        }
        if state.results.len() < self.missing.len() {
            return Ok(None);
        }
        state.progress.finish();
        Ok(Some(Finished { results: state.results, sessions: state.sessions }))
    }
}
