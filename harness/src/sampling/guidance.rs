//! When classifier-free guidance is on.

use retally_manifests::{Generator, Guidance, GuidanceTime, IntervalEnds};

/// Times that are closer than this are the same time: whether a sampler that divides 1 into equal steps meets the end of an
/// interval must not hang on the last bit of either.
const SAME_TIME: f64 = 1e-9;

/// Says whether guidance is on at a time.
#[derive(Clone, Copy)]
pub(super) struct Switch<'a> {
    guidance: Option<&'a Guidance>,
}

impl<'a> Switch<'a> {
    /// That of a generator. A scale of 1 is no guidance.
    pub(super) fn of(generator: &'a Generator) -> Self {
        Self { guidance: generator.guidance.as_ref().filter(|guidance| guidance.scale != 1.0) }
    }

    /// For samplers without a time from 1 to 0.
    pub(super) fn everywhere(self) -> bool {
        self.guidance.is_some()
    }

    /// In the call at `time`, noise at 1, of a step that begins at `step`.
    ///
    /// SOURCE: `euler_sampler` and `euler_maruyama_sampler` of REPA (samplers.py at 67f7145) include both ends of the interval
    /// and look up the time at which the step begins, also for the second call of Heun's method; `Denoiser._forward_sample`
    /// of JiT (denoiser.py, as in iREPA at 99ad4ac), whose time runs the other way, looks up the time of the call and
    /// excludes both ends, but for a lower end of 0.
    pub(super) fn on(self, step: f64, time: f64) -> bool {
        let Some(guidance) = self.guidance else { return false };
        let time = match guidance.at {
            GuidanceTime::Step => step,
            GuidanceTime::Call => time,
        };
        let [low, high] = guidance.interval;
        match guidance.ends {
            IntervalEnds::Included => time >= low - SAME_TIME && time <= high + SAME_TIME,
            IntervalEnds::Excluded => {
                time > low + SAME_TIME && (time < high - SAME_TIME || high >= 1.0)
            }
        }
    }
}
