//! The AIA loss: Huber distances of a curve to targets that are staged by layer (arXiv:2511.22663, Table 2 of v5).

use super::InteractionTask;

/// Where the stages of understanding begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StageBounds {
    /// As the paper's table has them.
    Paper,
    /// As the released trainer has them (zhengdian1/AIA at 88aef6b): the second stage of understanding is one layer longer, through layer 20.
    Code,
}

impl StageBounds {
    /// Both, in the order in which they are printed.
    pub const ALL: [Self; 2] = [Self::Paper, Self::Code];

    /// The name in results.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Code => "code",
        }
    }
}

/// What a layer is drawn to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageTarget {
    /// Intensity wanted.
    pub target: f64,
    /// Where the Huber loss turns from square to linear.
    pub delta: f64,
}

/// The target of a layer (from 0). `last` is the paper's L, the last layer of the stage that begins at 25: 29 for Janus-Pro (30 layers), 30 for Emu3 (32 layers).
#[must_use]
pub fn stage_target(
    task: InteractionTask,
    layer: usize,
    last: usize,
    bounds: StageBounds,
) -> StageTarget {
    let second_end = match bounds {
        StageBounds::Paper => 20,
        StageBounds::Code => 21,
    };
    let (target, delta) = match task {
        InteractionTask::TextToImage => match layer {
            0..10 => (0.4, 0.2),
            10..25 => (0.4, 0.1),
            _ => (0.2, 0.05),
        },
        InteractionTask::ImageToText => match layer {
            0..10 => (0.1, 0.05),
            _ if layer < second_end => (0.15, 0.05),
            _ if layer < 25 || layer <= last => (0.3, 0.05),
            _ => (0.2, 0.05),
        },
    };
    StageTarget { target, delta }
}

/// d²/2 where |d| ≤ δ, else δ|d| − δ²/2 (Huber 1964, as PyTorch's `HuberLoss`).
#[must_use]
pub fn huber(difference: f64, delta: f64) -> f64 {
    let distance = difference.abs();
    if distance <= delta { 0.5 * distance * distance } else { delta * (distance - 0.5 * delta) }
}

/// The loss of each layer of a curve of intensities. L_AIA is their mean; λ, on which paper and code disagree, is not in it.
#[must_use]
pub fn aia_losses(
    task: InteractionTask,
    curve: &[f64],
    last: usize,
    bounds: StageBounds,
) -> Vec<f64> {
    let loss = |(layer, intensity): (usize, &f64)| {
        let StageTarget { target, delta } = stage_target(task, layer, last, bounds);
        huber(intensity - target, delta)
    };
    curve.iter().enumerate().map(loss).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huber_is_that_of_the_reference_data() {
        // papers/aia, fixture-huber: (I, T, delta) to loss.
        for (intensity, target, delta, loss) in [
            (0.7, 0.4, 0.2, 0.04),
            (0.5, 0.4, 0.2, 0.005),
            (0.6, 0.4, 0.2, 0.02),
            (0.3, 0.1, 0.05, 0.00875),
            (0.13, 0.1, 0.05, 0.00045),
            (0.4, 0.2, 0.05, 0.00875),
        ] {
            assert!((huber(intensity - target, delta) - loss).abs() < 1e-15);
            assert_eq!(huber(intensity - target, delta), huber(target - intensity, delta));
        }
    }

    #[test]
    fn stages_are_those_of_the_tables() {
        use InteractionTask::{ImageToText, TextToImage};
        let at = |task, layer, bounds| {
            let stage = stage_target(task, layer, 30, bounds);
            (stage.delta, stage.target)
        };
        for bounds in StageBounds::ALL {
            for (layers, stage) in
                [(0..10, (0.2, 0.4)), (10..25, (0.1, 0.4)), (25..32, (0.05, 0.2))]
            {
                layers.for_each(|layer| assert_eq!(at(TextToImage, layer, bounds), stage));
            }
        }
        for (layers, stage) in [
            (0..10, (0.05, 0.1)),
            (10..20, (0.05, 0.15)),
            (20..31, (0.05, 0.3)),
            (31..32, (0.05, 0.2)),
        ] {
            layers.for_each(|layer| {
                assert_eq!(at(ImageToText, layer, StageBounds::Paper), stage);
                let code = if layer == 20 { (0.05, 0.15) } else { stage };
                assert_eq!(at(ImageToText, layer, StageBounds::Code), code);
            });
        }
    }
}
