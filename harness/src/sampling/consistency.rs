//! The sampler of consistency models.

use super::guidance::Switch;
use super::plan::{Clip, Combination, MAX_STEPS, NoiseTerm, Plan, PlanError, Step};
use retally_manifests::{Generator, Prediction};

/// Calls at falling `sigmas`: the first state is noise of the first sigma; each call predicts the data x, and the next state
/// is x + √(σ² - `sigma_min`²) noise with the next sigma, or x after the last call.
///
/// SOURCE: `sample_onestep` and `stochastic_iterative_sampler` of Song et al. 2023 (cm/karras_diffusion.py of
/// openai/consistency_models at e32b69e; `clip` is its `clip_denoised`, on by default).
pub(super) fn plan(
    generator: &Generator,
    sigmas: &[f64],
    sigma_min: f64,
    clip: bool,
) -> Result<Plan, PlanError> {
    if generator.network.prediction != Prediction::ConsistentData {
        return Err(PlanError::incompatible(generator));
    }
    PlanError::check(sigma_min.is_finite() && sigma_min >= 0.0, "sigma_min", "at least 0")?;
    PlanError::check(
        (1..=MAX_STEPS as usize).contains(&sigmas.len()) && fall_above(sigmas, sigma_min),
        "sigmas",
        format!("1 to {MAX_STEPS} falling numbers above `sigma_min`"),
    )?;
    let guided = Switch::of(generator).everywhere();
    let clip = clip.then_some(Clip { state: 0.0, prediction: 1.0, low: -1.0, high: 1.0 });
    let deviation = |next: f64| ((next - sigma_min) * (next + sigma_min)).sqrt();
    let noises = sigmas.iter().skip(1).map(|&next| NoiseTerm::of_deviation(deviation(next)));
    let steps = sigmas
        .iter()
        .zip(noises.chain([NoiseTerm::None]))
        .map(|(&sigma, noise)| Step {
            time: sigma,
            end_time: None,
            guided,
            combination: Combination { clip, ..Combination::PREDICTION.with_noise(noise) },
            keep: false,
        })
        .collect();
    let start = sigmas.first().copied().unwrap_or_default();
    Ok(Plan { start, steps, learned_variance: false })
}

/// True for finite numbers, each above the next and the last above `least`.
fn fall_above(sigmas: &[f64], least: f64) -> bool {
    let nexts = sigmas.iter().skip(1).copied().chain([least]);
    sigmas.iter().zip(nexts).all(|(sigma, next)| sigma.is_finite() && *sigma > next)
}
