//! Training a probe by its recipe and reporting what the recipe says.

use super::super::labelled::Classes;
use super::super::selection::split;
use super::super::{ProbeError, ProbeOutcome};
use super::DescentError;
use super::assess::{Assessed, HeadScores, assess};
use super::attentive::Attentive;
use super::fit::{Fit, HeadState, Observer, Stage};
use super::labelled_table::LabelledTable;
use super::linear_heads::LinearHeads;
use super::model::Model;
use super::outcome::{Reported, diverged};
use super::recipe::{EpochLength, Head, Recipe, Selection};
use crate::executor::Executor;

/// Numbers that the weights of all heads together may have: 4 GiB, three times over with gradient and memory.
const MOST_WEIGHTS: usize = 1 << 30;

/// What a probe is trained with, beside its data.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// How.
    pub recipe: &'a Recipe,
    /// Decides order, views, weights and what is held out.
    pub seed: u64,
    /// On which threads; they change no bit.
    pub executor: &'a dyn Executor,
}

/// Trains a probe on frozen features by gradient descent and assesses it on the test set.
///
/// Features are `f32`, the loss is the mean cross-entropy. Sums over a batch (statistics, losses, gradients beyond 2,048
/// rows, lengths of gradients and weights) are taken in `f64` and in an order that only the shapes decide, so the result is
/// the same bits for every number of threads. Batches are drawn by (seed, pass). The test set is read in its first view.
///
/// Measurements: `accuracy` (top-1), `top-5` and `mean-per-class accuracy` in percent, `loss` and `train loss` (nats), `rate`
/// (peak), and `epoch` where the recipe chooses one. A training that diverges (a loss that is not finite, or above a million
/// nats) ends at once, and its measurements are absent with the reason.
///
/// # Errors
/// As the other probes, and if the recipe has a value out of range, batches exceed the train set, a linear head is given
/// tokens, rows cannot be read, or the observer asked to stop.
pub fn descent_probe(
    train: LabelledTable<'_>,
    test: LabelledTable<'_>,
    training: Training<'_>,
    observer: &mut dyn Observer,
) -> Result<ProbeOutcome, DescentError> {
    let job = Job::new(train, test, training)?;
    match training.recipe.head {
        Head::Linear => {
            let (width, seed) = (train.features.shape().width, training.seed);
            let classes = job.classes.len();
            job.run(
                &|rates| Ok(LinearHeads::new(training.recipe, rates, width, classes, seed)),
                observer,
            )
        }
        Head::Attentive { .. } => {
            let shape = train.features.shape();
            let classes = job.classes.len();
            job.run(&|_| Attentive::new(training.recipe, shape, classes, training.seed), observer)
        }
    }
}

/// Checked input.
struct Job<'a> {
    train: LabelledTable<'a>,
    test: LabelledTable<'a>,
    training: Training<'a>,
    classes: Classes,
    train_targets: Vec<usize>,
    test_targets: Vec<usize>,
    /// Every sample of train, and of test.
    everything: [Vec<usize>; 2],
}

/// Makes a model with a head for each of these places in the list of rates.
type MakeModel<'a, M> = &'a dyn Fn(&[usize]) -> Result<M, ProbeError>;

/// A head's state and its scores.
type Trained = (Vec<HeadState>, Vec<Option<HeadScores>>);

