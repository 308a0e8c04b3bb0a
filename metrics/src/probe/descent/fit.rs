//! The training loop.

use super::DescentError;
use super::model::{Batch, Model};
use super::optimiser::Step;
use super::order::{Endless, Order};
use super::recipe::{EpochLength, Recipe};
use super::schedule::Moment;
use crate::executor::Executor;
use crate::table::{FeatureTable, View};

/// A loss beyond this many nats is one that does not come back: e^-1,000,000 for the true class.
const MOST_NATS: f64 = 1e6;

/// What training tells while it runs.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is trained: several trainings may follow one another.
    pub stage: Stage,
    /// Epochs that are done.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps that are done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Mean loss over the epoch so far of the best head, in nats; `None` if all have diverged.
    pub loss: Option<f64>,
    /// The rate of the last step; of several heads the highest.
    pub rate: f64,
}

/// Which of several trainings it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Heads of all rates on a part of train, to choose one.
    Choosing,
    /// What is reported.
    Reported,
}

/// Who watches a training.
pub trait Observer {
    /// A step is done. Training ends with [`DescentError::Stopped`] if this returns false.
    fn step(&mut self, progress: Progress) -> bool;
}

/// Nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Observer for Unwatched {
    fn step(&mut self, _: Progress) -> bool {
        true
    }
}

/// How training ended for a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum HeadState {
    /// With this mean loss over the last epoch, in nats, each batch before its step.
    Trained { loss: f64 },
    /// At an epoch and a step within it (counted from 1) where the loss was not finite or beyond all reason.
    Diverged { epoch: usize, step: usize, loss: f64 },
}

impl HeadState {
    pub(super) fn is_trained(&self) -> bool {
        matches!(self, Self::Trained { .. })
    }
}

/// Everything that a training needs but the model.
pub(super) struct Fit<'a> {
    pub(super) recipe: &'a Recipe,
    /// Peak rate of each head.
    pub(super) rates: &'a [f64],
    pub(super) table: &'a dyn FeatureTable,
    /// Class index of every sample of the table.
    pub(super) targets: &'a [usize],
    /// Samples to train on.
    pub(super) samples: &'a [usize],
    pub(super) seed: u64,
    pub(super) stage: Stage,
    pub(super) executor: &'a dyn Executor,
}

/// Batches of one epoch.
enum Batches<'a> {
    Passes { order: Order<'a>, pass: Vec<View> },
    Endless(Endless<'a>),
}

impl Batches<'_> {
    fn batch(&mut self, moment: Moment, size: usize) -> Vec<View> {
        match self {
            Self::Passes { order, pass } => {
                if moment.step == 0 {
                    *pass = order.pass(moment.epoch);
                }
                let start = moment.step * size;
                pass[start..(start + size).min(pass.len())].to_vec()
            }
            Self::Endless(endless) => endless.take(size),
        }
    }
}

/// Sum of a head's losses over an epoch.
#[derive(Clone, Copy, Default)]
struct Running {
    sum: f64,
    samples: usize,
}

impl Fit<'_> {
    fn steps_per_epoch(&self) -> usize {
        let (samples, batch) = (self.samples.len(), self.recipe.batch);
        match self.recipe.epoch {
            EpochLength::FullBatches => samples / batch,
            EpochLength::AllSamples => samples.div_ceil(batch),
            EpochLength::Steps(steps) => steps,
        }
    }

    fn batches(&self) -> Batches<'_> {
        let views = self.table.shape().views;
        let order = Order { samples: self.samples, views, seed: self.seed };
        match self.recipe.epoch {
            EpochLength::Steps(_) => Batches::Endless(Endless::new(order)),
            EpochLength::FullBatches | EpochLength::AllSamples => {
                Batches::Passes { order, pass: Vec::new() }
            }
        }
    }

    /// Trains; `after_epoch` is called with the model and the state of its heads after each epoch.
    pub(super) fn run<M: Model>(
        &self,
        model: &mut M,
        observer: &mut dyn Observer,
        mut after_epoch: impl FnMut(usize, &M, &[HeadState]) -> Result<(), DescentError>,
    ) -> Result<Vec<HeadState>, DescentError> {
        let (steps_per_epoch, epochs) = (self.steps_per_epoch(), self.recipe.epochs);
        let mut states = vec![HeadState::Trained { loss: f64::NAN }; self.rates.len()];
        let mut batches = self.batches();
        for epoch in 0..epochs {
            let mut running = vec![Running::default(); self.rates.len()];
            for step in 0..steps_per_epoch {
                let moment = Moment { epoch, step, steps_per_epoch, epochs };
                let views = batches.batch(moment, self.recipe.batch);
                self.step(model, moment, &views, (&mut states, &mut running))?;
                if !observer.step(self.progress(moment, (&states, &running))) {
                    return Err(DescentError::Stopped { epoch: epoch + 1, epochs });
                }
                if !states.iter().any(HeadState::is_trained) {
                    return Ok(states);
                }
            }
            for (state, running) in states.iter_mut().zip(&running) {
                if let HeadState::Trained { loss } = state {
                    *loss = running.sum / running.samples as f64;
                }
            }
            after_epoch(epoch, model, &states)?;
        }
        Ok(states)
    }

    fn step<M: Model>(
        &self,
        model: &mut M,
        moment: Moment,
        views: &[View],
        (states, running): (&mut [HeadState], &mut [Running]),
    ) -> Result<(), DescentError> {
        let targets: Vec<usize> = views.iter().map(|view| self.targets[view.sample]).collect();
        let share = self.recipe.schedule.share(moment);
        let number = (moment.epoch * moment.steps_per_epoch + moment.step) as u64 + 1;
        let step = |(state, rate): (&HeadState, &f64)| {
            state.is_trained().then(|| Step { rate: rate * share, number })
        };
        let steps: Vec<Option<Step>> = states.iter().zip(self.rates).map(step).collect();
        let batch = Batch { table: self.table, views, targets: &targets };
        let losses = model.train(self.executor, batch, &steps)?;
        for ((state, running), loss) in states.iter_mut().zip(running).zip(losses) {
            let Some(loss) = loss else { continue };
            if loss.is_finite() && loss <= MOST_NATS {
                running.sum += loss * views.len() as f64;
                running.samples += views.len();
            } else {
                let (epoch, step) = (moment.epoch + 1, moment.step + 1);
                *state = HeadState::Diverged { epoch, step, loss };
            }
        }
        Ok(())
    }

    fn progress(&self, moment: Moment, (states, running): (&[HeadState], &[Running])) -> Progress {
        let heads = states.iter().zip(running).filter(|(state, _)| state.is_trained());
        let losses = heads.map(|(_, running)| running.sum / running.samples as f64);
        let highest = self.rates.iter().copied().fold(0.0, f64::max);
        Progress {
            stage: self.stage,
            epoch: moment.epoch + usize::from(moment.step + 1 == moment.steps_per_epoch),
            epochs: moment.epochs,
            step: moment.epoch * moment.steps_per_epoch + moment.step + 1,
            steps: moment.epochs * moment.steps_per_epoch,
            loss: losses.min_by(f64::total_cmp),
            rate: highest * self.recipe.schedule.share(moment),
        }
    }
}
