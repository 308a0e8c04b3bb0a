//! What a user may change of a generator's entry: the sampler, its steps, and guidance.

use crate::failure::Failure;
use retally_manifests::{
    Generator, Guidance, GuidanceCalls, GuidanceTime, IntervalEnds, Prediction, Sampler,
    StepVariance,
};

/// Time at which the last step of a flow's SDE begins, unless the manifest says another.
///
/// SOURCE: `euler_maruyama_sampler` of REPA (samplers.py at 67f7145).
const LAST_SDE_STEP: f64 = 0.04;

/// A kind of sampler that can take the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerKind {
    /// Euler-Maruyama on the SDE of a flow.
    FlowSde,
    /// Euler's method on the ODE of a flow.
    FlowEuler,
    /// Heun's method on the ODE of a flow.
    FlowHeun,
    /// Ancestral sampling.
    Ddpm,
    /// DDIM, deterministic.
    Ddim,
}

impl SamplerKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::FlowSde, Self::FlowEuler, Self::FlowHeun, Self::Ddpm, Self::Ddim];

    /// Its name in manifests and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FlowSde => "flow-sde",
            Self::FlowEuler => "flow-euler",
            Self::FlowHeun => "flow-heun",
            Self::Ddpm => "ddpm",
            Self::Ddim => "ddim",
        }
    }
}

/// Changes of a generator's entry; what is absent stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct SamplerChanges {
    /// The sampler.
    pub kind: Option<SamplerKind>,
    /// Its steps.
    pub steps: Option<u32>,
    /// The guidance scale.
    pub scale: Option<f64>,
    /// Times at which guidance is on, noise at 1.
    pub interval: Option<[f64; 2]>,
}

impl SamplerChanges {
    /// Makes the changes. Whether the new numbers are within their bounds, the plan finds out.
    ///
    /// # Errors
    /// If the generator does not have what is to be changed.
    pub fn apply(&self, generator: &mut Generator) -> Result<(), Failure> {
        if let Some(kind) = self.kind {
            generator.sampler = replaced(generator, kind)?;
        }
        if let Some(steps) = self.steps {
            set_steps(&mut generator.sampler, steps)?;
        }
        if let Some(scale) = self.scale {
            set_scale(generator, scale)?;
        }
        if let Some(interval) = self.interval {
            set_interval(generator, interval)?;
        }
        Ok(())
    }
}

/// The generator's sampler as one of another kind, with the same steps and the same process.
fn replaced(generator: &Generator, kind: SamplerKind) -> Result<Sampler, Failure> {
    let old = &generator.sampler;
    if old.kind() == kind.name() {
        return Ok(old.clone());
    }
    let refuse = || {
        Failure::invalid(format_args!(
            "--sampler {}: `{}` is sampled with {}, which it cannot take the place of",
            kind.name(),
            generator.id,
            old.kind()
        ))
    };
    match old {
        Sampler::FlowSde { steps, .. } => flow(*steps, 1.0, kind).ok_or_else(refuse),
        Sampler::FlowEuler { steps, noise_scale } | Sampler::FlowHeun { steps, noise_scale } => {
            flow(*steps, *noise_scale, kind).ok_or_else(refuse)
        }
        Sampler::Ddpm { steps, process, spacing, clip, .. } if kind == SamplerKind::Ddim => {
            let (steps, process, spacing, clip) = (*steps, *process, *spacing, *clip);
            Ok(Sampler::Ddim { steps, process, spacing, eta: 0.0, clip })
        }
        Sampler::Ddim { steps, process, spacing, clip, .. } if kind == SamplerKind::Ddpm => {
            let (steps, process, spacing, clip) = (*steps, *process, *spacing, *clip);
            let learned = matches!(
                generator.network.prediction,
                Prediction::Noise { learned_variance: true }
            );
            let variance = if learned { StepVariance::Learned } else { StepVariance::Small };
            Ok(Sampler::Ddpm { steps, process, spacing, variance, clip })
        }
        _ => Err(refuse()),
    }
}

/// A sampler of a flow. The SDE is that of noise with a standard deviation of 1.
fn flow(steps: u32, noise_scale: f64, kind: SamplerKind) -> Option<Sampler> {
    match kind {
        SamplerKind::FlowEuler => Some(Sampler::FlowEuler { steps, noise_scale }),
        SamplerKind::FlowHeun => Some(Sampler::FlowHeun { steps, noise_scale }),
        SamplerKind::FlowSde if noise_scale == 1.0 => {
            Some(Sampler::FlowSde { steps, last: LAST_SDE_STEP })
        }
        _ => None,
    }
}

fn set_steps(sampler: &mut Sampler, wanted: u32) -> Result<(), Failure> {
    match sampler {
        Sampler::FlowSde { steps, .. }
        | Sampler::FlowEuler { steps, .. }
        | Sampler::FlowHeun { steps, .. }
        | Sampler::Ddpm { steps, .. }
        | Sampler::Ddim { steps, .. }
        | Sampler::MeanFlow { steps } => {
            *steps = wanted;
            Ok(())
        }
        Sampler::OneCall => Err(Failure::invalid(
            "--steps: this generator calls its network once, and has no steps",
        )),
        Sampler::Consistency { .. } => Err(Failure::invalid(
            "--steps: the steps of this generator are the `sigmas` of its manifest; describe it in a manifest of your own",
        )),
    }
}

