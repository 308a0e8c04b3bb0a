//! The states of some samples, and how a step changes them.

use super::plan::{Combination, NoiseTerm, Plan, Step};

/// States of samples that go through the same steps, one sample after the other, in f64 (as in REPA's samplers, so that
/// hundreds of small steps do not add up rounding errors).
#[derive(Clone, Debug)]
pub struct Registers {
    /// Values of one sample's state.
    values: usize,
    /// Values of one sample's network output.
    outputs: usize,
    /// The second half of the output says where the variance lies.
    learned_variance: bool,
    /// [samples, values].
    state: Vec<f64>,
    /// Where the next state is made.
    next: Vec<f64>,
    /// The prediction of the step, guided; [samples, values].
    prediction: Vec<f64>,
    /// State and prediction of the last step that kept them; none where the plan keeps nothing.
    previous: Option<Previous>,
}

#[derive(Clone, Debug)]
struct Previous {
    state: Vec<f64>,
    prediction: Vec<f64>,
}

/// What a network answered, [samples, outputs]: f32, or f64 where a formula stands for a network.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a, T = f32> {
    /// Asked for the class of each sample; or the only answer.
    pub class: &'a [T],
    /// For a step with guidance.
    pub guide: Option<Guide<'a, T>>,
}

/// The other half of classifier-free guidance.
#[derive(Clone, Copy, Debug)]
pub struct Guide<'a, T = f32> {
    /// What the network answered when asked for no class, [samples, outputs].
    pub none: &'a [T],
    /// The prediction is none + scale (class - none) …
    pub scale: f64,
    /// … for this many leading values of each sample, and that of the class for the others.
    pub values: usize,
}

/// Something that does not fit the states, or a result that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A slice has the wrong length.
    #[error("{what}: {found} values instead of {expected}")]
    Length {
        /// Which.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
    },
    /// The step uses what no step before it kept, or a variance that the network does not learn, or guidance is missing.
    #[error("{0}: the step is of another plan than the states")]
    OtherPlan(&'static str),
    /// NaN or infinity.
    #[error(
        "value {value} of sample {sample} (counted from 0 in its batch) became infinite or NaN; \
         the network's output, or the guidance scale, is too large"
    )]
    NotFinite {
        /// Place of the sample in its batch.
        sample: usize,
        /// Place of the value in the sample's state.
        value: usize,
    },
}

impl Registers {
    /// Room for the states of `samples` samples of `values` values each, all 0. No step allocates after this.
    #[must_use]
    pub fn new(plan: &Plan, samples: usize, values: usize) -> Self {
        let zeros = || vec![0.0; samples * values];
        let keeps = plan.steps.iter().any(|step| step.keep);
        Self {
            values,
            outputs: if plan.learned_variance { 2 * values } else { values },
            learned_variance: plan.learned_variance,
            state: zeros(),
            next: zeros(),
            prediction: zeros(),
            previous: keeps.then(|| Previous { state: zeros(), prediction: zeros() }),
        }
    }

    /// The states, [samples, values].
    #[must_use]
    pub fn state(&self) -> &[f64] {
        &self.state
    }

    /// Sets the first states: standard normal `noise`, [samples, values], times the plan's `start`.
    ///
    /// # Errors
    /// When `noise` has another length than the states.
    pub fn start(&mut self, plan: &Plan, noise: &[f64]) -> Result<(), StateError> {
        check_length("noise", noise.len(), self.state.len())?;
        for (state, noise) in self.state.iter_mut().zip(noise) {
            *state = plan.start * noise;
        }
        Ok(())
    }

    /// The states as the network takes them, rounded to f32.
    ///
    /// # Errors
    /// When `input` has another length than the states.
    pub fn network_input(&self, input: &mut [f32]) -> Result<(), StateError> {
        check_length("input of the network", input.len(), self.state.len())?;
        for (input, &state) in input.iter_mut().zip(&self.state) {
            *input = state as f32;
        }
        Ok(())
    }

    /// Makes the next states of the network's `output` for these, and of standard normal `noise`, [samples, values], which
    /// may be empty in a step that adds none.
    ///
    /// # Errors
    /// When a length does not fit, the step is of another plan, or a value is no longer finite. The states are then of no
    /// use.
    pub fn advance<T: Copy + Into<f64>>(
        &mut self,
        step: &Step,
        output: Output<'_, T>,
        noise: &[f64],
    ) -> Result<(), StateError> {
        self.check(step, &output, noise.len())?;
        self.predict(output);
        self.combine(&step.combination);
        match step.combination.noise {
            NoiseTerm::None => {}
            NoiseTerm::Constant { deviation } => {
                for (next, noise) in self.next.iter_mut().zip(noise) {
                    *next += deviation * noise;
                }
            }
            NoiseTerm::Learned { log_min, log_max } => {
                self.add_learned_noise(output.class, noise, log_min, log_max);
            }
        }
        self.check_finite()?;
        std::mem::swap(&mut self.state, &mut self.next);
        if let (true, Some(previous)) = (step.keep, &mut self.previous) {
            std::mem::swap(&mut previous.state, &mut self.next);
            std::mem::swap(&mut previous.prediction, &mut self.prediction);
        }
        Ok(())
    }