impl<'a> Job<'a> {
    fn new(
        train: LabelledTable<'a>,
        test: LabelledTable<'a>,
        training: Training<'a>,
    ) -> Result<Self, DescentError> {
        let recipe = training.recipe;
        recipe.check()?;
        train.check("train", training.executor)?;
        test.check("test", training.executor)?;
        let (shape, test_shape) = (train.features.shape(), test.features.shape());
        if shape.width != test_shape.width {
            return Err(ProbeError::Width { train: shape.width, test: test_shape.width }.into());
        }
        if shape.tokens != test_shape.tokens {
            let (train, test) = (shape.tokens, test_shape.tokens);
            return Err(ProbeError::Tokens { train, test }.into());
        }
        if recipe.head == Head::Linear && shape.tokens != 1 {
            return Err(ProbeError::TokensForLinear { tokens: shape.tokens }.into());
        }
        let classes = Classes::of(train.labels)?;
        let numbers = classes.len().checked_mul(shape.width);
        if numbers
            .and_then(|numbers| numbers.checked_mul(recipe.rates.len()))
            .is_none_or(|numbers| numbers > MOST_WEIGHTS)
        {
            let (classes, width, heads) = (classes.len(), shape.width, recipe.rates.len());
            return Err(ProbeError::TooManyWeights { heads, classes, width }.into());
        }
        let train_targets = classes.indices(train.labels)?;
        let test_targets = classes.indices(test.labels)?;
        let everything = [&train_targets, &test_targets].map(|set| (0..set.len()).collect());
        Ok(Self { train, test, training, classes, train_targets, test_targets, everything })
    }

    fn run<M: Model>(
        &self,
        make: MakeModel<'_, M>,
        observer: &mut dyn Observer,
    ) -> Result<ProbeOutcome, DescentError> {
        match self.training.recipe.selection {
            Selection::LastEpoch => self.last_epoch(make(&[0])?, &[0], observer),
            Selection::BestHeadOnTest => {
                let rates: Vec<usize> = (0..self.training.recipe.rates.len()).collect();
                self.last_epoch(make(&rates)?, &rates, observer)
            }
            Selection::BestEpochOnTest => self.best_epoch(make(&[0])?, observer),
            Selection::HeldOut(share) => match self.choose_rate(share, make, observer)? {
                Ok(rate) => self.last_epoch(make(&[rate])?, &[rate], observer),
                Err(states) => Ok(self.diverged(&states)),
            },
        }
    }

    /// Trains, and reports the best head after the last step: the only one, if it is one.
    fn last_epoch<M: Model>(
        &self,
        mut model: M,
        rates: &[usize],
        observer: &mut dyn Observer,
    ) -> Result<ProbeOutcome, DescentError> {
        let samples = (self.everything[0].as_slice(), self.test_set());
        let (states, scores) =
            self.trained(&mut model, rates, (Stage::Reported, samples), observer)?;
        Ok(match best(&scores) {
            Some(head) => self.report(rates[head], &states[head], scores, head, None),
            None => self.diverged(&states),
        })
    }

    /// Trains with an assessment after every epoch, and reports the best.
    fn best_epoch<M: Model>(
        &self,
        mut model: M,
        observer: &mut dyn Observer,
    ) -> Result<ProbeOutcome, DescentError> {
        let (peak, executor) = (self.training.recipe.peak_rates(), self.training.executor);
        let set = self.test_set();
        let mut found: Option<(usize, HeadState, HeadScores)> = None;
        let fit = self.fit(&peak[..1], &self.everything[0], Stage::Reported)?;
        let states = fit.run(&mut model, observer, |epoch, model, states| {
            let wanted: Vec<bool> = states.iter().map(HeadState::is_trained).collect();
            if let Some(Some(scores)) = assess(executor, model, set, &wanted)?.into_iter().next()
                && found.as_ref().is_none_or(|(_, _, best)| scores.correct() > best.correct())
            {
                found = Some((epoch + 1, states[0], scores));
            }
            Ok(())
        })?;
        Ok(match found {
            Some((epoch, state, scores)) if states[0].is_trained() => {
                self.report(0, &state, vec![Some(scores)], 0, Some(epoch))
            }
            _ => self.diverged(&states),
        })
    }