fn set_scale(generator: &mut Generator, scale: f64) -> Result<(), Failure> {
    if !scale.is_finite() {
        return Err(Failure::invalid("--cfg: expected a finite number"));
    }
    if let Some(guidance) = &mut generator.guidance {
        guidance.scale = scale;
        return Ok(());
    }
    if scale == 1.0 {
        return Ok(());
    }
    if generator.classes.as_ref().and_then(|classes| classes.none).is_none() {
        return Err(Failure::invalid(format_args!(
            "--cfg {scale}: `{}` has no class that stands for none, without which there is no guidance",
            generator.id
        )));
    }
    generator.guidance = Some(Guidance {
        scale,
        interval: [0.0, 1.0],
        ends: IntervalEnds::default(),
        at: GuidanceTime::default(),
        channels: None,
        calls: GuidanceCalls::default(),
    });
    Ok(())
}

fn set_interval(generator: &mut Generator, interval: [f64; 2]) -> Result<(), Failure> {
    let [low, high] = interval;
    if !(0.0 <= low && low <= high && high <= 1.0) {
        return Err(Failure::invalid(format_args!(
            "--cfg-interval {low},{high}: expected two times from 0 to 1 (noise at 1), the smaller one first"
        )));
    }
    if !has_times(&generator.sampler) {
        return Err(Failure::invalid(format_args!(
            "--cfg-interval: the times of {} do not go from 1 to 0",
            generator.sampler.kind()
        )));
    }
    match &mut generator.guidance {
        Some(guidance) => {
            guidance.interval = interval;
            Ok(())
        }
        None => Err(Failure::invalid("--cfg-interval: there is no guidance; give --cfg too")),
    }
}

/// Whether a sampler's times go from 1 to 0, so that guidance can have an interval of them.
fn has_times(sampler: &Sampler) -> bool {
    match sampler {
        Sampler::FlowSde { .. }
        | Sampler::FlowEuler { .. }
        | Sampler::FlowHeun { .. }
        | Sampler::MeanFlow { .. } => true,
        Sampler::OneCall
        | Sampler::Ddpm { .. }
        | Sampler::Ddim { .. }
        | Sampler::Consistency { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::testing::generator;
    use retally_manifests::{DiffusionProcess, TimeSpacing};

    fn changed(changes: SamplerChanges, mut generator: Generator) -> Result<Generator, String> {
        changes.apply(&mut generator).map_err(|failure| failure.message())?;
        Ok(generator)
    }

    #[test]
    fn samplers_take_each_others_place_with_their_steps() {
        let to = |kind| SamplerChanges { kind: Some(kind), ..SamplerChanges::default() };
        let flow = generator(Sampler::FlowEuler { steps: 7, noise_scale: 1.0 });
        let heun = changed(to(SamplerKind::FlowHeun), flow.clone()).unwrap();
        assert_eq!(heun.sampler, Sampler::FlowHeun { steps: 7, noise_scale: 1.0 });
        let sde = changed(to(SamplerKind::FlowSde), flow.clone()).unwrap();
        assert_eq!(sde.sampler, Sampler::FlowSde { steps: 7, last: 0.04 });
        assert!(changed(to(SamplerKind::Ddim), flow).unwrap_err().contains("flow-euler"));
        // Its SDE would be another.
        let loud = generator(Sampler::FlowHeun { steps: 7, noise_scale: 2.0 });
        assert!(changed(to(SamplerKind::FlowSde), loud).is_err());
        let process = DiffusionProcess::Cosine { steps: 100 };
        let spacing = TimeSpacing::Stride;
        let ddim = generator(Sampler::Ddim { steps: 5, process, spacing, eta: 0.5, clip: true });
        let ddpm = changed(to(SamplerKind::Ddpm), ddim.clone()).unwrap();
        let variance = StepVariance::Small;
        assert_eq!(
            ddpm.sampler,
            Sampler::Ddpm { steps: 5, process, spacing, variance, clip: true }
        );
        // The same kind keeps all its numbers.
        assert_eq!(changed(to(SamplerKind::Ddim), ddim.clone()).unwrap(), ddim);
    }

    #[test]
    fn steps_and_guidance_change_where_there_are_some() {
        let steps = SamplerChanges { steps: Some(3), ..SamplerChanges::default() };
        let flow = generator(Sampler::FlowEuler { steps: 7, noise_scale: 1.0 });
        let changed_flow = changed(steps, flow.clone()).unwrap();
        assert_eq!(changed_flow.sampler, Sampler::FlowEuler { steps: 3, noise_scale: 1.0 });
        assert!(changed(steps, generator(Sampler::OneCall)).unwrap_err().contains("no steps"));
        let cfg = SamplerChanges {
            scale: Some(2.0),
            interval: Some([0.25, 1.0]),
            ..SamplerChanges::default()
        };
        let guidance = changed(cfg, flow.clone()).unwrap().guidance.unwrap();
        assert_eq!((guidance.scale, guidance.interval), (2.0, [0.25, 1.0]));
        let mut unconditional = flow.clone();
        unconditional.classes = None;
        assert!(changed(cfg, unconditional).unwrap_err().contains("stands for none"));
        for interval in [[0.5, 0.25], [-0.1, 1.0], [0.0, 1.1], [f64::NAN, 1.0]] {
            let changes = SamplerChanges { interval: Some(interval), ..cfg };
            assert!(changed(changes, flow.clone()).unwrap_err().contains("--cfg-interval"));
        }
        let alone = SamplerChanges { scale: None, ..cfg };
        assert!(changed(alone, flow).unwrap_err().contains("give --cfg too"));
        let process = DiffusionProcess::Cosine { steps: 100 };
        let ddim =
            Sampler::Ddim { steps: 5, process, spacing: TimeSpacing::Even, eta: 0.0, clip: false };
        assert!(changed(cfg, generator(ddim)).unwrap_err().contains("ddim"));
    }
}
