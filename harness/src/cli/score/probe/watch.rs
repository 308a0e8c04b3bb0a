//! Progress of a training, and its end by Ctrl-C.

use crate::interrupt;
use crate::progress::{Job, Progress};
use retally_metrics::probe::descent::{self, Observer, Stage};

/// Shows steps with loss and rate.
pub(super) struct Watch<'a> {
    progress: &'a Progress,
    job: Option<(Stage, Job)>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(progress: &'a Progress) -> Self {
        Self { progress, job: None }
    }

    /// Ends with a line if training came to its end.
    pub(super) fn finish(self, complete: bool) {
        if let Some((_, job)) = self.job.filter(|_| complete) {
            job.finish();
        }
    }
}

impl Observer for Watch<'_> {
    fn step(&mut self, progress: descent::Progress) -> bool {
        if self.job.as_ref().is_some_and(|(stage, _)| *stage != progress.stage)
            && let Some((_, job)) = self.job.take()
        {
            job.finish();
        }
        let (_, job) = self.job.get_or_insert_with(|| {
            let title = match progress.stage {
                Stage::Choosing => "choosing a rate",
                Stage::Reported => "training",
            };
            (progress.stage, self.progress.job(title, progress.steps as u64, "steps"))
        });
        let loss = progress.loss.map_or("diverged".to_owned(), |loss| format!("loss {loss:.4}"));
        let stage = match progress.stage {
            Stage::Choosing => "rates",
            Stage::Reported => "epoch",
        };
        let epoch = (progress.epoch + 1).min(progress.epochs);
        job.rename(format!(
            "{stage} {epoch}/{} {loss} rate {:.2e}",
            progress.epochs, progress.rate
        ));
        job.set(progress.step as u64);
        !interrupt::requested()
    }
}