    /// The place of the rate whose head is best on the held-out share, or how all heads diverged. Of equal accuracies the
    /// lower loss wins, then the earlier rate.
    fn choose_rate<M: Model>(
        &self,
        share: f64,
        make: MakeModel<'_, M>,
        observer: &mut dyn Observer,
    ) -> Result<Result<usize, Vec<HeadState>>, DescentError> {
        let (fitted, held_out) =
            split(&self.train_targets, self.classes.len(), share, self.training.seed);
        if held_out.is_empty() {
            return Err(ProbeError::NothingToHoldOut { what: "the rate" }.into());
        }
        let rates: Vec<usize> = (0..self.training.recipe.rates.len()).collect();
        let set = Assessed {
            table: self.train.features,
            samples: &held_out,
            targets: &self.train_targets,
        };
        let mut model = make(&rates)?;
        let (states, scores) =
            self.trained(&mut model, &rates, (Stage::Choosing, (&fitted, set)), observer)?;
        Ok(best(&scores).ok_or(states))
    }

    fn trained<M: Model>(
        &self,
        model: &mut M,
        rates: &[usize],
        (stage, (samples, set)): (Stage, (&[usize], Assessed<'_>)),
        observer: &mut dyn Observer,
    ) -> Result<Trained, DescentError> {
        let peak = self.training.recipe.peak_rates();
        let rates: Vec<f64> = rates.iter().map(|&rate| peak[rate]).collect();
        let states = self.fit(&rates, samples, stage)?.run(model, observer, |_, _, _| Ok(()))?;
        let wanted: Vec<bool> = states.iter().map(HeadState::is_trained).collect();
        let scores = assess(self.training.executor, model, set, &wanted)?;
        Ok((states, scores))
    }

    fn test_set(&self) -> Assessed<'_> {
        let (table, samples) = (self.test.features, self.everything[1].as_slice());
        Assessed { table, samples, targets: &self.test_targets }
    }

    fn fit<'b>(
        &'b self,
        rates: &'b [f64],
        samples: &'b [usize],
        stage: Stage,
    ) -> Result<Fit<'b>, ProbeError> {
        let Training { recipe, seed, executor } = self.training;
        let needs_full = recipe.epoch != EpochLength::AllSamples;
        if needs_full && recipe.batch > samples.len() {
            return Err(ProbeError::BatchExceedsTrain {
                batch: recipe.batch,
                samples: samples.len(),
            });
        }
        let (table, targets) = (self.train.features, &self.train_targets);
        Ok(Fit { recipe, rates, table, targets, samples, seed, stage, executor })
    }

    fn report(
        &self,
        rate: usize,
        state: &HeadState,
        mut scores: Vec<Option<HeadScores>>,
        head: usize,
        epoch: Option<usize>,
    ) -> ProbeOutcome {
        let (HeadState::Trained { loss }, Some(scores)) = (*state, scores.swap_remove(head)) else {
            return self.diverged(std::slice::from_ref(state));
        };
        let Training { recipe, seed, .. } = self.training;
        let reported = Reported {
            recipe,
            seed,
            rate: recipe.peak_rates()[rate],
            train_loss: loss,
            scores,
            epoch,
            train_samples: self.train_targets.len() as u64,
        };
        reported.outcome(&self.test_targets, &self.classes)
    }

    fn diverged(&self, states: &[HeadState]) -> ProbeOutcome {
        let samples = [self.train_targets.len() as u64, self.test_targets.len() as u64];
        diverged(self.training.recipe, self.training.seed, states, samples)
    }
}

/// The head with most right answers; of equals the one with the lower loss, then the first.
fn best(scores: &[Option<HeadScores>]) -> Option<usize> {
    let mut best: Option<(usize, &HeadScores)> = None;
    for (head, scores) in scores.iter().enumerate() {
        let Some(scores) = scores else { continue };
        let beats = best.is_none_or(|(_, best)| {
            scores.correct() > best.correct()
                || (scores.correct() == best.correct() && scores.mean_loss() < best.mean_loss())
        });
        if beats {
            best = Some((head, scores));
        }
    }
    best.map(|(head, _)| head)
}
