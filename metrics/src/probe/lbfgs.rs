//! Minimising a smooth convex function: limited-memory BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4), which a
//! function may help with an approximate inverse of its Hessian.

use std::collections::VecDeque;

/// Pairs of steps and gradient changes that are remembered. More pairs need fewer evaluations on ill-conditioned
/// problems, and a pair costs little beside an evaluation over all samples.
const MEMORY: usize = 30;

/// Wolfe's constants: sufficient decrease and curvature.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

/// Trials of one line search; bisection has used up a step's 53 bits long before.
const MOST_TRIALS: usize = 100;

/// A function with a gradient.
pub(super) trait Function {
    /// The value at `point`; writes the gradient there, of the same length.
    fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64;

    /// Multiplies a vector by a symmetric, positive definite approximation of the inverse Hessian. Returns whether its scale
    /// is that of the inverse Hessian too, so that a first step of length 1 is worth trying.
    fn precondition(&self, vector: &mut [f64]) -> bool;

    /// Relative rounding error of a value.
    fn rounding(&self) -> f64;
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// Largest absolute component of the gradient that counts as zero.
    pub(super) tolerance: f64,
    /// Most iterations.
    pub(super) iterations: usize,
}

/// Where the search ended.
#[derive(Clone, Debug)]
pub(super) struct Minimum {
    pub(super) point: Vec<f64>,
    pub(super) value: f64,
    /// Largest absolute component of the gradient.
    pub(super) gradient: f64,
    pub(super) iterations: usize,
}

#[derive(Clone)]
struct State {
    point: Vec<f64>,
    gradient: Vec<f64>,
    value: f64,
}

/// One remembered step: s = change of the point, y = change of the gradient, 1/(s·y), and (s·y)/(y·P y) with the
/// preconditioner P.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse_product: f64,
    scale: f64,
}

/// Steps of a search that a search of nearly the same function can go on with.
#[derive(Default)]
pub(super) struct Memory(VecDeque<Pair>);

/// Searches from `start` with what is remembered. It ends at the tolerance, or earlier (which the caller sees from `gradient`) after the last
/// iteration or where rounding leaves no step that decreases the function.
pub(super) fn minimise(
    function: &mut impl Function,
    start: Vec<f64>,
    stop: Stop,
    Memory(pairs): &mut Memory,
) -> Minimum {
    let mut gradient = vec![0.0; start.len()];
    let value = function.evaluate(&start, &mut gradient);
    let mut state = State { point: start, gradient, value };
    let mut iterations = 0;
    while largest(&state.gradient) > stop.tolerance && iterations < stop.iterations {
        let (direction, scaled) = descent_direction(function, &state.gradient, pairs);
        // Without a known scale the first step has length 1 or less.
        let first_length = if scaled { 1.0 } else { (1.0 / norm(&direction)).min(1.0) };
        let Some(next) = line_search(function, &state, &direction, first_length) else {
            if pairs.is_empty() {
                break;
            }
            // A stale memory can spoil the direction; steepest descent is the last resort.
            pairs.clear();
            continue;
        };
        iterations += 1;
        if let Some(pair) = Pair::between(function, &state, &next) {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(pair);
        }
        state = next;
    }
    Minimum {
        gradient: largest(&state.gradient),
        point: state.point,
        value: state.value,
        iterations,
    }
}

impl Pair {
    /// `None` if rounding has hidden the curvature.
    fn between(function: &impl Function, from: &State, to: &State) -> Option<Self> {
        let step = difference(&to.point, &from.point);
        let change = difference(&to.gradient, &from.gradient);
        let product = dot(&step, &change);
        if product <= f64::EPSILON * dot(&change, &change) {
            return None;
        }
        let mut preconditioned = change.clone();
        function.precondition(&mut preconditioned);
        let scale = product / dot(&change, &preconditioned);
        scale.is_finite().then(|| Self { step, change, inverse_product: 1.0 / product, scale })
    }
}

