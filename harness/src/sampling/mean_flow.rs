//! The sampler of MeanFlow.

use super::flow::pairs;
use super::guidance::Switch;
use super::path::times;
use super::plan::{Combination, Plan, PlanError, Step};
use retally_manifests::{EndTimeValue, Generator, Prediction};

/// `steps` equal steps from 1 to 0, each along the mean velocity u between its two times: x' = x - (s - s') u.
///
/// SOURCE: `MeanFlow.solver_step` of the authors (meanflow.py at d70cb55) and `MeanFlow.sample` of their PyTorch code
/// (meanflow/models/meanflow.py at 1f6d72d), which knows one step alone. Both give their network the length of the step in
/// place of its end.
pub(super) fn plan(generator: &Generator, steps: u32) -> Result<Plan, PlanError> {
    if generator.network.prediction != Prediction::MeanVelocity {
        return Err(PlanError::incompatible(generator));
    }
    PlanError::check_steps(steps, 1)?;
    let switch = Switch::of(generator);
    let end_time = |begin: f64, end: f64| {
        let input = generator.network.end_time.as_ref()?;
        Some(match input.takes {
            EndTimeValue::End => end,
            EndTimeValue::Duration => begin - end,
        })
    };
    let steps = pairs(&times(1.0, 0.0, steps + 1))
        .map(|(begin, end)| Step {
            time: begin,
            end_time: end_time(begin, end),
            guided: switch.on(begin, begin),
            combination: Combination::of(1.0, end - begin),
            keep: false,
        })
        .collect();
    Ok(Plan { start: 1.0, steps, learned_variance: false })
}
