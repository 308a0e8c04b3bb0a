//! The samples of a generator in groups, for a score that looks at each once: images are made, scored and forgotten.

use super::chunk_store::SampleChunk;
use super::job::{SampleJob, Sampled};
use crate::failure::Failure;
use crate::generation::SampleStream;
use crate::images::reader::{ImageSource, MemoryReader, PixelLayout};
use crate::onnx::session::SessionRecord;
use crate::progress::Progress;
use retally_manifests::Digest;
use std::ops::Range;

/// A group has at least so many samples: enough that opening the networks for each group costs little.
const GROUP: usize = 1024;

/// Whether images are kept in the store once they are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoredImages {
    /// They stay, and can be written to files later without being made again.
    Kept,
    /// They are removed; their digests stay.
    Removed,
}

/// Samples of a generator as a [`SampleStream`].
pub struct SampleGroups<'a> {
    job: SampleJob<'a>,
    progress: &'a Progress,
    images: ScoredImages,
    made: usize,
    sessions: Vec<SessionRecord>,
}

impl<'a> SampleGroups<'a> {
    /// The samples of a job.
    #[must_use]
    pub fn new(job: SampleJob<'a>, progress: &'a Progress, images: ScoredImages) -> Self {
        Self { job, progress, images, made: 0, sessions: Vec::new() }
    }

    /// The job.
    #[must_use]
    pub fn job(&self) -> &SampleJob<'a> {
        &self.job
    }

    /// How many samples were made and not found in the store.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made
    }

    /// The sessions that made samples; none if nothing was made.
    #[must_use]
    pub fn sessions(&self) -> &[SessionRecord] {
        &self.sessions
    }
}

impl SampleStream for SampleGroups<'_> {
    fn title(&self) -> &str {
        &self.job.generator().id
    }

    fn groups(&self) -> Vec<Range<usize>> {
        let chunk = self.job.generator().chunk.max(1) as usize;
        let size = GROUP.div_ceil(chunk) * chunk;
        let count = self.job.count();
        (0..count).step_by(size).map(|start| start..count.min(start + size)).collect()
    }

    fn digests(&mut self, group: &Range<usize>) -> Result<Option<Vec<Digest>>, Failure> {
        self.job.store().load_digests(group, |note| self.progress.note(note))
    }

    fn images(&mut self, group: &Range<usize>) -> Result<Box<dyn ImageSource>, Failure> {
        let mut pixels = Vec::new();
        let mut take = |chunk: &SampleChunk| {
            pixels.extend_from_slice(&chunk.images);
            Ok(())
        };
        let Sampled { made, sessions, .. } = self.job.part(group.clone()).run(&mut take)?;
        self.made += made;
        if !sessions.is_empty() {
            self.sessions = sessions;
        }
        let (width, height) = self.job.size();
        let layout = PixelLayout { width, height, channels: 3 };
        let place = format!("samples of `{}`", self.title());
        Ok(Box::new(MemoryReader::new(place, group.start, layout, pixels)?))
    }

    fn finished(&mut self, group: &Range<usize>, digests: &[Digest]) -> Result<(), Failure> {
        let store = self.job.store();
        store.store_digests(group, digests)?;
        match self.images {
            ScoredImages::Kept => Ok(()),
            ScoredImages::Removed => store.remove(&self.job.part(group.clone()).chunks()),
        }
    }
}
