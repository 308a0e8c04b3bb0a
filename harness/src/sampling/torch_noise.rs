//! Noise as sampling scripts draw it from PyTorch's CPU generator.

use super::plan::{NoiseTerm, Plan};
use retally_metrics::random::torch::{Generator, NormalElement, NormalTensor, OutsideTensor};
use std::num::NonZeroU32;

/// Whose order of drawing is followed.
///
/// Each is that of one process (`world_size` 1) on a CPU whose generator is seeded directly before its loop over batches. The
/// scripts as published seed earlier, so that random initial weights of the network are drawn before the first noise, and
/// draw noise on the GPU where there is one, from a generator that is not reproduced here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TorchScript {
    /// For every batch `torch.randn` for the first states, then for each step that adds noise; all f32. No labels are drawn.
    /// JiT (denoiser.py, as in iREPA at 99ad4ac), MeanFlow's PyTorch code at 1f6d72d, and whoever samples a GAN.
    Randn,
    /// For every batch `torch.randn` for the first states in f32, `torch.randint` for the labels, then `torch.randn_like` of a
    /// state in f64 for each step that adds noise. REPA and iREPA (generate.py and samplers.py at 67f7145).
    Repa,
    /// As `Repa`, but in f32, and with guidance for twice the batch, of which the first half is used. SiT (sample_ddp.py and
    /// transport/ at 947f95b).
    Sit,
    /// As `Sit`, and in every step, also where the noise is multiplied by 0. DiT (sample_ddp.py and diffusion/ at ed81ce2).
    Dit,
}

/// The batches of a script.
#[derive(Clone, Copy, Debug)]
pub struct TorchBatches {
    /// Whose order.
    pub script: TorchScript,
    /// Given to `torch.manual_seed`, which keeps the low 32 bits of longer ones.
    pub seed: u32,
    /// Samples that the script makes together. The noise of a sample depends on it.
    pub batch: NonZeroU32,
    /// Number of classes, where labels are drawn.
    pub classes: Option<NonZeroU32>,
}

/// The noise and the labels of samples as a script draws them.
///
/// Samples may be asked for in any order. Those of earlier batches than the last one asked for begin again from the seed, and
/// to reach a later batch everything between is passed over (1.5 ns a number), so ask in order.
#[derive(Clone, Debug)]
pub struct TorchNoise {
    batches: TorchBatches,
    /// Values of one sample's state.
    values: usize,
    /// What one batch draws, in order: first states, labels, steps.
    draws: Vec<Draw>,
    /// Which draw is the noise of each step.
    steps: Vec<Option<usize>>,
    /// The batch that `before` is of.
    current: u64,
    /// The generator before each draw of the batch, as far as they were reached; at least before the first.
    before: Vec<Generator>,
}

#[derive(Clone, Copy, Debug)]
enum Draw {
    Normal(NormalTensor),
    Labels(usize),
}

/// Noise that the script does not draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TorchNoiseError {
    /// The plan that the noise was made for adds none in this step.
    #[error("step {0} draws no noise")]
    NoDraw(u32),
    /// More values than a sample has.
    #[error(transparent)]
    Outside(#[from] OutsideTensor),
}

impl TorchNoise {
    /// The noise of a script for a plan, for states of `values` values.
    #[must_use]
    pub fn new(batches: TorchBatches, plan: &Plan, values: usize) -> Self {
        let script = batches.script;
        let batch = batches.batch.get() as usize;
        let guided = plan.steps.iter().any(|step| step.guided);
        let halves = match script {
            TorchScript::Sit | TorchScript::Dit if guided => 2,
            _ => 1,
        };
        let element = match script {
            TorchScript::Repa => NormalElement::Float64,
            _ => NormalElement::Float32,
        };
        let start = NormalTensor { element: NormalElement::Float32, count: batch * values };
        let of_step = NormalTensor { element, count: halves * batch * values };
        let mut draws = vec![Draw::Normal(start)];
        if script != TorchScript::Randn && batches.classes.is_some() {
            draws.push(Draw::Labels(batch));
        }
        let mut steps = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let drawn = script == TorchScript::Dit || step.combination.noise != NoiseTerm::None;
            steps.push(drawn.then_some(draws.len()));
            draws.extend(drawn.then_some(Draw::Normal(of_step)));
        }
        let before = vec![Generator::new(batches.seed)];
        Self { batches, values, draws, steps, current: 0, before }
    }

    /// Noise that the first state of a sample is made of.
    ///
    /// # Errors
    /// When more values are asked for than a sample has.
    pub fn start(&mut self, sample: u32, noise: &mut [f64]) -> Result<(), TorchNoiseError> {
        self.normal(sample, 0, noise)
    }

    /// Noise that step number `step` of the plan, counted from 0, adds to a sample.
    ///
    /// # Errors
    /// When the step draws none, or more values are asked for than a sample has.
    pub fn step(
        &mut self,
        sample: u32,
        step: u32,
        noise: &mut [f64],
    ) -> Result<(), TorchNoiseError> {
        let draw = self.steps.get(step as usize).copied().flatten();
        self.normal(sample, draw.ok_or(TorchNoiseError::NoDraw(step))?, noise)
    }

    /// The class of a sample, where the script draws one.
    pub fn label(&mut self, sample: u32) -> Option<u32> {
        let classes = self.batches.classes?;
        matches!(self.draws.get(1), Some(Draw::Labels(_))).then_some(())?;
        let place = self.place(sample);
        let mut generator = self.generator(sample, 1).clone();
        generator.skip_integers(place);
        Some(generator.integer(classes))
    }

    fn normal(
        &mut self,
        sample: u32,
        draw: usize,
        noise: &mut [f64],
    ) -> Result<(), TorchNoiseError> {
        let first = self.place(sample) * self.values;
        let Some(&Draw::Normal(tensor)) = self.draws.get(draw) else { return Ok(()) };
        if noise.len() > self.values {
            let end = first + noise.len();
            return Err(OutsideTensor { end, count: first + self.values }.into());
        }
        Ok(self.generator(sample, draw).peek_standard_normal(tensor, first, noise)?)
    }

    /// Place of a sample in its batch.
    fn place(&self, sample: u32) -> usize {
        (sample % self.batches.batch) as usize
    }

    /// The generator before a draw of a sample's batch.
    fn generator(&mut self, sample: u32, draw: usize) -> &Generator {
        let batch = u64::from(sample / self.batches.batch);
        if batch < self.current {
            self.current = 0;
            self.before = vec![Generator::new(self.batches.seed)];
        }
        while self.current < batch {
            self.reach(self.draws.len());
            self.before.drain(..self.draws.len());
            self.current += 1;
        }
        self.reach(draw);
        &self.before[draw]
    }

    /// Finds the generators before all draws up to one.
    fn reach(&mut self, draw: usize) {
        while self.before.len() <= draw {
            let last = self.before.len() - 1;
            let mut generator = self.before[last].clone();
            match self.draws[last] {
                Draw::Normal(tensor) => generator.skip_standard_normal(tensor),
                Draw::Labels(count) => generator.skip_integers(count),
            }
            self.before.push(generator);
        }
    }
}