    fn check<T>(
        &self,
        step: &Step,
        output: &Output<'_, T>,
        noise: usize,
    ) -> Result<(), StateError> {
        let samples = self.state.len().checked_div(self.values).unwrap_or_default();
        let outputs = samples * self.outputs;
        check_length("output of the network", output.class.len(), outputs)?;
        if step.guided != output.guide.is_some() {
            return Err(StateError::OtherPlan("guidance"));
        }
        if let Some(guide) = &output.guide {
            check_length("output of the network for no class", guide.none.len(), outputs)?;
        }
        let Combination { noise: term, .. } = step.combination;
        if term != NoiseTerm::None {
            check_length("noise", noise, self.state.len())?;
        }
        if matches!(term, NoiseTerm::Learned { .. }) && !self.learned_variance {
            return Err(StateError::OtherPlan("learned variance"));
        }
        if (step.keep || step.combination.uses_previous()) && self.previous.is_none() {
            return Err(StateError::OtherPlan("state of an earlier step"));
        }
        Ok(())
    }

    /// Takes the prediction out of the output, guided.
    fn predict<T: Copy + Into<f64>>(&mut self, output: Output<'_, T>) {
        let rows = self.prediction.chunks_exact_mut(self.values.max(1));
        for (row, class) in rows.zip(output.class.chunks_exact(self.outputs.max(1))) {
            for (prediction, &class) in row.iter_mut().zip(class) {
                *prediction = class.into();
            }
        }
        let Some(Guide { none, scale, values }) = output.guide else { return };
        let rows = self.prediction.chunks_exact_mut(self.values.max(1));
        for (row, none) in rows.zip(none.chunks_exact(self.outputs.max(1))) {
            for (prediction, &none) in row.iter_mut().zip(none).take(values) {
                let none: f64 = none.into();
                *prediction = none + scale * (*prediction - none);
            }
        }
    }

    /// The next state without noise.
    fn combine(&mut self, combination: &Combination) {
        let Combination { state: of_state, prediction: of_prediction, clip, .. } = *combination;
        let known = self.state.iter().zip(&self.prediction);
        for (next, (&state, &prediction)) in self.next.iter_mut().zip(known) {
            let estimate = clip.map_or(prediction, |clip| {
                (clip.state * state + clip.prediction * prediction).clamp(clip.low, clip.high)
            });
            *next = of_state * state + of_prediction * estimate;
        }
        let Some(previous) = self.previous.as_ref().filter(|_| combination.uses_previous()) else {
            return;
        };
        let kept = previous.state.iter().zip(&previous.prediction);
        for (next, (state, prediction)) in self.next.iter_mut().zip(kept) {
            *next +=
                combination.previous_state * state + combination.previous_prediction * prediction;
        }
    }

    fn add_learned_noise<T: Copy + Into<f64>>(
        &mut self,
        output: &[T],
        noise: &[f64],
        log_min: f64,
        log_max: f64,
    ) {
        let width = self.values.max(1);
        let rows = self.next.chunks_exact_mut(width).zip(noise.chunks_exact(width));
        for ((row, noise), output) in rows.zip(output.chunks_exact(self.outputs.max(1))) {
            let learned = output.iter().skip(width);
            for ((next, noise), &learned) in row.iter_mut().zip(noise).zip(learned) {
                let fraction = (learned.into() + 1.0) / 2.0;
                let log_variance = fraction * log_max + (1.0 - fraction) * log_min;
                *next += libm::exp(0.5 * log_variance) * noise;
            }
        }
    }

    /// The prediction is looked at too: clipping would hide an infinite one.
    fn check_finite(&self) -> Result<(), StateError> {
        let mut results = self.next.iter().zip(&self.prediction);
        match results.position(|(next, prediction)| !(next.is_finite() && prediction.is_finite())) {
            None => Ok(()),
            Some(place) => Err(StateError::NotFinite {
                sample: place.checked_div(self.values).unwrap_or_default(),
                value: place.checked_rem(self.values).unwrap_or_default(),
            }),
        }
    }
}

/// The last states as a decoder takes them: rounded to f32, divided by `scale`, plus `shift`, all in f32.
///
/// SOURCE: the sampling scripts of REPA (generate.py at 67f7145), SiT and DiT, which divide by 0.18215 and have no shift.
///
/// # Errors
/// When `input` has another length than the states.
pub fn decoder_input(
    state: &[f64],
    scale: f64,
    shift: f64,
    input: &mut [f32],
) -> Result<(), StateError> {
    check_length("input of the decoder", input.len(), state.len())?;
    let (scale, shift) = (scale as f32, shift as f32);
    for (input, &state) in input.iter_mut().zip(state) {
        *input = state as f32 / scale + shift;
    }
    Ok(())
}

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), StateError> {
    if found == expected { Ok(()) } else { Err(StateError::Length { what, found, expected }) }
}