/// The two-loop recursion: minus the approximate inverse Hessian times the gradient, and whether its length means something.
fn descent_direction(
    function: &impl Function,
    gradient: &[f64],
    pairs: &VecDeque<Pair>,
) -> (Vec<f64>, bool) {
    let mut direction: Vec<f64> = gradient.iter().map(|component| -component).collect();
    let mut weights = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let weight = pair.inverse_product * dot(&pair.step, &direction);
        add(&mut direction, -weight, &pair.change);
        weights.push(weight);
    }
    let scaled = function.precondition(&mut direction) || !pairs.is_empty();
    if let Some(last) = pairs.back() {
        direction.iter_mut().for_each(|component| *component *= last.scale);
    }
    for (pair, weight) in pairs.iter().zip(weights.into_iter().rev()) {
        let correction = weight - pair.inverse_product * dot(&pair.change, &direction);
        add(&mut direction, correction, &pair.step);
    }
    (direction, scaled)
}

/// A step that meets Wolfe's conditions, by doubling and bisection (Lewis and Overton 2013, algorithm 2.6).
fn line_search(
    function: &mut impl Function,
    from: &State,
    direction: &[f64],
    first_length: f64,
) -> Option<State> {
    let slope = dot(&from.gradient, direction);
    // Close to the minimum the decrease drowns in the rounding of the value.
    let rounding = 8.0 * function.rounding() * from.value.abs();
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, first_length);
    let mut trial = from.clone();
    for _ in 0..MOST_TRIALS {
        for ((point, &start), &component) in trial.point.iter_mut().zip(&from.point).zip(direction)
        {
            *point = start + length * component;
        }
        trial.value = function.evaluate(&trial.point, &mut trial.gradient);
        let decreased = trial.value <= from.value + DECREASE * length * slope + rounding;
        if !decreased {
            high = length;
        } else if dot(&trial.gradient, direction) < CURVATURE * slope {
            low = length;
        } else {
            return Some(trial);
        }
        length = if high.is_finite() { low + (high - low) / 2.0 } else { 2.0 * length };
    }
    None
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    ndarray::aview1(a).dot(&ndarray::aview1(b))
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// The largest absolute component; NaN counts as infinite.
fn largest(gradient: &[f64]) -> f64 {
    gradient.iter().fold(0.0, |largest, component| {
        if component.is_nan() { f64::INFINITY } else { component.abs().max(largest) }
    })
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(to: &mut [f64], factor: f64, vector: &[f64]) {
    to.iter_mut().zip(vector).for_each(|(to, component)| *to += factor * component);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ wᵢ (xᵢ - i)² / 2 + ln cosh(x₀ + x₁).
    struct Bowl(Vec<f64>, bool);

    impl Function for Bowl {
        fn evaluate(&mut self, point: &[f64], gradient: &mut [f64]) -> f64 {
            let mut value = 0.0;
            for (index, weight) in self.0.iter().enumerate() {
                let offset = point[index] - index as f64;
                value += weight * offset * offset / 2.0;
                gradient[index] = weight * offset;
            }
            let sum = point[0] + point[1];
            gradient[0] += sum.tanh();
            gradient[1] += sum.tanh();
            value + sum.cosh().ln()
        }

        fn precondition(&self, vector: &mut [f64]) -> bool {
            if self.1 {
                vector.iter_mut().zip(&self.0).for_each(|(component, weight)| *component /= weight);
            }
            self.1
        }

        fn rounding(&self) -> f64 {
            f64::EPSILON
        }
    }

    #[test]
    fn reaches_the_minimum_of_an_ill_conditioned_bowl() {
        for (preconditioned, most) in [(false, 200), (true, 20)] {
            let weights = (0..20).map(|power| 10.0_f64.powf(f64::from(power) / 5.0)).collect();
            let mut bowl = Bowl(weights, preconditioned);
            let stop = Stop { tolerance: 1e-10, iterations: 1000 };
            let minimum = minimise(&mut bowl, vec![5.0; 20], stop, &mut Memory::default());
            assert!(minimum.gradient <= 1e-10, "{minimum:?}");
            (2..20).for_each(|index| assert!((minimum.point[index] - index as f64).abs() < 1e-9));
            assert!(minimum.iterations < most, "{}", minimum.iterations);
        }
    }

    #[test]
    fn says_when_it_did_not_arrive() {
        let mut bowl = Bowl(vec![1.0, 1e6], false);
        let minimum = minimise(
            &mut bowl,
            vec![100.0, 100.0],
            Stop { tolerance: 1e-10, iterations: 1 },
            &mut Memory::default(),
        );
        assert!(minimum.gradient > 1e-10);
        assert_eq!(minimum.iterations, 1);
    }
}
